/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS of a component's servers and clients. */
#ifndef PIPELINE_NODE_TLS_H
#define PIPELINE_NODE_TLS_H

#include "config/client_rows.h"
#include "net/http/http_client.h"
#include "net/socket/tls.h"
#include "pipeline/component.h"

/* By the node's `tls` block; `alpn` as in struct tls_setup. NULL and `err` when its files cannot be used. The caller's
 * reference. */
struct tls *node_tls(const struct node *node, const struct tls_config *config, enum tls_side side, const char *alpn,
                     struct error *err);

/* What the keys of an HTTP client say; url is the endpoint. User agent, headers and max_idle are the caller's to add.
 */
struct http_client_options node_http_client_options(const struct node *node, const struct http_client_config *c);

/* A client by these options; TLS is by that block: with the origin where `secure`, and with a proxy at https. NULL and
 * `err` when the files or the URL cannot be used. */
struct http_client *node_http_client(const struct node *node, const struct http_client_options *o,
                                     const struct tls_config *config, bool secure, struct error *err);

/* By how much a peer's clock is ahead, for the metrics of whoever has a client. */
extern const struct metric_row peer_clock_row;
void node_tell_clock(struct metric *ahead, struct http_client *client); /* NULL is none */

#endif
