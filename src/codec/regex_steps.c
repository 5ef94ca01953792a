/* SPDX-License-Identifier: Apache-2.0 */
/* Short searches are paid for by pattern and subject, long ones by the clock of the thread. */
#include "codec/regex_steps.h"

#include <time.h>

#define STEP_WORK 128u        /* bytes times instructions for one step */
#define LONG_WORK (64u << 10) /* from here on by the clock */
#define STEP_NS 500u

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool regex_price(const struct regex *r, struct bytes subject, size_t from, uint64_t *steps)
{
    uint64_t work = (uint64_t)(subject.len - from) * regex_size(r);

    *steps = work < LONG_WORK ? 1 + work / STEP_WORK : work / STEP_WORK;
    return work < LONG_WORK;
}

bool regex_find_timed(struct regex *r, struct bytes subject, size_t from, struct bytes *found, uint64_t *steps)
{
    uint64_t begin = cpu_ns();
    bool matches = found != NULL ? regex_find_from(r, subject, from, found) : regex_search(r, subject);

    *steps = 1 + (cpu_ns() - begin) / STEP_NS;
    return matches;
}

bool regex_meter_spend(struct regex_meter *m, uint64_t steps)
{
    if (m->over || steps > REGEX_ITEM_STEPS - m->taken) {
        m->over = true;
        return false;
    }
    m->taken += steps;
    return true;
}

bool regex_meter_find(struct regex_meter *m, struct regex *r, struct bytes subject, size_t from, struct bytes *found)
{
    uint64_t steps;
    bool matches;

    if (regex_price(r, subject, from, &steps))
        return regex_meter_spend(m, steps) &&
               (found != NULL ? regex_find_from(r, subject, from, found) : regex_search(r, subject));
    if (m->over || steps > REGEX_ITEM_STEPS) {
        m->over = true;
        return false;
    }
    matches = regex_find_timed(r, subject, from, found, &steps);
    return regex_meter_spend(m, steps) && matches;
}

bool regex_meter_search(struct regex_meter *m, struct regex *r, struct bytes subject)
{
    return regex_meter_find(m, r, subject, 0, NULL);
}
