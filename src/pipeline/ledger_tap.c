/* SPDX-License-Identifier: Apache-2.0 */
/* A tap. Each batch gets a request of the free list, its items are booked as received under the request's ack, and
 * when that settles, which books what became of them, the outcome goes on to the sender's ack, losses included. */
#include "pipeline/ledger_tap.h"

#include "base/mem.h"

#include <stdlib.h>

/* One batch on its way. */
struct in_flight {
    struct in_flight *next; /* in the free list */
    struct in_flight *all;  /* in the list of all */
    struct ledger_tap *tap;
    struct ack *sender; /* NULL: in the free list */
    struct ack ack;
};

struct ledger_tap {
    struct consumer in;
    struct turn *turn;
    struct ledger *ledger;
    struct consumer *to;
    struct in_flight *unused, *all;
};

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct in_flight *f = container_of(ack, struct in_flight, ack);
    struct ack *sender = f->sender;

    f->sender = NULL;
    f->next = f->tap->unused;
    f->tap->unused = f;
    if (outcome->verdict == VERDICT_SAFE && outcome->lost.n == 0)
        ack_safe(sender);
    else
        ack_settle(sender, outcome);
}

static struct in_flight *take_in_flight(struct ledger_tap *tap)
{
    struct in_flight *f = tap->unused;

    if (f != NULL) {
        tap->unused = f->next;
        return f;
    }
    f = mem_zalloc(sizeof(*f));
    f->tap = tap;
    f->all = tap->all;
    tap->all = f;
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
    return &tap->in;
}

void ledger_tap_free(struct consumer *self)
{
    struct ledger_tap *tap = container_of(self, struct ledger_tap, in);

    while (tap->all != NULL) {
        struct in_flight *f = tap->all;

        tap->all = f->all;
        if (f->sender != NULL)
            ack_cancel(&f->ack);
        free(f);
    }
    free(tap);
}
