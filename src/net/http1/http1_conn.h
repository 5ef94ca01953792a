/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of HTTP/1 on a link: one request at a time, in the order they come.
 *
 * An answer given before the body is whole: a rest of at most 64 KiB is read and thrown away, then the next
 * request is served; otherwise the connection ends. The peer's end of the stream is no reason not to answer
 * what it has asked. */
#ifndef NET_HTTP1_CONN_H
#define NET_HTTP1_CONN_H

#include "net/http/http_link.h"

extern const struct http_proto http1_proto;

void http1_open(struct http_link *l); /* sets l->proto and l->state */

#endif
