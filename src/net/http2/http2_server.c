/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in and out. A stream gets a request when its headers begin and loses it when nghttp2 closes the stream, which
 * happens while reading (the peer's RST_STREAM) or while writing (our END_STREAM or RST_STREAM), never inside a
 * call of the service. Output is pulled at the end of the turn, so the answers of a turn leave in one write. */
#include "net/http2/http2_server_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define OUTPUT_ONCE (128 * 1024ul) /* bytes pulled before they are written */
#define FIELDS_MAX 256             /* of a request: an indexed one costs a peer a byte */
#define BLOCK_USUAL 8192           /* bytes of headers that may be on their way though there is no room */
#define REFUSED_MAX 4096 /* streams past the announced limit that nghttp2 may hold until their reset is sent */

/* --- what arrives --- */

static void begin_headers(struct http2_session *s, const nghttp2_headers *frame)
{
    struct http2 *h = http2_of(s);
    struct request *r;

    if (frame->cat != NGHTTP2_HCAT_REQUEST)
        return;
    s->last_stream = frame->hd.stream_id;
    if (h->n_open >= h->io->shared->options.max_concurrent_streams || !conn_io_may_hold(h->io)) {
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        http2_session_annoy(s, 1, "too many streams past MAX_CONCURRENT_STREAMS, or its share of the memory budget");
        return;
    }
    r = request_new(h->io, &http2_stream_ops, h);
    r->pub.http2 = true;
    r->stream_id = frame->hd.stream_id;
    list_push_front(&h->open, &r->link);
    h->n_open++;
    nghttp2_session_set_stream_user_data(s->ng, r->stream_id, r);
}

static struct bytes keep_buffer(struct request *r, nghttp2_rcbuf *buf)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(buf);

    nghttp2_rcbuf_incref(buf);
    *vec_push(&r->refs) = buf;
    return bytes_of(v.base, v.len);
}

static void keep_pseudo(struct request *r, struct bytes name, nghttp2_rcbuf *value)
{
    if (bytes_is(name, ":path"))
        request_split_path(r, keep_buffer(r, value));
    else if (bytes_is(name, ":method"))
        r->pub.method = keep_buffer(r, value);
    else if (bytes_is(name, ":authority"))
        r->pub.authority = keep_buffer(r, value);
}

/* nghttp2 has seen that it is a number. */
static int64_t number_of(struct bytes s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.len && n < INT64_MAX / 10 - 10; i++)
        n = n * 10 + (s.data[i] - '0');
    return n;
}

static void keep_header(struct request *r, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    struct http_header *f = request_add_header(r);

    f->name = keep_buffer(r, name);
    f->value = keep_buffer(r, value);
    r->pub.n_headers++;
    if (f->name.len == 14 && bytes_is(f->name, "content-length"))
        r->pub.content_length = number_of(f->value);
    else if (f->name.len == 4 && bytes_is(f->name, "host") && r->pub.authority.len == 0)
        r->pub.authority = f->value;
}

static bool is_head(nghttp2_rcbuf *method)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(method);

    return bytes_is(bytes_of(v.base, v.len), "HEAD");
}

static void take_header(struct http2_session *s, const nghttp2_headers *frame, nghttp2_rcbuf *name,
                        nghttp2_rcbuf *value, size_t size)
{
    struct http2 *h = http2_of(s);
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
    struct request *r;

    if (frame->cat != NGHTTP2_HCAT_REQUEST)
        return;
    r = nghttp2_session_get_stream_user_data(s->ng, frame->hd.stream_id);
    if (r == NULL)
        return;
    r->header_bytes += size;
    r->too_large |= r->header_bytes > h->io->shared->options.max_header_bytes || r->pub.n_headers == FIELDS_MAX;
    if (n.len == 7 && memcmp(n.base, ":method", 7) == 0) /* a refusal has to know it too */
        r->head_only = is_head(value);
    if (!request_charge_head(r))
        return;
    if (n.len > 0 && n.base[0] == ':')
        keep_pseudo(r, bytes_of(n.base, n.len), value);
    else
        keep_header(r, name, value);
}

static void note_headers(const nghttp2_headers *frame, struct request *r)
{
    if (r == NULL)
        return;
    if (frame->cat == NGHTTP2_HCAT_REQUEST)
        request_begin(r);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        request_end(r);
}

static void note_data(struct http2 *h, const nghttp2_data *frame, struct request *r)
{
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        if (r != NULL)
            request_end(r);
        return;
    }
    if (r != NULL && frame->padlen > 0 && !r->answer_ended && !r->cut)
        http2_sync_window(h, r);
}

static void take_frame(struct http2_session *s, const nghttp2_frame *frame)
{
    struct http2 *h = http2_of(s);
    struct request *r =
        frame->hd.stream_id > 0 ? nghttp2_session_get_stream_user_data(s->ng, frame->hd.stream_id) : NULL;

    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        note_data(h, &frame->data, r);
        break;
    case NGHTTP2_HEADERS:
        note_headers(&frame->headers, r);
        break;
    case NGHTTP2_PING:
        http2_note_ping(h, &frame->ping);
        break;
    default:
        break;
    }
}

static void take_data(struct http2_session *s, int32_t stream_id, struct bytes data)
{
    struct request *r = nghttp2_session_get_stream_user_data(s->ng, stream_id);

    if (r == NULL)
        return;
    request_body(r, data);
    if (r->answer_sent && r->allowed == 0) /* it could wait for a grant that will not come */
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
}

/* Of a field that is not whole nghttp2 keeps up to 128 KiB, which count neither for a request nor for the session. */
static void hold_block(struct http2_session *s)
{
    struct http2 *h = http2_of(s);
    uint64_t size = s->block_arrived;

    if (size == h->block_held)
        return;
    if (size > BLOCK_USUAL && size > h->block_held && !conn_io_may_hold(h->io))
        http2_session_kill(s, NGHTTP2_ENHANCE_YOUR_CALM, "no room for the headers",
                           "its share of the memory budget has no room for its headers");
    conn_io_hold(h->io, size);
    conn_io_release(h->io, h->block_held);
    h->block_held = size;
}

static size_t input(struct conn_io *io, struct bytes data)
{
    struct http2 *h = io->state;

    http2_session_input(&h->session, data);
    if (!h->session.in_headers && h->session.greeted)
        conn_io_expect(io, DEADLINE_READ, 0);
    else if (h->session.in_headers && io->deadlines[DEADLINE_READ] == 0)
        conn_io_expect(io, DEADLINE_READ, io->shared->options.read_header_timeout);
    io->kick(io);
    return data.len;
}

/* --- what leaves --- */

static void note_sent(struct http2_session *s, const nghttp2_frame *frame)
{
    struct http2 *h = http2_of(s);
    struct request *r;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return;
    h->strikes_forgiven = true;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return;
    r = nghttp2_session_get_stream_user_data(s->ng, frame->hd.stream_id);
    if (r == NULL)
        return;
    r->answer_sent = true;
    if (!r->body_ended)
        request_dismiss(r); /* the rest of the body is of no interest: RFC 9113 8.1 */
}

static void forget_request(struct http2 *h, struct request *r)
{
    list_remove(&r->link);
    h->n_open--;
    h->io->at_rest = clock_mono(&h->io->shared->loop->clock);
}

static void note_closed(struct http2_session *s, int32_t stream_id, uint32_t error_code)
{
    struct request *r = nghttp2_session_get_stream_user_data(s->ng, stream_id);

    (void)error_code;
    if (r == NULL)
        return;
    nghttp2_session_set_stream_user_data(s->ng, stream_id, NULL);
    forget_request(http2_of(s), r);
    request_close(r, !r->answer_sent);
}

static void kick(struct http2_session *s)
{
    struct conn_io *io = http2_of(s)->io;

    io->kick(io);
}

static void complain(struct http2_session *s, const char *reason)
{
    conn_io_complain(http2_of(s)->io, reason);
}

static const struct http2_side side = {
    .begin_headers = begin_headers,
    .header = take_header,
    .frame = take_frame,
    .data = take_data,
    .sent = note_sent,
    .closed = note_closed,
    .block = hold_block,
    .kick = kick,
    .complain = complain,
    .strict = true,
};

/* nghttp2 ends the connection over a stream past the announced limit, where RFC 9113 5.1.2 asks for the stream to be
 * refused. So it is told of a higher limit, and what leaves is the true one. */
static void mend_settings(struct http2 *h, uint8_t *frame, size_t len)
{
    uint32_t n = h->io->shared->options.max_concurrent_streams;

    assert(len >= 15 && frame[3] == NGHTTP2_SETTINGS && frame[10] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    for (int i = 0; i < 4; i++)
        frame[11 + i] = (uint8_t)(n >> (24 - 8 * i));
    h->settings_told = true;
}

static void output(struct conn_io *io, struct buf *to)
{
    struct http2 *h = io->state;

    while (to->len < OUTPUT_ONCE) {
        struct bytes run = http2_session_output(&h->session);

        if (run.len == 0)
            break;
        buf_put(to, run);
        if (!h->settings_told)
            mend_settings(h, to->data + to->len - run.len, run.len);
    }
}

static void flushed(struct conn_io *io)
{
    struct http2 *h = io->state;

    if (h->writable_due) {
        h->writable_due = false;
        list_each (struct request, r, &h->open, link)
            request_writable(r);
    }
    if (nghttp2_session_want_write(h->session.ng))
        io->kick(io);
}

/* --- the connection --- */

static size_t room(struct conn_io *io, size_t most)
{
    struct http2 *h = io->state;

    return http2_session_is_choked(&h->session) ? 0 : most;
}

static enum http_fate fate(struct conn_io *io)
{
    struct http2 *h = io->state;

    if (h->session.state == HTTP2_BROKEN)
        return HTTP_BROKEN;
    if (h->session.state == HTTP2_KILLED)
        return HTTP_FINISHED;
    if (nghttp2_session_want_write(h->session.ng))
        return HTTP_GOES_ON;
    if (!nghttp2_session_want_read(h->session.ng) || (h->phase == HTTP2_DRAINING && h->n_open == 0))
        return HTTP_FINISHED;
    return HTTP_GOES_ON;
}

#define LOOKS 16 /* at streams, to see whether we owe one of them an answer */

static enum crowd_rank rank(struct conn_io *io)
{
    const struct http2 *h = io->state;
    unsigned looks = 0;

    if (list_empty(&h->open))
        return h->session.last_stream > 0 ? CROWD_IDLE : CROWD_STRANGER;
    list_each (const struct request, r, &h->open, link) {
        if (r->body_ended || r->pub.responded)
            return CROWD_BUSY;
        if (++looks == LOOKS)
            break;
    }
    return CROWD_UNFINISHED;
}

static void on_end(struct conn_io *io)
{
    struct http2 *h = io->state;

    http2_session_break(&h->session);
}

static void drain(struct conn_io *io)
{
    struct http2 *h = io->state;

    list_each (struct request, r, &h->open, link)
        request_hurry(r);
    http2_drain(h, "graceful_stop");
}

static void close_session(struct conn_io *io)
{
    struct http2 *h = io->state;
    struct request *r;

    while ((r = list_first(&h->open, struct request, link)) != NULL) {
        nghttp2_session_set_stream_user_data(h->session.ng, r->stream_id, NULL);
        forget_request(h, r);
        request_close(r, !r->answer_sent);
    }
    conn_io_release(io, h->block_held);
    http2_session_close(&h->session);
    free(h);
    io->state = NULL;
}

const struct conn_ops http2_conn_ops = {
    .input = input,
    .output = output,
    .flushed = flushed,
    .room = room,
    .fate = fate,
    .rank = rank,
    .on_end = on_end,
    .on_deadline = http2_on_deadline,
    .drain = drain,
    .close = close_session,
};

void http2_shared_init(struct server_shared *shared)
{
    http2_session_kit(&shared->callbacks, &shared->option);
}

void http2_open(struct conn_io *io)
{
    const struct http_server_options *o = &io->shared->options;
    uint32_t streams = o->max_concurrent_streams;
    nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
          streams > UINT32_MAX - REFUSED_MAX ? UINT32_MAX : streams + REFUSED_MAX }, /* first: see mend_settings */
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)o->initial_window },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
          o->max_header_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)o->max_header_bytes },
        { NGHTTP2_SETTINGS_MAX_FRAME_SIZE, HTTP2_FRAME_MAX },
    };
    struct http2 *h = mem_zalloc(sizeof(*h));

    h->io = io;
    list_init(&h->open);
    h->session = (struct http2_session){ .side = &side,
                                         .loop = io->shared->loop,
                                         .budget = io->shared->budget,
                                         .header_limit = o->max_header_bytes,
                                         .frame_left = NGHTTP2_CLIENT_MAGIC_LEN };
    if (nghttp2_session_server_new2(&h->session.ng, io->shared->callbacks, &h->session, io->shared->option) != 0)
        abort(); /* only out of memory */
    io->ops = &http2_conn_ops;
    io->state = h;
    nghttp2_submit_settings(h->session.ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    http2_session_open(&h->session);
    http2_guard_open(h);
    io->kick(io);
}
