/* SPDX-License-Identifier: Apache-2.0 */
/* What processors that edit or drop items share: a batch is rewritten (otlp/rewrite.h) and goes on in the same turn, or
 * in a later one where the visitor says so. */
#ifndef PROCESSOR_ITEM_PROCESSOR_H
#define PROCESSOR_ITEM_PROCESSOR_H

#include "base/loop/slicer.h"
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
    struct batch *batch;            /* the one being rewritten */
    struct error fault;             /* set by a visitor: the batch is rejected with that text */
    bool full;                      /* set by a visitor: the budget has no room; the sender is to come again ... */
    bool too_large;                 /* ... or never will have */
    bool again;     /* set by a visitor that edits only: there was no time for all of it, and it is to be walked again,
                     * as it has become, in a later turn. What comes meanwhile waits */
    uint64_t walks; /* so far, this one included */
    void (*begins)(struct item_processor *r, const struct batch *b); /* it will be walked; may be NULL */
    void (*judged)(struct item_processor *r); /* the batch was walked: it goes on, or is refused; may be NULL */
    struct refused_batches *refused;          /* whoever remembers what has been seen; NULL: nothing is */
    struct item_count items;
    /* The batch that is walked again; no `sender`: there is none. */
    struct ack *sender;
    struct batch *walked; /* what has become of it; NULL: nothing is left */
    uint64_t gone;        /* items of it */
    struct list waiting;  /* behind it */
    struct slicer *slicer;
    void (*stopped)(struct node *node);
    uint64_t deadline; /* of the stop: what is left then goes back to who sent it */
};

/* In create(): the node consumes from now on. The visitor is the caller's to fill in. */
void item_processor_init(struct item_processor *r, const char *dropped);
void item_processor_free(struct item_processor *r);
/* The component's, of one whose visitor says `again`. */
void item_processor_stop(struct node *node, uint64_t deadline, void (*done)(struct node *));

static inline struct item_processor *item_processor_of(struct node *node)
{
    return container_of(node, struct item_processor, node);
}

#endif
