/* SPDX-License-Identifier: Apache-2.0 */
/* A fan-out. The sender's ack owes one answer for each branch, so the joining is its work; each branch has an ack of
 * its own that books nothing. When the last branch has answered, the request goes back to the free list. */
#include "pipeline/fanout.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct spread;

struct branch {
    struct ack ack;
    struct spread *spread;
};

/* One batch on its way through the branches. */
struct spread {
    struct list link;
    struct fanout *fanout;
    struct ack *sender;
    struct branch branches[];
};

struct fanout {
    struct consumer in;
    struct turn *turn;
    struct list unused, busy; /* of struct spread */
    size_t n;
    struct consumer *to[];
};

/* The sender's ack owes one answer for each branch, so it does the joining. */
static void on_branch_settled(struct ack *ack, const struct outcome *outcome)
{
    struct branch *b = container_of(ack, struct branch, ack);
    struct spread *s = b->spread;
    struct fanout *f = s->fanout;
    bool last = true;

    ack_settle(s->sender, outcome);
    b->spread = NULL;
    for (size_t i = 0; i < f->n; i++)
        last = last && s->branches[i].spread == NULL;
    if (!last)
        return;
    list_remove(&s->link);
    list_push_front(&f->unused, &s->link);
}

static struct spread *take_spread(struct fanout *f)
{
    struct spread *s = list_pop(&f->unused, struct spread, link);

    if (s == NULL)
        s = mem_zalloc(sizeof(*s) + f->n * sizeof(s->branches[0]));
    s->fanout = f;
    list_push_front(&f->busy, &s->link);
    return s;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct fanout *f = container_of(self, struct fanout, in);
    struct spread *s = take_spread(f);

    s->sender = ack;
    for (size_t i = 0; i < f->n; i++) {
        s->branches[i].spread = s;
        ack_init(&s->branches[i].ack, f->turn, NULL, batch->items, ack->refusable, on_branch_settled);
        if (i > 0)
            ack_owe(ack);
    }
    for (size_t i = 1; i < f->n; i++)
        (void)batch_ref(batch);
    for (size_t i = 0; i < f->n; i++)
        consumer_send(f->to[i], batch, &s->branches[i].ack);
}

struct consumer *fanout_new(struct turn *turn, struct consumer *const *to, size_t n)
{
    struct fanout *f = mem_zalloc(sizeof(*f) + n * sizeof(f->to[0]));

    assert(n >= 1);
    f->in.consume = consume;
    f->turn = turn;
    f->n = n;
    list_init(&f->unused);
    list_init(&f->busy);
    for (size_t i = 0; i < n; i++)
        f->to[i] = to[i];
    return &f->in;
}

bool fanout_leads_to(const struct consumer *fanout, struct consumer *const *to, size_t n)
{
    const struct fanout *f = container_of_const(fanout, struct fanout, in);

    return f->n == n && memcmp(f->to, to, n * sizeof(to[0])) == 0;
}

bool fanout_is_busy(const struct consumer *fanout)
{
    return !list_empty(&container_of_const(fanout, struct fanout, in)->busy);
}

void fanout_free(struct consumer *fanout)
{
    struct fanout *f = container_of(fanout, struct fanout, in);

    list_each (struct spread, s, &f->busy, link) {
        for (size_t i = 0; i < f->n; i++)
            if (s->branches[i].spread != NULL)
                ack_cancel(&s->branches[i].ack);
        free(s);
    }
    list_each (struct spread, s, &f->unused, link)
        free(s);
    free(f);
}
