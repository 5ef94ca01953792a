/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that everything turns on: libuv's, with the turn queue run before each sleep, the clock's timers, and a
 * look at how long it was busy in one go.
 *
 * Whoever waits for something keeps a pointer to it, and finds turn, clock and libuv's own loop in it. It outlives
 * all of them. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/loop/clock.h"
#include "base/loop/job.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/loop/turn.h"

#include <uv.h>

extern const struct metric_row *const loop_metric_rows[];

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t timer;
    struct turn turn;
    struct clock clock;
    struct random random;
    struct jobs *jobs;                       /* NULL: none was started yet */
    struct list names;                       /* that are asked for: base/loop/name_lookup.c */
    uint64_t armed;                          /* due time that the timer is set to; UINT64_MAX = not */
    uint64_t woken, idle;                    /* at the last sleep: mono ns, and libuv's idle time till then */
    uint64_t cpu;                            /* at the last sleep: the thread's time on a processor, ns */
    uint64_t longest;                        /* ns busy between two sleeps */
    uint64_t longest_cpu;                    /* ns on a processor between two sleeps */
    struct metric *stall, *stall_cpu, *busy; /* NULL until loop_measure */
};

/* manual: a test's. The clock is the test's to move, and turn_run() and uv_run() its to call. */
void loop_init(struct loop *l, bool manual);
void loop_measure(struct loop *l, struct metrics *metrics);

void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);

/* Close what is the loop's own. Returns how many handles others left open, each described by a call of `report`
 * (may be NULL); waits up to a second for closing handles and for jobs. */
int loop_close(struct loop *l, void (*report)(void *arg, const char *type), void *arg);

#endif
