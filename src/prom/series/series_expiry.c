/* SPDX-License-Identifier: Apache-2.0 */
/* A timer sweeps the families, slot by slot and a slice at a time, and ends the series that nothing has arrived for.
 * The family that the sweep stands in is held meanwhile. When all have been seen it rests. */
#include "prom/series/series.h"

#define SWEEP_SLICE 2048u /* slots looked at before others get a turn */
#define SWEEP_PAUSE NS_PER_MS
#define SWEEP_LONGEST (30 * NS_PER_S)

uint32_t series_now(const struct series_store *s)
{
    return (uint32_t)((clock_mono(s->clock) - s->born) / SERIES_TICK);
}

bool series_expired(const struct series_store *s, uint32_t arrival)
{
    return s->options->expiration > 0 &&
           (series_now(s) - arrival) * SERIES_TICK > s->options->expiration + SERIES_TICK - 1;
}

static uint64_t sweep_period(const struct series_store *s)
{
    uint64_t period = s->options->expiration / 4;

    return period > SWEEP_LONGEST ? SWEEP_LONGEST : period < SERIES_TICK ? SERIES_TICK : period;
}

/* True when the sweep has seen all. */
static bool sweep_some(struct series_store *s)
{
    for (unsigned n = 0; n < SWEEP_SLICE; n++) {
        struct series *x;

        if (s->swept == NULL || s->swept_slot >= s->swept->series.end) {
            struct family *done = s->swept;

            s->swept = family_next(&s->families, done);
            s->swept_slot = 0;
            if (done != NULL)
                family_release(&s->families, done);
            if (s->swept == NULL)
                return true;
            continue;
        }
        x = slots_at(&s->swept->series, s->swept_slot++);
        if (x != NULL && series_expired(s, x->arrival)) {
            series_end(s, x);
            s->expired++;
        }
    }
    return false;
}

static void on_sweep(struct clock_timer *timer)
{
    struct series_store *s = container_of(timer, struct series_store, sweep);
    bool all = sweep_some(s);

    table_settle(&s->streams.table, SWEEP_SLICE);
    clock_start(s->clock, timer, all && table_is_settled(&s->streams.table) ? sweep_period(s) : SWEEP_PAUSE, on_sweep);
}

void series_sweep_start(struct series_store *s)
{
    if (s->options->expiration > 0)
        clock_start(s->clock, &s->sweep, sweep_period(s), on_sweep);
}
