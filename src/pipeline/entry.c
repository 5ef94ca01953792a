/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/entry.h"

#include "base/mem.h"

#include <stdlib.h>

/* One batch on its way. */
struct passage {
    struct passage *next; /* in the free list */
    struct passage *all;  /* in the list of all */
    struct entry *entry;
    struct ack *sender; /* NULL: in the free list */
    struct ack ack;
};

struct entry {
    struct consumer in;
    struct turn *turn;
    struct ledger *ledger;
    struct consumer *to;
    struct passage *unused, *all;
};

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct passage *p = container_of(ack, struct passage, ack);
    struct ack *sender = p->sender;

    p->sender = NULL;
    p->next = p->entry->unused;
    p->entry->unused = p;
    if (outcome->verdict == VERDICT_SAFE && outcome->rejected == 0)
        ack_safe(sender);
    else
        ack_settle(sender, outcome);
}

static struct passage *take_passage(struct entry *e)
{
    struct passage *p = e->unused;

    if (p != NULL) {
        e->unused = p->next;
        return p;
    }
    p = mem_zalloc(sizeof(*p));
    p->entry = e;
    p->all = e->all;
    e->all = p;
    return p;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct entry *e = container_of(self, struct entry, in);
    struct passage *p = take_passage(e);

    p->sender = ack;
    ledger_receive(e->ledger, batch->items);
    ack_init(&p->ack, e->turn, e->ledger, batch->items, true, on_settled);
    consumer_send(e->to, batch, &p->ack);
}

struct consumer *entry_new(struct turn *turn, struct ledger *ledger, struct consumer *to)
{
    struct entry *e = mem_zalloc(sizeof(*e));

    e->in.consume = consume;
    e->turn = turn;
    e->ledger = ledger;
    e->to = to;
    return &e->in;
}

void entry_free(struct consumer *entry)
{
    struct entry *e = container_of(entry, struct entry, in);

    while (e->all != NULL) {
        struct passage *p = e->all;

        e->all = p->all;
        if (p->sender != NULL)
            ack_cancel(&p->ack);
        free(p);
    }
    free(e);
}
