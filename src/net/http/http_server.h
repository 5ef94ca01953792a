/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server on the loop, in plain text or TLS: HTTP/1.1 and HTTP/2 (prior knowledge, or by ALPN) on one port, told
 * apart by the first bytes.
 *
 * What a service is told and may do: net/message/message.h. The server knows nothing of OTLP or gRPC. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/error.h"
#include "net/message/server_shared.h"

/* Bind and listen. The loop, service, options (copied), budget and logger outlive the server.
 * Several complaints are logged with back-off: TLS on a plain port, handshakes that fail, protocol errors, a full table
 * of file descriptors. on_mismatch (may be NULL) is called for the first request of each connection that speaks the
 * other protocol than expect_http2 says. */
int http_server_listen(struct http_server **out, struct loop *loop, const struct http_server_options *options,
                       struct http_service *service, struct budget *budget, const struct logger *log,
                       void (*on_mismatch)(struct http_service *, struct http_request *), struct error *err);

int http_server_port(const struct http_server *s);            /* the bound port; 0 for unix sockets */
const char *http_server_address(const struct http_server *s); /* "127.0.0.1:4317", "[::]:4317", "/run/x.sock" */
const struct http_server_stats *http_server_stats(struct http_server *s);

/* Stop accepting, close connections at rest, or hand them over where options.listeners takes them; GOAWAY twice, let
 * running requests end. done() once all are closed, or
 * `deadline` (mono ns) has passed and the rest was cut. The server is freed after done() by http_server_free. */
void http_server_stop(struct http_server *s, uint64_t deadline, void (*done)(struct http_server *, void *arg),
                      void *arg);
void http_server_hurry(struct http_server *s); /* while it stops: the deadline is now */
void http_server_free(struct http_server *s);

#endif
