/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's health service (grpc.health.v1: Check, List, Watch) as messages and answers; what is well is the caller's to
 * say. */
#ifndef NET_GRPC_HEALTH_H
#define NET_GRPC_HEALTH_H

#include "net/http2/grpc_answer.h"

enum grpc_health_method { GRPC_HEALTH_NONE, GRPC_HEALTH_CHECK, GRPC_HEALTH_LIST, GRPC_HEALTH_WATCH };

/* HealthCheckResponse.ServingStatus */
enum grpc_serving { GRPC_SERVING_UNKNOWN = 0, GRPC_SERVING = 1, GRPC_NOT_SERVING = 2, GRPC_SERVICE_UNKNOWN = 3 };

#define GRPC_HEALTH_LIMIT 4096u /* bytes of a request, which names a service */

enum grpc_health_method grpc_health_method(struct bytes path); /* GRPC_HEALTH_NONE: it is another service's */

/* The service that a HealthCheckRequest names, in the message; "" is the whole server. False: it is malformed. */
bool grpc_health_parse(struct bytes message, struct bytes *service);

/* Check's whole answer, and the first of Watch's. Check of a service that is not known is a fault. */
void grpc_health_answer_check(struct http_request *req, enum grpc_serving serving);
void grpc_health_answer_watch(struct http_request *req, enum grpc_serving serving);
void grpc_health_tell(struct http_request *req, enum grpc_serving serving); /* one more to who watches */
void grpc_health_tell_stopping(struct http_request *req);                   /* the last one */

/* An entry of List's answer, which is a grpc_answer_unary() of all of them. */
void grpc_health_put_entry(struct buf *out, struct bytes service, enum grpc_serving serving);

#endif
