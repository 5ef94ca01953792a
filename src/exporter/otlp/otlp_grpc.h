/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp_grpc exporter for who has several of them behind one node, each to a peer of its own (load_balancing). */
#ifndef EXPORTER_OTLP_GRPC_H
#define EXPORTER_OTLP_GRPC_H

#include "exporter/otlp/otlp_exporter.h"

struct otlp_grpc_exporter_config {
    struct delivery_config delivery; /* first */
    struct grpc_client_config client;
    duration timeout;
    uint64_t max_request_bytes;
};

extern const struct option otlp_grpc_options[];

/* As the component's check(); without the endpoint, which another says. */
void otlp_grpc_member_check(const void *config, struct check *ck);

/* `n` is zeroed but for its node, which is its owner's but for where that has members of its own: n->member and the
 * members of struct otlp_exporter_metrics that are its owner's are set. The config outlives it. Then otlp_grpc_start(),
 * otlp_exporter_stop() and otlp_exporter_destroy(), which comes also after a failure. */
int otlp_grpc_create(struct otlp_exporter *n, const struct otlp_grpc_exporter_config *c, const char *endpoint,
                     struct error *err);
int otlp_grpc_start(struct node *node, struct error *err);

#endif
