/* SPDX-License-Identifier: Apache-2.0 */
/* The metric families of a scrape endpoint, sorted by name, and the series in each.
 *
 * A scrape walks them in slices while they change. So the families are a skip list, whose nodes stay as long as
 * somebody holds them, and the series of a family stand at numbered slots, which the others keep when one goes. */
#ifndef PROM_FAMILY_H
#define PROM_FAMILY_H

#include "prom/model/sample.h"
#include "prom/series/streams.h"

#define FAMILY_LEVELS 20

struct family {
    enum family_type type;
    uint32_t holders; /* streams, cursors */
    struct slots series;
    struct bytes name, help, unit; /* in memory of the family's own */
    uint8_t n_levels;
    struct family *next[]; /* one for each level */
};

struct families {
    struct family *first[FAMILY_LEVELS];
    uint64_t random;
    size_t n;
    struct budget *budget;
};

/* The family of that name, made when there is none, with one holder more. NULL when the budget refuses. What a family
 * is (type, help, unit) is decided by the one that came first. */
struct family *family_hold(struct families *f, struct bytes name, enum family_type type, struct bytes help,
                           struct bytes unit);
void family_release(struct families *f, struct family *x);

/* The first family, or the one behind `x`, with one holder more; NULL at the end. */
struct family *family_next(struct families *f, struct family *x);

#endif
