/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in and out. A stream gets a request when its headers begin and loses it when nghttp2 closes the stream, which
 * happens while reading (the peer's RST_STREAM) or while writing (our END_STREAM or RST_STREAM), never inside a
 * call of the service. Output is pulled at the end of the turn, so the answers of a turn leave in one write. */
#include "net/http2/http2_server_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define OUTPUT_ONCE (128 * 1024ul) /* bytes pulled before they are written */
#define QUEUE_MAX 1000             /* frames waiting to go out before reading stops */
#define CONTINUATIONS_MAX 8        /* of one header block */
#define FIELDS_MAX 256             /* of a request: an indexed one costs a peer a byte */
#define REFUSED_MAX 4096 /* streams past the announced limit that nghttp2 may hold until their reset is sent */

/* --- what arrives --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *h = user;
    struct request *r;

    h->in_headers = true;
    h->block_bytes = 0;
    h->continuations = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || h->phase >= HTTP2_KILLED)
        return 0;
    h->last_stream = frame->hd.stream_id;
    if (h->n_open >= h->io->shared->options.max_concurrent_streams || !conn_io_may_hold(h->io)) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        http2_annoy(h, 1, "too many streams past MAX_CONCURRENT_STREAMS, or its share of the memory budget");
        return 0;
    }
    r = request_new(h->io, &http2_stream_ops, h);
    r->pub.http2 = true;
    r->stream_id = frame->hd.stream_id;
    r->next = h->open;
    if (h->open != NULL)
        h->open->prev = r;
    h->open = r;
    h->n_open++;
    nghttp2_session_set_stream_user_data(session, r->stream_id, r);
    return 0;
}

static struct bytes keep(struct request *r, nghttp2_rcbuf *buf)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(buf);

    nghttp2_rcbuf_incref(buf);
    *vec_push(&r->refs) = buf;
    return bytes_of(v.base, v.len);
}

static void keep_pseudo(struct request *r, struct bytes name, nghttp2_rcbuf *value)
{
    if (bytes_is(name, ":path"))
        request_split_path(r, keep(r, value));
    else if (bytes_is(name, ":method"))
        r->pub.method = keep(r, value);
    else if (bytes_is(name, ":authority"))
        r->pub.authority = keep(r, value);
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

    f->name = keep(r, name);
    f->value = keep(r, value);
    r->pub.n_headers++;
    if (f->name.len == 14 && bytes_is(f->name, "content-length"))
        r->pub.content_length = number_of(f->value);
    else if (f->name.len == 4 && bytes_is(f->name, "host") && r->pub.authority.len == 0)
        r->pub.authority = f->value;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user)
{
    struct http2 *h = user;
    size_t most = h->io->shared->options.max_header_bytes;
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    size_t size = n.len + v.len + 32; /* RFC 9113 6.5.2 */
    struct request *r;

    (void)flags;
    h->block_bytes += size;
    if (h->block_bytes > 4 * most) /* small on the wire, large unpacked */
        http2_kill(h, NGHTTP2_ENHANCE_YOUR_CALM, "headers too large", "its headers are far beyond the limit");
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || h->phase >= HTTP2_KILLED)
        return 0;
    r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (r == NULL)
        return 0;
    r->header_bytes += size;
    r->too_large |= r->header_bytes > most || r->pub.n_headers == FIELDS_MAX;
    if (r->too_large)
        return 0;
    if (n.len > 0 && n.base[0] == ':')
        keep_pseudo(r, bytes_of(n.base, n.len), value);
    else
        keep_header(r, name, value);
    return 0;
}

/* The stream's place among those that we have reset lately; NULL when it is not there. */
static int32_t *find_reset(struct http2 *h, int32_t stream_id)
{
    for (size_t i = 0; i < ARRAY_LEN(h->resets); i++)
        if (h->resets[i] == stream_id)
            return &h->resets[i];
    return NULL;
}

/* A frame for a stream that is closed. nghttp2 would have to keep closed streams to object to it, and drops it
 * otherwise; frames on their way to a stream that we have reset are to be expected (RFC 9113 5.1), until the peer
 * has ended its side. */
static void judge_late_frame(struct http2 *h, const nghttp2_frame_hd *hd)
{
    int32_t *reset = find_reset(h, hd->stream_id);

    if (h->phase >= HTTP2_KILLED)
        return;
    if (reset != NULL) {
        if (hd->type == NGHTTP2_RST_STREAM || (hd->flags & NGHTTP2_FLAG_END_STREAM))
            *reset = 0;
    } else if (hd->type == NGHTTP2_HEADERS) {
        http2_kill(h, NGHTTP2_STREAM_CLOSED, "HEADERS on a closed stream", "HEADERS on a closed stream");
    } else if (hd->type == NGHTTP2_DATA) {
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, hd->stream_id, NGHTTP2_STREAM_CLOSED);
        http2_annoy(h, 1, "too many DATA frames on closed streams");
    }
}

/* A frame begins: nghttp2 has taken all before it. */
static void judge_frame(struct http2 *h)
{
    const uint8_t *p = h->frame;
    nghttp2_frame_hd hd = { .type = p[3],
                            .flags = p[4],
                            .stream_id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
                                                   (uint32_t)p[7] << 8 | p[8]) };

    h->frame_left = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    h->frame_seen = 0;
    if (hd.type == NGHTTP2_CONTINUATION) {
        if (++h->continuations > CONTINUATIONS_MAX)
            http2_kill(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many CONTINUATION frames", "too many CONTINUATION frames");
    } else if ((hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS || hd.type == NGHTTP2_RST_STREAM) &&
               hd.stream_id <= h->last_stream && hd.stream_id % 2 == 1 &&
               nghttp2_session_find_stream(h->session, hd.stream_id) == NULL) {
        judge_late_frame(h, &hd);
    }
}

/* How many bytes to give to nghttp2 before the next frame must be judged. */
static size_t next_run(struct http2 *h, struct bytes data)
{
    size_t head = sizeof(h->frame) - h->frame_seen, n;

    if (h->frame_left > 0)
        head = 0;
    if (head > data.len)
        head = data.len;
    if (head > 0) {
        memcpy(h->frame + h->frame_seen, data.data, head);
        h->frame_seen += head;
        if (h->frame_seen < sizeof(h->frame))
            return head;
        judge_frame(h);
    }
    n = data.len - head < h->frame_left ? data.len - head : h->frame_left;
    h->frame_left -= n;
    return head + n;
}

static void note_headers(struct http2 *h, const nghttp2_headers *frame, struct request *r)
{
    h->in_headers = false;
    if (r == NULL)
        return;
    if (frame->cat == NGHTTP2_HCAT_REQUEST) {
        request_begin(r);
    }
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
    if (frame->hd.length == 0)
        http2_annoy(h, 1, "too many empty DATA frames");
    if (r != NULL && frame->padlen > 0 && !r->answer_ended && !r->cut)
        http2_sync_window(h, r);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *h = user;

    if (h->phase >= HTTP2_KILLED)
        return 0;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        note_data(h, &frame->data, nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
        break;
    case NGHTTP2_HEADERS:
        note_headers(h, &frame->headers, nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
        break;
    case NGHTTP2_SETTINGS:
        h->settings_agreed |= (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        h->greeted = true;
        http2_annoy(h, 1, "too many SETTINGS frames");
        break;
    case NGHTTP2_PING:
        http2_note_ping(h, &frame->ping);
        break;
    case NGHTTP2_RST_STREAM:
        http2_annoy(h, 1, "too many streams reset");
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                   void *user)
{
    struct http2 *h = user;
    struct request *r;

    (void)flags;
    http2_credit(h, len);
    if (h->phase >= HTTP2_KILLED)
        return 0;
    r = nghttp2_session_get_stream_user_data(session, stream_id);
    if (r == NULL)
        return 0;
    request_body(r, bytes_of(data, len));
    if (r->answer_sent && r->allowed == 0) /* it could wait for a grant that will not come */
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct http2 *h = user;

    (void)session;
    /* A client that leaves: grpc-go says 2^31-1 for the last stream, which nghttp2 takes for a stream of ours. */
    if (h->phase >= HTTP2_KILLED || frame->hd.type == NGHTTP2_GOAWAY)
        return 0;
    conn_io_complain(h->io, nghttp2_strerror(error));
    http2_annoy(h, 1, "too many malformed frames");
    return 0;
}

static void receive(struct http2 *h, struct bytes data)
{
    for (size_t used = 0; used < data.len && h->phase < HTTP2_KILLED;) {
        struct bytes rest = bytes_of(data.data + used, data.len - used);
        size_t run = next_run(h, rest);
        ssize_t n = h->phase < HTTP2_KILLED ? nghttp2_session_mem_recv(h->session, rest.data, run) : 0;

        if (n == NGHTTP2_ERR_FLOODED)
            http2_kill(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames to acknowledge",
                       "too many frames to acknowledge");
        else if (n < 0)
            http2_kill(h, NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror((int)n), nghttp2_strerror((int)n));
        used += run;
    }
}

static size_t input(struct conn_io *io, struct bytes data)
{
    struct http2 *h = io->state;

    receive(h, data);
    if (!h->in_headers && h->greeted)
        conn_io_expect(io, DEADLINE_READ, 0);
    else if (h->in_headers && io->deadlines[DEADLINE_READ] == 0)
        conn_io_expect(io, DEADLINE_READ, io->shared->options.read_header_timeout);
    io->kick(io);
    return data.len;
}

/* --- what leaves --- */

/* Who makes us reset one stream after the other costs us as much as one who does it himself. */
static void note_reset(struct http2 *h, const nghttp2_rst_stream *frame)
{
    h->resets[h->n_resets++ % ARRAY_LEN(h->resets)] = frame->hd.stream_id;
    if (frame->error_code == NGHTTP2_PROTOCOL_ERROR || frame->error_code == NGHTTP2_STREAM_CLOSED ||
        frame->error_code == NGHTTP2_FLOW_CONTROL_ERROR)
        http2_annoy(h, 1, "too many streams that had to be reset");
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *h = user;
    struct request *r;

    if (frame->hd.type == NGHTTP2_RST_STREAM && nghttp2_session_find_stream(session, frame->hd.stream_id) != NULL)
        note_reset(h, &frame->rst_stream);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    h->strikes_forgiven = true;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (r == NULL)
        return 0;
    r->answer_sent = true;
    if (!r->body_ended)
        request_dismiss(r); /* the rest of the body is of no interest: RFC 9113 8.1 */
    return 0;
}

static void forget(struct http2 *h, struct request *r)
{
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        h->open = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    h->n_open--;
    h->io->at_rest = clock_mono(&h->io->shared->loop->clock);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user)
{
    struct http2 *h = user;
    struct request *r = nghttp2_session_get_stream_user_data(session, stream_id);

    (void)error_code;
    if (r == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    forget(h, r);
    request_close(r, !r->answer_sent);
    return 0;
}

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

    while (to->len < OUTPUT_ONCE && h->phase != HTTP2_BROKEN) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h->session, &data);

        if (n < 0)
            http2_move(h, HTTP2_BROKEN);
        if (n <= 0)
            break;
        buf_append(to, data, (size_t)n);
        if (!h->settings_told)
            mend_settings(h, to->data + to->len - n, (size_t)n);
    }
}

static void flushed(struct conn_io *io)
{
    struct http2 *h = io->state;

    if (h->writable_due) {
        h->writable_due = false;
        for (struct request *r = h->open, *next; r != NULL; r = next) {
            next = r->next;
            request_writable(r);
        }
    }
    if (nghttp2_session_want_write(h->session))
        io->kick(io);
}

/* --- the connection --- */

static size_t room(struct conn_io *io, size_t most)
{
    struct http2 *h = io->state;

    return nghttp2_session_get_outbound_queue_size(h->session) > QUEUE_MAX ? 0 : most;
}

static enum http_fate fate(struct conn_io *io)
{
    struct http2 *h = io->state;

    if (h->phase == HTTP2_BROKEN)
        return HTTP_BROKEN;
    if (h->phase == HTTP2_KILLED)
        return HTTP_FINISHED;
    if (nghttp2_session_want_write(h->session))
        return HTTP_GOES_ON;
    if (!nghttp2_session_want_read(h->session) || (h->phase == HTTP2_DRAINING && h->n_open == 0))
        return HTTP_FINISHED;
    return HTTP_GOES_ON;
}

#define LOOKS 16 /* at streams, to see whether we owe one of them an answer */

static enum crowd_rank rank(struct conn_io *io)
{
    const struct http2 *h = io->state;
    unsigned looks = 0;

    if (h->open == NULL)
        return h->last_stream > 0 ? CROWD_IDLE : CROWD_STRANGER;
    for (const struct request *r = h->open; r != NULL && looks < LOOKS; r = r->next, looks++)
        if (r->body_ended || r->pub.responded)
            return CROWD_BUSY;
    return CROWD_UNFINISHED;
}

static void on_end(struct conn_io *io)
{
    struct http2 *h = io->state;

    http2_move(h, HTTP2_BROKEN);
}

static void drain(struct conn_io *io)
{
    struct http2 *h = io->state;

    for (struct request *r = h->open; r != NULL; r = r->next)
        request_hurry(r);
    http2_drain(h, "graceful_stop");
}

static void close_session(struct conn_io *io)
{
    struct http2 *h = io->state;

    http2_guard_close(h);
    while (h->open != NULL) {
        struct request *r = h->open;

        nghttp2_session_set_stream_user_data(h->session, r->stream_id, NULL);
        forget(h, r);
        request_close(r, !r->answer_sent);
    }
    nghttp2_session_del(h->session);
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
    nghttp2_session_callbacks *c;

    if (nghttp2_session_callbacks_new(&shared->callbacks) != 0 || nghttp2_option_new(&shared->option) != 0)
        abort(); /* only out of memory */
    nghttp2_option_set_no_auto_window_update(shared->option, 1);
    nghttp2_option_set_no_closed_streams(shared->option, 1);
    /* Ours is kinder: calls that run into their deadline are reset too. (Debian's 1.52 has it, upstream since 1.57.) */
    nghttp2_option_set_stream_reset_rate_limit(shared->option, UINT32_MAX, UINT32_MAX);
    c = shared->callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
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
    };
    struct http2 *h = mem_zalloc(sizeof(*h));

    h->io = io;
    h->frame_left = NGHTTP2_CLIENT_MAGIC_LEN;
    if (nghttp2_session_server_new2(&h->session, io->shared->callbacks, h, io->shared->option) != 0)
        abort(); /* only out of memory */
    io->ops = &http2_conn_ops;
    io->state = h;
    nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    http2_guard_open(h);
    io->kick(io);
}
