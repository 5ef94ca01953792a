/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock says when the next moment is, the other one how many have passed: a step of the wall clock is no
 * moment that was missed. */
#include "receiver/prometheus/scrape_moment.h"

uint64_t scrape_moment_after(const struct scrape_moment *m, uint64_t wall)
{
    uint64_t at = wall - wall % m->interval + m->offset;

    return at > wall ? at : at + m->interval;
}

uint64_t scrape_moment_set(struct scrape_moment *m, uint64_t due, uint64_t wall, uint64_t mono)
{
    uint64_t wait = due > wall ? due - wall : 0;

    m->due = due;
    m->mono = mono + wait;
    return wait;
}

uint64_t scrape_moment_next(struct scrape_moment *m, uint64_t wall, uint64_t mono, uint64_t *missed)
{
    *missed = m->due != 0 && mono > m->mono ? (mono - m->mono) / m->interval : 0;
    return scrape_moment_set(m, scrape_moment_after(m, wall), wall, mono);
}
