/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of HTTP/2 are made before calls are placed. When one is wanted the name is looked up, and dialled: the
 * addresses in turn until one answers, or each for a connection of its own. Whenever one ends, its successor is looked
 * for in the same way, so that what has changed in DNS is seen; an address that has gone from it gets no new calls.
 *
 * What can go wrong: no address, nobody there, a peer that speaks something else, one that greets and leaves without an
 * answer to anything. When there is no other connection the calls that wait fail, unless they are to wait; attempts of
 * our own have a back-off, and calls make us dial once a second at most. */
#include "net/http/http_client_inside.h"

#include "net/socket/endpoint.h"

#include <stdio.h>

#define BACKOFF_FIRST NS_PER_S
#define BACKOFF_MAX (20 * NS_PER_S)
#define CALLS_PAUSE NS_PER_S

static void seek_peers(struct http_client *c);

static bool has_live(struct http_client *c)
{
    list_each (struct http_connection, x, &c->connections, link)
        if (http_connection_is_live(x))
            return true;
    return false;
}

/* ---- failures ---- */

/* ±20 %, as gRPC has it: who lost the same peer together does not come back together. */
static uint64_t next_backoff(struct http_client *c)
{
    uint64_t delay = BACKOFF_FIRST;

    for (unsigned i = 1; i < c->balancer.failures && delay < BACKOFF_MAX; i++)
        delay = delay / 5 * 8;
    if (delay > BACKOFF_MAX)
        delay = BACKOFF_MAX;
    return (uint64_t)((double)delay * (0.8 + 0.4 * random_share(&c->shared.loop->random)));
}

static void on_again(struct clock_timer *t)
{
    struct http_client *c = container_of(t, struct http_client, balancer.again);

    if (!c->pooled)
        seek_peers(c);
}

static void fail_waiting(struct http_client *c)
{
    struct http_call *call;

    while ((call = list_first(&c->waiting, struct http_call, link)) != NULL) {
        list_remove(&call->link);
        call->waiting = false;
        http_client_fail(call, &c->balancer.end);
    }
}

static void note_failure(struct http_client *c, const struct call_failure *why)
{
    struct http_balancer *b = &c->balancer;

    snprintf(b->why, sizeof(b->why), "%s", why->why != NULL ? why->why : "the peer ended the connection");
    b->end = *why;
    b->end.why = b->why;
    b->end.chance = CALL_UNSEEN;
    if (b->end.failure == HTTP_ANSWERED) /* it ended in peace */
        b->end.failure = HTTP_CLOSED;
    b->failures += b->failures < 100;
    b->quiet_until = clock_mono(&c->shared.loop->clock) + CALLS_PAUSE;
    if (!has_live(c) && !c->options.wait_for_ready)
        fail_waiting(c);
    else if (!clock_armed(&b->again))
        clock_start(&c->shared.loop->clock, &b->again, next_backoff(c), on_again);
}

void http_balancer_lost(struct http_client *c, bool served, const struct call_failure *why)
{
    if (c->closing)
        return;
    if (!served) {
        note_failure(c, why);
        return;
    }
    c->balancer.failures = 0;
    if (!list_empty(&c->waiting) || (c->options.round_robin && has_live(c)))
        seek_peers(c);
}

/* ---- connections ---- */

static bool is_same(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

static bool is_among(const struct address *a, const struct address *found, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_same(a, &found[i]))
            return true;
    return false;
}

static bool is_served(struct http_client *c, const struct address *a)
{
    list_each (struct http_connection, x, &c->connections, link)
        if (http_connection_is_live(x) && is_same(&x->to, a))
            return true;
    return false;
}

/* A connection to each. */
static void connect_all(struct http_client *c, const struct address *found, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_served(c, &found[i]))
            http_connection_open_to(c, &found[i], 1);
    list_each (struct http_connection, x, &c->connections, link)
        if (!is_among(&x->to, found, n))
            http_connection_retire(x);
}

static void on_found(void *arg, const struct address *found, size_t n, const char *why)
{
    struct http_client *c = arg;
    struct call_failure f = { .failure = HTTP_NOT_RESOLVED, .why = why, .whole = true };

    c->balancer.lookup = NULL;
    if (c->pooled) /* the peer has chosen HTTP/1.1 meanwhile, and calls have theirs dialled */
        http_client_serve(c);
    else if (n == 0)
        note_failure(c, &f);
    else if (c->options.round_robin)
        connect_all(c, found, n);
    else if (!has_live(c))
        http_connection_open_to(c, found, n);
}

static void seek_peers(struct http_client *c)
{
    struct http_balancer *b = &c->balancer;

    if (b->lookup != NULL)
        return;
    clock_stop(&c->shared.loop->clock, &b->again);
    if (b->target.is_unix)
        on_found(c, &b->target.address, 1, "");
    else
        b->lookup = b->resolver->start(c->shared.loop, b->target.host, b->target.port, on_found, c);
}

bool http_balancer_want(struct http_client *c)
{
    struct http_balancer *b = &c->balancer;
    struct clock *clock = &c->shared.loop->clock;
    uint64_t now = clock_mono(clock);

    if (b->lookup != NULL || has_live(c))
        return true;
    if (now >= b->quiet_until)
        seek_peers(c);
    else if (!c->options.wait_for_ready)
        return false;
    else if (!clock_armed(&b->again))
        clock_start(clock, &b->again, b->quiet_until - now, on_again);
    return true;
}

struct http_connection *http_balancer_pick(struct http_client *c)
{
    list_each (struct http_connection, x, &c->connections, link) {
        if (!http_connection_has_room(x))
            continue;
        list_remove(&x->link);
        list_push(&c->connections, &x->link);
        return x;
    }
    return NULL;
}

/* ---- its life ---- */

int http_balancer_init(struct http_client *c, struct error *err)
{
    struct http_balancer *b = &c->balancer;

    b->resolver = c->options.resolver != NULL ? c->options.resolver : &resolver_system;
    if (c->options.target != NULL && c->origin.tunnel_to == NULL)
        return target_parse(&b->target, c->options.target, err);
    b->target.host = mem_strdup(c->origin.dial_host);
    b->target.port = mem_strdup(c->origin.dial_port);
    return 0;
}

void http_balancer_free(struct http_client *c)
{
    struct http_balancer *b = &c->balancer;

    if (b->lookup != NULL)
        b->resolver->cancel(b->lookup);
    b->lookup = NULL;
    clock_stop(&c->shared.loop->clock, &b->again);
    target_free(&b->target);
}
