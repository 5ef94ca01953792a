/* SPDX-License-Identifier: Apache-2.0 */
/* What the tap has is written when it says so, and when the peer has taken what was written before. Behind the tap's
 * last event the answer ends.
 *
 * What can go wrong: a peer that takes nothing for longer than PATIENCE is cut off. */
#include "page/tap/tap_page.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (60 * NS_PER_S) /* a reader may stop to read */
#define HTTP2_CANCEL 8

struct tap_page {
    struct page *page;
    struct tap_set *set;
    struct tap *tap;
    uint64_t full_since; /* mono; 0: it takes more */
};

static void leave_page(struct page *page)
{
    struct tap_page *p = page->context;

    tap_close(p->tap);
    page->context = NULL;
    page->work = NULL;
    free(p);
}

static void end_answer(struct page *page)
{
    struct http_request *req = page->req;

    leave_page(page);
    http_respond_end(req, NULL, 0);
}

static void write_some(struct tap_page *p)
{
    bool over = tap_is_over(p->tap);

    if (tap_bytes(p->tap).len > 0 && !http_respond_write(p->page->req, tap_bytes(p->tap)))
        p->full_since = clock_mono(&p->set->host->loop->clock);
    tap_taken(p->tap);
    if (over)
        end_answer(p->page);
}

static void on_ready(void *arg)
{
    struct tap_page *p = arg;

    if (p->full_since == 0)
        write_some(p);
    else if (clock_mono(&p->set->host->loop->clock) - p->full_since > PATIENCE)
        http_request_reset(p->page->req, HTTP2_CANCEL);
}

static void on_writable(struct page *page)
{
    struct tap_page *p = page->context;

    p->full_since = 0;
    write_some(p);
}

static void on_dismiss(struct page *page)
{
    struct tap_page *p = page->context;

    tap_end(p->tap, "otelcd stops serving here");
    if (p->full_since == 0)
        write_some(p);
    else
        end_answer(page);
}

static const struct page_work tapping = { on_writable, leave_page, on_dismiss };

void tap_pages_end(struct page_set *pages, const char *sentence)
{
    list_each (struct page, page, &pages->open, link)
        if (page->work == &tapping)
            tap_end(((struct tap_page *)page->context)->tap, sentence);
}

/* ---- the question ---- */

static void answer_fault(struct page *page, const struct tap_fault *f)
{
    struct buf out = { 0 };
    struct json_writer w = { .out = &out };

    json_begin(&w, NULL, '{');
    json_write_text(&w, "error", bytes_str(f->text));
    json_write_text(&w, "parameter", bytes_str(f->parameter));
    if (f->line > 0) {
        json_write_uint(&w, "line", f->line);
        json_write_uint(&w, "column", f->column);
    }
    json_end(&w, '}');
    page_answer(page, 400, "application/json; charset=utf-8", buf_bytes(&out));
    buf_free(&out);
}

static void begin_tap(struct tap_set *s, struct page *page, struct tap_request *r)
{
    struct tap_page *p = mem_zalloc(sizeof(*p));
    struct tap_fault fault = { .parameter = "point" };
    const char *why;

    p->page = page;
    p->set = s;
    p->tap = tap_open(s, r, on_ready, p, &why);
    if (p->tap == NULL) {
        free(p);
        snprintf(fault.text, sizeof(fault.text), "%s", why);
        answer_fault(page, &fault);
        return;
    }
    page->context = p;
    page->work = &tapping;
    page_last(page);
    page_begin(page, "text/event-stream");
}

void tap_page_begin(struct tap_set *s, struct page *page)
{
    struct tap_request r;
    struct tap_fault fault;

    if (!tap_request_read(&r, page->req->query, s->host->view, &fault))
        answer_fault(page, &fault);
    else if (bytes_is(page->req->method, "HEAD"))
        page_answer(page, 200, "text/event-stream", bytes_of(NULL, 0));
    else if (s->elsewhere == NULL || !s->elsewhere(s->arg, page, &r))
        begin_tap(s, page, &r);
    tap_request_free(&r);
}
