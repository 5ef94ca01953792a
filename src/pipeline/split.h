/* SPDX-License-Identifier: Apache-2.0 */
/* One batch in several parts to several consumers, and one answer to its sender. */
#ifndef PIPELINE_SPLIT_H
#define PIPELINE_SPLIT_H

#include "base/list.h"
#include "pipeline/consumer.h"

struct splitter {
    struct turn *turn;
    size_t most;              /* parts of one batch for which memory is kept */
    bool carries;             /* a part's items are held under its own ack, in the ledger that the sender's books in,
                               * from split_send() on: for who hands them to queues of that ledger */
    bool apart;               /* a part that is refused for good is rejected alone, and not all with it */
    struct list busy, unused; /* splits on their way, and memory of those that were */
};

struct split;

void splitter_init(struct splitter *s, struct turn *turn, size_t most);
void splitter_free(struct splitter *s); /* what is on its way is forgotten */

/* Begin to answer for a batch of that sender, in at most `n` parts. `shared`: an item may be in several of them. Then
 * split_send() for each part, and split_end(). */
struct split *split_begin(struct splitter *s, struct ack *sender, bool shared, size_t n);
void split_send(struct split *p, struct consumer *to, struct batch *part);
/* Items of the batch that go nowhere are refused for good. */
void split_reject(struct split *p, uint64_t items, const char *reason, const char *why);
void split_end(struct split *p);

#endif
