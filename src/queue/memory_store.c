/* SPDX-License-Identifier: Apache-2.0 */
/* The queue in memory: an entry is all there is of a batch.
 *
 * put() answers the sender at once, and from then on the items are held under the queue's own ack; with wait_for_result
 * the sender's ack goes with the entry instead, and is answered when the entry is done. There is nothing beside the
 * partitions, so next() has nothing to add, and the queue is empty when they are. What is left at the end is lost, and
 * the sender books it as dropped{shutdown}. */
#include "queue/sender_inside.h"

#include "base/mem.h"

#include <stdlib.h>

struct memory_store {
    struct store store;
    struct amount held;
};

static struct memory_store *memory_of(struct store *st)
{
    return container_of(st, struct memory_store, store);
}

static int start(struct store *st, struct error *err)
{
    (void)st;
    (void)err;
    return 0;
}

static void put(struct store *st, struct batch *batch, struct ack *ack)
{
    struct sender *s = st->sender;
    bool waits = s->options.wait_for_result;
    struct memory_store *m = memory_of(st);

    m->held.requests++;
    m->held.items += batch->items;
    m->held.bytes += batch->bytes;
    if (!waits)
        ack_move(ack, &s->hold, ack->open);
    sender_push(s, batch, 0, waits ? ack : NULL);
    if (!waits)
        ack_safe(ack);
}

static void next(struct store *st)
{
    (void)st;
}

static void done(struct store *st, const struct queue_entry *e)
{
    struct memory_store *m = memory_of(st);

    m->held.requests--;
    m->held.items -= e->items;
    m->held.bytes -= e->bytes;
}

static bool stop(struct store *st)
{
    return st->sender->ready.requests == 0;
}

static struct amount held(const struct store *st)
{
    return container_of_const(st, struct memory_store, store)->held;
}

static void free_store(struct store *st)
{
    free(memory_of(st));
}

struct store *memory_store_new(struct sender *s)
{
    static const struct store_ops ops = {
        .start = start, .put = put, .next = next, .done = done, .stop = stop, .held = held, .free = free_store
    };
    struct memory_store *m = mem_zalloc(sizeof(*m));

    m->store = (struct store){ .ops = &ops, .sender = s };
    return &m->store;
}
