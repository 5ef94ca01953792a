/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that web pages of other origins send (Fetch, 3.3 "CORS protocol"): which of them may use a server, and how
 * it says so. */
#ifndef NET_CORS_H
#define NET_CORS_H

#include "config/server_rows.h"
#include "net/message/message.h"

#define CORS_AGE 24

/* Does a browser ask what a page may do, before the page does it? It is answered 204 whatever it asks for. */
bool cors_is_preflight(const struct http_request *req);

/* What belongs on the answer to this request. `age` is written to, and has to stay for as long as the headers. */
void cors_add_headers(const struct http_cors_config *cors, const struct http_request *req, http_headers *out,
                      char age[CORS_AGE]);

#endif
