/* SPDX-License-Identifier: Apache-2.0 */
/* Timers stand in a binary heap, the one that is due first at its top; each knows its slot in it, so that it can be
 * moved or taken out at once. clock_fire() takes a timer out before it calls it: the callback may start it again or
 * free it. */
#include "base/loop/clock.h"

#include <assert.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void put_timer(struct clock *c, size_t i, struct clock_timer *t)
{
    c->heap.v[i] = t;
    t->slot = i + 1;
}

static void sift_up(struct clock *c, size_t i)
{
    struct clock_timer *t = c->heap.v[i];

    while (i > 0 && c->heap.v[(i - 1) / 2]->due > t->due) {
        put_timer(c, i, c->heap.v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put_timer(c, i, t);
}

static void sift_down(struct clock *c, size_t i)
{
    struct clock_timer *t = c->heap.v[i];

    for (;;) {
        size_t kid = 2 * i + 1;

        if (kid >= c->heap.n)
            break;
        if (kid + 1 < c->heap.n && c->heap.v[kid + 1]->due < c->heap.v[kid]->due)
            kid++;
        if (c->heap.v[kid]->due >= t->due)
            break;
        put_timer(c, i, c->heap.v[kid]);
        i = kid;
    }
    put_timer(c, i, t);
}

static void take_out(struct clock *c, struct clock_timer *t)
{
    size_t i = t->slot - 1;
    struct clock_timer *last = c->heap.v[--c->heap.n];

    t->slot = 0;
    if (last == t)
        return;
    put_timer(c, i, last);
    sift_down(c, i);
    sift_up(c, last->slot - 1);
}

void clock_init(struct clock *c, bool manual)
{
    *c = (struct clock){ .manual = manual };
    if (manual) {
        c->mono = NS_PER_S;
        c->offset = (int64_t)(1700000000 * NS_PER_S - NS_PER_S);
    } else {
        clock_update(c);
    }
}

void clock_free(struct clock *c)
{
    for (size_t i = 0; i < c->heap.n; i++)
        c->heap.v[i]->slot = 0;
    vec_free(&c->heap);
}

void clock_update(struct clock *c)
{
    if (c->manual)
        return;
    c->stale = false;
    c->mono = read_ns(CLOCK_MONOTONIC);
    c->offset = (int64_t)(read_ns(CLOCK_REALTIME) - c->mono);
}

void clock_start(struct clock *c, struct clock_timer *t, uint64_t delay, void (*on_due)(struct clock_timer *))
{
    if (t->slot != 0)
        take_out(c, t);
    t->on_due = on_due;
    t->due = delay > UINT64_MAX - clock_mono(c) ? UINT64_MAX : c->mono + delay;
    *vec_push(&c->heap) = t;
    sift_up(c, c->heap.n - 1);
}

void clock_stop(struct clock *c, struct clock_timer *t)
{
    if (t->slot == 0)
        return;
    assert(c->heap.v[t->slot - 1] == t);
    take_out(c, t); /* the driver may wake once for nothing; cheaper than re-arming at each stop */
}

uint64_t clock_next(const struct clock *c)
{
    return c->heap.n ? c->heap.v[0]->due : UINT64_MAX;
}

void clock_fire(struct clock *c)
{
    while (c->heap.n > 0 && c->heap.v[0]->due <= clock_mono(c)) {
        struct clock_timer *t = c->heap.v[0];

        take_out(c, t);
        t->on_due(t);
    }
}

void clock_advance(struct clock *c, uint64_t ns)
{
    uint64_t end = c->mono + ns;

    while (clock_next(c) <= end) {
        if (clock_next(c) > c->mono)
            c->mono = clock_next(c);
        clock_fire(c);
    }
    c->mono = end;
}
