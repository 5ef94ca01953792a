/* SPDX-License-Identifier: Apache-2.0 */
/* A batch comes in, is counted, rewritten (otlp/rewrite.h) and sent on in the same turn; what the visitor dropped is
 * booked by its reason, and items of another reason apart. When no item is left the batch has been dealt with, and
 * its sender hears so. */
#include "processor/item_processor.h"

#include <assert.h>

/* By their reasons, in `apart` from here on. */
static void book_dropped(struct item_processor *r, struct ack *ack, uint64_t dropped)
{
    uint64_t apart = losses_total(&r->apart);

    assert(apart <= dropped);
    losses_add(&r->apart, dropped - apart, r->dropped);
    for (uint32_t i = 0; i < r->apart.n; i++)
        ack_drop(ack, r->apart.v[i].items, r->apart.v[i].reason);
}

static void send_made(struct item_processor *r, const struct batch *batch, struct batch *made, struct ack *ack)
{
    if (made == NULL)
        ack_safe(ack);
    else if (r->refused != NULL)
        refused_batches_send(r->refused, batch, &r->apart, made, ack);
    else
        consumer_send(r->node.out[batch->signal], made, ack);
}

/* A visitor could not do its work and was not to pass over that, or there is no room for what it makes. */
static void refuse_batch(struct item_processor *r, struct batch *batch, struct batch *made, struct ack *ack)
{
    if (r->fault.code != 0) {
        ack_fail(ack, VERDICT_REJECT, "statement", "%s", r->fault.text);
    } else {
        budget_refuse(host_budget(r->node.host, batch->signal));
        ack_fail(ack, VERDICT_RETRY, "memory_limit", "no room for what would be made of it");
    }
    if (made != NULL)
        batch_unref(made);
    r->batch = NULL;
    batch_unref(batch);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct item_processor *r = item_processor_of(container_of(self, struct node, in));
    struct batch *made;
    uint64_t dropped, again, begun = item_count_begin(&r->items);

    metric_add(r->items.incoming, batch->items);
    if (r->refused != NULL && refused_batches_again(r->refused, batch, ack, &again)) {
        item_count_end(&r->items, begun);
        metric_add(r->items.outgoing, again);
        return;
    }
    r->batch = batch;
    r->apart.n = 0;
    r->fault.code = 0;
    r->full = false;
    if (r->begins != NULL)
        r->begins(r, batch);
    made = rewrite_batch(&r->rewriter, batch, &r->visitor, host_budget(r->node.host, batch->signal), &dropped);
    item_count_end(&r->items, begun);
    if (r->judged != NULL)
        r->judged(r);
    if (r->fault.code != 0 || r->full) {
        refuse_batch(r, batch, made, ack);
        return;
    }
    metric_add(r->items.outgoing, batch->items - dropped);
    book_dropped(r, ack, dropped);
    send_made(r, batch, made, ack);
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
