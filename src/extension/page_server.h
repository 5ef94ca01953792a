/* SPDX-License-Identifier: Apache-2.0 */
/* The small HTTP server of an extension: pages for people and probes (page/page.h). Who listens on how many sockets,
 * and how long a peer may take, is the HTTP server's matter. */
#ifndef EXTENSION_PAGE_SERVER_H
#define EXTENSION_PAGE_SERVER_H

#include "config/server_rows.h"
#include "net/http/http_server.h"
#include "page/page.h"
#include "pipeline/component.h"

/* The rows of HTTP_SERVER_ROWS that mean something to pages: a request has no body that would be read. */
/* clang-format off */
#define PAGE_SERVER_ROWS(T, m, endpoint_)                                                                             \
    HTTP_LISTEN_ROWS(T, m, endpoint_),                                                                                \
    OPT_IGNORED("include_metadata", "these requests bring no data"),                                                  \
    OPT_IGNORED("max_request_body_size", "bodies of these requests are not read"),                                    \
    OPT_IGNORED("compression_algorithms", "bodies of these requests are not read"),                                   \
    HTTP_CORS_ROW(T, m), HTTP_RESPONSE_HEADERS_ROW(T, m),                                                             \
    HTTP_CONNECTION_ROWS(T, m, "1m", "30s", "1m")
/* clang-format on */

struct page_server {
    struct page_set pages;
    struct node *node;
    struct http_server *http;
    void (*stopped)(struct node *node);
};

/* Set the callbacks of `pages` before. `tls` may be NULL. */
int page_server_listen(struct page_server *s, struct node *node, const struct http_server_options *options,
                       const struct tls_config *tls, struct error *err);

/* What a component's check() says of the endpoint at `path` ("http::endpoint"), and of `tls` and `cors` beside it. */
void page_server_check(const struct http_server_config *c, const char *path, const char *empty, struct check *ck);

/* stopped() follows, now or later; also when it does not listen. */
void page_server_stop(struct page_server *s, struct node *node, uint64_t deadline, void (*stopped)(struct node *node));
void page_server_hurry(struct page_server *s);
void page_server_close(struct page_server *s); /* after stopped(), or instead of listening */

#endif
