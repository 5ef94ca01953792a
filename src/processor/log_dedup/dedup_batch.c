/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of which all records are wanted is taken in at once, and its sender answered. Of another those that are not
 * wanted are sent first, and only when that has gone well are the others taken in: so a sender that is told to come
 * again finds none of them counted.
 *
 * What can go wrong: records for which there is no place are sent on when the others are counted; when that fails they
 * are dropped, and their sender is told that they were rejected. */
#include "processor/log_dedup/log_dedup.h"

#include <stdlib.h>

/* A batch of which a part is on its way. */
struct apart {
    struct list link;
    struct log_dedup *p;
    struct ack ack;      /* of the part */
    struct ack *sender;  /* of the batch */
    uint64_t items;      /* of the part */
    struct batch *batch; /* with the records that wait for that; NULL: there are none */
    uint8_t *wanted;     /* by item: it waits */
    uint64_t reserved;   /* of the budget, for what will be held */
};

static struct node *node_of(struct log_dedup *p)
{
    return &p->held.processor.node;
}

static struct apart *set_apart(struct log_dedup *p, struct ack *from, uint64_t items, bool refusable,
                               void (*on_settled)(struct ack *, const struct outcome *))
{
    struct apart *a = mem_zalloc(sizeof(*a));

    a->p = p;
    a->sender = from;
    a->items = items;
    list_push(&p->apart, &a->link);
    ack_init(&a->ack, &node_of(p)->host->loop->turn, node_of(p)->ledger, 0, refusable, on_settled);
    ack_move(from, &a->ack, items);
    return a;
}

static struct budget *budget_of(struct log_dedup *p)
{
    return host_budget(node_of(p)->host, SIGNAL_LOGS);
}

static void give_reserved(struct apart *a)
{
    budget_give(budget_of(a->p), a->reserved);
    a->reserved = 0;
}

/* It is in no list any more. */
static void free_apart(struct apart *a)
{
    give_reserved(a);
    if (a->batch != NULL)
        batch_unref(a->batch);
    free(a->wanted);
    free(a);
}

static void send_on(struct log_dedup *p, struct batch *batch, struct ack *ack)
{
    metric_add(p->held.processor.items.outgoing, batch->items);
    consumer_send(node_of(p)->out[SIGNAL_LOGS], batch, ack);
}

/* ---- records that are wanted ---- */

/* The others of its batch are counted, so its sender must not come again: it is told that these are lost. */
static void on_let_go(struct ack *ack, const struct outcome *outcome)
{
    struct apart *a = container_of(ack, struct apart, ack);
    struct outcome told;

    outcome_clear(&told);
    if (outcome->verdict == VERDICT_SAFE)
        outcome_copy(&told, outcome);
    else
        outcome_reject(&told, a->items, outcome->reason != NULL ? outcome->reason : "failed",
                       "there was no place to hold it, and it could not be sent: %.100s", outcome->why);
    ack_settle(a->sender, &told);
    list_remove(&a->link);
    free_apart(a);
}

/* Those of the batch that are wanted, all of which the ack still has. */
static void take_in(struct log_dedup *p, struct batch *batch, uint8_t *wanted, struct ack *ack)
{
    struct holding_processor *h = &p->held;
    struct batch *left;
    uint64_t gone;

    p->wanted = wanted;
    p->at = p->repeated = h->taken = 0;
    left = rewrite_batch(&h->processor.rewriter, batch, &h->processor.visitor, budget_of(p), &gone);
    ack_drop(ack, p->repeated, "deduplicated");
    holder_keep(&h->holder, ack, h->taken);
    holder_charge(&h->holder);
    if (left != NULL) {
        ack_owe(ack);
        send_on(p, left, &set_apart(p, ack, left->items, false, on_let_go)->ack);
    }
    if (h->holder.stopping)
        holder_stop(&h->holder, h->holder.stopped);
}

/* ---- records that are not ---- */

static void on_rest_settled(struct ack *ack, const struct outcome *outcome)
{
    struct apart *a = container_of(ack, struct apart, ack);

    give_reserved(a);
    if (outcome->verdict == VERDICT_SAFE)
        take_in(a->p, a->batch, a->wanted, a->sender);
    ack_settle(a->sender, outcome);
    list_remove(&a->link);
    free_apart(a);
}

static enum rewrite_verdict ask_record(void *arg, const struct visit *at, struct pieces *edit)
{
    struct log_dedup *p = arg;
    struct error err;
    bool failed = false;
    struct statement *s;

    (void)edit;
    error_clear(&err);
    ottl_begin_visited(p->evaluation, at, statement_now(node_of(p)));
    s = statement_list_test(&p->conditions, p->evaluation, &failed, &err);
    p->wanted[p->at++] = s != NULL;
    return s != NULL ? REWRITE_DROP : REWRITE_KEEP;
}

/* What the conditions do not want, NULL: nothing; and by item what they do, which is the caller's to free. */
static struct batch *ask_all(struct log_dedup *p, struct batch *batch, uint8_t **wanted)
{
    uint64_t dropped;

    *wanted = p->wanted = mem_zalloc(batch->items + 1);
    p->at = 0;
    ottl_begin_batch(p->evaluation, batch->items);
    return rewrite_batch(&p->held.processor.rewriter, batch, &p->asking, budget_of(p), &dropped);
}

static void take_some(struct log_dedup *p, struct batch *batch, struct ack *ack)
{
    uint8_t *wanted;
    struct batch *rest = ask_all(p, batch, &wanted);
    struct apart *a;

    if (rest == NULL) {
        take_in(p, batch, wanted, ack);
        ack_safe(ack);
    } else if (rest->items == batch->items) {
        batch_unref(batch);
        free(wanted);
        send_on(p, rest, ack);
        return;
    } else {
        a = set_apart(p, ack, rest->items, true, on_rest_settled);
        a->batch = batch;
        a->wanted = wanted;
        a->reserved = holder_need(batch); /* holder_admit() has found room for it */
        budget_charge(budget_of(p), a->reserved);
        send_on(p, rest, &a->ack);
        return;
    }
    batch_unref(batch);
    free(wanted);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct node *node = container_of(self, struct node, in);
    struct log_dedup *p = container_of(holding_processor_of(node), struct log_dedup, held);
    struct item_count *items = &p->held.processor.items;
    uint64_t begun = item_count_begin(items);

    if (!holder_admit(&p->held.holder, batch, ack)) {
        batch_unref(batch);
        return;
    }
    metric_add(items->incoming, batch->items);
    if (p->conditions.v.n > 0) {
        take_some(p, batch, ack);
    } else {
        take_in(p, batch, NULL, ack);
        batch_unref(batch);
        ack_safe(ack);
    }
    item_count_end(items, begun);
}

void dedup_batches_init(struct log_dedup *p)
{
    node_of(p)->in.consume = consume;
    p->asking = (struct rewrite_visitor){ .arg = p, .item = ask_record };
    list_init(&p->apart);
}

void dedup_batches_free(struct log_dedup *p)
{
    struct apart *a;

    while ((a = list_pop(&p->apart, struct apart, link)) != NULL) {
        ack_cancel(&a->ack);
        free_apart(a);
    }
}
