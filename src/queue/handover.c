/* SPDX-License-Identifier: Apache-2.0 */
/* Parcels wait in a list and are sent in order, a few at a time, each with an ack of its own. The new exporter's answer
 * ends a parcel; RETRY puts it back to the front, and nothing is sent until it is time to come again. Before a parcel
 * is sent its items are withdrawn from the old ledger, for the new one books them as received; what comes back is
 * received by the old one again. Those of senders who wait are theirs to try again. */
#include "queue/handover.h"

#include "base/list.h"
#include "base/mem.h"

#include <stdlib.h>

#define UNDER_WAY_MOST 16
#define COME_AGAIN (1 * NS_PER_S)

struct parcel {
    struct list link;
    struct handover *handover;
    struct batch *batch;
    uint64_t items;
    struct ack *waiter; /* NULL: it was answered */
    struct ack ack;
};

struct handover {
    struct loop *loop;
    struct ack hold; /* what waits here and was answered; it never settles */
    struct consumer *to;
    struct list waiting, under_way; /* of struct parcel */
    size_t n_under_way;
    struct clock_timer again;
    struct turn_task pump;
};

static void free_parcel(struct parcel *p)
{
    list_remove(&p->link);
    batch_unref(p->batch);
    free(p);
}

static void pump_later(struct handover *h)
{
    turn_defer(&h->loop->turn, &h->pump);
}

static void on_again(struct clock_timer *t)
{
    pump_later(container_of(t, struct handover, again));
}

static void drop_parcel(struct handover *h, struct parcel *p)
{
    if (p->waiter != NULL)
        ack_fail(p->waiter, VERDICT_RETRY, "shutdown", "the exporter is shutting down");
    else
        ack_drop(&h->hold, p->items, "shutdown");
    free_parcel(p);
}

static void take_back(struct handover *h, struct parcel *p, const struct outcome *o)
{
    uint64_t wait = o->retry_after_ms * NS_PER_MS;

    ack_make(&h->hold, p->items);
    list_push_front(&h->waiting, &p->link);
    clock_start(&h->loop->clock, &h->again, wait > 0 ? wait : COME_AGAIN, on_again);
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct parcel *p = container_of(ack, struct parcel, ack);
    struct handover *h = p->handover;

    list_remove(&p->link);
    h->n_under_way--;
    if (p->waiter != NULL) {
        ack_settle(p->waiter, o);
        free_parcel(p);
    } else if (o->verdict == VERDICT_RETRY) {
        take_back(h, p, o);
    } else {
        if (o->verdict == VERDICT_REJECT) {
            ack_make(&h->hold, p->items);
            ack_drop(&h->hold, p->items, o->reason != NULL ? o->reason : "failed");
        }
        free_parcel(p);
    }
    pump_later(h);
}

static void send_parcel(struct handover *h, struct parcel *p)
{
    list_push(&h->under_way, &p->link);
    h->n_under_way++;
    if (p->waiter == NULL)
        ack_withdraw(&h->hold, p->items);
    ack_init(&p->ack, &h->loop->turn, NULL, p->items, p->waiter != NULL && p->waiter->refusable, on_settled);
    consumer_send(h->to, batch_ref(p->batch), &p->ack);
}

static void on_pump(struct turn_task *task)
{
    struct handover *h = container_of(task, struct handover, pump);
    struct parcel *p;

    if (clock_armed(&h->again))
        return;
    while (h->to == NULL && (p = list_pop(&h->waiting, struct parcel, link)) != NULL)
        drop_parcel(h, p);
    while (h->n_under_way < UNDER_WAY_MOST && (p = list_pop(&h->waiting, struct parcel, link)) != NULL)
        send_parcel(h, p);
}

struct handover *handover_new(struct loop *loop, struct ledger *ledger)
{
    struct handover *h = mem_zalloc(sizeof(*h));

    h->loop = loop;
    h->pump.run = on_pump;
    list_init(&h->waiting);
    list_init(&h->under_way);
    ack_init(&h->hold, &loop->turn, ledger, 0, false, NULL);
    return h;
}

void handover_lead(struct handover *h, struct consumer *to)
{
    h->to = to;
    clock_stop(&h->loop->clock, &h->again);
    pump_later(h);
}

static void add_parcel(struct handover *h, struct batch *batch, struct ack *waiter)
{
    struct parcel *p = mem_zalloc(sizeof(*p));

    p->handover = h;
    p->batch = batch;
    p->items = batch->items;
    p->waiter = waiter;
    list_push(&h->waiting, &p->link);
    pump_later(h);
}

void handover_give(struct handover *h, struct batch *batch, struct ack *from)
{
    ack_move(from, &h->hold, batch->items);
    add_parcel(h, batch, NULL);
}

void handover_give_waiting(struct handover *h, struct batch *batch, struct ack *waiter)
{
    ack_withdraw(waiter, waiter->open);
    add_parcel(h, batch, waiter);
}

bool handover_is_busy(const struct handover *h)
{
    return !list_empty(&h->waiting) || !list_empty(&h->under_way);
}

void handover_free(struct handover *h)
{
    if (h == NULL)
        return;
    list_each (struct parcel, p, &h->waiting, link)
        free_parcel(p);
    list_each (struct parcel, p, &h->under_way, link) {
        ack_cancel(&p->ack);
        free_parcel(p);
    }
    clock_stop(&h->loop->clock, &h->again);
    turn_cancel(&h->loop->turn, &h->pump);
    free(h);
}
