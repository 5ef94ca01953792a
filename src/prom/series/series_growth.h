/* SPDX-License-Identifier: Apache-2.0 */
/* Which metric makes most of the new series, and by which label: a sketch of fixed size, for both are named by
 * strangers. The heavy ones are in it for certain, with a count that is too small by at most what the others took off
 * (Misra and Gries, "Finding repeated elements"). */
#ifndef PROM_SERIES_GROWTH_H
#define PROM_SERIES_GROWTH_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdint.h>

#define GROWTH_NAME_MAX 96
#define GROWTH_SLOTS 16
#define GROWTH_SEEN 16

/* New series of a metric that differ from the one before by that label. */
struct growth {
    char metric[GROWTH_NAME_MAX], label[GROWTH_NAME_MAX]; /* cut */
    uint64_t n;
};

struct growth_sketch {
    struct growth slots[GROWTH_SLOTS];
    struct {
        uint64_t hash; /* of a metric's name */
        struct buf labels;
    } seen[GROWTH_SEEN]; /* the newest series of some metrics */
};

void growth_sketch_free(struct growth_sketch *g);

/* A series is new. `labels` is rendered. */
void growth_sketch_add(struct growth_sketch *g, struct bytes metric, struct bytes labels);

/* The fastest, rather one that has a label; both names are empty when nothing grew. */
const struct growth *growth_sketch_top(const struct growth_sketch *g);

/* Forget half of all that was counted: what grew long ago weighs less. */
void growth_sketch_fade(struct growth_sketch *g);

#endif
