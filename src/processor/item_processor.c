/* SPDX-License-Identifier: Apache-2.0 */
/* A batch comes in, is counted, rewritten (otlp/rewrite.h) and sent on in the same turn; what the visitor dropped is
 * booked by its reason, and items of another reason apart. When no item is left the batch has been dealt with, and
 * its sender hears so. */
#include "processor/item_processor.h"

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct item_processor *r = item_processor_of(container_of(self, struct node, in));
    struct batch *made;
    uint64_t dropped, begun = item_count_begin(&r->items);

    metric_add(r->items.incoming, batch->items);
    r->batch = batch;
    r->n_apart = 0;
    made = rewrite_batch(&r->rewriter, batch, &r->visitor, host_budget(r->node.host, batch->signal), &dropped);
    item_count_end(&r->items, begun);
    metric_add(r->items.outgoing, batch->items - dropped);
    if (dropped > r->n_apart)
        ack_drop(ack, dropped - r->n_apart, r->dropped);
    if (r->n_apart > 0)
        ack_drop(ack, r->n_apart, r->dropped_apart);
    if (made != NULL)
        consumer_send(r->node.out[batch->signal], made, ack);
    else
        ack_safe(ack);
    r->batch = NULL;
    batch_unref(batch);
}

void item_processor_init(struct item_processor *r, const char *dropped)
{
    r->node.in.consume = consume;
    r->dropped = dropped;
    r->visitor.arg = r;
    item_count_init(&r->items, &r->node);
}

void item_processor_free(struct item_processor *r)
{
    rewriter_free(&r->rewriter);
}
