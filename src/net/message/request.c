/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way: request_new() takes its memory from those that were used before, request_begin() shows it to
 * the service when its head is whole (to CORS and the gatekeeper first), request_body() and request_end() hand on what
 * comes, and http_respond() or its three parts answer once. request_close() is the last that the service hears of it.
 * What differs between HTTP/1.1 and HTTP/2 is behind struct stream_ops.
 *
 * What can go wrong: a head that is too large, or for which the budget has no room, never reaches the service: 431 or
 * 503. A body that takes too long is refused with 408, or its stream is reset when the answer has begun. Once the peer
 * has gone, or either side has reset it, the request is cut: nothing more is told of it but its end, and what the
 * service still writes goes nowhere. */
#include "net/message/request.h"

#include "net/message/cors.h"
#include "net/message/gate_request.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define HURRY (2 * NS_PER_S)
#define SPARE_REQUESTS 256
#define SPARE_HEADERS 32 /* larger arrays are not kept */
#define SPARE_BUF 4096   /* larger buffers neither */
#define DISMISS_AFTER (250 * NS_PER_MS)
#define COST 2560 /* of a request in memory, ours and the protocol's, with a head of usual size */

static struct request *request_of(struct http_request *req)
{
    return container_of(req, struct request, pub);
}

static struct conn_io *io_of(const struct http_request *req)
{
    return container_of_const(req, struct request, pub)->io;
}

/* --- memory --- */

static void free_request(struct request *r)
{
    free(r->headers);
    vec_free(&r->refs);
    buf_free(&r->head);
    buf_free(&r->body);
    buf_free(&r->trailers);
    free(r);
}

/* The same memory, as after its allocation but for its buffers. */
static void wipe_request(struct request *r)
{
    struct request old = *r;

    *r = (struct request){ .headers = old.headers, .cap_headers = old.cap_headers };
    r->refs.v = old.refs.v;
    r->refs.cap = old.refs.cap;
    r->head = (struct buf){ old.head.data, 0, old.head.cap };
    r->body = (struct buf){ old.body.data, 0, old.body.cap };
    r->trailers = (struct buf){ old.trailers.data, 0, old.trailers.cap };
}

struct request *request_new(struct conn_io *io, const struct stream_ops *ops, void *conn)
{
    struct server_shared *shared = io->shared;
    struct request *r = list_pop(&shared->spare, struct request, link);

    if (r != NULL) {
        shared->n_spare--;
        wipe_request(r);
    } else {
        r = mem_zalloc(sizeof(*r));
    }
    conn_io_hold(io, COST);
    r->charged = COST;
    r->io = io;
    r->ops = ops;
    r->conn = conn;
    r->allowed = shared->options.initial_window;
    r->pub.service = shared->service;
    r->pub.content_length = -1;
    return r;
}

static void recycle_request(struct request *r)
{
    struct server_shared *shared = r->io->shared;

    for (size_t i = 0; i < r->refs.n; i++)
        nghttp2_rcbuf_decref(r->refs.v[i]);
    conn_io_release(r->io, r->charged);
    if (shared->n_spare == SPARE_REQUESTS || r->cap_headers > SPARE_HEADERS || r->refs.cap > 3ul * SPARE_HEADERS ||
        r->head.cap > SPARE_BUF || r->body.cap > SPARE_BUF || r->trailers.cap > SPARE_BUF) {
        free_request(r);
        return;
    }
    list_push_front(&shared->spare, &r->link);
    shared->n_spare++;
}

void request_free_spares(struct server_shared *shared)
{
    list_each (struct request, r, &shared->spare, link)
        free_request(r);
    list_init(&shared->spare);
    shared->n_spare = 0;
}

struct http_header *request_add_header(struct request *r)
{
    if (r->pub.n_headers == r->cap_headers) {
        r->cap_headers = r->cap_headers ? r->cap_headers * 2 : 16;
        r->headers = mem_realloc(r->headers, r->cap_headers * sizeof(*r->headers));
    }
    r->pub.headers = r->headers;
    return &r->headers[r->pub.n_headers];
}

void request_split_path(struct request *r, struct bytes target)
{
    const uint8_t *mark = target.len ? memchr(target.data, '?', target.len) : NULL;

    r->pub.path = target;
    if (mark != NULL) {
        r->pub.path.len = (size_t)(mark - target.data);
        r->pub.query = bytes_of(mark + 1, target.len - r->pub.path.len - 1);
    }
}

bool request_is_framing(struct bytes name)
{
    switch (name.len) {
    case 7:
        return bytes_equal_nocase(name, bytes_str("upgrade"));
    case 10:
        return bytes_equal_nocase(name, bytes_str("connection")) || bytes_equal_nocase(name, bytes_str("keep-alive"));
    case 14:
        return bytes_equal_nocase(name, bytes_str("content-length"));
    case 17:
        return bytes_equal_nocase(name, bytes_str("transfer-encoding"));
    default:
        return false;
    }
}

/* --- events --- */

static void on_request_late(struct clock_timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    r->io->shared->stats.timeouts++;
    if (!r->body_ended && !r->pub.responded && !r->cut)
        request_refuse(r, 408, "the request did not arrive in time");
    else
        http_request_reset(&r->pub, NGHTTP2_CANCEL);
}

static void expect_within(struct request *r, uint64_t time)
{
    struct clock *clock = &r->io->shared->loop->clock;

    if (time > 0)
        clock_start(clock, &r->timer, time, on_request_late);
    else if (clock_armed(&r->timer))
        clock_stop(clock, &r->timer);
}

static bool is_heard(const struct request *r)
{
    return r->announced && !r->cut && !r->answer_ended;
}

void request_hurry(struct request *r)
{
    if (is_heard(r) && !r->body_ended && !r->pub.responded)
        expect_within(r, HURRY);
}

static void on_dismissed(struct clock_timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    r->ops->reset(r, NGHTTP2_NO_ERROR);
    r->io->kick(r->io);
}

void request_dismiss(struct request *r)
{
    clock_start(&r->io->shared->loop->clock, &r->timer, r->allowed > 0 ? DISMISS_AFTER : 1, on_dismissed);
}

static void tell_body(struct request *r, struct bytes data)
{
    if (r->pub.service->on_body != NULL)
        r->pub.service->on_body(&r->pub, data);
    else
        http_request_grant(&r->pub, data.len);
}

static void tell_end(struct request *r)
{
    if (r->pub.service->on_end != NULL)
        r->pub.service->on_end(&r->pub);
}

void request_tell(struct request *r, struct bytes body, bool ended)
{
    struct http_service *service = r->pub.service;

    r->announced = true;
    service->on_request(service, &r->pub);
    if (is_heard(r) && body.len > 0)
        tell_body(r, body);
    if (is_heard(r) && ended)
        tell_end(r);
}

/* Once the gatekeeper has let it in. */
static void announce_request(struct request *r)
{
    struct server_shared *shared = r->io->shared;

    r->head_only = bytes_is(r->pub.method, "HEAD");
    if (!r->body_ended)
        expect_within(r, shared->options.read_timeout);
    if (!r->io->mismatch_told && shared->on_mismatch != NULL && r->pub.http2 != shared->options.expect_http2)
        shared->on_mismatch(shared->service, &r->pub);
    r->io->mismatch_told = true;
    if (shared->options.cors != NULL && cors_is_preflight(&r->pub)) /* before it says who it is */
        http_respond(&r->pub, 204, NULL, 0, bytes_of(NULL, 0));
    else if (shared->options.gatekeeper == NULL)
        request_tell(r, bytes_of(NULL, 0), false);
    else
        gate_ask(r);
}

void request_body(struct request *r, struct bytes data)
{
    r->allowed -= data.len < r->allowed ? data.len : r->allowed;
    if (gate_holds(r))
        gate_hold(r, data);
    else if (is_heard(r) && data.len > 0)
        tell_body(r, data);
}

void request_end(struct request *r)
{
    if (r->body_ended)
        return;
    r->body_ended = true;
    if (!r->answer_ended)
        expect_within(r, 0);
    if (gate_holds(r))
        gate_end(r);
    else if (is_heard(r))
        tell_end(r);
}

void request_writable(struct request *r)
{
    if (!r->want_writable || !is_heard(r) || r->ops->waiting(r) > r->io->shared->options.write_buffer_size / 2)
        return;
    r->want_writable = false;
    if (r->pub.service->on_writable != NULL)
        r->pub.service->on_writable(&r->pub);
}

void request_peer_end(struct request *r)
{
    if (is_heard(r) && r->pub.service->on_peer_end != NULL)
        r->pub.service->on_peer_end(&r->pub);
}

void request_close(struct request *r, bool aborted)
{
    clock_stop(&r->io->shared->loop->clock, &r->timer);
    gate_close(r);
    if (r->announced)
        r->pub.service->on_close(&r->pub, aborted || r->cut);
    recycle_request(r);
}

/* --- the service's calls --- */

const struct bytes *http_request_header(const struct http_request *req, const char *name)
{
    struct bytes wanted = bytes_str(name);

    for (size_t i = 0; i < req->n_headers; i++)
        if (bytes_equal(req->headers[i].name, wanted))
            return &req->headers[i].value;
    return NULL;
}

const char *http_request_peer(const struct http_request *req)
{
    struct conn_io *io = io_of(req);

    return io->peer(io);
}

const uint8_t *http_request_network(const struct http_request *req)
{
    return io_of(req)->network;
}

void http_request_grant(struct http_request *req, size_t n)
{
    struct request *r = request_of(req);

    if (n == 0 || r->cut || r->body_ended || r->answer_ended)
        return;
    r->allowed += n;
    r->ops->grant(r, n);
}

static bool may_have_body(const struct request *r, int status)
{
    return !r->head_only && status >= 200 && status != 204 && status != 304;
}

static void answer_complete(struct request *r)
{
    r->answer_ended = true;
    expect_within(r, r->io->shared->options.write_timeout);
}

/* The one answer. False: nobody is there to get it. */
static bool may_answer(struct request *r, int status)
{
    assert(!r->pub.responded);
    r->pub.responded = true;
    r->head_only = r->head_only || !may_have_body(r, status);
    return !r->cut;
}

/* With what belongs on every answer of the server. */
static void begin_answer(struct request *r, int status, const struct http_header *headers, size_t n, bool whole)
{
    const struct http_server_options *o = &r->io->shared->options;
    size_t n_added = o->response_headers != NULL ? o->response_headers->n : 0;
    http_headers all = { 0 };
    char age[CORS_AGE];

    if (n_added == 0 && o->cors == NULL) {
        r->ops->begin(r, status, headers, n, whole);
        return;
    }
    for (size_t i = 0; i < n; i++)
        *vec_push(&all) = headers[i];
    for (size_t i = 0; i < n_added; i++)
        *vec_push(&all) = (struct http_header){ bytes_str(o->response_headers->v[i].key),
                                                bytes_str(o->response_headers->v[i].value) };
    if (o->cors != NULL)
        cors_add_headers(o->cors, &r->pub, &all, age);
    r->ops->begin(r, status, all.v, all.n, whole);
    vec_free(&all);
}

void http_respond(struct http_request *req, int status, const struct http_header *headers, size_t n, struct bytes body)
{
    struct request *r = request_of(req);

    if (!may_answer(r, status))
        return;
    r->body.len = 0;
    buf_put(&r->body, body);
    answer_complete(r);
    begin_answer(r, status, headers, n, true);
    r->io->kick(r->io);
}

void http_respond_begin(struct http_request *req, int status, const struct http_header *headers, size_t n)
{
    struct request *r = request_of(req);

    if (!may_answer(r, status))
        return;
    begin_answer(r, status, headers, n, false);
    r->io->kick(r->io);
}

bool http_respond_write(struct http_request *req, struct bytes data)
{
    struct request *r = request_of(req);

    assert(req->responded && !r->answer_ended);
    if (r->cut || data.len == 0 || r->head_only)
        return true;
    r->ops->more(r, data);
    r->io->kick(r->io);
    r->want_writable = r->ops->waiting(r) > r->io->shared->options.write_buffer_size;
    return !r->want_writable;
}

void http_respond_end(struct http_request *req, const struct http_header *trailers, size_t n)
{
    struct request *r = request_of(req);

    assert(req->responded && !r->answer_ended);
    answer_complete(r);
    if (r->cut)
        return;
    for (size_t i = 0; i < n; i++) {
        buf_append(&r->trailers, &trailers[i].name.len, sizeof(size_t));
        buf_append(&r->trailers, &trailers[i].value.len, sizeof(size_t));
        buf_put(&r->trailers, trailers[i].name);
        buf_put(&r->trailers, trailers[i].value);
    }
    r->ops->end(r);
    r->io->kick(r->io);
}

void http_request_reset(struct http_request *req, uint32_t error_code)
{
    struct request *r = request_of(req);

    if (r->cut)
        return;
    r->cut = true;
    expect_within(r, 0);
    r->ops->reset(r, error_code);
    r->io->kick(r->io);
}

void request_refuse(struct request *r, int status, const char *text)
{
    struct http_header type = { BYTES_LIT("content-type"), BYTES_LIT("text/plain; charset=utf-8") };
    char line[256];
    int n = snprintf(line, sizeof(line), "%d %s\n", status, text);

    if (!r->pub.responded)
        http_respond(&r->pub, status, &type, 1, bytes_of(line, (size_t)n));
}

/* Nobody has seen it, and nobody will: it is not kept while the answer is under way. */
static void drop_head(struct request *r)
{
    for (size_t i = 0; i < r->refs.n; i++)
        nghttp2_rcbuf_decref(r->refs.v[i]);
    vec_free(&r->refs);
    free(r->headers);
    buf_free(&r->head);
    r->headers = NULL;
    r->cap_headers = 0;
    r->pub.headers = NULL;
    r->pub.n_headers = 0;
    r->pub.method = r->pub.path = r->pub.query = r->pub.authority = (struct bytes){ 0 };
}

bool request_charge_head(struct request *r)
{
    uint64_t size = r->header_bytes + r->cap_headers * sizeof(*r->headers) + r->refs.cap * sizeof(*r->refs.v);
    const struct budget *budget = r->io->shared->budget;

    if (r->too_large || r->no_room || r->header_bytes <= COST || size <= r->head_charged)
        return !r->too_large && !r->no_room;
    if (!conn_io_may_hold(r->io) || budget->used > budget->limit) {
        r->no_room = true;
        drop_head(r);
        return false;
    }
    conn_io_hold(r->io, size - r->head_charged);
    r->charged += size - r->head_charged;
    r->head_charged = size;
    return true;
}

void request_begin(struct request *r)
{
    if (request_charge_head(r)) {
        announce_request(r);
        return;
    }
    drop_head(r);
    if (r->too_large)
        request_refuse(r, 431, "the request's headers are larger than this server allows");
    else
        request_refuse(r, 503, "no room in the memory budget for the request's headers; send it again later");
}
