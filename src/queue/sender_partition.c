/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions: what waits for attempts, in the order it came.
 *
 * A queue has one, or with partition keys one for each combination of their values, which is there while something
 * waits in it. An entry is put at its end. Without a batch block a partition is due at once; with one when it is large
 * enough, or its first entry has waited for flush_timeout. Those that are due stand in line, and
 * sender_partitions_take() makes an attempt of what the first of them gathers (pipeline/batcher.h). What stays behind
 * is considered anew. */
#include "queue/sender_inside.h"

#include "base/mem.h"

#include <stdlib.h>

static struct partition *partition_new(struct sender *s)
{
    struct partition *p = mem_zalloc(sizeof(*p));

    p->sender = s;
    batcher_init(&p->batcher);
    return p;
}

static void partition_free(struct partition *p)
{
    clock_stop(&p->sender->node->host->loop->clock, &p->timer);
    batcher_free(&p->batcher);
    free(p);
}

void sender_partitions_init(struct sender *s)
{
    list_init(&s->due);
    metadata_table_init(&s->partitions, &s->options.batch.keys);
    if (!s->options.batch.on || s->options.batch.keys.n == 0)
        s->partition = partition_new(s);
}

/* A partition with a key is there while something waits in it. */
static struct partition *find_partition(struct sender *s, const struct batch *b)
{
    struct metadata_member *member;
    struct partition *p;

    if (s->partition != NULL)
        return s->partition;
    member = metadata_table_find(&s->partitions, b->metadata);
    if (member != NULL)
        return container_of(member, struct partition, member);
    p = partition_new(s);
    metadata_table_add(&s->partitions, &p->member, b->metadata);
    return p;
}

static void drop_partition(struct partition *p)
{
    metadata_table_remove(&p->sender->partitions, &p->member);
    partition_free(p);
}

/* ---- when it is due ---- */

static bool is_batched(const struct sender *s)
{
    return s->options.batch.on && signal_table[s->node->signal].mergeable;
}

static struct batcher_limits limits_of(const struct sender *s)
{
    const struct sender_batch *b = &s->options.batch;

    return (struct batcher_limits){ .in_bytes = b->in_bytes, .least = b->least, .most = b->most };
}

static bool is_due(const struct partition *p)
{
    const struct sender *s = p->sender;
    struct batcher_limits l = limits_of(s);

    return !is_batched(s) || p->late || s->stopping ||
           batcher_weight(&l, p->batcher.waiting.items, p->batcher.waiting.bytes) >= l.least;
}

static void on_late(struct clock_timer *t);

static void queue_if_due(struct partition *p)
{
    struct sender *s = p->sender;
    struct clock *clock = &s->node->host->loop->clock;

    if (list_empty(&p->batcher.entries) || list_linked(&p->due))
        return;
    if (is_due(p)) {
        clock_stop(clock, &p->timer);
        list_push(&s->due, &p->due);
    } else if (!clock_armed(&p->timer)) {
        clock_start(clock, &p->timer, s->options.batch.flush, on_late);
    }
}

static void on_late(struct clock_timer *t)
{
    struct partition *p = container_of(t, struct partition, timer);

    p->late = true;
    queue_if_due(p);
    sender_pump(p->sender);
}

static void flush_partition(struct partition *p)
{
    p->late = !list_empty(&p->batcher.entries);
    queue_if_due(p);
}

void sender_partitions_flush(struct sender *s)
{
    if (s->partition != NULL)
        flush_partition(s->partition);
    list_each (struct partition, p, &s->partitions.members, member.link)
        flush_partition(p);
}

/* Entries stand in the order they came. */
static uint64_t oldest_of(const struct partition *p)
{
    const struct batcher_entry *e = list_first(&p->batcher.entries, struct batcher_entry, link);

    return e != NULL ? container_of_const(e, struct queue_entry, in)->born : UINT64_MAX;
}

uint64_t sender_partitions_oldest(const struct sender *s)
{
    uint64_t oldest = s->partition != NULL ? oldest_of(s->partition) : UINT64_MAX;

    list_each (struct partition, p, &s->partitions.members, member.link)
        if (oldest_of(p) < oldest)
            oldest = oldest_of(p);
    return oldest;
}

/* ---- in and out ---- */

/* Of all partitions: what one of them had before, and has now. */
static void count_change(struct partition *p, struct amount before)
{
    struct amount *ready = &p->sender->ready, now = p->batcher.waiting;

    ready->requests += now.requests - before.requests;
    ready->items += now.items - before.items;
    ready->bytes += now.bytes - before.bytes;
}

void sender_partitions_put(struct sender *s, struct queue_entry *e, struct batch *batch)
{
    struct partition *p = find_partition(s, batch);
    struct amount before = p->batcher.waiting;

    batcher_put(&p->batcher, &e->in, batch);
    count_change(p, before);
    queue_if_due(p);
}

static struct batch *take_batch(struct partition *p, slices *out)
{
    const struct sender_options *o = &p->sender->options;
    struct batcher_limits l = limits_of(p->sender);

    if (is_batched(p->sender))
        return batcher_take(&p->batcher, &l, p->sender->node->host->budget, out);
    return batcher_take_whole(&p->batcher, signal_table[p->sender->node->signal].mergeable ? o->merge_bytes : 0,
                              o->merge_batches, out);
}

bool sender_partitions_take(struct sender *s, struct attempt *a)
{
    struct partition *p = list_pop(&s->due, struct partition, due);
    struct amount before;

    if (p == NULL)
        return false;
    before = p->batcher.waiting;
    a->batch = take_batch(p, &a->slices);
    a->items = a->batch->items;
    count_change(p, before);
    for (size_t i = 0; i < a->slices.n; i++)
        entry_of(a->slices.v[i].entry)->attempts++;
    if (s->partition == NULL)
        a->batch = batch_with_metadata(a->batch, p->member.metadata);
    p->late = false;
    if (s->partition == NULL && list_empty(&p->batcher.entries))
        drop_partition(p);
    else
        queue_if_due(p);
    return true;
}

/* ---- the end ---- */

static void empty_partition(struct partition *p, void (*each)(struct sender *s, struct queue_entry *e))
{
    struct sender *s = p->sender;
    struct amount before = p->batcher.waiting;
    struct batcher_entry *e;

    clock_stop(&s->node->host->loop->clock, &p->timer);
    while ((e = batcher_remove(&p->batcher)) != NULL)
        each(s, entry_of(e));
    count_change(p, before);
    list_remove(&p->due);
    p->late = false;
}

void sender_partitions_empty(struct sender *s, void (*each)(struct sender *s, struct queue_entry *e))
{
    if (s->partition != NULL)
        empty_partition(s->partition, each);
    list_each (struct partition, p, &s->partitions.members, member.link) {
        empty_partition(p, each);
        drop_partition(p);
    }
}

void sender_partitions_free(struct sender *s)
{
    if (s->partition != NULL)
        partition_free(s->partition);
    metadata_table_free(&s->partitions);
}
