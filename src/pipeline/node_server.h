/* SPDX-License-Identifier: Apache-2.0 */
/* A component's servers: what its rows (config/server_rows.h) say becomes a server's options, once for all of them. */
#ifndef PIPELINE_NODE_SERVER_H
#define PIPELINE_NODE_SERVER_H

#include "config/server_rows.h"
#include "net/http/http_server.h"
#include "pipeline/component.h"

/* From start(), with what the host knows: who may come in, and the listeners of the process. TLS is not in it, for its
 * files may be missing; the configuration outlives the server. */
struct http_server_options node_http_server_options(const struct node *node, const struct http_server_config *c);
struct http_server_options node_grpc_server_options(const struct node *node, const struct grpc_server_config *c);

/* Listen, over TLS where `tls` is on (it may be NULL). `path`: of the rows' block, for errors; NULL: not told. */
int node_server_listen(struct http_server **out, const struct node *node, const struct http_server_options *o,
                       const struct tls_config *tls, struct http_service *service, const char *path, struct error *err);

#endif
