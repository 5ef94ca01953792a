/* SPDX-License-Identifier: Apache-2.0 */
/* on_page() looks at the path and answers whole. A watcher gets the head of an answer without end; tick_site() makes
 * one event a second for all of them, only while there are any.
 *
 * What can go wrong: a watcher that does not read. What it was sent waits in its connection; while it does, it is sent
 * nothing, and after PATIENCE it is cut off. */
#include "page/site.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "page/assets.h"
#include "page/explorer.h"
#include "page/overview.h"
#include "page/panels.h"
#include "page/own_metrics.h"
#include "page/status.h"
#include "page/tap/tap_page.h"
#include "page/tap/tap_panel.h"

#include <stdlib.h>
#include <string.h>

#define EVERY NS_PER_S
#define PATIENCE (10 * NS_PER_S)
#define HTTP2_CANCEL 8

/* Of one page: it watches. */
struct watcher {
    uint64_t full_since; /* mono; 0: it takes more */
};

static struct site *site_of(struct page_set *pages)
{
    return pages->owner;
}

static struct clock *clock_of(const struct site *s)
{
    return &s->host->loop->clock;
}

/* ---- those who watch ---- */

static void tick_site(struct clock_timer *timer);

static void start_tick(struct site *s)
{
    clock_start(&s->host->loop->clock, &s->tick, EVERY, tick_site);
}

static void on_writable(struct page *page)
{
    ((struct watcher *)page->context)->full_since = 0;
}

/* It watches no more. */
static void end_watch(struct page *page)
{
    struct site *s = site_of(page->set);

    free(page->context);
    page->context = NULL;
    page->work = NULL;
    if (--s->n_watchers == 0)
        clock_stop(&s->host->loop->clock, &s->tick);
}

/* One that does not read stays open for a while: nothing is written behind the end. */
static void dismiss_watcher(struct page *page)
{
    end_watch(page);
    http_respond_end(page->req, NULL, 0);
}

static const struct page_work watching = { on_writable, end_watch, dismiss_watcher };

static void put_event(const struct site *s, struct buf *out)
{
    buf_puts(out, "data: ");
    status_put(out, s->host, false);
    buf_puts(out, "\n\n");
}

static void send_event(const struct site *s, struct page *page, struct bytes event)
{
    struct watcher *w = page->context;
    uint64_t now = clock_mono(clock_of(s));

    if (w->full_since == 0)
        w->full_since = http_respond_write(page->req, event) ? 0 : now;
    else if (now - w->full_since > PATIENCE)
        http_request_reset(page->req, HTTP2_CANCEL);
}

static void send_events(struct site *s, struct page_set *set, struct bytes event)
{
    list_each (struct page, page, &set->open, link)
        if (page->work == &watching)
            send_event(s, page, event);
}

static void tick_site(struct clock_timer *timer)
{
    struct site *s = container_of(timer, struct site, tick);
    struct buf event = { 0 };

    put_event(s, &event);
    send_events(s, &s->pages, buf_bytes(&event));
    send_events(s, &s->local, buf_bytes(&event));
    buf_free(&event);
    if (s->n_watchers > 0)
        start_tick(s);
}

static void begin_watch(struct site *s, struct page *page)
{
    struct buf event = { 0 };

    if (s->n_watchers >= WATCHERS_MAX) {
        page_answer_text(page, 503, "503 too many watch already: ask /api/v1/status\n");
        return;
    }
    if (bytes_is(page->req->method, "HEAD")) {
        page_answer(page, 200, "text/event-stream", bytes_of(NULL, 0));
        return;
    }
    page->context = mem_zalloc(sizeof(struct watcher));
    page->work = &watching;
    page_last(page);
    if (s->n_watchers++ == 0)
        start_tick(s);
    page_begin(page, "text/event-stream");
    put_event(s, &event);
    send_event(s, page, buf_bytes(&event));
    buf_free(&event);
}

/* ---- answers ---- */

static void answer_buf(struct page *page, const char *content_type, struct buf *out)
{
    page_answer(page, 200, content_type, buf_bytes(out));
    buf_free(out);
}

static bool asks_for(const struct page *page, const char *format)
{
    struct buf value = { 0 };
    bool is = page_parameter(page, "format", &value) && bytes_is(buf_bytes(&value), format);

    buf_free(&value);
    return is;
}

static void answer_status(const struct site *s, struct page *page)
{
    struct buf out = { 0 };

    if (asks_for(page, "text")) {
        status_put_text(&out, s->host);
        answer_buf(page, "text/plain; charset=utf-8", &out);
    } else {
        status_put(&out, s->host, true);
        answer_buf(page, "application/json; charset=utf-8", &out);
    }
}

static void answer_config(const struct site *s, struct page *page)
{
    bool json = asks_for(page, "json");

    page_answer(page, 200, json ? "application/json; charset=utf-8" : "text/plain; charset=utf-8",
                s->host->view->config(s->host->view, json));
}

static void answer_metrics(const struct site *s, struct page *page)
{
    struct buf out = { 0 };

    own_metrics_put(&out, s->host);
    answer_buf(page, "application/json; charset=utf-8", &out);
}

static void answer_ready(const struct site *s, struct page *page)
{
    enum service_phase phase = s->host->view->phase;

    if (phase == SERVICE_READY)
        page_answer_text(page, 200, "ready\n");
    else
        page_answer_text(page, 503, phase == SERVICE_STARTING ? "503 starting\n" : "503 stopping\n");
}

static void answer_page(const struct site *s, struct page *page)
{
    struct buf out = { 0 };

    overview_put(&out, s->host);
    answer_buf(page, "text/html; charset=utf-8", &out);
}

static void answer_panels(const struct site *s, struct page *page)
{
    struct buf out = { 0 };

    panels_put(&out, s->host);
    answer_buf(page, "text/html; charset=utf-8", &out);
}

static void answer_series(const struct site *s, struct page *page)
{
    struct buf out = { 0 };

    explorer_put(&out, s->host);
    answer_buf(page, "application/json; charset=utf-8", &out);
}

/* ---- who asks for what ---- */

/* A browser says so where a page of another site has it ask; a link that somebody follows is no such request. */
static bool is_foreign(const struct http_request *req)
{
    const struct bytes *site = http_request_header(req, "sec-fetch-site");
    const struct bytes *mode = http_request_header(req, "sec-fetch-mode");
    const struct bytes *origin = http_request_header(req, "origin");
    bool elsewhere = site != NULL && !bytes_is(*site, "same-origin") && !bytes_is(*site, "none");

    if (site == NULL && origin != NULL) /* an old browser; ours asks without */
        return true;
    return elsewhere && (mode == NULL || !bytes_is(*mode, "navigate"));
}

static bool is_address(struct bytes host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
    return true;
}

/* Of a name that leads to this very machine, and that no one gives to it: of a site that was let in as if it were ours.
 */
static bool is_disguised(const struct http_request *req)
{
    struct bytes host = req->authority;
    const char *peer = http_request_peer(req);
    size_t n = 0;

    if (strncmp(peer, "127.", 4) != 0 && strncmp(peer, "[::1]", 5) != 0)
        return false;
    if (host.len > 0 && host.data[0] == '[')
        return false;
    while (n < host.len && host.data[n] != ':')
        n++;
    host.len = n;
    return !bytes_is(host, "localhost") && !is_address(host);
}

/* What flows through it is shown to who may ask for that: by the control socket, or where the configuration says so. */
static bool may_tap(const struct site *s, struct page *page)
{
    if (page->set == &s->local)
        return true;
    if (!s->tap)
        page_answer_text(page, 403,
                         "403 items are not shown here: set service::telemetry::page::tap, or ask by otelcd tap on its "
                         "machine\n");
    else if (is_disguised(page->req))
        page_answer_text(page, 403, "403 ask for localhost or for the address: this name is not known here\n");
    else
        return true;
    return false;
}

static void answer_tap(struct site *s, struct page *page)
{
    struct bytes path = page->req->path;
    struct buf out = { 0 };

    if (!may_tap(s, page))
        return;
    if (bytes_is(path, "/tap.css")) {
        page_answer(page, 200, "text/css; charset=utf-8", bytes_str(tap_style));
    } else if (bytes_is(path, "/tap.js")) {
        page_answer(page, 200, "text/javascript; charset=utf-8", bytes_str(tap_script));
    } else if (bytes_is(path, "/tap")) {
        tap_panel_put(&out, s->host);
        answer_buf(page, "text/html; charset=utf-8", &out);
    } else {
        tap_page_begin(&s->taps, page);
    }
}

static bool is_of_tap(struct bytes path)
{
    return bytes_is(path, "/api/v1/tap") || bytes_is(path, "/tap") || bytes_is(path, "/tap.js") ||
           bytes_is(path, "/tap.css");
}

static void answer_path(struct site *s, struct page *page)
{
    struct bytes path = page->req->path;

    if (bytes_is(path, "/"))
        answer_page(s, page);
    else if (bytes_is(path, "/page.css"))
        page_answer(page, 200, "text/css; charset=utf-8", bytes_str(asset_style));
    else if (bytes_is(path, "/page.js"))
        page_answer(page, 200, "text/javascript; charset=utf-8", bytes_str(asset_script));
    else if (bytes_is(path, "/panels"))
        answer_panels(s, page);
    else if (bytes_is(path, "/healthz"))
        page_answer_text(page, 200, "ok\n");
    else if (bytes_is(path, "/readyz"))
        answer_ready(s, page);
    else if (bytes_is(path, "/api/v1/status"))
        answer_status(s, page);
    else if (bytes_is(path, "/api/v1/events"))
        begin_watch(s, page);
    else if (bytes_is(path, "/api/v1/metrics"))
        answer_metrics(s, page);
    else if (bytes_is(path, "/api/v1/series"))
        answer_series(s, page);
    else if (bytes_is(path, "/api/v1/config"))
        answer_config(s, page);
    else if (is_of_tap(path))
        answer_tap(s, page);
    else
        page_answer_text(page, 404, "404 page not found: the metrics are at /metrics, the page is at /\n");
}

static void on_page(struct page_set *pages, struct page *page)
{
    if (!bytes_is(page->req->method, "GET") && !bytes_is(page->req->method, "HEAD"))
        page_answer_text(page, 405, "405 method not allowed, supported: [GET, HEAD]\n");
    else if (is_foreign(page->req))
        page_answer_text(page, 403, "403 this page is not read by scripts of other sites\n");
    else
        answer_path(site_of(pages), page);
}

void site_allow_tap(struct site *s, bool allowed)
{
    if (s->tap && !allowed)
        tap_pages_end(&s->pages, "service::telemetry::page::tap was taken back");
    s->tap = allowed;
}

static void init_set(struct site *s, struct page_set *set)
{
    set->owner = s;
    set->on_page = on_page;
    set->policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
                  "form-action 'none'; frame-ancestors 'none'";
    page_set_init(set);
}

void site_init(struct site *s, const struct host *host)
{
    *s = (struct site){ .host = host };
    init_set(s, &s->pages);
    init_set(s, &s->local);
    tap_set_init(&s->taps, host);
}
