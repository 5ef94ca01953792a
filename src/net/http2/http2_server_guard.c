/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a client's HTTP/2 connection within bounds of time. It ends in two steps: a GOAWAY that names no stream
 * and a ping behind it; when that is answered, or after a second, the one that names the last stream, so that what was
 * on its way is still taken. It ends so when it was idle too long or is too old, and when the server stops.
 *
 * What can go wrong: a client that pings more often than it may: after some strikes it is told to calm down, and
 * closed. One that does not answer our pings, or whose streams outlive the grace behind its age: its connection is
 * broken. Headers that do not arrive in time end the connection, too. */
#include "net/http2/http2_server_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <sys/random.h>

#define STRIKES_MAX 2
#define PING_WITHOUT_STREAM (7200 * NS_PER_S)
/* A peer that is awake has answered the ping by then. What the last GOAWAY does not name is safe to send again. */
#define NOTICE_TIME NS_PER_S

static const uint8_t notice_ping[8] = "goodbye";

static uint64_t now_of(const struct http2 *h)
{
    return clock_mono(&h->io->shared->loop->clock);
}

static const struct http_server_options *options_of(const struct http2 *h)
{
    return &h->io->shared->options;
}

/* --- the end --- */

static void enter_phase(struct http2 *h, enum http2_phase to)
{
    static const uint8_t allowed[] = {
        [HTTP2_SERVING] = 1 << HTTP2_NOTICED,
        [HTTP2_NOTICED] = 1 << HTTP2_DRAINING,
        [HTTP2_DRAINING] = 0,
    };

    assert(allowed[h->phase] & 1 << to && http2_session_is_open(&h->session));
    h->phase = to;
}

static bool is_in(const struct http2 *h, enum http2_phase phase)
{
    return http2_session_is_open(&h->session) && h->phase == phase;
}

/* The true last stream: what was in flight when the first GOAWAY left has arrived by now. */
static void drain_for_real(struct http2 *h)
{
    if (!is_in(h, HTTP2_NOTICED))
        return;
    enter_phase(h, HTTP2_DRAINING);
    conn_io_expect(h->io, DEADLINE_DRAIN, 0);
    nghttp2_submit_goaway(h->session.ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session.ng),
                          NGHTTP2_NO_ERROR, (const uint8_t *)h->reason, strlen(h->reason));
    h->io->kick(h->io);
}

void http2_drain(struct http2 *h, const char *reason)
{
    if (!is_in(h, HTTP2_SERVING))
        return;
    enter_phase(h, HTTP2_NOTICED);
    h->reason = reason;
    nghttp2_submit_shutdown_notice(h->session.ng);
    nghttp2_submit_ping(h->session.ng, NGHTTP2_FLAG_NONE, notice_ping);
    conn_io_expect(h->io, DEADLINE_DRAIN, NOTICE_TIME);
    h->io->kick(h->io);
}

/* --- pings --- */

/* A ping too soon after the last one is a strike, unless we have sent something in between. */
static void judge_ping(struct http2 *h)
{
    uint64_t least = options_of(h)->keepalive_min_time;
    bool first = h->last_client_ping == 0;
    uint64_t since = now_of(h) - h->last_client_ping;

    h->last_client_ping = now_of(h);
    if (h->strikes_forgiven) {
        h->strikes_forgiven = false;
        h->strikes = 0;
        return;
    }
    if (h->n_open == 0 && !options_of(h)->keepalive_permit_without_stream)
        least = PING_WITHOUT_STREAM;
    if (!first && since < least && ++h->strikes > STRIKES_MAX) {
        h->io->shared->stats.ping_strikes++;
        h->io->counted = true;
        http2_session_kill(&h->session, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings",
                           "it pings more often than keepalive.enforcement_policy allows");
    }
}

void http2_note_ping(struct http2 *h, const nghttp2_ping *frame)
{
    if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
        if (memcmp(frame->opaque_data, notice_ping, sizeof(notice_ping)) == 0)
            drain_for_real(h);
        return;
    }
    if (options_of(h)->enforce_keepalive)
        judge_ping(h);
}

/* --- time --- */

/* ±10 %, so that the connections of a fleet that was started together do not all end together. */
static uint64_t jitter_time(uint64_t time)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = UINT32_MAX / 2;
    return time - time / 10 + time / 5 / 1000 * (random % 1001);
}

static uint64_t idle_time(const struct http2 *h)
{
    const struct http_server_options *o = options_of(h);

    return o->max_connection_idle ? o->max_connection_idle : o->idle_timeout;
}

void http2_guard_open(struct http2 *h)
{
    const struct http_server_options *o = options_of(h);

    h->io->at_rest = now_of(h);
    conn_io_expect(h->io, DEADLINE_IDLE, idle_time(h));
    conn_io_expect(h->io, DEADLINE_AGE, o->max_connection_age ? jitter_time(o->max_connection_age) : 0);
    conn_io_expect(h->io, DEADLINE_KEEPALIVE, o->keepalive_time);
}

static void end_broken(struct http2 *h)
{
    h->io->shared->stats.timeouts++;
    http2_session_break(&h->session);
    h->io->kick(h->io);
}

static void check_idle(struct http2 *h)
{
    uint64_t idle = now_of(h) - h->io->at_rest;

    if (h->n_open > 0)
        conn_io_expect(h->io, DEADLINE_IDLE, idle_time(h));
    else if (idle < idle_time(h))
        conn_io_expect(h->io, DEADLINE_IDLE, idle_time(h) - idle);
    else
        http2_drain(h, "max_idle");
}

static void check_age(struct http2 *h)
{
    if (!is_in(h, HTTP2_SERVING)) { /* the grace is over too */
        end_broken(h);
        return;
    }
    http2_drain(h, "max_age");
    conn_io_expect(h->io, DEADLINE_AGE, options_of(h)->max_connection_age_grace);
}

static void check_alive(struct http2 *h)
{
    const struct http_server_options *o = options_of(h);
    uint64_t again = http2_session_look_alive(&h->session, o->keepalive_time,
                                              o->keepalive_timeout ? o->keepalive_timeout : 20 * NS_PER_S);

    if (h->session.state == HTTP2_BROKEN)
        end_broken(h);
    else
        conn_io_expect(h->io, DEADLINE_KEEPALIVE, again);
}

void http2_on_deadline(struct conn_io *io, enum http_deadline which)
{
    struct http2 *h = io->state;

    switch (which) {
    case DEADLINE_READ:
        conn_io_late(io);
        http2_session_kill(&h->session, NGHTTP2_CANCEL, "the request's headers did not arrive in time",
                           "its headers did not arrive within read_header_timeout");
        break;
    case DEADLINE_IDLE:
        check_idle(h);
        break;
    case DEADLINE_AGE:
        check_age(h);
        break;
    case DEADLINE_KEEPALIVE:
        check_alive(h);
        break;
    case DEADLINE_DRAIN:
        drain_for_real(h);
        break;
    default: /* WRITE and LINGER are the connection's */
        break;
    }
}
