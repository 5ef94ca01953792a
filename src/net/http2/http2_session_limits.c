/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps an HTTP/2 connection within bounds, whoever is at the other end: flow control of the connection,
 * nuisances, and whether the peer is still there. */
#include "net/http2/http2_session.h"

#include "base/mem.h"

#define WINDOW_FIRST (1u << 20)
#define WINDOW_MAX (16u << 20)
#define WINDOW_FAST (200 * NS_PER_MS) /* a window used up faster than this is too small */
#define WITHHOLD_MAX NS_PER_S         /* so that senders of half-received bodies cannot be stuck for good */
#define NUISANCE_MAX 1000000u         /* thousandths */
#define NUISANCE_PER_MS 100u

static uint64_t now_of(const struct http2_session *s)
{
    return clock_mono(&s->loop->clock);
}

void http2_session_annoy(struct http2_session *s, unsigned weight, const char *reason)
{
    uint64_t emptied = (now_of(s) - s->nuisance_at) / NS_PER_MS * NUISANCE_PER_MS;

    if (emptied > 0) {
        s->nuisance -= emptied < s->nuisance ? emptied : s->nuisance;
        s->nuisance_at = now_of(s);
    }
    s->nuisance += weight * 1000ull;
    if (s->nuisance > NUISANCE_MAX)
        http2_session_kill(s, NGHTTP2_ENHANCE_YOUR_CALM, reason, reason);
}

/* --- the connection's window --- */

/* A peer that uses a window up within WINDOW_FAST could use a larger one. */
static void size_window(struct http2_session *s, size_t n)
{
    s->arrived += n;
    if (s->arrived < s->window || s->window >= WINDOW_MAX)
        return;
    if (now_of(s) - s->window_since < WINDOW_FAST) {
        s->window *= 2;
        nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)s->window);
    }
    s->arrived = 0;
    s->window_since = now_of(s);
}

static void release_credit(struct http2_session *s)
{
    budget_cancel(s->budget, &s->room);
    clock_stop(&s->loop->clock, &s->patience);
    nghttp2_session_consume_connection(s->ng, s->withheld);
    s->withheld = 0;
    s->side->kick(s);
}

static void on_room(struct budget_waiter *w)
{
    release_credit(container_of(w, struct http2_session, room));
}

static void on_patience_over(struct clock_timer *t)
{
    release_credit(container_of(t, struct http2_session, patience));
}

void http2_session_credit(struct http2_session *s, size_t n)
{
    struct budget *budget = s->budget;

    if (budget != NULL && budget->used > budget->limit) {
        if (s->withheld == 0)
            clock_start(&s->loop->clock, &s->patience, WITHHOLD_MAX, on_patience_over);
        s->withheld += n;
        budget_wait(budget, &s->room, on_room);
        return;
    }
    nghttp2_session_consume_connection(s->ng, n);
    size_window(s, n);
}

/* --- is the peer there? --- */

uint64_t http2_session_look_alive(struct http2_session *s, uint64_t time, uint64_t timeout)
{
    uint64_t quiet = now_of(s) - s->last_read;

    if (s->ping_out && s->last_read <= s->pinged_at) {
        http2_session_break(s);
        return time;
    }
    s->ping_out = quiet >= time;
    if (!s->ping_out)
        return time - quiet;
    s->pinged_at = now_of(s);
    nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
    s->side->kick(s);
    return timeout;
}

void http2_session_open_limits(struct http2_session *s)
{
    s->nuisance_at = s->window_since = now_of(s);
    s->window = WINDOW_FIRST;
    nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)s->window);
}

void http2_session_close_limits(struct http2_session *s)
{
    if (s->budget != NULL)
        budget_cancel(s->budget, &s->room);
    clock_stop(&s->loop->clock, &s->patience);
}
