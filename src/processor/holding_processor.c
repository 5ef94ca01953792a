/* SPDX-License-Identifier: Apache-2.0 */
/* A batch for which there is room is walked once; what the visitor took is held and charged, and the rest goes on.
 *
 * What can go wrong: there is no room, and the sender has been told to retry (holder_admit). */
#include "processor/holding_processor.h"

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct node *node = container_of(self, struct node, in);
    struct holding_processor *p = holding_processor_of(node);
    struct item_count *items = &p->processor.items;
    uint64_t begun = item_count_begin(items), gone;
    struct batch *made;

    if (!holder_admit(&p->holder, batch, ack)) {
        batch_unref(batch);
        return;
    }
    metric_add(items->incoming, batch->items);
    p->taken = 0;
    if (p->processor.begins != NULL)
        p->processor.begins(&p->processor, batch);
    made = rewrite_batch(&p->processor.rewriter, batch, &p->processor.visitor, host_budget(node->host, node->signal),
                         &gone);
    p->book(p, ack, gone);
    holder_keep(&p->holder, ack, p->taken);
    holder_charge(&p->holder);
    item_count_end(items, begun);
    metric_add(items->outgoing, made != NULL ? made->items : 0);
    batch_unref(batch);
    if (made != NULL)
        consumer_send(node->out[node->signal], made, ack);
    else
        ack_safe(ack);
}

void holding_processor_init(struct holding_processor *p, uint64_t interval)
{
    item_processor_init(&p->processor, NULL);
    p->processor.node.in.consume = consume;
    holder_init(&p->holder, &p->processor.node, interval);
}

void holding_processor_free(struct holding_processor *p)
{
    holder_free(&p->holder);
    item_processor_free(&p->processor);
}

int holding_processor_start(struct node *node, struct error *err)
{
    (void)err;
    holder_start(&holding_processor_of(node)->holder);
    return 0;
}

void holding_processor_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    (void)deadline;
    holder_stop(&holding_processor_of(node)->holder, done);
}
