/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps an HTTP/2 connection within bounds: flow control of the connection, nuisances, pings, age. */
#include "net/http2/http2_server_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <sys/random.h>

#define WINDOW_FIRST (1u << 20)
#define WINDOW_MAX (16u << 20)
#define WINDOW_FAST (200 * NS_PER_MS) /* a window used up faster than this is too small */
#define WITHHOLD_MAX NS_PER_S         /* so that senders of half-received bodies cannot be stuck for good */
#define NUISANCE_MAX 1000000u         /* thousandths */
#define NUISANCE_PER_MS 100u
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

void http2_move(struct http2 *h, enum http2_phase to)
{
    static const uint8_t allowed[] = {
        [HTTP2_SERVING] = 1 << HTTP2_NOTICED | 1 << HTTP2_KILLED | 1 << HTTP2_BROKEN,
        [HTTP2_NOTICED] = 1 << HTTP2_DRAINING | 1 << HTTP2_KILLED | 1 << HTTP2_BROKEN,
        [HTTP2_DRAINING] = 1 << HTTP2_KILLED | 1 << HTTP2_BROKEN,
        [HTTP2_KILLED] = 1 << HTTP2_BROKEN,
        [HTTP2_BROKEN] = 1 << HTTP2_BROKEN, /* it may be found broken twice */
    };

    assert(allowed[h->phase] & 1 << to);
    h->phase = to;
}

void http2_kill(struct http2 *h, uint32_t code, const char *debug, const char *reason)
{
    if (h->phase >= HTTP2_KILLED)
        return;
    http2_move(h, HTTP2_KILLED);
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session), code,
                          (const uint8_t *)debug, strlen(debug));
    conn_io_complain(h->io, reason);
    h->io->kick(h->io);
}

/* The true last stream: what was in flight when the first GOAWAY left has arrived by now. */
static void drain_for_real(struct http2 *h)
{
    if (h->phase != HTTP2_NOTICED)
        return;
    http2_move(h, HTTP2_DRAINING);
    conn_io_expect(h->io, DEADLINE_DRAIN, 0);
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
                          NGHTTP2_NO_ERROR, (const uint8_t *)h->reason, strlen(h->reason));
    h->io->kick(h->io);
}

void http2_drain(struct http2 *h, const char *reason)
{
    if (h->phase != HTTP2_SERVING)
        return;
    http2_move(h, HTTP2_NOTICED);
    h->reason = reason;
    nghttp2_submit_shutdown_notice(h->session);
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, notice_ping);
    conn_io_expect(h->io, DEADLINE_DRAIN, NOTICE_TIME);
    h->io->kick(h->io);
}

/* --- nuisances and pings --- */

void http2_annoy(struct http2 *h, unsigned weight, const char *reason)
{
    uint64_t emptied = (now_of(h) - h->nuisance_at) / NS_PER_MS * NUISANCE_PER_MS;

    if (emptied > 0) {
        h->nuisance -= emptied < h->nuisance ? emptied : h->nuisance;
        h->nuisance_at = now_of(h);
    }
    h->nuisance += weight * 1000ull;
    if (h->nuisance > NUISANCE_MAX)
        http2_kill(h, NGHTTP2_ENHANCE_YOUR_CALM, reason, reason);
}

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
        http2_kill(h, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings",
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
    http2_annoy(h, 1, "too many PING frames");
    if (options_of(h)->enforce_keepalive)
        judge_ping(h);
}

/* --- the connection's window --- */

/* A peer that uses a window up within WINDOW_FAST could use a larger one. */
static void size_window(struct http2 *h, size_t n)
{
    h->arrived += n;
    if (h->arrived < h->window || h->window >= WINDOW_MAX)
        return;
    if (now_of(h) - h->window_since < WINDOW_FAST) {
        h->window *= 2;
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)h->window);
    }
    h->arrived = 0;
    h->window_since = now_of(h);
}

static void release_credit(struct http2 *h)
{
    budget_cancel(h->io->shared->budget, &h->room);
    conn_io_expect(h->io, DEADLINE_BUDGET, 0);
    nghttp2_session_consume_connection(h->session, h->withheld);
    h->withheld = 0;
    h->io->kick(h->io);
}

static void on_room(struct budget_waiter *w)
{
    release_credit(container_of(w, struct http2, room));
}

void http2_credit(struct http2 *h, size_t n)
{
    struct budget *budget = h->io->shared->budget;

    if (budget->used > budget->limit) {
        if (h->withheld == 0)
            conn_io_expect(h->io, DEADLINE_BUDGET, WITHHOLD_MAX);
        h->withheld += n;
        budget_wait(budget, &h->room, on_room);
        return;
    }
    nghttp2_session_consume_connection(h->session, n);
    size_window(h, n);
}

/* --- time --- */

/* ±10 %, so that the connections of a fleet that was started together do not all end together. */
static uint64_t jitter(uint64_t time)
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

    h->io->at_rest = h->nuisance_at = h->window_since = now_of(h);
    h->window = WINDOW_FIRST;
    nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)h->window);
    conn_io_expect(h->io, DEADLINE_IDLE, idle_time(h));
    conn_io_expect(h->io, DEADLINE_AGE, o->max_connection_age ? jitter(o->max_connection_age) : 0);
    conn_io_expect(h->io, DEADLINE_KEEPALIVE, o->keepalive_time);
}

void http2_guard_close(struct http2 *h)
{
    budget_cancel(h->io->shared->budget, &h->room);
}

static void end_broken(struct http2 *h)
{
    h->io->shared->stats.timeouts++;
    http2_move(h, HTTP2_BROKEN);
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
    if (h->phase != HTTP2_SERVING) { /* the grace is over too */
        end_broken(h);
        return;
    }
    http2_drain(h, "max_age");
    conn_io_expect(h->io, DEADLINE_AGE, options_of(h)->max_connection_age_grace);
}

static void check_alive(struct http2 *h)
{
    const struct http_server_options *o = options_of(h);
    uint64_t quiet = now_of(h) - h->io->last_read;

    if (h->ping_out && h->io->last_read <= h->pinged_at) {
        end_broken(h);
        return;
    }
    h->ping_out = quiet >= o->keepalive_time;
    if (h->ping_out) {
        h->pinged_at = now_of(h);
        nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
        h->io->kick(h->io);
    }
    conn_io_expect(h->io, DEADLINE_KEEPALIVE,
                   !h->ping_out ? o->keepalive_time - quiet
                                : (o->keepalive_timeout ? o->keepalive_timeout : 20 * NS_PER_S));
}

void http2_on_deadline(struct conn_io *io, enum http_deadline which)
{
    struct http2 *h = io->state;

    switch (which) {
    case DEADLINE_READ:
        io->shared->stats.timeouts++;
        http2_kill(h, NGHTTP2_CANCEL, "the request's headers did not arrive in time",
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
    case DEADLINE_BUDGET:
        release_credit(h);
        break;
    default: /* WRITE and LINGER are the connection's */
        break;
    }
}
