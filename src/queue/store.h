/* SPDX-License-Identifier: Apache-2.0 */
/* Where a queue keeps what it has taken in: in memory (memory_store.c) or on disk (disk_store.c). The sender knows them
 * by these functions alone. */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include "base/error.h"
#include "pipeline/batcher.h"
#include "pipeline/consumer.h"

struct sender;
struct queue_entry;

struct store {
    const struct store_ops *ops;
    struct sender *sender;
};

struct store_ops {
    bool keeps; /* what is here at the end is found again by the next start; else it is lost */

    /* Opens it; the ledger gets what is there already. */
    int (*start)(struct store *st, struct error *err);
    /* Takes over a batch that there is room for, and its ack, which it answers when the batch is as safe as it can be
     * here. It becomes a queue entry by sender_push(), at once or when next() finds that it is its turn. */
    void (*put)(struct store *st, struct batch *batch, struct ack *ack);
    /* Attempts have made room in the partitions: what is in the store alone may follow, now or later. */
    void (*next)(struct store *st);
    /* What became of some of an entry's items, `n` from `first` on, is known: they need not be kept. NULL: they go with
     * the entry. */
    void (*part)(struct store *st, const struct queue_entry *e, uint64_t first, uint64_t n, const struct losses *lost);
    /* Nothing of the entry waits or is under way: its outcome is known, or it was given up. NULL: that is all the same.
     */
    void (*done)(struct store *st, const struct queue_entry *e);
    /* No attempt is under way and none will be: close. False: not yet, and sender_maybe_stopped() follows. */
    bool (*stop)(struct store *st);
    struct amount (*held)(const struct store *st);            /* not done, what is on its way in included */
    uint64_t (*age)(const struct store *st);                  /* ns: nothing of that is older. NULL: ask the entries */
    bool (*has_room)(const struct store *st, uint64_t bytes); /* for one more batch. NULL: always */
    void (*free)(struct store *st);
};

struct store *memory_store_new(struct sender *s);
struct store *disk_store_new(struct sender *s); /* at options.disk */

#endif
