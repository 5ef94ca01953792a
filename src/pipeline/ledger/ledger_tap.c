/* SPDX-License-Identifier: Apache-2.0 */
/* A tap. Each batch gets a request of the free list, its items are booked as received under the request's ack, and
 * when that settles, which books what became of them, the outcome goes on to the sender's ack, losses included. */
#include "pipeline/ledger/ledger_tap.h"

#include "base/list.h"
#include "base/mem.h"

#include <stdlib.h>

/* One batch on its way. */
struct in_flight {
    struct list link;
    struct ledger_tap *tap;
    struct ack *sender;
    struct ack ack;
};

struct ledger_tap {
    struct consumer in;
    struct turn *turn;
    struct ledger *ledger;
    struct consumer *to;
    struct list unused, busy; /* of struct in_flight */
};

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct in_flight *f = container_of(ack, struct in_flight, ack);
    struct ack *sender = f->sender;

    list_remove(&f->link);
    list_push_front(&f->tap->unused, &f->link);
    if (outcome->verdict == VERDICT_SAFE && outcome->lost.n == 0)
        ack_safe(sender);
    else
        ack_settle(sender, outcome);
}

static struct in_flight *take_in_flight(struct ledger_tap *tap)
{
    struct in_flight *f = list_pop(&tap->unused, struct in_flight, link);

    if (f == NULL)
        f = mem_zalloc(sizeof(*f));
    f->tap = tap;
    list_push_front(&tap->busy, &f->link);
    return f;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct ledger_tap *tap = container_of(self, struct ledger_tap, in);
    struct in_flight *f = take_in_flight(tap);

    f->sender = ack;
    ledger_receive(tap->ledger, batch->items);
    ack_init(&f->ack, tap->turn, tap->ledger, batch->items, true, on_settled);
    consumer_send(tap->to, batch, &f->ack);
}

struct consumer *ledger_tap_new(struct turn *turn, struct ledger *ledger, struct consumer *to)
{
    struct ledger_tap *tap = mem_zalloc(sizeof(*tap));

    tap->in.consume = consume;
    tap->turn = turn;
    tap->ledger = ledger;
    tap->to = to;
    list_init(&tap->unused);
    list_init(&tap->busy);
    return &tap->in;
}

bool ledger_tap_is_busy(const struct consumer *self)
{
    return !list_empty(&container_of_const(self, struct ledger_tap, in)->busy);
}

void ledger_tap_free(struct consumer *self)
{
    struct ledger_tap *tap = container_of(self, struct ledger_tap, in);

    list_each (struct in_flight, f, &tap->busy, link) {
        ack_cancel(&f->ack);
        free(f);
    }
    list_each (struct in_flight, f, &tap->unused, link)
        free(f);
    free(tap);
}
