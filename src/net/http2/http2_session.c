/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that arrive are given to nghttp2 frame by frame, each judged before by its header alone, and come back from it
 * as callbacks, which go on to the side that owns the session. What leaves is pulled from nghttp2 when there is room.
 *
 * What can go wrong is the peer: frames that nghttp2 cannot make sense of, header blocks without end, frames for
 * streams that are over. Small offences annoy, until it is enough; large ones kill the session at once. */
#include "net/http2/http2_session.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK_RUN 4096ul      /* bytes of headers between two looks at whether there is room for more */
#define QUEUE_MAX 1000        /* frames waiting to go out before reading stops */
#define CONTINUATIONS_MAX 8   /* of one header block */
#define CONTROL_MAX 16384u    /* of a frame that nghttp2 keeps as a whole until it is there: any but DATA and headers */
#define LATE_MAX (16ul << 20) /* bytes on their way to a stream when we reset it: a connection's largest window */
#define LATE_HEADERS (16ul << 10) /* what HEADERS count for in that, beside their length */

static void enter_state(struct http2_session *s, enum http2_state to)
{
    static const uint8_t allowed[] = {
        [HTTP2_OPEN] = 1 << HTTP2_KILLED | 1 << HTTP2_BROKEN,
        [HTTP2_KILLED] = 1 << HTTP2_BROKEN,
        [HTTP2_BROKEN] = 1 << HTTP2_BROKEN, /* it may be found broken twice */
    };

    assert(allowed[s->state] & 1 << to);
    s->state = to;
}

void http2_session_kill(struct http2_session *s, uint32_t code, const char *debug, const char *reason)
{
    if (!http2_session_is_open(s))
        return;
    enter_state(s, HTTP2_KILLED);
    nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->ng), code,
                          (const uint8_t *)debug, strlen(debug));
    s->side->complain(s, reason);
    s->side->kick(s);
}

void http2_session_break(struct http2_session *s)
{
    enter_state(s, HTTP2_BROKEN);
}

/* --- what arrives --- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct http2_session *s = user;

    (void)ng;
    s->in_headers = true;
    s->block_bytes = 0;
    s->continuations = 0;
    if (http2_session_is_open(s))
        s->side->begin_headers(s, &frame->headers);
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user)
{
    struct http2_session *s = user;
    size_t size = nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 32;

    (void)ng;
    (void)flags;
    s->block_bytes += size;
    if (s->block_bytes > 4 * s->header_limit) /* small on the wire, large unpacked */
        http2_session_kill(s, NGHTTP2_ENHANCE_YOUR_CALM, "headers too large", "its headers are far beyond the limit");
    if (http2_session_is_open(s))
        s->side->header(s, &frame->headers, name, value, size);
    return 0;
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct http2_session *s = user;

    (void)ng;
    if (!http2_session_is_open(s))
        return 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s->in_headers = false;
        break;
    case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            http2_session_annoy(s, 1, "too many empty DATA frames");
        break;
    case NGHTTP2_SETTINGS:
        s->settings_agreed |= (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        s->greeted = true;
        http2_session_annoy(s, 1, "too many SETTINGS frames");
        break;
    case NGHTTP2_PING:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            http2_session_annoy(s, 1, "too many PING frames");
        break;
    case NGHTTP2_RST_STREAM:
        http2_session_annoy(s, 1, "too many streams reset");
        break;
    default:
        break;
    }
    if (http2_session_is_open(s))
        s->side->frame(s, frame);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len, void *user)
{
    struct http2_session *s = user;

    (void)ng;
    (void)flags;
    http2_session_credit(s, len);
    if (http2_session_is_open(s))
        s->side->data(s, stream_id, bytes_of(data, len));
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *user)
{
    struct http2_session *s = user;

    (void)ng;
    /* A client that leaves: grpc-go says 2^31-1 for the last stream, which nghttp2 takes for a stream of ours. */
    if (!http2_session_is_open(s) || frame->hd.type == NGHTTP2_GOAWAY)
        return 0;
    s->side->complain(s, nghttp2_strerror(error));
    http2_session_annoy(s, 1, "too many malformed frames");
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t stream_id, uint32_t error_code, void *user)
{
    struct http2_session *s = user;

    (void)ng;
    s->side->closed(s, stream_id, error_code);
    return 0;
}

/* --- frames that come too late --- */

/* The stream's place among those that we have reset lately, or how many there are of them. */
static size_t find_reset(const struct http2_session *s, int32_t stream_id)
{
    size_t i = 0;

    while (i < ARRAY_LEN(s->resets) && s->resets[i].stream != stream_id)
        i++;
    return i;
}

/* Frames on their way to a stream that we have reset are to be expected (RFC 9113 5.1), until the peer has ended its
 * side, or there are more of them than could have been on their way. */
static void judge_reset_frame(struct http2_session *s, size_t i, const nghttp2_frame_hd *hd)
{
    s->resets[i].late += hd->length + (hd->type == NGHTTP2_HEADERS ? LATE_HEADERS : 0);
    if (s->resets[i].late > LATE_MAX)
        http2_session_annoy(s, 1, "too many frames on a stream that was reset");
    if (hd->type == NGHTTP2_RST_STREAM || (hd->flags & NGHTTP2_FLAG_END_STREAM))
        s->resets[i].stream = 0;
}

/* A frame for a stream that is closed. nghttp2 would have to keep closed streams to object to it, and drops it
 * otherwise. */
static void judge_late_frame(struct http2_session *s, const nghttp2_frame_hd *hd)
{
    size_t reset = find_reset(s, hd->stream_id);

    if (!http2_session_is_open(s))
        return;
    if (reset < ARRAY_LEN(s->resets)) {
        judge_reset_frame(s, reset, hd);
    } else if (hd->type == NGHTTP2_HEADERS && s->side->strict) {
        http2_session_kill(s, NGHTTP2_STREAM_CLOSED, "HEADERS on a closed stream", "HEADERS on a closed stream");
    } else if (hd->type == NGHTTP2_HEADERS) {
        http2_session_annoy(s, 1, "too many HEADERS on closed streams");
    } else if (hd->type == NGHTTP2_DATA) {
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, hd->stream_id, NGHTTP2_STREAM_CLOSED);
        http2_session_annoy(s, 1, "too many DATA frames on closed streams");
    }
}

/* A frame begins: nghttp2 has taken all before it. */
static void judge_frame(struct http2_session *s)
{
    const uint8_t *p = s->frame;
    nghttp2_frame_hd hd = { .length = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2],
                            .type = p[3],
                            .flags = p[4],
                            .stream_id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
                                                   (uint32_t)p[7] << 8 | p[8]) };

    s->frame_left = hd.length;
    s->frame_seen = 0;
    if (hd.type == NGHTTP2_HEADERS)
        s->block_arrived = 0;
    if (hd.length > CONTROL_MAX && hd.type != NGHTTP2_DATA && hd.type != NGHTTP2_HEADERS &&
        hd.type != NGHTTP2_CONTINUATION) {
        http2_session_kill(s, NGHTTP2_FRAME_SIZE_ERROR, "frame too large", "a frame that is too large");
    } else if (hd.type == NGHTTP2_CONTINUATION) {
        if (++s->continuations > CONTINUATIONS_MAX)
            http2_session_kill(s, NGHTTP2_ENHANCE_YOUR_CALM, "too many CONTINUATION frames",
                               "too many CONTINUATION frames");
    } else if ((hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS || hd.type == NGHTTP2_RST_STREAM) &&
               hd.stream_id <= s->last_stream && hd.stream_id % 2 == 1 &&
               nghttp2_session_find_stream(s->ng, hd.stream_id) == NULL) {
        judge_late_frame(s, &hd);
    }
}

static bool is_of_block(const struct http2_session *s)
{
    return s->frame[3] == NGHTTP2_HEADERS || s->frame[3] == NGHTTP2_CONTINUATION;
}

/* What has come so far ends with a frame that ends a header block. */
static bool is_block_over(const struct http2_session *s)
{
    return is_of_block(s) && s->frame_seen == 0 && s->frame_left == 0 && (s->frame[4] & NGHTTP2_FLAG_END_HEADERS) != 0;
}

/* So many bytes of a payload come next. How many at once? */
static size_t count_run(struct http2_session *s, size_t n)
{
    if (is_of_block(s) && n > BLOCK_RUN)
        n = BLOCK_RUN;
    s->frame_left -= n;
    if (is_of_block(s))
        s->block_arrived = is_block_over(s) ? 0 : s->block_arrived + n;
    return n;
}

/* How many bytes to give to nghttp2 before the next frame must be judged. */
static size_t next_run(struct http2_session *s, struct bytes data)
{
    size_t head = sizeof(s->frame) - s->frame_seen, n;

    if (s->frame_left > 0)
        head = 0;
    if (head > data.len)
        head = data.len;
    if (head > 0) {
        memcpy(s->frame + s->frame_seen, data.data, head);
        s->frame_seen += head;
        if (s->frame_seen < sizeof(s->frame))
            return head;
        judge_frame(s);
    }
    n = data.len - head < s->frame_left ? data.len - head : s->frame_left;
    return head + count_run(s, n);
}

void http2_session_input(struct http2_session *s, struct bytes data)
{
    s->last_read = clock_mono(&s->loop->clock);
    for (size_t used = 0; used < data.len && http2_session_is_open(s);) {
        struct bytes rest = bytes_of(data.data + used, data.len - used);
        size_t run = next_run(s, rest);
        ssize_t n = http2_session_is_open(s) ? nghttp2_session_mem_recv(s->ng, rest.data, run) : 0;

        if (n == NGHTTP2_ERR_FLOODED)
            http2_session_kill(s, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames to acknowledge",
                               "too many frames to acknowledge");
        else if (n < 0)
            http2_session_kill(s, NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror((int)n), nghttp2_strerror((int)n));
        if (is_block_over(s)) /* nghttp2 does not tell of one that it refuses */
            s->in_headers = false;
        if (s->side->block != NULL && http2_session_is_open(s))
            s->side->block(s);
        used += run;
    }
}

/* --- what leaves --- */

/* Who makes us reset one stream after the other costs us as much as one who does it himself. */
static void note_reset(struct http2_session *s, const nghttp2_rst_stream *frame)
{
    size_t i = s->n_resets++ % ARRAY_LEN(s->resets);

    s->resets[i].stream = frame->hd.stream_id;
    s->resets[i].late = 0;
    if (frame->error_code == NGHTTP2_PROTOCOL_ERROR || frame->error_code == NGHTTP2_STREAM_CLOSED ||
        frame->error_code == NGHTTP2_FLOW_CONTROL_ERROR)
        http2_session_annoy(s, 1, "too many streams that had to be reset");
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct http2_session *s = user;

    if (frame->hd.type == NGHTTP2_RST_STREAM && nghttp2_session_find_stream(ng, frame->hd.stream_id) != NULL)
        note_reset(s, &frame->rst_stream);
    s->side->sent(s, frame);
    return 0;
}

struct bytes http2_session_output(struct http2_session *s)
{
    const uint8_t *data = NULL;
    ssize_t n = s->state != HTTP2_BROKEN ? nghttp2_session_mem_send(s->ng, &data) : 0;

    if (n < 0)
        http2_session_break(s);
    return bytes_of(data, n > 0 ? (size_t)n : 0);
}

bool http2_session_is_choked(const struct http2_session *s)
{
    return nghttp2_session_get_outbound_queue_size(s->ng) > QUEUE_MAX;
}

/* --- its life --- */

void http2_session_kit(nghttp2_session_callbacks **callbacks, nghttp2_option **option)
{
    nghttp2_session_callbacks *c;

    if (nghttp2_session_callbacks_new(callbacks) != 0 || nghttp2_option_new(option) != 0)
        abort(); /* only out of memory */
    nghttp2_option_set_no_auto_window_update(*option, 1);
    nghttp2_option_set_no_closed_streams(*option, 1);
    /* Ours is kinder: calls that run into their deadline are reset too. (Debian's 1.52 has it, upstream since 1.57.) */
    nghttp2_option_set_stream_reset_rate_limit(*option, UINT32_MAX, UINT32_MAX);
    c = *callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

void http2_session_open(struct http2_session *s)
{
    s->last_read = clock_mono(&s->loop->clock);
    http2_session_open_limits(s);
}

void http2_session_close(struct http2_session *s)
{
    http2_session_close_limits(s);
    nghttp2_session_del(s->ng);
}
