/* SPDX-License-Identifier: Apache-2.0 */
/* A reference-counted run of bytes, charged to the budget: what request bodies are received into and what
 * batches slice. It is written by whoever allocated it and never changed once it is shared. Counts are
 * plain ints: one thread. */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include "base/budget.h"
#include "base/bytes.h"

struct block {
    uint32_t refs;
    size_t cap;            /* bytes of data[]; what the budget is charged with, plus the header */
    struct budget *budget; /* NULL: uncharged */
    uint8_t data[];
};

/* One reference, contents undefined. NULL when the budget (may be NULL) refuses or memory is out. */
struct block *block_new(struct budget *budget, size_t cap) __attribute__((warn_unused_result));

/* The same, charged whatever the budget's limit says; never NULL. For sizes that are our own choice. */
struct block *block_force(struct budget *budget, size_t cap);

static inline struct block *block_ref(struct block *b)
{
    b->refs++;
    return b;
}

void block_unref(struct block *b);

/* Charge an uncharged block (one reference) from now on, whatever the budget's limit says: it was made off the loop. */
void block_adopt(struct block *b, struct budget *budget);

/* Give back what lies behind the first `len` bytes (only with one reference). The block may move. */
struct block *block_shrink(struct block *b, size_t len);

/* Make room for `cap` bytes in all (only with one reference). The block may move. With `force` the budget is charged
 * whatever its limit says; without, NULL when it refuses or memory is out: the old block is then as it was. */
struct block *block_grow(struct block *b, size_t cap, bool force) __attribute__((warn_unused_result));

#endif
