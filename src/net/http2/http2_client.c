/* SPDX-License-Identifier: Apache-2.0 */
/* The preface and our SETTINGS leave at once; when the peer's SETTINGS have come, calls may begin, each as a stream
 * (http2_client_stream.c). Answers are told as their streams end. A quiet peer is pinged: by keepalive, or when a call
 * had no answer in its time and nothing else has come either.
 *
 * What can go wrong: the peer speaks another protocol, which its first bytes tell; it sends GOAWAY, and what it has
 * not looked at fails as unseen while the rest goes on; it breaks the rules, does not answer a ping, or goes. Then all
 * calls fail, with one reason for all: the connection's. */
#include "net/http2/http2_client_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_LIST 65536
#define STREAMS_MAX 1000u /* at a time, whatever the peer allows */
#define STREAM_WINDOW 65535
#define DOUBT_LEAST NS_PER_S /* an answer to a ping may take so long on a slow way */

static const char *error_name(uint32_t code)
{
    return nghttp2_http2_strerror(code);
}

/* ---- ends ---- */

/* The first reason stands. */
static void set_end(struct http2_client *h, enum http_failure failure, const char *why)
{
    if (h->end.why != NULL)
        return;
    h->end.failure = failure;
    h->end.why = h->why;
    snprintf(h->why, sizeof(h->why), "%s", why);
}

static void fail_calls(struct http2_client *h)
{
    set_end(h, HTTP_CLOSED, "the connection failed");
    list_each (struct http2_stream, s, &h->streams, link) {
        struct call_failure f = h->end;

        if (s->call == NULL)
            continue;
        if (!s->sent || h->is_wrong)
            f.chance = CALL_UNSEEN;
        http2_stream_fail(s, &f);
    }
}

/* Nothing more will come of the connection. */
static void break_client(struct http2_client *h, enum http_failure failure, const char *why)
{
    set_end(h, failure, why);
    if (h->session.state != HTTP2_BROKEN)
        http2_session_break(&h->session);
    fail_calls(h);
    h->io->kick(h->io);
}

/* What a peer's GOAWAY says in its debug data, as far as a log can show it. */
static void put_debug(char *out, size_t cap, const nghttp2_goaway *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->opaque_data_len && n + 1 < cap && n < 100; i++) {
        uint8_t c = g->opaque_data[i];

        out[n++] = c >= 0x20 && c < 0x7f && c != '"' ? (char)c : '?';
    }
    out[n] = '\0';
}

static void take_goaway(struct http2_client *h, const nghttp2_goaway *g)
{
    struct client_shared *shared = h->io->shared;
    char debug[104], why[HTTP2_WHY];

    put_debug(debug, sizeof(debug), g);
    h->leaving = true;
    if (g->error_code == NGHTTP2_ENHANCE_YOUR_CALM && strcmp(debug, "too_many_pings") == 0 &&
        shared->keepalive_time < UINT64_MAX / 2)
        shared->keepalive_time *= 2;
    if (g->error_code != NGHTTP2_NO_ERROR || !h->session.greeted) {
        snprintf(why, sizeof(why), "the peer ended the connection: GOAWAY %s%s%s%s", error_name(g->error_code),
                 debug[0] != '\0' ? " \"" : "", debug, debug[0] != '\0' ? "\"" : "");
        set_end(h, HTTP_CLOSED, why);
        h->end.h2_error = g->error_code;
    }
    http2_session_annoy(&h->session, 1, "too many GOAWAY frames");
    h->io->kick(h->io);
}

/* ---- what arrives, and leaves ---- */

static struct http2_stream *stream_of(struct http2_session *s, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(s->ng, id) : NULL;
}

/* NULL as well when its call is over. */
static struct http2_stream *live_stream(struct http2_session *s, int32_t id)
{
    struct http2_stream *stream = stream_of(s, id);

    return stream != NULL && stream->call != NULL ? stream : NULL;
}

static void begin_answer(struct http2_session *s, const nghttp2_headers *frame)
{
    struct http2_stream *stream = live_stream(s, frame->hd.stream_id);

    if (stream != NULL)
        http2_stream_begin_headers(stream);
}

static void take_answer_header(struct http2_session *s, const nghttp2_headers *frame, nghttp2_rcbuf *name,
                               nghttp2_rcbuf *value, size_t size)
{
    struct http2_stream *stream = live_stream(s, frame->hd.stream_id);

    if (stream != NULL)
        http2_stream_header(stream, name, value, size);
}

static void take_answer_data(struct http2_session *s, int32_t id, struct bytes data)
{
    struct http2_stream *stream = live_stream(s, id);

    if (stream != NULL)
        http2_stream_data(stream, data);
}

static void take_answer_frame(struct http2_session *s, const nghttp2_frame *frame)
{
    struct http2_client *h = http2_client_of(s);
    struct http2_stream *stream = live_stream(s, frame->hd.stream_id);
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    switch (frame->hd.type) {
    case NGHTTP2_GOAWAY:
        take_goaway(h, &frame->goaway);
        break;
    case NGHTTP2_SETTINGS:
        h->io->kick(h->io); /* there may be room now */
        break;
    case NGHTTP2_HEADERS:
        if (stream == NULL)
            break;
        stream->ended |= end;
        http2_stream_headers_end(stream, end);
        break;
    case NGHTTP2_DATA:
        if (stream == NULL || !end)
            break;
        stream->ended = true;
        http2_stream_end(stream);
        break;
    default:
        break;
    }
}

static void note_call_sent(struct http2_session *s, const nghttp2_frame *frame)
{
    struct http2_stream *stream = frame->hd.type == NGHTTP2_HEADERS ? stream_of(s, frame->hd.stream_id) : NULL;

    if (stream != NULL)
        stream->sent = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM && (stream = stream_of(s, frame->hd.stream_id)) != NULL)
        stream->reset = true;
}

/* The stream ended before its answer did. */
static void fail_stream(struct http2_stream *stream, uint32_t error_code)
{
    struct http2_client *h = stream->h;
    struct call_failure f = { .failure = HTTP_CLOSED, .why = h->why };
    char why[HTTP2_WHY];

    if (!stream->sent || error_code == NGHTTP2_REFUSED_STREAM) {
        f.failure = HTTP_REFUSED;
        f.chance = CALL_UNSEEN;
        f.h2_error = NGHTTP2_REFUSED_STREAM;
        snprintf(why, sizeof(why), "the peer did not take the request (%s)",
                 h->leaving ? "it ends the connection" : error_name(NGHTTP2_REFUSED_STREAM));
    } else if (stream->reset) {
        f.failure = HTTP_BROKEN_RESPONSE;
        snprintf(why, sizeof(why), "the answer breaks the rules of HTTP/2");
    } else {
        f.h2_error = error_code;
        snprintf(why, sizeof(why), "the peer gave the request up (%s)", error_name(error_code));
    }
    f.why = why;
    http2_stream_fail(stream, &f);
}

static void note_call_closed(struct http2_session *s, int32_t id, uint32_t error_code)
{
    struct http2_stream *stream = stream_of(s, id);

    if (stream == NULL)
        return;
    nghttp2_session_set_stream_user_data(s->ng, id, NULL);
    if (stream->call != NULL)
        fail_stream(stream, error_code);
    http2_stream_free(stream);
    http2_client_of(s)->io->kick(http2_client_of(s)->io);
}

static void kick_io(struct http2_session *s)
{
    struct client_io *io = http2_client_of(s)->io;

    io->kick(io);
}

/* The session is killed right after, if that was the last straw. */
static void complain(struct http2_session *s, const char *reason)
{
    struct http2_client *h = http2_client_of(s);
    char why[HTTP2_WHY];

    if (http2_session_is_open(s))
        return;
    snprintf(why, sizeof(why), "the peer breaks the rules of HTTP/2: %s", reason);
    set_end(h, HTTP_BROKEN_RESPONSE, why);
}

static const struct http2_side side = {
    .begin_headers = begin_answer,
    .header = take_answer_header,
    .frame = take_answer_frame,
    .data = take_answer_data,
    .sent = note_call_sent,
    .closed = note_call_closed,
    .kick = kick_io,
    .complain = complain,
};

/* ---- another protocol? ---- */

static void refuse_protocol(struct http2_client *h, enum http_spoken spoken)
{
    h->is_wrong = true;
    h->end.spoken = spoken;
    h->end.chance = CALL_UNSEEN;
    break_client(h, HTTP_WRONG_PROTOCOL,
                 spoken == HTTP_SPOKEN_HTTP1 ? "the peer speaks HTTP/1.1, not HTTP/2"
                 : spoken == HTTP_SPOKEN_TLS ? "the peer speaks TLS, not plain text"
                                             : "what the peer says is not HTTP/2");
}

/* False: what is known so far may begin several things. */
static bool judge_first(struct http2_client *h, struct bytes data)
{
    size_t n = sizeof(h->first) - h->n_first;
    enum http_spoken spoken;

    if (n > data.len)
        n = data.len;
    memcpy(h->first + h->n_first, data.data, n);
    spoken = http_spoken_by(bytes_of(h->first, h->n_first + n));
    if (spoken == HTTP_SPOKEN_HTTP2) {
        h->known = true;
        http2_session_input(&h->session, bytes_of(h->first, h->n_first));
    } else if (spoken != HTTP_SPOKEN_NOTHING) {
        refuse_protocol(h, spoken);
    } else {
        h->n_first += n;
    }
    return h->known;
}

static void input(struct client_io *io, struct bytes data)
{
    struct http2_client *h = io->state;

    if (h->session.state != HTTP2_OPEN)
        return;
    if (h->known || judge_first(h, data))
        http2_session_input(&h->session, data);
    if (h->session.state != HTTP2_OPEN)
        fail_calls(h);
    io->kick(io);
}

static void end(struct client_io *io, const char *why, int error)
{
    struct http2_client *h = io->state;

    if (!h->known && h->n_first == 0 && error != UV_EPROTO) /* which is TLS's, and says more */
        why = "the peer closed the connection before it said a word: it may want TLS, or speak no HTTP/2";
    break_client(h, HTTP_CLOSED, why);
}

static bool output(struct client_io *io)
{
    struct http2_client *h = io->state;
    size_t before = outbox_waiting(&io->out);
    struct bytes run;

    while (before < 1024 * 1024ul && (run = http2_session_output(&h->session)).len > 0)
        buf_put(outbox_own(&io->out), run);
    if (h->session.state != HTTP2_OPEN && h->n_calls > 0)
        fail_calls(h);
    h->goodbye |= h->session.state == HTTP2_KILLED;
    return outbox_waiting(&io->out) > before;
}

/* ---- is the peer there? ---- */

static void watch_progress(struct http2_client *h);

static void on_watch(struct clock_timer *t)
{
    struct http2_client *h = container_of(t, struct http2_client, alive);
    struct client_shared *shared = h->io->shared;
    uint64_t timeout = h->doubt > 0 ? h->doubt : shared->keepalive_timeout, again;
    char why[HTTP2_WHY];

    if (h->doubt > 0 && h->session.ping_out && h->session.last_read > h->session.pinged_at) {
        h->doubt = 0;
        h->session.ping_out = false;
        watch_progress(h);
        return;
    }
    if (h->n_calls == 0 && !shared->keepalive_permit_without_stream && !h->session.ping_out && h->doubt == 0)
        return; /* until the next call */
    again = http2_session_look_alive(&h->session, h->doubt > 0 ? 1 : shared->keepalive_time, timeout);
    if (h->session.state == HTTP2_BROKEN) {
        snprintf(why, sizeof(why), "the peer has not answered a %sping within %.3g s", h->doubt > 0 ? "" : "keepalive ",
                 (double)timeout / (double)NS_PER_S);
        break_client(h, HTTP_CLOSED, why);
    } else {
        clock_start(&shared->loop->clock, &h->alive, again, on_watch);
    }
}

static void watch_progress(struct http2_client *h)
{
    struct client_shared *shared = h->io->shared;
    uint64_t quiet = clock_mono(&shared->loop->clock) - h->session.last_read, time = shared->keepalive_time;

    if (time == 0 || clock_armed(&h->alive))
        return;
    clock_start(&shared->loop->clock, &h->alive, quiet < time ? time - quiet : 1, on_watch);
}

/* No more than one call pays for a connection that leads nowhere any more: without keepalive TCP would find that out in
 * a quarter of an hour. One that is slow answers the ping. */
static void doubt(struct client_io *io, uint64_t waited)
{
    struct http2_client *h = io->state;
    struct client_shared *shared = io->shared;
    uint64_t timeout = waited > DOUBT_LEAST ? waited : DOUBT_LEAST;

    if (h->session.state != HTTP2_OPEN || h->session.ping_out || h->doubt > 0 ||
        clock_mono(&shared->loop->clock) - h->session.last_read < waited)
        return;
    h->doubt = timeout < shared->keepalive_timeout ? timeout : shared->keepalive_timeout;
    clock_stop(&shared->loop->clock, &h->alive);
    clock_start(&shared->loop->clock, &h->alive, 1, on_watch);
}

/* ---- calls ---- */

static size_t room(struct client_io *io)
{
    const struct http2_client *h = io->state;
    uint32_t most = nghttp2_session_get_remote_settings(h->session.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    if (h->session.state != HTTP2_OPEN || h->leaving || !h->session.greeted ||
        nghttp2_session_check_request_allowed(h->session.ng) == 0)
        return 0;
    if (most > STREAMS_MAX)
        most = STREAMS_MAX;
    return h->n_calls < most ? most - h->n_calls : 0;
}

static void start(struct client_io *io, struct http_call *call)
{
    struct http2_client *h = io->state;

    if (!http2_stream_start(h, call)) {
        struct call_failure f = { .failure = HTTP_REFUSED,
                                  .why = "the connection can carry no more requests",
                                  .chance = CALL_UNSEEN };

        h->leaving = true; /* its stream numbers are used up */
        io->failed(io, call, &f);
        return;
    }
    h->leaving |= nghttp2_session_check_request_allowed(h->session.ng) == 0; /* that was the last number */
    watch_progress(h);
    io->kick(io);
}

static void leave(struct client_io *io, struct http_call *call)
{
    (void)io;
    http2_stream_leave(call->stream);
}

static void pause_call(struct client_io *io, struct http_call *call, bool on)
{
    (void)io;
    http2_stream_pause(call->stream, on);
}

static enum call_progress progress_of(struct client_io *io, struct http_call *call)
{
    const struct http2_stream *s = call->stream;

    (void)io;
    return s->heard ? CALL_HEARD : s->sent ? CALL_SENT : CALL_QUEUED;
}

static enum client_fate fate(struct client_io *io)
{
    const struct http2_client *h = io->state;

    if (h->session.state == HTTP2_BROKEN || h->goodbye || (h->leaving && h->n_calls == 0))
        return CLIENT_ENDED;
    if (!h->session.greeted)
        return CLIENT_GREETS;
    if (h->leaving)
        return CLIENT_LEAVES;
    return h->n_calls == 0 ? CLIENT_RESTS : CLIENT_GOES_ON;
}

static const struct call_failure *why_ended(struct client_io *io)
{
    const struct http2_client *h = io->state;

    return &h->end;
}

static void close_client(struct client_io *io)
{
    struct http2_client *h = io->state;

    assert(h->n_calls == 0);
    clock_stop(&io->shared->loop->clock, &h->alive);
    list_each (struct http2_stream, s, &h->streams, link)
        http2_stream_free(s);
    http2_session_close(&h->session);
    free(h);
    io->state = NULL;
}

static const struct client_ops ops = {
    .room = room,
    .start = start,
    .leave = leave,
    .pause = pause_call,
    .progress = progress_of,
    .doubt = doubt,
    .input = input,
    .output = output,
    .end = end,
    .fate = fate,
    .why = why_ended,
    .close = close_client,
};

/* ---- its beginning ---- */

static void make_kit(struct client_shared *shared)
{
    http2_session_kit(&shared->callbacks, &shared->option);
    nghttp2_session_callbacks_set_send_data_callback(shared->callbacks, http2_stream_send_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(shared->callbacks, http2_stream_frame_size);
}

void http2_client_close_shared(struct client_shared *shared)
{
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->option);
    shared->callbacks = NULL;
    shared->option = NULL;
}

void http2_client_open(struct client_io *io)
{
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST },
    };
    struct client_shared *shared = io->shared;
    struct http2_client *h = mem_zalloc(sizeof(*h));

    if (shared->callbacks == NULL)
        make_kit(shared);
    h->io = io;
    h->session = (struct http2_session){
        .side = &side, .loop = shared->loop, .budget = shared->budget, .header_limit = HEADER_LIST
    };
    list_init(&h->streams);
    if (nghttp2_session_client_new2(&h->session.ng, shared->callbacks, &h->session, shared->option) != 0)
        abort(); /* only out of memory */
    io->ops = &ops;
    io->state = h;
    nghttp2_submit_settings(h->session.ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    http2_session_open(&h->session);
    if (shared->keepalive_permit_without_stream)
        watch_progress(h);
    io->kick(io);
}
