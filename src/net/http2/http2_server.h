/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of HTTP/2 on a connection: nghttp2 does frames and header compression, this does what a server that
 * strangers talk to needs besides.
 *
 * Windows: the connection's credit goes back as bytes arrive (while the byte budget is overdrawn it waits, at most
 * a second), a stream's only by http_request_grant. Abuse: frames that cost us and bring nothing (resets, pings,
 * settings, empty DATA, refused streams) are counted in a bucket of 1000 that empties by 100 a second; full, the
 * connection ends with ENHANCE_YOUR_CALM. Keepalive, idle and age limits as gRPC has them. */
#ifndef NET_HTTP2_SERVER_H
#define NET_HTTP2_SERVER_H

#include "net/message/request.h"

extern const struct conn_ops http2_conn_ops;

void http2_shared_init(struct server_shared *shared); /* callbacks and options of all sessions */
void http2_open(struct conn_io *io);                  /* sets io->ops and io->state; expects the client's preface */

#endif
