/* SPDX-License-Identifier: Apache-2.0 */
/* Time and timers, from one place that tests can move.
 *
 * A `struct clock` keeps the time of the loop's turn and a heap of timers. base/loop/loop.h drives it with one
 * uv_timer armed at clock_next() and says clock_sleep() before the loop waits, so that the first who asks after it
 * reads the system's clocks and all others of that turn get the same time; a test drives it with clock_advance() and
 * takes no wall time. Timers need no closing: a stopped timer may be freed at once. Durations are nanoseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

struct clock_timer {
    uint64_t due; /* on the monotonic clock */
    size_t slot;  /* 1 + index in the heap; 0 = not armed */
    void (*on_due)(struct clock_timer *t);
};

struct clock {
    uint64_t mono;  /* ns; of this turn */
    int64_t offset; /* wall = mono + offset */
    bool manual;    /* a test's: clock_update does nothing */
    bool stale;     /* the loop has slept since these were read */
    VEC(struct clock_timer *) heap;
};

void clock_init(struct clock *c, bool manual); /* manual: starts at mono 1 s, wall 1700000000 s */
void clock_free(struct clock *c);              /* timers still armed are forgotten */

void clock_update(struct clock *c); /* read the system's clocks */

/* Time passes from here on: whoever asks next reads the system's clocks. */
static inline void clock_sleep(struct clock *c)
{
    c->stale = !c->manual;
}

/* Reads the clocks first where time has passed since they were read. */
static inline uint64_t clock_mono(struct clock *c)
{
    if (c->stale)
        clock_update(c);
    return c->mono;
}

static inline uint64_t clock_wall(struct clock *c)
{
    return clock_mono(c) + (uint64_t)c->offset;
}

/* Arm, or arm anew, to fire once `delay` ns from the turn's time. on_due may arm it again or free it. */
void clock_start(struct clock *c, struct clock_timer *t, uint64_t delay, void (*on_due)(struct clock_timer *));
void clock_stop(struct clock *c, struct clock_timer *t);

static inline bool clock_armed(const struct clock_timer *t)
{
    return t->slot != 0;
}

uint64_t clock_next(const struct clock *c); /* due time of the earliest timer; UINT64_MAX when there is none */
void clock_fire(struct clock *c);           /* call all that are due at c->mono */

/* Tests: move both clocks on by ns, firing timers in order, each at its own time. */
void clock_advance(struct clock *c, uint64_t ns);

#endif
