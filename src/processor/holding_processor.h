/* SPDX-License-Identifier: Apache-2.0 */
/* What processors share that rewrite a batch without the items that they hold for an interval (processor/holder.h): the
 * visitor takes those, and what is left of the batch goes on in the same turn with the sender's ack. */
#ifndef PROCESSOR_HOLDING_PROCESSOR_H
#define PROCESSOR_HOLDING_PROCESSOR_H

#include "processor/holder.h"
#include "processor/item_processor.h"

/* A processor's struct begins with it. */
struct holding_processor {
    struct item_processor processor;
    struct holder holder;
    uint64_t taken; /* of the batch; the visitor counts them */
    /* The batch was walked, and `gone` of its items are not in what is left: those that are not taken either are to be
     * dropped from the ack. */
    void (*book)(struct holding_processor *p, struct ack *ack, uint64_t gone);
};

/* In create(): the node consumes from now on. The visitor and book() are the caller's to fill in. */
void holding_processor_init(struct holding_processor *p, uint64_t interval);
void holding_processor_free(struct holding_processor *p);

/* As a component has them. */
int holding_processor_start(struct node *node, struct error *err);
void holding_processor_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node));

static inline struct holding_processor *holding_processor_of(struct node *node)
{
    return container_of(item_processor_of(node), struct holding_processor, processor);
}

#endif
