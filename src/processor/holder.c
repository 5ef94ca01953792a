/* SPDX-License-Identifier: Apache-2.0 */
/* The timer fires once an interval; if a send is out then, the next goes when it is settled. At the stop what is there
 * goes at once, and the node has stopped when the last send is settled.
 *
 * What can go wrong: the send fails, and what it had is dropped, for its senders have been answered. A batch for which
 * there could never be room is refused for good; without room now its sender comes again. */
#include "processor/holder.h"

#include <assert.h>

#define ITEM_COST 512u /* of what an item is found by and put together of, however small it is */

static void on_pool_settled(struct ack *ack, const struct outcome *outcome)
{
    (void)ack;
    (void)outcome;
    assert(false && "the pool owes its answer for as long as the holder lives");
}

void holder_init(struct holder *h, struct node *node, uint64_t interval)
{
    *h = (struct holder){ .node = node, .interval = interval };
    assembly_init(&h->assembly);
    ack_init(&h->pool, &node->host->loop->turn, node->ledger, 0, false, on_pool_settled);
}

static struct budget *budget_of(const struct holder *h)
{
    return host_budget(h->node->host, h->node->signal);
}

void holder_charge(struct holder *h)
{
    uint64_t size = assembly_size(&h->assembly);

    if (size > h->charged)
        budget_charge(budget_of(h), size - h->charged);
    else
        budget_give(budget_of(h), h->charged - size);
    h->charged = size;
}

void holder_free(struct holder *h)
{
    clock_stop(&h->node->host->loop->clock, &h->timer);
    if (h->is_out)
        ack_cancel(&h->out);
    budget_give(budget_of(h), h->charged);
    assembly_free(&h->assembly);
}

static void send_held(struct holder *h);

static void on_sent(struct ack *ack, const struct outcome *outcome)
{
    struct holder *h = container_of(ack, struct holder, out);
    struct node *node = h->node;

    h->is_out = false;
    if (outcome->verdict == VERDICT_SAFE) {
        if (complaint_over(&h->complaint))
            log_info(&node->log, "Sending works again");
    } else if (complaint_due(&h->complaint, &node->host->loop->clock)) {
        log_warn(&node->log, "Sender failed: what was held is dropped",
                 F_STR("error", outcome->why[0] != '\0' ? outcome->why : outcome->reason),
                 F_UINT("repeated", complaint_taken(&h->complaint)));
    }
    if (h->due || h->stopping)
        send_held(h);
}

/* What is there, if nothing is out. */
static void send_held(struct holder *h)
{
    struct node *node = h->node;
    struct batch *batch;

    h->due = h->is_out && h->items > 0;
    if (h->is_out)
        return;
    if (h->items == 0) {
        if (h->stopping && h->stopped != NULL) {
            void (*stopped)(struct node *) = h->stopped;

            h->stopped = NULL;
            stopped(node);
        }
        return;
    }
    if (h->prepare != NULL)
        h->prepare(h);
    batch = assembly_batch(&h->assembly, node->signal, budget_of(h), h->items, h->arrival);
    ack_init(&h->out, &node->host->loop->turn, node->ledger, 0, false, on_sent);
    ack_move(&h->pool, &h->out, h->items);
    assembly_clear(&h->assembly);
    if (h->cleared != NULL)
        h->cleared(h);
    holder_charge(h);
    h->items = 0;
    h->is_out = true;
    consumer_send(node->out[node->signal], batch, &h->out);
}

static void on_due(struct clock_timer *t)
{
    struct holder *h = container_of(t, struct holder, timer);

    clock_start(&h->node->host->loop->clock, &h->timer, h->interval, on_due);
    send_held(h);
}

void holder_start(struct holder *h)
{
    holder_charge(h);
    clock_start(&h->node->host->loop->clock, &h->timer, h->interval, on_due);
}

void holder_stop(struct holder *h, void (*stopped)(struct node *node))
{
    clock_stop(&h->node->host->loop->clock, &h->timer);
    h->stopping = true;
    h->stopped = stopped;
    send_held(h);
}

uint64_t holder_need(const struct batch *batch)
{
    return 2 * batch->bytes + ITEM_COST * batch->items;
}

bool holder_admit(struct holder *h, const struct batch *batch, struct ack *ack)
{
    uint64_t need = holder_need(batch), most = budget_most(budget_of(h));
    uint64_t whole = need + batch->bytes; /* it is there already, too */

    if (budget_room(budget_of(h)) >= need)
        return true;
    budget_refuse(budget_of(h));
    if (whole > most)
        ack_fail(ack, VERDICT_REJECT, "too_large",
                 "to hold a batch of %llu bytes takes %llu, and all memory that there may be is %llu: send smaller "
                 "batches, or raise memory_budget_mib",
                 (unsigned long long)batch->bytes, (unsigned long long)whole, (unsigned long long)most);
    else
        ack_fail(ack, VERDICT_RETRY, "memory_limit", "no room to hold more before the next interval ends");
    return false;
}

void holder_keep(struct holder *h, struct ack *ack, uint64_t n)
{
    ack_move(ack, &h->pool, n);
    h->items += n;
    if (h->items == n)
        h->arrival = clock_mono(&h->node->host->loop->clock);
}
