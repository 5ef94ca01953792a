/* SPDX-License-Identifier: Apache-2.0 */
/* When a target is scraped: at one moment of each interval, by the wall clock, so that all who scrape it in turn do so
 * at the same times. */
#ifndef RECEIVER_SCRAPE_MOMENT_H
#define RECEIVER_SCRAPE_MOMENT_H

#include <stdint.h>

/* ns. */
struct scrape_moment {
    uint64_t interval, offset;
    uint64_t due;  /* wall; 0: it waits for none yet */
    uint64_t mono; /* when that is, on the clock that nobody sets */
};

/* The first moment after `wall`. */
uint64_t scrape_moment_after(const struct scrape_moment *m, uint64_t wall);

/* Go to the next moment: ns from now. *missed: how many have passed since the last, by the clock that nobody sets. */
uint64_t scrape_moment_next(struct scrape_moment *m, uint64_t wall, uint64_t mono, uint64_t *missed);

/* Be due then, wall ns, and return how long that is from now. */
uint64_t scrape_moment_set(struct scrape_moment *m, uint64_t due, uint64_t wall, uint64_t mono);

#endif
