/* SPDX-License-Identifier: Apache-2.0 */
/* One call as a stream: its head is given to nghttp2, its body goes into the outbox frame by frame, from where it lies,
 * as the peer's windows allow. Fields of the answer are kept as nghttp2's counted buffers, the body in a buffer, and
 * both are told to the caller when the peer has ended its side.
 *
 * What can go wrong: the peer resets the stream, or sends more than was asked for; the caller leaves. Then the call is
 * over at once, the peer is told with RST_STREAM, and the stream stays until nghttp2 is done with it. */
#include "base/unconst.h"
#include "net/http2/http2_client_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTPUT_ONCE (256 * 1024ul)
#define HEADER_MAX (64 * 1024ul)
#define FIELDS_MAX 256
#define STATUS_MAX 100 /* a grpc-status, as HPACK counts it */
#define INTERIM_MAX 16
#define THROWN_MAX (1024 * 1024ul) /* of a body that is longer than what is kept */

static bool take_charge(struct http2_stream *s, size_t n)
{
    return call_charge_answer(s->h->io->shared->budget, &s->charged, n);
}

static void drop_refs(struct http2_stream *s, size_t from)
{
    while (s->refs.n > from)
        nghttp2_rcbuf_decref(s->refs.v[--s->refs.n]);
}

/* The answer is told, or nobody wants it: its memory is not kept for as long as the stream is. */
static void drop_answer(struct http2_stream *s)
{
    drop_refs(s, 0);
    vec_free(&s->refs);
    vec_free(&s->fields);
    buf_free(&s->body);
    if (s->charged > 0)
        budget_give(s->h->io->shared->budget, s->charged);
    s->charged = 0;
}

void http2_stream_free(struct http2_stream *s)
{
    drop_answer(s);
    list_remove(&s->link);
    free(s);
}

/* ---- ends ---- */

static void reset_stream(struct http2_stream *s)
{
    if (s->reset)
        return;
    s->reset = true;
    nghttp2_submit_rst_stream(s->h->session.ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    s->h->io->kick(s->h->io);
}

/* The call is not the stream's any more, and its parts are not looked at again. */
static struct http_call *take_call(struct http2_stream *s)
{
    struct http_call *call = s->call;

    s->call = NULL;
    s->h->n_calls--;
    call->stream = NULL;
    if (s->at > 0)
        outbox_keep(&s->h->io->out, call);
    return call;
}

void http2_stream_leave(struct http2_stream *s)
{
    take_call(s);
    reset_stream(s);
    drop_answer(s);
}

void http2_stream_fail(struct http2_stream *s, const struct call_failure *f)
{
    struct client_io *io = s->h->io;
    struct http_call *call = take_call(s);

    drop_answer(s);
    io->failed(io, call, f);
}

static void break_answer(struct http2_stream *s, const char *why)
{
    struct call_failure f = { .failure = HTTP_BROKEN_RESPONSE, .why = why };

    reset_stream(s);
    http2_stream_fail(s, &f);
}

void http2_stream_end(struct http2_stream *s)
{
    struct client_io *io = s->h->io;
    struct http_call *call;
    struct http_response a = {
        .why = "",
        .status = s->status,
        .headers = s->fields.v,
        .n_headers = s->n_headers,
        .trailers = s->fields.n > s->n_headers ? s->fields.v + s->n_headers : NULL,
        .n_trailers = s->fields.n - s->n_headers,
        .body = buf_bytes(&s->body),
        .cut = s->cut,
    };

    if (!s->ended || s->at < s->total)
        reset_stream(s); /* what is left of the request, or of the answer, interests nobody */
    call = take_call(s);
    io->answered(io, call, &a);
    drop_answer(s);
}

/* ---- the answer ---- */

void http2_stream_begin_headers(struct http2_stream *s)
{
    s->block_fields = s->fields.n;
    s->block_refs = s->refs.n;
}

static struct bytes keep_buf(struct http2_stream *s, nghttp2_rcbuf *buf)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(buf);

    nghttp2_rcbuf_incref(buf);
    *vec_push(&s->refs) = buf;
    return bytes_of(v.base, v.len);
}

/* nghttp2 has seen that it is three digits. */
static void take_status(struct http2_stream *s, nghttp2_vec value)
{
    if (s->has_head || value.len != 3)
        return;
    s->status = (value.base[0] - '0') * 100 + (value.base[1] - '0') * 10 + value.base[2] - '0';
}

/* May the field be kept too? What has become of the request has its place whatever stands before it, once. */
static bool has_room(struct http2_stream *s, nghttp2_vec name, size_t size)
{
    if (s->header_bytes + size <= HEADER_MAX && s->fields.n < FIELDS_MAX)
        return true;
    if (s->cut_status || size > STATUS_MAX || !bytes_is(bytes_of(name.base, name.len), "grpc-status"))
        return false;
    s->cut_status = true;
    return true;
}

void http2_stream_header(struct http2_stream *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value, size_t size)
{
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
    struct http_header *f;

    s->heard = true;
    if (n.len > 0 && n.base[0] == ':') {
        if (n.len == 7 && memcmp(n.base, ":status", 7) == 0)
            take_status(s, nghttp2_rcbuf_get_buf(value));
        return;
    }
    if (!has_room(s, n, size)) {
        s->cut = true;
        return;
    }
    if (!take_charge(s, size)) {
        break_answer(s, "there is no room in the memory budget for the answer");
        return;
    }
    s->header_bytes += size;
    f = vec_push(&s->fields);
    f->name = keep_buf(s, name);
    f->value = keep_buf(s, value);
}

void http2_stream_headers_end(struct http2_stream *s, bool end_stream)
{
    if (s->has_head) {
        if (end_stream)
            http2_stream_end(s);
        return;
    }
    if (s->status < 100) { /* nghttp2 takes it for a final one */
        break_answer(s, "the answer's status is below 100");
        return;
    }
    if (s->status < 200) {
        s->fields.n = s->block_fields;
        drop_refs(s, s->block_refs);
        if (++s->interim > INTERIM_MAX)
            break_answer(s, "the answer is one 1xx after another");
        return;
    }
    s->has_head = true;
    s->n_headers = s->fields.n;
    if (end_stream)
        http2_stream_end(s);
}

/* The peer may send as much again. */
static void open_window(struct http2_stream *s, size_t n)
{
    nghttp2_session_consume_stream(s->h->session.ng, s->id, n);
    s->h->io->kick(s->h->io);
}

static void pass_data(struct http2_stream *s, struct bytes data)
{
    struct http_call *call = s->call;

    if (s->arrived > call->max_response) {
        break_answer(s, "the answer is larger than was asked for");
        return;
    }
    call->status = s->status;
    call->on_body(call, data);
}

static void keep_data(struct http2_stream *s, struct bytes data)
{
    size_t most = s->call->max_response, room = most > s->body.len ? most - s->body.len : 0;

    if (data.len > room) {
        data.len = room;
        s->cut = true;
    }
    if (!take_charge(s, data.len)) {
        break_answer(s, "there is no room in the memory budget for the answer");
        return;
    }
    buf_put(&s->body, data);
    if (s->arrived > s->body.len + THROWN_MAX)
        http2_stream_end(s);
}

void http2_stream_data(struct http2_stream *s, struct bytes data)
{
    s->arrived += data.len;
    if (s->call->on_body != NULL)
        pass_data(s, data);
    else
        keep_data(s, data);
    if (s->call == NULL)
        return;
    if (s->paused)
        s->unconsumed += data.len;
    else
        open_window(s, data.len);
}

void http2_stream_pause(struct http2_stream *s, bool on)
{
    s->paused = on;
    if (on || s->unconsumed == 0)
        return;
    open_window(s, s->unconsumed);
    s->unconsumed = 0;
}

/* ---- the request ---- */

static nghttp2_nv nv_of(struct bytes name, struct bytes value)
{
    bool secret = bytes_is(name, "authorization") || bytes_is(name, "proxy-authorization") || bytes_is(name, "cookie");

    return (nghttp2_nv){ unconst(name.data), unconst(value.data), name.len, value.len,
                         secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

/* What is of HTTP/1.1, or of the protocol itself, and has no place in the fields (RFC 9113 8.2.2, 8.3.1). */
static bool is_of_connection(struct bytes name)
{
    static const char *const names[] = {
        "connection",     "keep-alive", "proxy-connection",   "transfer-encoding", "upgrade",
        "content-length", "host",       "proxy-authorization"
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_is(name, names[i]))
            return true;
    return false;
}

static size_t put_fields(nghttp2_nv *nv, size_t n, const struct http_header *headers, size_t n_headers)
{
    for (size_t i = 0; i < n_headers; i++)
        if (headers[i].name.len > 0 && !is_of_connection(headers[i].name))
            nv[n++] = nv_of(headers[i].name, headers[i].value);
    return n;
}

static bool is_grpc(const struct http_call *call)
{
    for (size_t i = 0; i < call->n_headers; i++)
        if (bytes_is(call->headers[i].name, "te"))
            return true;
    return false;
}

/* The fields of the request at `nv`, which has room for all; `length` for a number. */
static size_t put_head(nghttp2_nv *nv, const struct http2_stream *s, char *length, size_t cap)
{
    const struct client_head *head = &s->h->io->shared->head;
    const struct http_call *call = s->call;
    size_t n = 0;

    nv[n++] = nv_of(bytes_str(":method"), bytes_str(call->method));
    nv[n++] = nv_of(bytes_str(":scheme"), bytes_str(head->secure ? "https" : "http"));
    nv[n++] = nv_of(bytes_str(":authority"), head->authority);
    nv[n++] = nv_of(bytes_str(":path"), call->path != NULL ? bytes_str(call->path) : head->path);
    n = put_fields(nv, n, head->headers, head->n_headers);
    n = put_fields(nv, n, call->headers, call->n_headers);
    if (head->cookie.len > 0)
        nv[n++] = nv_of(bytes_str("cookie"), head->cookie);
    if (!is_grpc(call)) { /* whose clients send none */
        snprintf(length, cap, "%zu", s->total);
        nv[n++] = nv_of(bytes_str("content-length"), bytes_str(length));
    }
    return n;
}

static ssize_t give_length(nghttp2_session *ng, int32_t stream_id, uint8_t *buf, size_t most, uint32_t *flags,
                           nghttp2_data_source *source, void *user)
{
    struct http2_stream *s = source->ptr;
    size_t n = s->total - s->at < most ? s->total - s->at : most;

    (void)ng;
    (void)stream_id;
    (void)buf;
    (void)user;
    if (s->call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (outbox_waiting(&s->h->io->out) >= OUTPUT_ONCE)
        return NGHTTP2_ERR_PAUSE;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->at + n == s->total)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* nghttp2 looks at the windows itself. */
ssize_t http2_stream_frame_size(nghttp2_session *ng, uint8_t type, int32_t stream_id, int32_t connection_window,
                                int32_t stream_window, uint32_t peer_max, void *user)
{
    (void)ng;
    (void)type;
    (void)stream_id;
    (void)connection_window;
    (void)stream_window;
    (void)user;
    return peer_max < HTTP2_FRAME_MAX ? peer_max : HTTP2_FRAME_MAX;
}

int http2_stream_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                           nghttp2_data_source *source, void *user)
{
    struct http2_stream *s = source->ptr;
    struct outbox *out = &s->h->io->out;

    (void)ng;
    (void)frame;
    (void)user;
    if (s->call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    buf_append(outbox_own(out), head, 9);
    s->at += len;
    while (len > 0) {
        struct bytes rest = bytes_skip(s->call->parts[s->part], s->part_at);

        if (rest.len > len)
            rest.len = len;
        outbox_refer(out, s->call, rest);
        len -= rest.len;
        s->part_at += rest.len;
        if (s->part_at == s->call->parts[s->part].len) {
            s->part++;
            s->part_at = 0;
        }
    }
    return 0;
}

bool http2_stream_start(struct http2_client *h, struct http_call *call)
{
    struct http2_stream *s = mem_zalloc(sizeof(*s));
    nghttp2_data_provider body = { { .ptr = s }, give_length };
    size_t most = 6 + h->io->shared->head.n_headers + call->n_headers;
    nghttp2_nv few[32], *nv = most <= ARRAY_LEN(few) ? few : mem_alloc(most * sizeof(*nv));
    char length[24];
    size_t n;

    s->h = h;
    s->call = call;
    for (size_t i = 0; i < call->n_parts; i++)
        s->total += call->parts[i].len;
    n = put_head(nv, s, length, sizeof(length));
    s->id = nghttp2_submit_request(h->session.ng, NULL, nv, n, s->total > 0 ? &body : NULL, s);
    if (nv != few)
        free(nv);
    if (s->id < 0) {
        free(s);
        return false;
    }
    h->session.last_stream = s->id;
    h->n_calls++;
    call->stream = s;
    list_push(&h->streams, &s->link);
    return true;
}
