/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_HTTP1_CONN_H
#define NET_HTTP1_CONN_H

#include "net/http_link.h"

extern const struct http_proto http1_proto;

void http1_open(struct http_link *l); /* sets l->proto and l->state; expects the first byte of a request */

#endif
