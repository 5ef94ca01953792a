/* SPDX-License-Identifier: Apache-2.0 */
/* Each batch has an ack of its own, so that its verdict is heard, and is known by the digest of its bytes. What was
 * made of it is let go when that is safe, or refused for good, or when nobody will come again. */
#include "processor/refused_batches.h"

#include "otlp/digest.h"

#include <stdlib.h>

#define MOST 64u             /* kept */
#define SHARE 16u            /* of the budget: this part */
#define AGE (300 * NS_PER_S) /* then a sender has given up */

struct refused {
    struct list link;
    struct refused_batches *all;
    struct ack ack; /* while it is under way */
    struct ack *sender;
    struct digest of;
    struct losses dropped;
    struct batch *made;
    uint64_t since, bytes;
};

static struct clock *clock_of(const struct refused_batches *r)
{
    return &r->node->host->loop->clock;
}

static struct digest digest_of(const struct batch *b)
{
    struct digest d = { 0 };

    for (uint32_t i = 0; i < b->n_segments; i++)
        d = digest_bytes(d, bytes_of(b->segments[i].data, b->segments[i].len));
    return d;
}

void refused_batches_init(struct refused_batches *r, struct node *node)
{
    *r = (struct refused_batches){ .node = node };
    list_init(&r->under_way);
    list_init(&r->kept);
}

/* It is in no list any more. */
static void free_refused(struct refused *x)
{
    batch_unref(x->made);
    free(x);
}

static void forget_oldest(struct refused_batches *r)
{
    struct refused *x = list_pop(&r->kept, struct refused, link);

    r->n--;
    r->bytes -= x->bytes;
    free_refused(x);
}

void refused_batches_free(struct refused_batches *r)
{
    struct refused *x;

    clock_stop(clock_of(r), &r->timer);
    while ((x = list_pop(&r->under_way, struct refused, link)) != NULL) {
        ack_cancel(&x->ack);
        free_refused(x);
    }
    while (r->n > 0)
        forget_oldest(r);
}

static void forget_old(struct clock_timer *t)
{
    struct refused_batches *r = container_of(t, struct refused_batches, timer);
    uint64_t now = clock_mono(clock_of(r));
    const struct refused *oldest;

    while ((oldest = list_first(&r->kept, struct refused, link)) != NULL && now - oldest->since >= AGE)
        forget_oldest(r);
    if (oldest != NULL)
        clock_start(clock_of(r), t, oldest->since + AGE - now, forget_old);
}

/* Of the blocks, a slice of which keeps all of one. What is rewritten slices two, in turn: the one that came in, and
 * what was made. */
static uint64_t size_of(const struct batch *b)
{
    const struct block *last = NULL, *before = NULL;
    uint64_t size = b->packed.block != NULL ? b->packed.block->cap : 0;

    for (uint32_t i = 0; i < b->n_segments; i++) {
        const struct block *block = b->segments[i].block;

        if (block == last || block == before)
            continue;
        size += block->cap;
        before = last;
        last = block;
    }
    return size;
}

static void keep_refused(struct refused_batches *r, struct refused *x)
{
    uint64_t most = budget_limit(host_budget(r->node->host, r->node->signal)) / SHARE;

    list_push(&r->kept, &x->link);
    x->since = clock_mono(clock_of(r));
    r->n++;
    x->bytes = size_of(x->made);
    r->bytes += x->bytes;
    while (r->n > MOST || r->bytes > most)
        forget_oldest(r);
    forget_old(&r->timer);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct refused *x = container_of(ack, struct refused, ack);

    ack_settle(x->sender, outcome); /* first, for the outcome is the ack's */
    list_remove(&x->link);
    if (outcome->verdict == VERDICT_RETRY && ack->refusable)
        keep_refused(x->all, x);
    else
        free_refused(x);
}

static void send_on(struct refused *x, struct batch *made, struct ack *ack)
{
    struct node *node = x->all->node;

    x->sender = ack;
    ack_init(&x->ack, &node->host->loop->turn, node->ledger, 0, ack->refusable, on_settled);
    ack_move(ack, &x->ack, ack->open);
    list_push(&x->all->under_way, &x->link);
    consumer_send(node->out[made->signal], made, &x->ack);
}

void refused_batches_send(struct refused_batches *r, const struct batch *batch, const struct losses *dropped,
                          struct batch *made, struct ack *ack)
{
    struct refused *x = mem_zalloc(sizeof(*x));

    x->all = r;
    x->of = digest_of(batch);
    x->dropped = *dropped;
    x->made = batch_ref(made);
    send_on(x, made, ack);
}

static struct refused *find_refused(struct refused_batches *r, const struct batch *batch)
{
    struct digest of;

    if (list_empty(&r->kept))
        return NULL;
    of = digest_of(batch);
    list_each (struct refused, x, &r->kept, link)
        if (digest_equal(&x->of, &of))
            return x;
    return NULL;
}

bool refused_batches_again(struct refused_batches *r, struct batch *batch, struct ack *ack, uint64_t *items)
{
    struct refused *x = find_refused(r, batch);
    struct batch *made;

    if (x == NULL)
        return false;
    r->n--;
    r->bytes -= x->bytes;
    list_remove(&x->link);
    for (uint32_t i = 0; i < x->dropped.n; i++)
        ack_drop(ack, x->dropped.v[i].items, x->dropped.v[i].reason);
    made = batch_with_metadata(batch_ref(x->made), batch->metadata);
    batch_unref(batch);
    *items = made->items;
    send_on(x, made, ack);
    return true;
}
