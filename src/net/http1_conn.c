/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of HTTP/1.1 on a link: one exchange at a time, in order.
 *
 * A head gathers in its request's buffer, a body is passed on as it comes, and what follows an exchange that has not
 * been answered waits in the connection. An answer that comes before the body is whole is kept alive only when what is
 * left to discard is small and its length known; else the connection ends after it. */
#include "net/http1_conn.h"

#include "base/mem.h"
#include "net/http1.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define DISCARD_MAX (64 * 1024)      /* of a body that nobody wants, before the connection ends instead */
#define FIRST_REQUEST (60 * NS_PER_S) /* to the first byte */
#define EMPTY_LINES_MAX 4            /* before a request line (RFC 9112 2.2) */
#define HEAD_READ 4096               /* what is asked of the socket between requests: a small read costs little memory */

struct http1 {
    struct http_link *link;
    struct request *r; /* being read or answered; NULL between exchanges */
    struct http1_scan scan;
    struct http1_body body;
    struct buf out; /* of the answer, not yet given to the connection */
    unsigned empty_lines;
    int minor;
    bool in_head;    /* r's head is not complete */
    bool keep;       /* another exchange may follow */
    bool chunked;    /* the answer is */
    bool peer_ended; /* the peer sends no more */
    bool finished;
    bool broken;
};

static const struct http_wire wire;

/* --- the answer --- */

static void begin(struct request *r, int status, const struct http_header *headers, size_t n, bool whole)
{
    struct http1 *h = r->proto;
    bool bodiless = status < 200 || status == 204 || status == 304;
    char number[24];

    if (!h->body.done && !(h->body.framing == HTTP1_LENGTH && h->body.left <= DISCARD_MAX && !h->in_head))
        h->keep = false;
    h->chunked = !whole && h->minor >= 1 && !bodiless;
    if (!whole && h->minor == 0)
        h->keep = false; /* the end of the connection is the end of the body */
    http1_put_status(&h->out, 1, status);
    http1_put_header(&h->out, bytes_str("date"), http_core_date(r->link->core));
    for (size_t i = 0; i < n; i++)
        http1_put_header(&h->out, headers[i].name, headers[i].value);
    if (whole && !bodiless) {
        snprintf(number, sizeof(number), "%zu", r->body.len);
        http1_put_header(&h->out, bytes_str("content-length"), bytes_str(number));
    }
    if (h->chunked)
        http1_put_header(&h->out, bytes_str("transfer-encoding"), bytes_str("chunked"));
    if (!h->keep)
        http1_put_header(&h->out, bytes_str("connection"), bytes_str("close"));
    else if (h->minor == 0)
        http1_put_header(&h->out, bytes_str("connection"), bytes_str("keep-alive"));
    http1_put_end(&h->out);
    if (whole && !r->head_only)
        buf_put(&h->out, buf_bytes(&r->body));
}

static void more(struct request *r, struct bytes data)
{
    struct http1 *h = r->proto;

    if (h->chunked)
        http1_put_chunk(&h->out, data);
    else
        buf_put(&h->out, data);
}

static void end(struct request *r)
{
    struct http1 *h = r->proto;

    if (h->chunked && !r->head_only)
        http1_put_last_chunk(&h->out);
}

static size_t waiting(struct request *r)
{
    return ((struct http1 *)r->proto)->out.len;
}

static void grant(struct request *r, size_t n)
{
    (void)n;
    r->link->kick(r->link); /* reading goes on at the turn's end */
}

static void reset(struct request *r, uint32_t error_code)
{
    (void)error_code;
    ((struct http1 *)r->proto)->broken = true;
}

static const struct http_wire wire = {
    .grant = grant, .begin = begin, .more = more, .end = end, .waiting = waiting, .reset = reset
};

/* --- the request --- */

static void new_request(struct http1 *h)
{
    h->r = request_new(h->link, &wire, h);
    h->scan = (struct http1_scan){ 0 };
    h->body = (struct http1_body){ 0 };
    h->in_head = true;
    h->keep = true;
    h->empty_lines = 0;
    http_link_expect(h->link, DEADLINE_IDLE, 0);
    http_link_expect(h->link, DEADLINE_READ, h->link->core->options.read_header_timeout);
}

/* The exchange is over when the answer has left and the body is read. */
static void finish_exchange(struct http1 *h)
{
    struct request *r = h->r;
    const struct http_server_options *o = &h->link->core->options;

    if (r == NULL || !r->answer_sent || (h->keep && !h->body.done))
        return;
    h->r = NULL;
    if (!h->keep || h->peer_ended || h->link->core->stopping)
        h->finished = true;
    else
        http_link_expect(h->link, DEADLINE_IDLE, o->idle_timeout);
    request_close(r, false);
    h->link->kick(h->link);
}

static void refuse(struct http1 *h, const struct http1_fault *fault)
{
    h->keep = false;
    h->in_head = false;
    http_link_complain(h->link, fault->text);
    request_refuse(h->r, fault->status, fault->text);
}

/* The head is complete in r->head: hand the request to the service. */
static void on_head(struct http1 *h, size_t len)
{
    static struct http_header headers[HTTP1_MAX_HEADERS];
    struct request *r = h->r;
    struct http1_head head;
    struct http1_fault fault;

    http_link_expect(h->link, DEADLINE_READ, 0);
    r->header_bytes = len;
    if (http1_parse_request(&head, r->head.data, len, headers, HTTP1_MAX_HEADERS, &fault) != 0) {
        refuse(h, &fault);
        return;
    }
    for (size_t i = 0; i < head.n_headers; i++) {
        *request_add_header(r) = headers[i];
        r->pub.n_headers++;
    }
    request_charge_head(r);
    r->pub.method = head.method;
    r->pub.path = head.path;
    r->pub.query = head.query;
    r->pub.authority = head.authority;
    r->pub.content_length = head.content_length;
    h->minor = head.minor;
    h->keep = head.keep_alive && !h->link->core->options.no_keep_alive && !h->link->core->stopping;
    h->in_head = false;
    if (head.chunked)
        http1_body_init(&h->body, HTTP1_CHUNKED, 0);
    else
        http1_body_init(&h->body, HTTP1_LENGTH, head.content_length > 0 ? (uint64_t)head.content_length : 0);
    h->body.done = !head.chunked && head.content_length <= 0;
    request_announce(r);
    if (h->body.done)
        request_end(r);
    else if (head.expect_continue && !r->pub.responded)
        buf_puts(&h->out, "HTTP/1.1 100 Continue\r\n\r\n");
    h->link->kick(h->link);
}

/* Empty lines before a request are skipped. Returns how many bytes. */
static size_t skip_empty_lines(struct http1 *h, struct bytes data)
{
    size_t n = 0;

    while (n < data.len && (data.data[n] == '\r' || data.data[n] == '\n') && h->empty_lines < 2 * EMPTY_LINES_MAX) {
        h->empty_lines++;
        n++;
    }
    return n;
}

static size_t read_head(struct http1 *h, struct bytes data)
{
    size_t most = h->link->core->options.max_header_bytes, before, n;
    struct request *r;
    ssize_t len;

    if (h->r == NULL) {
        n = skip_empty_lines(h, data);
        if (n > 0)
            return n;
        new_request(h);
    }
    r = h->r;
    before = r->head.len;
    n = data.len < most + 1 - before ? data.len : most + 1 - before;
    buf_append(&r->head, data.data, n);
    len = http1_scan(&h->scan, buf_bytes(&r->head));
    if (len < 0) {
        refuse(h, &(struct http1_fault){ 400, "this is not an HTTP request" });
        return data.len;
    }
    if (len == 0) {
        if (r->head.len > most)
            refuse(h, &(struct http1_fault){ 431, "the request's headers are larger than this server allows" });
        return n;
    }
    r->head.len = (size_t)len;
    on_head(h, (size_t)len);
    return (size_t)len - before;
}

static size_t read_body(struct http1 *h, struct bytes data)
{
    struct http1_fault fault;
    size_t used = 0;

    while (used < data.len && !h->body.done && h->r != NULL && !h->broken) {
        struct bytes run = { 0 };
        ssize_t n = http1_body_read(&h->body, bytes_of(data.data + used, data.len - used), &run, &fault);

        if (n < 0) {
            h->keep = false;
            h->body.done = true;
            http_link_complain(h->link, fault.text);
            if (h->r->pub.responded)
                h->broken = true;
            else
                request_refuse(h->r, fault.status, fault.text);
            return data.len;
        }
        used += (size_t)n;
        request_body(h->r, run);
        if (n == 0)
            break;
    }
    if (h->body.done) {
        request_end(h->r);
        finish_exchange(h);
    }
    return used;
}

static bool wants_input(const struct http1 *h)
{
    if (h->finished || h->broken || h->peer_ended)
        return false;
    return h->r == NULL || h->in_head || !h->body.done;
}

static size_t input(struct http_link *l, struct bytes data)
{
    struct http1 *h = l->state;
    size_t used = 0;

    while (used < data.len && wants_input(h)) {
        struct bytes rest = bytes_of(data.data + used, data.len - used);

        if (h->r != NULL && h->r->answer_sent && !h->keep)
            return data.len; /* nobody reads it: the connection is about to end */
        used += h->r == NULL || h->in_head ? read_head(h, rest) : read_body(h, rest);
    }
    return h->finished || h->broken ? data.len : used;
}

/* --- the connection --- */

static void output(struct http_link *l, struct buf *to)
{
    struct http1 *h = l->state;

    buf_put(to, buf_bytes(&h->out));
    h->out.len = 0;
    if (h->out.cap > DISCARD_MAX || h->r == NULL)
        buf_free(&h->out);
}

static void flushed(struct http_link *l)
{
    struct http1 *h = l->state;

    if (h->r == NULL || h->out.len > 0)
        return;
    if (h->r->answer_ended) {
        h->r->answer_sent = true;
        finish_exchange(h);
    } else {
        request_writable(h->r);
    }
}

static size_t room(struct http_link *l, size_t most)
{
    struct http1 *h = l->state;

    if (!wants_input(h))
        return 0;
    if (h->r == NULL || h->in_head)
        return most < HEAD_READ ? most : HEAD_READ;
    if (h->r->answer_ended)
        return most; /* discarding */
    return h->r->allowed < most ? (size_t)h->r->allowed : most;
}

static enum http_fate fate(struct http_link *l)
{
    struct http1 *h = l->state;

    if (h->broken)
        return HTTP_BROKEN;
    return h->finished && h->out.len == 0 ? HTTP_FINISHED : HTTP_GOES_ON;
}

static void on_end(struct http_link *l)
{
    struct http1 *h = l->state;

    h->peer_ended = true;
    if (h->r == NULL)
        h->finished = true;
    else if (h->in_head || !h->body.done)
        h->broken = true; /* cut short: whoever waits for an answer has left */
    l->kick(l);
}

static void on_deadline(struct http_link *l, enum http_deadline which)
{
    struct http1 *h = l->state;

    if (which == DEADLINE_READ && h->r != NULL && h->in_head) {
        l->core->stats.timeouts++;
        refuse(h, &(struct http1_fault){ 408, "the request's headers did not arrive in time" });
    } else if ((which == DEADLINE_READ || which == DEADLINE_IDLE) && h->r == NULL) {
        l->core->stats.timeouts += which == DEADLINE_READ;
        h->finished = true;
    }
    l->kick(l);
}

static void drain(struct http_link *l)
{
    struct http1 *h = l->state;

    h->keep = false;
    if (h->r == NULL || h->in_head)
        h->finished = true;
    l->kick(l);
}

static void close_conn(struct http_link *l)
{
    struct http1 *h = l->state;

    if (h->r != NULL)
        request_close(h->r, !h->r->answer_sent);
    buf_free(&h->out);
    free(h);
    l->state = NULL;
}

const struct http_proto http1_proto = {
    .input = input,
    .output = output,
    .flushed = flushed,
    .room = room,
    .fate = fate,
    .on_end = on_end,
    .on_deadline = on_deadline,
    .drain = drain,
    .close = close_conn,
};

void http1_open(struct http_link *l)
{
    struct http1 *h = mem_zalloc(sizeof(*h));

    h->link = l;
    l->proto = &http1_proto;
    l->state = h;
    http_link_expect(l, DEADLINE_READ, FIRST_REQUEST);
}
