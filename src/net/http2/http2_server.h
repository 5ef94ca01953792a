/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of HTTP/2 on a connection (net/http2/http2_session.h is what both sides do against strangers).
 *
 * A stream's window is given back only by http_request_grant. Streams past max_concurrent_streams are refused one by
 * one. Keepalive, idle and age limits as gRPC has them; the end comes in two GOAWAYs. */
#ifndef NET_HTTP2_SERVER_H
#define NET_HTTP2_SERVER_H

#include "net/message/request.h"

extern const struct conn_ops http2_conn_ops;

void http2_shared_init(struct server_shared *shared); /* callbacks and options of all sessions */
void http2_open(struct conn_io *io);                  /* sets io->ops and io->state; expects the client's preface */

#endif
