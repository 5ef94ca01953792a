/* SPDX-License-Identifier: Apache-2.0 */
/* A request gets a page, which stands among those that are open until its answer has been read. on_page() answers it.
 *
 * What can go wrong: peers that do not read. An answer waits in the connection until write_timeout; when PAGES_MAX of
 * them wait, the oldest is cut off for the next request, so that a probe is always answered. */
#include "page/page.h"

#include "base/mem.h"
#include "codec/base64.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 8 /* of our own */
#define HTTP2_CANCEL 8

/* ---- requests ---- */

static void make_room(struct page_set *s)
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
    struct page_set *s = container_of(service, struct page_set, service);
    struct page *page;

    if (s->n_open - s->n_lasting >= PAGES_MAX)
        make_room(s);
    if (s->n_open - s->n_lasting >= 2 * PAGES_MAX) { /* those that were cut are not closed yet */
        http_respond(req, 503, NULL, 0, bytes_str("503 too many requests at once\n"));
        return;
    }
    page = mem_zalloc(sizeof(*page));
    page->set = s;
    page->req = req;
    req->context = page;
    list_push(&s->open, &page->link);
    s->n_open++;
    s->on_page(s, page);
}

static void on_body(struct http_request *req, struct bytes data)
{
    struct page *page = req->context;

    if (page != NULL && page->set->on_body != NULL)
        page->set->on_body(page, data);
    else
        http_request_grant(req, data.len);
}

static void on_end(struct http_request *req)
{
    struct page *page = req->context;

    if (page != NULL && page->set->on_end != NULL)
        page->set->on_end(page);
}

/* What takes its time is not gone on with for one who may have gone. */
static void on_peer_end(struct http_request *req)
{
    struct page *page = req->context;

    if (page != NULL && page->lasting && !req->responded)
        http_request_reset(req, HTTP2_CANCEL);
}

static void on_writable(struct http_request *req)
{
    struct page *page = req->context;

    if (page != NULL && page->work != NULL)
        page->work->on_writable(page);
    else if (page != NULL && page->set->on_writable != NULL)
        page->set->on_writable(page);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct page *page = http_request_leave(req);
    struct page_set *s;

    (void)aborted;
    if (page == NULL)
        return;
    s = page->set;
    if (page->work != NULL)
        page->work->on_gone(page);
    else if (s->on_gone != NULL)
        s->on_gone(page);
    list_remove(&page->link);
    s->n_open--;
    s->n_lasting -= page->lasting;
    free(page);
}

void page_set_init(struct page_set *s)
{
    list_init(&s->open);
    if (s->policy == NULL)
        s->policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'";
    s->service = (struct http_service){
        .on_request = on_request,
        .on_body = on_body,
        .on_end = on_end,
        .on_close = on_close,
        .on_writable = on_writable,
        .on_peer_end = on_peer_end,
    };
}

void page_last(struct page *page)
{
    page->set->n_lasting += !page->lasting;
    page->lasting = true;
}

void page_set_dismiss(struct page_set *s)
{
    list_each (struct page, page, &s->open, link)
        if (page->work != NULL)
            page->work->on_dismiss(page);
}

/* ---- answers ---- */

static size_t put_own_headers(const struct page_set *s, struct http_header *h, const char *content_type)
{
    size_t n = 0;

    h[n++] = (struct http_header){ bytes_str("content-type"), bytes_str(content_type) };
    h[n++] = (struct http_header){ bytes_str("cache-control"), bytes_str("no-store") };
    h[n++] = (struct http_header){ bytes_str("x-content-type-options"), bytes_str("nosniff") };
    if (strncmp(content_type, "text/html", 9) == 0)
        h[n++] = (struct http_header){ bytes_str("content-security-policy"), bytes_str(s->policy) };
    assert(n <= HEADERS_MAX);
    return n;
}

void page_begin(struct page *page, const char *content_type)
{
    struct http_header headers[HEADERS_MAX];

    http_respond_begin(page->req, 200, headers, put_own_headers(page->set, headers, content_type));
}

void page_answer(struct page *page, int status, const char *content_type, struct bytes body)
{
    struct http_header headers[HEADERS_MAX];

    if (!page->req->responded) /* a request that went wrong behind its head has had its answer */
        http_respond(page->req, status, headers, put_own_headers(page->set, headers, content_type), body);
}

void page_answer_text(struct page *page, int status, const char *text)
{
    page_answer(page, status, "text/plain; charset=utf-8", bytes_str(text));
}

static void put_unescaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = text.data[i] == '%' && i + 2 < text.len && hex_digit(text.data[i + 1]) >= 0 &&
                       hex_digit(text.data[i + 2]) >= 0;

        buf_putc(out, (char)(escaped ? hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]) : text.data[i]));
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

bool query_parameter(struct bytes query, const char *name, struct buf *value)
{
    struct bytes rest = query;

    while (rest.len > 0) {
        struct bytes one = take_until(&rest, '&');

        if (!bytes_is(take_until(&one, '='), name))
            continue;
        put_unescaped(value, one);
        return true;
    }
    return false;
}

bool page_parameter(const struct page *page, const char *name, struct buf *value)
{
    return query_parameter(page->req->query, name, value);
}
