/* SPDX-License-Identifier: Apache-2.0 */
/* A socket to each worker's page, on which the request is made again; what comes back is read as server-sent events. An
 * item is written on whole, a count is kept and the sum of all is written in its place.
 *
 * What can go wrong: whoever looks does not read. Nothing more is read from the workers then, whose taps count what
 * they miss. A worker dies: the others go on. */
#include "service/workers/tap_relay.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"
#include "net/http1/response_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 64
#define MOST_EVENT ((size_t)4 << 20)

static const char *const counted[] = { "passed", "looked", "matched", "shown", "missed", "large", "failed" };
#define COUNTS ARRAY_LEN(counted)

struct tap_relay;

struct relay_end {
    struct tap_relay *relay;
    int fd; /* -1: it has ended */
    uv_poll_t *poll;
    struct response_reader reader;
    struct buf event; /* as far as it has come */
    uint64_t counts[COUNTS];
    bool looks; /* it has said at what */
};

struct tap_relay {
    struct page *page;
    struct relay_end ends[MOST];
    size_t n, open;
    uint64_t shown, most; /* items; most 0: no end */
    bool full, over;
    struct arena arena;
};

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

static void close_end(struct relay_end *e)
{
    if (e->fd < 0)
        return;
    uv_close((uv_handle_t *)e->poll, free_poll);
    close(e->fd);
    e->fd = -1;
    e->relay->open--;
}

/* Nobody is told anything any more. */
static void free_relay(struct tap_relay *r)
{
    for (size_t i = 0; i < r->n; i++) {
        close_end(&r->ends[i]);
        response_reader_free(&r->ends[i].reader);
        buf_free(&r->ends[i].event);
    }
    r->page->context = NULL;
    r->page->work = NULL;
    arena_free(&r->arena);
    free(r);
}

/* ---- events ---- */

static void write_on(struct tap_relay *r, struct bytes data)
{
    r->full = !http_respond_write(r->page->req, data) || r->full;
}

static void write_counts(struct tap_relay *r)
{
    struct buf out = { 0 };
    struct json_writer w = { .out = &out };

    buf_puts(&out, "event: count\ndata: ");
    json_begin(&w, NULL, '{');
    for (size_t k = 0; k < COUNTS; k++) {
        uint64_t sum = 0;

        for (size_t i = 0; i < r->n; i++)
            sum += r->ends[i].counts[k];
        json_write_uint(&w, counted[k], strcmp(counted[k], "shown") == 0 ? r->shown : sum);
    }
    json_end(&w, '}');
    buf_puts(&out, "\n\n");
    write_on(r, buf_bytes(&out));
    buf_free(&out);
}

static void read_counts(struct relay_end *e, struct bytes json)
{
    static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 4 };
    const struct json_node *n;
    struct error err;

    arena_reset(&e->relay->arena);
    n = json_tree_parse(json, &e->relay->arena, &rules, &err);
    for (size_t k = 0; n != NULL && k < COUNTS; k++)
        (void)bytes_decimal(json_text_at(n, counted[k]), &e->counts[k]);
    write_counts(e->relay);
}

static bool begins_with(struct bytes s, const char *text)
{
    size_t n = strlen(text);

    return s.len >= n && memcmp(s.data, text, n) == 0;
}

static void end_relay(struct tap_relay *r, const char *sentence)
{
    struct buf out = { 0 };

    if (r->over)
        return;
    r->over = true;
    write_counts(r);
    buf_printf(&out, "event: end\ndata: %s\n\n", sentence);
    write_on(r, buf_bytes(&out));
    buf_free(&out);
}

/* The first note of each says at what it looks: it is told once, when all do. */
static void take_note(struct relay_end *e, struct bytes event)
{
    struct tap_relay *r = e->relay;
    bool first = !e->looks, all = true;

    e->looks = true;
    for (size_t i = 0; i < r->n; i++)
        all = all && (r->ends[i].looks || r->ends[i].fd < 0);
    if (all || !first)
        write_on(r, event);
}

static void take_event(struct relay_end *e)
{
    static const char count[] = "event: count\ndata: ";
    struct tap_relay *r = e->relay;
    struct bytes event = buf_bytes(&e->event);

    if (r->over)
        return;
    if (begins_with(event, count)) {
        read_counts(e, bytes_of(event.data + strlen(count), event.len - strlen(count) - 2));
    } else if (begins_with(event, "event: item\n")) {
        write_on(r, event);
        if (++r->shown == r->most)
            end_relay(r, "that many were asked for");
    } else if (!begins_with(event, "event: end\n")) {
        take_note(e, event);
    } else if (r->open == 1) { /* the last of them says why */
        r->over = true;
        write_counts(r);
        write_on(r, event);
    }
}

static void on_body(void *arg, struct bytes data)
{
    struct relay_end *e = arg;

    for (size_t i = 0; i < data.len; i++) {
        buf_putc(&e->event, (char)data.data[i]);
        if (data.data[i] != '\n' || e->event.len < 2 || e->event.data[e->event.len - 2] != '\n')
            continue;
        take_event(e);
        e->event.len = 0;
    }
    if (e->event.len > MOST_EVENT)
        e->reader.left = true;
}

/* ---- sockets ---- */

static void watch_ends(struct tap_relay *r);

/* Is there more to come of it? */
static bool read_end(struct relay_end *e)
{
    uint8_t data[16384];
    const char *why;
    ssize_t n = recv(e->fd, data, sizeof(data), 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    return response_reader_take(&e->reader, bytes_of(data, (size_t)n), &why) == RESPONSE_GOES_ON &&
           (!e->reader.has_head || e->reader.head.status == 200);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct relay_end *e = poll->data;
    struct tap_relay *r = e->relay;

    (void)status;
    (void)events;
    if (!read_end(e))
        close_end(e);
    if (r->open == 0)
        end_relay(r, "the workers have ended their taps");
    if (r->over) {
        struct http_request *req = r->page->req;

        free_relay(r);
        http_respond_end(req, NULL, 0);
        return;
    }
    if (r->full)
        watch_ends(r);
}

static void watch_ends(struct tap_relay *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->ends[i].fd >= 0 && r->full)
            uv_poll_stop(r->ends[i].poll);
        else if (r->ends[i].fd >= 0)
            uv_poll_start(r->ends[i].poll, UV_READABLE, on_readable);
}

static void on_writable(struct page *page)
{
    struct tap_relay *r = page->context;

    r->full = false;
    watch_ends(r);
}

static void on_gone(struct page *page)
{
    free_relay(page->context);
}

static void on_dismiss(struct page *page)
{
    struct http_request *req = page->req;

    end_relay(page->context, "otelcd stops serving here");
    free_relay(page->context);
    http_respond_end(req, NULL, 0);
}

static const struct page_work relaying = { on_writable, on_gone, on_dismiss };

/* ---- the beginning ---- */

static bool ask_worker(const struct relay_end *e, const struct page *page, const struct tap_request *t, size_t n)
{
    struct buf request = { 0 };
    struct bytes query = page->req->query;
    bool sent;

    buf_puts(&request, "GET /api/v1/tap?");
    if (t->rate > 0)
        buf_printf(&request, "rate=%" PRIu64 "&", (t->rate + n - 1) / n); /* the first of a name counts */
    buf_put(&request, query);
    buf_puts(&request, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    sent = send(e->fd, request.data, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    buf_free(&request);
    return sent;
}

static void open_end(struct tap_relay *r, struct loop *loop, int fd)
{
    struct relay_end *e = &r->ends[r->n];
    uv_poll_t *poll = mem_zalloc(sizeof(*poll));

    if (uv_poll_init(&loop->uv, poll, fd) != 0) {
        free(poll);
        close(fd);
        return;
    }
    poll->data = e;
    e->relay = r;
    e->fd = fd;
    e->poll = poll;
    response_reader_begin(&e->reader, SIZE_MAX, on_body, e);
    r->n++;
    r->open++;
}

void tap_relay_begin(struct front *f, struct loop *loop, struct page *page, const struct tap_request *t)
{
    struct tap_relay *r = mem_zalloc(sizeof(*r));
    int fds[MOST];
    size_t n = front_dial(f, fds, MOST);

    r->page = page;
    r->most = t->count;
    for (size_t i = 0; i < n; i++)
        open_end(r, loop, fds[i]);
    for (size_t i = 0; i < r->n; i++)
        if (!ask_worker(&r->ends[i], page, t, r->n))
            close_end(&r->ends[i]);
    if (r->open == 0) {
        free_relay(r);
        page_answer_text(page, 503, "503 no worker runs now: ask again\n");
        return;
    }
    page->context = r;
    page->work = &relaying;
    page_last(page);
    page_begin(page, "text/event-stream");
    watch_ends(r);
}
