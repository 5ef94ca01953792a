/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that may go together, in the order they came: gathered to a size, cut, and told apart again by their slices.
 *
 * The batch processor has one for each of its shards, an exporter's queue one for each of its partitions. What waits is
 * an entry, a part of its owner's struct. Taking makes one batch of slices: the whole rest of an entry, or a head of it
 * whose tail goes on waiting. When the taken batch is settled, outcome_add_part() gives each slice's entry its share.
 */
#ifndef PIPELINE_BATCHER_H
#define PIPELINE_BATCHER_H

#include "base/list.h"
#include "base/vec.h"
#include "otlp/batch.h"

struct batcher_entry {
    struct list link;
    struct batch *rest; /* what has not been taken; NULL: all has, and the batcher knows it no more */
    uint64_t taken;     /* items; those of `rest` follow them */
};

struct slice {
    struct batcher_entry *entry;
    uint64_t first; /* of the entry's items, counted from 0 */
    uint64_t items;
};
typedef VEC(struct slice) slices;

struct amount {
    uint64_t requests, items, bytes;
};

struct batcher_limits {
    bool in_bytes;  /* sizes are bytes, else items */
    uint64_t least; /* enough: no more is gathered */
    uint64_t most;  /* no batch is larger, but for one that is a single item, or of items none of which could be
                     * smaller in a batch of its own, for what stands above them; 0 = never cut */
};

struct batcher {
    struct list entries;
    struct amount waiting;
    VEC(struct batch *) parts;
};

void batcher_init(struct batcher *b);
void batcher_free(struct batcher *b); /* nothing waits */

void batcher_put(struct batcher *b, struct batcher_entry *e, struct batch *batch); /* takes the reference over */

uint64_t batcher_weight(const struct batcher_limits *l, uint64_t items, uint64_t bytes);

/* What goes out next, as one batch; something waits. Its slices are appended to `out`. Blocks of copies that a cut
 * makes count against the budget, whatever its limit. */
struct batch *batcher_take(struct batcher *b, const struct batcher_limits *l, struct budget *budget, slices *out);

/* Whole entries of one metadata, as many as have `bytes` in sum, and no more than `requests` (0 = no limit), as one
 * batch; the first in any case. */
struct batch *batcher_take_whole(struct batcher *b, uint64_t bytes, uint64_t requests, slices *out);

/* The first entry with its rest, out of the batcher; NULL: nothing waits. */
struct batcher_entry *batcher_remove(struct batcher *b);

#endif
