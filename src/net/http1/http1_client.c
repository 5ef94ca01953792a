/* SPDX-License-Identifier: Apache-2.0 */
/* A call's head goes into the outbox with the body's parts behind it; what comes back is read by a response_reader.
 * With the last byte of the answer the connection rests, if both sides count alike and the request has left whole;
 * else it has ended. What goes wrong ends the call and the connection with it, for there is no other way to tell the
 * peer, or to find the next answer. */
#include "net/http1/http1_client.h"

#include "net/http1/response_reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct http1_client {
    struct client_io *io;
    struct http_call *call;
    uint64_t calls; /* so far */
    bool ended;
    struct response_reader reader;
    uint64_t charged; /* for what the reader keeps */
    uint8_t first[9]; /* what the peer said first, until it is told from other protocols */
    size_t n_first;
    bool known; /* or it is no other that we know */
};

/* What the reader keeps is in the budget's books. False: there is no room for more. */
static bool charge_buffer(struct http1_client *h)
{
    uint64_t more = h->reader.body.len > h->charged ? h->reader.body.len - h->charged : 0;

    return call_charge_answer(h->io->shared->budget, &h->charged, more);
}

static void give_buffer(struct http1_client *h)
{
    if (h->charged > 0)
        budget_give(h->io->shared->budget, h->charged);
    h->charged = 0;
}

/* The connection is at its end, and the call fails with it. */
static void end_with(struct http1_client *h, const struct call_failure *f)
{
    struct http_call *call = h->call;

    h->call = NULL;
    h->ended = true;
    outbox_free(&h->io->out);
    if (call != NULL)
        h->io->failed(h->io, call, f);
}

static void fail_call(struct http1_client *h, enum http_failure failure, const char *why)
{
    struct call_failure f = {
        .failure = failure,
        .why = why,
        .chance = failure == HTTP_CLOSED && h->calls > 1 && !h->reader.heard ? CALL_UNHEARD : CALL_MAYBE_DONE,
    };

    end_with(h, &f);
}

/* Does the peer speak another protocol? Then it has not read our request. */
static bool is_foreign(struct http1_client *h, struct bytes data)
{
    struct call_failure f = { .failure = HTTP_WRONG_PROTOCOL, .chance = CALL_UNSEEN };
    size_t n = sizeof(h->first) - h->n_first;

    if (h->known)
        return false;
    if (n > data.len)
        n = data.len;
    memcpy(h->first + h->n_first, data.data, n);
    h->n_first += n;
    f.spoken = http_spoken_by(bytes_of(h->first, h->n_first));
    h->known = f.spoken == HTTP_SPOKEN_HTTP1 || f.spoken == HTTP_SPOKEN_OTHER;
    if (f.spoken != HTTP_SPOKEN_HTTP2 && f.spoken != HTTP_SPOKEN_TLS)
        return false;
    f.why =
        f.spoken == HTTP_SPOKEN_TLS ? "the peer speaks TLS, not plain text" : "the peer speaks HTTP/2, not HTTP/1.1";
    end_with(h, &f);
    return true;
}

/* ---- the answer ---- */

static void end_call(struct http1_client *h)
{
    struct http_call *call = h->call;
    struct http_response a = {
        .why = "",
        .status = h->reader.head.status,
        .headers = h->reader.head.headers,
        .n_headers = h->reader.head.n_headers,
        .trailers = h->reader.trailers,
        .n_trailers = h->reader.n_trailers,
        .body = buf_bytes(&h->reader.body),
        .cut = h->reader.thrown > 0,
    };

    h->call = NULL;
    h->ended |= !response_reader_reusable(&h->reader) || outbox_waiting(&h->io->out) > 0 ||
                !h->io->read(h->io, true); /* it may have been paused */
    if (h->ended)
        outbox_free(&h->io->out);
    h->io->answered(h->io, call, &a);
    if (h->call == NULL)
        give_buffer(h);
}

static void pass_body(void *arg, struct bytes data)
{
    struct http1_client *h = arg;
    struct http_call *call = h->call;

    call->status = h->reader.head.status;
    call->on_body(call, data);
    h->reader.left = h->call == NULL;
}

static void input(struct client_io *io, struct bytes data)
{
    struct http1_client *h = io->state;
    const char *why = "";
    enum response_progress progress;

    if (h->call == NULL) { /* nobody asked */
        h->ended = true;
        return;
    }
    if (is_foreign(h, data))
        return;
    progress = response_reader_take(&h->reader, data, &why);
    if (h->call == NULL) /* cancelled by whom its body was passed to */
        return;
    if (progress != RESPONSE_BROKEN && !charge_buffer(h))
        fail_call(h, HTTP_BROKEN_RESPONSE, "there is no room in the memory budget for the answer");
    else if (progress == RESPONSE_DONE)
        end_call(h);
    else if (progress == RESPONSE_BROKEN)
        fail_call(h, HTTP_BROKEN_RESPONSE, why);
}

static void end(struct client_io *io, const char *why, int error)
{
    struct http1_client *h = io->state;

    if (h->call != NULL && error == 0 && response_reader_end(&h->reader) == RESPONSE_DONE)
        end_call(h);
    else
        fail_call(h, HTTP_CLOSED, why);
    h->ended = true;
}

/* ---- calls ---- */

static void put_head(const struct client_head *head, const struct http_call *call, struct buf *out)
{
    size_t total = 0;
    char length[32];

    for (size_t i = 0; i < call->n_parts; i++)
        total += call->parts[i].len;
    buf_puts(out, call->method);
    buf_putc(out, ' ');
    buf_put(out, head->prefix);
    buf_put(out, call->path != NULL ? bytes_str(call->path) : head->path);
    buf_puts(out, " HTTP/1.1\r\n");
    buf_put(out, head->lines);
    for (size_t i = 0; i < call->n_headers; i++)
        http1_put_header(out, call->headers[i].name, call->headers[i].value);
    if (head->cookie.len > 0)
        http1_put_header(out, bytes_str("cookie"), head->cookie);
    snprintf(length, sizeof(length), "%zu", total);
    http1_put_header(out, bytes_str("content-length"), bytes_str(length));
    http1_put_end(out);
}

static void start(struct client_io *io, struct http_call *call)
{
    struct http1_client *h = io->state;

    assert(h->call == NULL && !h->ended);
    h->call = call;
    h->calls++;
    give_buffer(h);
    response_reader_begin(&h->reader, call->max_response, call->on_body != NULL ? pass_body : NULL, h);
    put_head(&io->shared->head, call, outbox_own(&io->out));
    for (size_t i = 0; i < call->n_parts; i++)
        outbox_refer(&io->out, call, call->parts[i]);
    io->kick(io);
}

/* The answer would come all the same, to nobody. */
static void leave(struct client_io *io, struct http_call *call)
{
    struct http1_client *h = io->state;

    assert(h->call == call);
    h->call = NULL;
    h->ended = true;
    outbox_free(&io->out);
}

static void pause_reading(struct client_io *io, struct http_call *call, bool on)
{
    struct http1_client *h = io->state;

    (void)call;
    if (!io->read(io, !on))
        fail_call(h, HTTP_CLOSED, "the socket cannot be read");
}

static size_t room(struct client_io *io)
{
    const struct http1_client *h = io->state;

    return h->call == NULL && !h->ended;
}

static enum call_progress progress_of(struct client_io *io, struct http_call *call)
{
    const struct http1_client *h = io->state;

    (void)call;
    return h->reader.heard ? CALL_HEARD : CALL_SENT;
}

static enum client_fate fate(struct client_io *io)
{
    const struct http1_client *h = io->state;

    return h->ended ? CLIENT_ENDED : h->call == NULL ? CLIENT_RESTS : CLIENT_GOES_ON;
}

static void close_client(struct client_io *io)
{
    struct http1_client *h = io->state;

    give_buffer(h);
    response_reader_free(&h->reader);
    free(h);
    io->state = NULL;
}

static const struct client_ops ops = {
    .room = room,
    .start = start,
    .leave = leave,
    .pause = pause_reading,
    .progress = progress_of,
    .input = input,
    .end = end,
    .fate = fate,
    .close = close_client,
};

void http1_client_open(struct client_io *io)
{
    struct http1_client *h = mem_zalloc(sizeof(*h));

    h->io = io;
    io->ops = &ops;
    io->state = h;
}
