/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of HTTP/1 on a connection: one request at a time, in the order they come.
 *
 * An answer given before the body is whole: a rest of at most 64 KiB is read and thrown away, then the next
 * request is served; otherwise the connection ends. The peer's end of the stream is no reason not to answer
 * what it has asked. */
#ifndef NET_HTTP1_CONN_H
#define NET_HTTP1_CONN_H

#include "net/message/request.h"

extern const struct conn_ops http1_conn_ops;

void http1_open(struct conn_io *io); /* sets io->ops and io->state */

#endif
