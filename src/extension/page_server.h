/* SPDX-License-Identifier: Apache-2.0 */
/* The small HTTP server of an extension: pages for people and probes, each answered whole.
 *
 * What it takes is bounded: so many requests are answered at a time (PAGES_MAX), and when there are more, the one that
 * has not read its answer for longest makes room. Who listens on how many sockets, and how long a peer may take, is the
 * HTTP server's matter. */
#ifndef EXTENSION_PAGE_SERVER_H
#define EXTENSION_PAGE_SERVER_H

#include "base/list.h"
#include "config/server_rows.h"
#include "net/http/http_server.h"
#include "pipeline/component.h"

#define PAGES_MAX ((size_t)64)

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

struct page_server;

/* A request, until it is closed. */
struct page {
    struct list link; /* in the server's `open`, oldest first */
    struct page_server *server;
    struct http_request *req;
    bool lasting; /* its answer takes its time: it makes no room for others, and ends with its peer */
    void *context;
};

struct page_server {
    struct http_service service;
    struct node *node;
    struct http_server *http;
    struct list open;
    size_t n_open;
    void (*on_page)(struct page_server *s, struct page *page); /* answer it, now or later */
    /* For who reads bodies; NULL: they are not read, and on_page has answered. */
    void (*on_body)(struct page *page, struct bytes data);
    void (*on_end)(struct page *page);
    void (*on_gone)(struct page *page); /* the page is freed after it; may be NULL */
    void (*stopped)(struct page_server *s);
};

/* Set the callbacks before. `tls` may be NULL. */
int page_server_listen(struct page_server *s, struct node *node, const struct http_server_options *options,
                       const struct tls_config *tls, struct error *err);

/* What a component's check() says of the endpoint at `path` ("http::endpoint"), and of `tls` and `cors` beside it. */
void page_server_check(const struct http_server_config *c, const char *path, const char *empty, struct check *ck);

/* s->stopped follows, now or later; also when it does not listen. */
void page_server_stop(struct page_server *s, uint64_t deadline);
void page_server_hurry(struct page_server *s);
void page_server_close(struct page_server *s); /* after stopped(), or instead of listening */

/* The whole answer, once, unless the protocol has answered before. HTML is told to load nothing from anywhere. */
void page_answer(struct page *page, int status, const char *content_type, struct bytes body);
void page_answer_text(struct page *page, int status, const char *text);

/* Append the value of a parameter of the query, "%2F" as "/"; false: it is not there. "?x" is x with an empty one. */
bool page_parameter(const struct page *page, const char *name, struct buf *value);

#endif
