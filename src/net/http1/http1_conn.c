/* SPDX-License-Identifier: Apache-2.0 */
/* A request's head is gathered until its blank line has come, parsed at once and announced; then the body's bytes pass
 * to the service as they are; then the connection waits for the answer and reads on only to hear of the peer's end.
 * Answers are written into a buffer that leaves at the end of the turn. When the last byte has left, the page is
 * turned, and the next request may have been waiting in the connection's stash.
 *
 * What can go wrong: a head that is none is answered in our own name, and ends the connection; a fault in the body does
 * the same, or, in the middle of an answer, breaks it. An answer that comes before its request is whole lets the
 * connection go on only when little of the body is left, which is thrown away. A budget that is overdrawn stops reading
 * bodies, a second at a time, so that nobody is stuck for good. */
#include "net/http1/http1_conn_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define AHEAD_MAX 4096     /* of the next request, while one is waiting for its answer */
#define BLANK_MAX 4        /* bytes of empty lines before a request */
#define PAUSE_MAX NS_PER_S /* reading stops for an overdrawn budget no longer than this at a time */

static void enter_phase(struct http1 *h, enum http1_phase to)
{
    static const uint8_t allowed[] = {
        [HEAD] = 1 << BODY | 1 << DONE,
        [BODY] = 1 << DONE,
        [DONE] = 1 << HEAD,
    };

    assert(allowed[h->phase] & 1 << to);
    h->phase = to;
}

static void release_out(struct http1 *h)
{
    struct server_shared *shared = h->io->shared;

    if (shared->spare_out.data == NULL && h->out.cap <= DISCARD_MAX) {
        h->out.len = 0;
        shared->spare_out = h->out;
        h->out = (struct buf){ 0 };
    }
    buf_free(&h->out);
}

static void release_head(struct http1 *h)
{
    budget_give(h->io->shared->budget, h->head.len);
    buf_free(&h->head);
}

/* --- reading --- */

static void refuse_request(struct http1 *h, struct request *r, const struct http1_fault *fault)
{
    conn_io_complain(h->io, fault->text);
    h->keep = false;
    if (r == NULL || r->pub.responded)
        h->broken = true; /* in the middle of another answer there is no place for a word */
    else
        request_refuse(r, fault->status, fault->text);
    enter_phase(h, DONE);
}

static struct request *take_request(struct http1 *h)
{
    struct request *r = request_new(h->io, &http1_stream_ops, h);

    h->request = r;
    h->discarded = 0;
    h->minor = 1;
    h->keep = h->expects = false;
    return r;
}

static void take_head(struct request *r, const struct http1_head *head)
{
    struct http1 *h = r->conn;

    h->minor = head->minor;
    h->keep = head->keep_alive && !h->io->shared->options.no_keep_alive;
    r->pub.method = head->method;
    r->pub.path = head->path;
    r->pub.query = head->query;
    r->pub.authority = head->authority;
    r->pub.headers = head->headers;
    r->pub.n_headers = head->n_headers;
    r->pub.content_length = head->content_length;
    http1_body_init(&h->body,
                    head->chunked              ? HTTP1_CHUNKED
                    : head->content_length > 0 ? HTTP1_LENGTH
                                               : HTTP1_EMPTY,
                    head->content_length > 0 ? (uint64_t)head->content_length : 0);
    h->expects = head->expect_continue && !h->body.done;
    enter_phase(h, BODY);
}

static void end_body(struct http1 *h)
{
    enter_phase(h, DONE);
    if (h->request != NULL)
        request_end(h->request);
}

/* The head is whole, in r->head. */
static void start_request(struct http1 *h, struct request *r)
{
    size_t lines = h->scan.lines < HTTP1_MAX_HEADERS ? h->scan.lines : HTTP1_MAX_HEADERS;
    struct http1_fault fault;
    struct http1_head head;

    while (r->cap_headers < lines) {
        r->pub.n_headers = r->cap_headers;
        request_add_header(r);
    }
    r->pub.n_headers = 0;
    r->header_bytes = r->head.len;
    conn_io_expect(h->io, DEADLINE_READ, 0);
    conn_io_expect(h->io, DEADLINE_IDLE, 0);
    if (http1_parse_request(&head, r->head.data, r->head.len, r->headers, HTTP1_MAX_HEADERS, &fault) != 0) {
        r->head_only = bytes_is(head.method, "HEAD");
        refuse_request(h, fault.foreign ? NULL : r, &fault);
        return;
    }
    h->served = true;
    take_head(r, &head);
    request_begin(r);
    if (h->body.done)
        end_body(h);
}

/* Empty lines before a request are skipped (RFC 9112 2.2), a few. False for half of one. */
static bool skip_blank(struct http1 *h, struct bytes data, size_t *used)
{
    while (*used < data.len && h->blank < BLANK_MAX && data.data[*used] == (h->blank % 2 ? '\n' : '\r')) {
        h->blank++;
        (*used)++;
    }
    return *used == data.len || h->blank % 2 == 0;
}

static void expect_head(struct http1 *h)
{
    const struct http_server_options *o = &h->io->shared->options;

    if (h->scan.seen == 0)
        conn_io_expect(h->io, DEADLINE_READ, o->read_header_timeout);
}

/* `head`: as much of it as has come. */
static void head_fails(struct http1 *h, struct bytes head, int status, const char *text)
{
    struct http1_fault fault = { status, text, false };
    struct request *r = take_request(h);

    r->head_only = head.len >= 5 && memcmp(head.data, "HEAD ", 5) == 0;
    release_head(h);
    conn_io_expect(h->io, DEADLINE_READ, 0);
    refuse_request(h, r, &fault);
}

/* Part of a head: keep it. */
static void gather_head(struct http1 *h, struct bytes data)
{
    budget_charge(h->io->shared->budget, data.len);
    buf_put(&h->head, data);
}

static size_t read_head(struct http1 *h, struct bytes data)
{
    size_t most = h->io->shared->options.max_header_bytes, used = 0, before = h->head.len;
    struct bytes all;
    struct request *r;
    ssize_t end;

    expect_head(h);
    if (before == 0 && !skip_blank(h, data, &used)) {
        head_fails(h, bytes_of(NULL, 0), 400, "an empty line before the request must end in CR LF");
        return data.len;
    }
    data = bytes_of(data.data + used, data.len - used);
    if (before > 0)
        gather_head(h, data);
    all = before > 0 ? buf_bytes(&h->head) : data;
    end = http1_scan(&h->scan, all);
    if (end < 0) {
        head_fails(h, all, 400, "a request line or header line is malformed; lines end in CR LF");
    } else if ((size_t)end > most || (end == 0 && all.len > most)) {
        head_fails(h, all, 431, "the request's headers are larger than this server allows");
    } else if (end == 0) {
        if (before == 0)
            gather_head(h, data);
    } else {
        r = take_request(h);
        buf_append(&r->head, all.data, (size_t)end);
        release_head(h);
        start_request(h, r);
        return used + (size_t)end - before;
    }
    return used + data.len;
}

static size_t read_body(struct http1 *h, struct bytes data)
{
    struct request *r = h->request;
    struct http1_fault fault;
    struct bytes run;
    ssize_t n = http1_body_read(&h->body, data, &run, &fault);

    h->pass = false;
    if (n < 0) {
        refuse_request(h, r, &fault);
        return data.len;
    }
    h->expects = false; /* the body comes without waiting for our word */
    if (r == NULL || r->answer_ended)
        h->discarded += (uint64_t)n;
    else
        request_body(r, run);
    if (h->body.done)
        end_body(h);
    else if (h->discarded > DISCARD_MAX + AHEAD_MAX)
        h->keep = false;
    return (size_t)n;
}

/* Ready for the next request, if the answer has gone too. */
static void turn_page(struct http1 *h)
{
    if (h->request != NULL || h->phase != DONE)
        return;
    enter_phase(h, HEAD);
    h->scan = (struct http1_scan){ 0 };
    h->blank = 0;
    h->io->at_rest = clock_mono(&h->io->shared->loop->clock);
    conn_io_expect(h->io, DEADLINE_IDLE, h->io->shared->options.idle_timeout);
}

static void send_continue(struct http1 *h)
{
    struct request *r = h->request;

    if (h->phase != BODY || !h->expects || r == NULL || r->pub.responded || r->cut)
        return;
    buf_puts(http1_out(h), "HTTP/1.1 100 Continue\r\n\r\n");
    h->expects = false;
}

static size_t input(struct conn_io *io, struct bytes data)
{
    struct http1 *h = io->state;
    size_t used = 0;

    while (used < data.len && !h->broken && !h->finished) {
        struct bytes rest = bytes_of(data.data + used, data.len - used);

        if (h->phase == HEAD)
            used += read_head(h, rest);
        else if (h->phase == BODY)
            used += read_body(h, rest);
        else
            break;
        turn_page(h);
    }
    send_continue(h);
    if (used > 0) /* else the next look would be at the same bytes, without end */
        io->kick(io);
    return h->broken || h->finished ? data.len : used;
}

/* --- what leaves --- */

static void output(struct conn_io *io, struct buf *to)
{
    struct http1 *h = io->state;
    struct buf empty = *to;

    if (h->out.len == 0)
        return;
    if (to->len > 0) {
        buf_put(to, buf_bytes(&h->out));
        h->out.len = 0;
        return;
    }
    *to = h->out;
    h->out = empty;
}

static void flushed(struct conn_io *io)
{
    struct http1 *h = io->state;
    struct request *r = h->request;

    if (h->out.len > 0 || r == NULL)
        return;
    request_writable(r);
    if (!r->answer_ended || h->out.len > 0)
        return;
    r->answer_sent = true;
    h->request = NULL;
    request_close(r, false);
    release_out(h);
    h->finished = !h->keep;
    turn_page(h);
    io->kick(io);
}

/* --- the connection --- */

static void on_room(struct budget_waiter *w)
{
    struct http1 *h = container_of(w, struct http1, room);

    h->pass = true;
    conn_io_expect(h->io, DEADLINE_BUDGET, 0);
    h->io->kick(h->io);
}

static bool must_pause(struct http1 *h)
{
    struct budget *budget = h->io->shared->budget;

    if (h->pass || budget->used <= budget->limit)
        return false;
    if (!list_linked(&h->room.link))
        conn_io_expect(h->io, DEADLINE_BUDGET, PAUSE_MAX);
    budget_wait(budget, &h->room, on_room);
    return true;
}

static size_t room(struct conn_io *io, size_t most)
{
    struct http1 *h = io->state;
    struct request *r = h->request;
    uint64_t wanted = io->shared->options.initial_window;

    if (h->phase == DONE)
        wanted = AHEAD_MAX; /* so that we hear of the peer's end */
    else if (h->phase == BODY && (r == NULL || r->answer_ended))
        wanted = DISCARD_MAX;
    else if (h->phase == BODY)
        wanted = must_pause(h) ? 0 : r->allowed;
    return wanted < most ? (size_t)wanted : most;
}

static enum http_fate fate(struct conn_io *io)
{
    struct http1 *h = io->state;

    if (h->broken)
        return HTTP_BROKEN;
    if (h->finished)
        return HTTP_FINISHED;
    if (h->request != NULL)
        return HTTP_GOES_ON;
    if (h->ended || !h->keep)
        return HTTP_FINISHED;
    return io->shared->stopping && h->phase == HEAD ? HTTP_RESTS : HTTP_GOES_ON; /* half a head is no request yet */
}

static enum crowd_rank rank(struct conn_io *io)
{
    const struct http1 *h = io->state;

    if (h->request == NULL)
        return h->served ? CROWD_IDLE : CROWD_STRANGER;
    return h->phase == BODY && !h->request->pub.responded ? CROWD_UNFINISHED : CROWD_BUSY;
}

static void put_unread(struct conn_io *io, struct buf *to)
{
    struct http1 *h = io->state;

    buf_put(to, buf_bytes(&h->head));
}

static void on_end(struct conn_io *io)
{
    struct http1 *h = io->state;

    h->ended = true;
    if (h->phase == BODY)
        h->broken = true;
    else if (h->phase == DONE && h->request != NULL)
        request_peer_end(h->request);
}

static void on_deadline(struct conn_io *io, enum http_deadline which)
{
    struct http1 *h = io->state;

    if (which == DEADLINE_BUDGET) {
        budget_cancel(io->shared->budget, &h->room);
        h->pass = true;
    } else if (which == DEADLINE_IDLE && h->phase == HEAD && h->scan.seen == 0) {
        h->finished = true;
    } else if (which == DEADLINE_READ && h->phase == HEAD) {
        conn_io_late(io);
        if (h->scan.seen > 0)
            head_fails(h, buf_bytes(&h->head), 408, "the request's headers did not arrive in time");
        else
            h->finished = true;
    }
    io->kick(io);
}

static void drain(struct conn_io *io)
{
    struct http1 *h = io->state;

    if (h->request != NULL)
        request_hurry(h->request);
    io->kick(io); /* fate() looks at shared->stopping */
}

static void close_conn(struct conn_io *io)
{
    struct http1 *h = io->state;
    struct request *r = h->request;

    budget_cancel(io->shared->budget, &h->room);
    h->request = NULL;
    if (r != NULL)
        request_close(r, !r->answer_sent);
    release_head(h);
    buf_free(&h->out);
    free(h);
    io->state = NULL;
}

const struct conn_ops http1_conn_ops = {
    .input = input,
    .output = output,
    .flushed = flushed,
    .room = room,
    .fate = fate,
    .on_end = on_end,
    .on_deadline = on_deadline,
    .rank = rank,
    .unread = put_unread,
    .drain = drain,
    .close = close_conn,
};

void http1_open(struct conn_io *io)
{
    struct http1 *h = mem_zalloc(sizeof(*h));

    h->io = io;
    h->keep = true;
    io->ops = &http1_conn_ops;
    io->state = h;
}
