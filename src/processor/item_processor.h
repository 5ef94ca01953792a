/* SPDX-License-Identifier: Apache-2.0 */
/* What processors that edit or drop items share: a batch is rewritten (otlp/rewrite.h) and goes on in the same turn. */
#ifndef PROCESSOR_ITEM_PROCESSOR_H
#define PROCESSOR_ITEM_PROCESSOR_H

#include "otlp/rewrite.h"
#include "pipeline/item_count.h"
#include "processor/refused_batches.h"

/* A processor's struct begins with it. */
struct item_processor {
    struct node node;
    struct rewriter rewriter;
    struct rewrite_visitor visitor; /* .arg: the processor itself */
    const char *dropped;            /* the reason that dropped items are booked with ... */
    struct losses apart;            /* ... save those of the batch that the visitor has put here */
    const struct batch *batch;      /* the one being rewritten */
    struct error fault;             /* set by a visitor: the batch is rejected with that text */
    bool full;                      /* set by a visitor: the budget has no room; the sender is to come again */
    void (*begins)(struct item_processor *r, const struct batch *b); /* it will be walked; may be NULL */
    void (*judged)(struct item_processor *r); /* the batch was walked: it goes on, or is refused; may be NULL */
    struct refused_batches *refused;          /* whoever remembers what has been seen; NULL: nothing is */
    struct item_count items;
};

/* In create(): the node consumes from now on. The visitor is the caller's to fill in. */
void item_processor_init(struct item_processor *r, const char *dropped);
void item_processor_free(struct item_processor *r);

static inline struct item_processor *item_processor_of(struct node *node)
{
    return container_of(node, struct item_processor, node);
}

#endif
