/* SPDX-License-Identifier: Apache-2.0 */
/* A request gets a page, which stands among those that are open until its answer has been read. on_page() answers it.
 *
 * What can go wrong: peers that do not read. An answer waits in the connection until write_timeout; when PAGES_MAX of
 * them wait, the oldest is cut off for the next request, so that a probe is always answered. */
#include "extension/page_server.h"

#include "base/mem.h"
#include "net/socket/endpoint.h"
#include "net/socket/tls.h"
#include "pipeline/node_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 8 /* of our own */
#define HTTP2_CANCEL 8
#define LAST_WAIT NS_PER_S /* for peers that read their pages slowly, when all else has stopped */

static struct page_server *server_of(struct http_request *req)
{
    return container_of(req->service, struct page_server, service);
}

/* ---- requests ---- */

static void make_room(struct page_server *s)
{
    list_each (struct page, page, &s->open, link) {
        if (page->lasting)
            continue;
        http_request_reset(page->req, HTTP2_CANCEL);
        return;
    }
}

static void on_request(struct http_service *service, struct http_request *req)
{
    struct page_server *s = container_of(service, struct page_server, service);
    struct page *page;

    if (s->n_open >= PAGES_MAX)
        make_room(s);
    if (s->n_open >= 2 * PAGES_MAX) { /* those that were cut are not closed yet */
        http_respond(req, 503, NULL, 0, bytes_str("503 too many requests at once\n"));
        return;
    }
    page = mem_zalloc(sizeof(*page));
    page->server = s;
    page->req = req;
    req->context = page;
    list_push(&s->open, &page->link);
    s->n_open++;
    s->on_page(s, page);
}

static void on_body(struct http_request *req, struct bytes data)
{
    struct page *page = req->context;

    if (page != NULL && page->server->on_body != NULL)
        page->server->on_body(page, data);
    else
        http_request_grant(req, data.len);
}

static void on_end(struct http_request *req)
{
    struct page *page = req->context;

    if (page != NULL && page->server->on_end != NULL)
        page->server->on_end(page);
}

/* What takes its time is not gone on with for one who may have gone. */
static void on_peer_end(struct http_request *req)
{
    struct page *page = req->context;

    if (page != NULL && page->lasting && !req->responded)
        http_request_reset(req, HTTP2_CANCEL);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct page *page = req->context;
    struct page_server *s = server_of(req);

    (void)aborted;
    req->context = NULL;
    if (page == NULL)
        return;
    if (s->on_gone != NULL)
        s->on_gone(page);
    list_remove(&page->link);
    s->n_open--;
    free(page);
}

/* ---- answers ---- */

static size_t put_own_headers(struct http_header *h, const char *content_type)
{
    size_t n = 0;

    h[n++] = (struct http_header){ bytes_str("content-type"), bytes_str(content_type) };
    h[n++] = (struct http_header){ bytes_str("cache-control"), bytes_str("no-store") };
    h[n++] = (struct http_header){ bytes_str("x-content-type-options"), bytes_str("nosniff") };
    if (strncmp(content_type, "text/html", 9) == 0)
        h[n++] = (struct http_header){ bytes_str("content-security-policy"),
                                       bytes_str("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                                                 "form-action 'none'; frame-ancestors 'none'") };
    assert(n <= HEADERS_MAX);
    return n;
}

void page_answer(struct page *page, int status, const char *content_type, struct bytes body)
{
    struct http_header headers[HEADERS_MAX];

    if (!page->req->responded) /* a request that went wrong behind its head has had its answer */
        http_respond(page->req, status, headers, put_own_headers(headers, content_type), body);
}

void page_answer_text(struct page *page, int status, const char *text)
{
    page_answer(page, status, "text/plain; charset=utf-8", bytes_str(text));
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_unescaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = text.data[i] == '%' && i + 2 < text.len && digit_of(text.data[i + 1]) >= 0 &&
                       digit_of(text.data[i + 2]) >= 0;

        buf_putc(out, (char)(escaped ? digit_of(text.data[i + 1]) * 16 + digit_of(text.data[i + 2]) : text.data[i]));
        i += escaped ? 2 : 0;
    }
}

/* What is in front of `c`, which is left behind too. */
static struct bytes take_until(struct bytes *rest, char c)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, c, rest->len) : NULL;
    struct bytes taken = bytes_of(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len);

    *rest = bytes_skip(*rest, taken.len + (end != NULL));
    return taken;
}

bool page_parameter(const struct page *page, const char *name, struct buf *value)
{
    struct bytes rest = page->req->query;

    while (rest.len > 0) {
        struct bytes one = take_until(&rest, '&');

        if (!bytes_is(take_until(&one, '='), name))
            continue;
        put_unescaped(value, one);
        return true;
    }
    return false;
}

/* ---- life ---- */

void page_server_check(const struct http_server_config *c, const char *path, const char *empty, struct check *ck)
{
    int before = (int)(strlen(path) - strlen("endpoint"));
    char beside[64];

    if (c->endpoint[strspn(c->endpoint, " \t")] == '\0')
        check_fail(ck, path, "%s", empty);
    else
        endpoint_check_option(path, c->endpoint, c->transport, ck);
    snprintf(beside, sizeof(beside), "%.*stls", before, path);
    if (c->tls.on)
        tls_check(&c->tls, TLS_SERVER, beside, ck);
    snprintf(beside, sizeof(beside), "%.*scors", before, path);
    http_cors_check(&c->cors, beside, ck);
}

int page_server_listen(struct page_server *s, struct node *node, const struct http_server_options *options,
                       const struct tls_config *tls, struct error *err)
{
    int rc;

    s->node = node;
    list_init(&s->open);
    s->service = (struct http_service){
        .on_request = on_request, .on_body = on_body, .on_end = on_end, .on_close = on_close, .on_peer_end = on_peer_end
    };
    rc = node_server_listen(&s->http, node, options, tls, &s->service, NULL, err);
    if (rc != 0)
        return rc;
    log_info(&node->log, "Serving pages", F_STR("endpoint", http_server_address(s->http)),
             F_BOOL("tls", tls != NULL && tls->on));
    return 0;
}

static void on_stopped(struct http_server *http, void *arg)
{
    struct page_server *s = arg;

    (void)http;
    s->stopped(s);
}

void page_server_stop(struct page_server *s, uint64_t deadline)
{
    uint64_t soon = s->node != NULL ? clock_mono(&s->node->host->loop->clock) + LAST_WAIT : 0;

    if (s->http != NULL)
        http_server_stop(s->http, deadline < soon ? deadline : soon, on_stopped, s);
    else
        s->stopped(s);
}

void page_server_hurry(struct page_server *s)
{
    if (s->http != NULL)
        http_server_hurry(s->http);
}

void page_server_close(struct page_server *s)
{
    http_server_free(s->http);
    s->http = NULL;
}
