/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions: what waits for attempts, in the order it came. */
#include "queue/sender_inside.h"

#include "base/mem.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION_BUCKETS 1024

typedef VEC(struct batch *) batches;

static struct partition *partition_new(struct sender *s, struct bytes key)
{
    struct partition *p = mem_zalloc(sizeof(*p) + key.len);

    p->sender = s;
    p->last = &p->first;
    p->hash = bytes_hash(key);
    p->key_len = key.len;
    if (key.len > 0)
        memcpy(p->key, key.data, key.len);
    return p;
}

static void partition_free(struct partition *p)
{
    clock_stop(&p->sender->node->host->loop->clock, &p->timer);
    metadata_unref(p->metadata);
    free(p);
}

void sender_partitions_init(struct sender *s)
{
    s->last_due = &s->due;
    if (s->options.batch.on && s->options.batch.keys.n > 0)
        s->buckets = mem_zalloc(PARTITION_BUCKETS * sizeof(*s->buckets));
    else
        s->partition = partition_new(s, bytes_of(NULL, 0));
}

/* A partition with a key is there while something waits in it. */
static struct partition *find_partition(struct sender *s, const struct batch *b)
{
    struct partition **link, *p;
    struct bytes key;
    uint64_t hash;

    if (s->partition != NULL)
        return s->partition;
    metadata_key(&s->key, &s->options.batch.keys, b->metadata);
    key = buf_bytes(&s->key);
    hash = bytes_hash(key);
    for (link = &s->buckets[hash % PARTITION_BUCKETS]; (p = *link) != NULL; link = &p->next)
        if (p->hash == hash && bytes_equal(bytes_of(p->key, p->key_len), key))
            return p;
    p = *link = partition_new(s, key);
    p->metadata = metadata_choose(&s->options.batch.keys, b->metadata);
    return p;
}

static void drop_partition(struct partition *p)
{
    struct partition **link = &p->sender->buckets[p->hash % PARTITION_BUCKETS];

    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    partition_free(p);
}

/* ---- when it is due ---- */

static bool is_batched(const struct sender *s)
{
    return s->options.batch.on && signal_table[s->node->signal].mergeable;
}

static uint64_t weigh(const struct sender *s, uint64_t items, uint64_t bytes)
{
    return s->options.batch.in_bytes ? bytes : items;
}

static bool is_due(const struct partition *p)
{
    const struct sender *s = p->sender;

    return !is_batched(s) || p->late || s->stopping ||
           weigh(s, p->waiting.items, p->waiting.bytes) >= s->options.batch.least;
}

static void on_late(struct clock_timer *t);

static void queue_if_due(struct partition *p)
{
    struct sender *s = p->sender;
    struct clock *clock = &s->node->host->loop->clock;

    if (p->first == NULL || p->due)
        return;
    if (is_due(p)) {
        clock_stop(clock, &p->timer);
        p->due = true;
        p->next_due = NULL;
        *s->last_due = p;
        s->last_due = &p->next_due;
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
    p->late = p->first != NULL;
    queue_if_due(p);
}

void sender_partitions_flush(struct sender *s)
{
    if (s->partition != NULL)
        flush_partition(s->partition);
    for (size_t i = 0; s->buckets != NULL && i < PARTITION_BUCKETS; i++)
        for (struct partition *p = s->buckets[i]; p != NULL; p = p->next)
            flush_partition(p);
}

/* ---- in and out ---- */

static void add_amount(struct amount *a, uint64_t requests, const struct batch *b)
{
    a->requests += requests;
    a->items += b->items;
    a->bytes += b->bytes;
}

static void take_amount(struct amount *a, uint64_t requests, const struct batch *b)
{
    a->requests -= requests;
    a->items -= b->items;
    a->bytes -= b->bytes;
}

void sender_partitions_put(struct sender *s, struct queue_entry *e)
{
    struct partition *p = find_partition(s, e->rest);

    e->next = NULL;
    *p->last = e;
    p->last = &e->next;
    add_amount(&p->waiting, 1, e->rest);
    add_amount(&s->ready, 1, e->rest);
    queue_if_due(p);
}

/* The whole rest of the first one. */
static struct batch *take_whole(struct partition *p)
{
    struct queue_entry *e = p->first;
    struct batch *b = e->rest;

    take_amount(&p->waiting, 1, b);
    take_amount(&p->sender->ready, 1, b);
    e->rest = NULL;
    p->first = e->next;
    if (p->first == NULL)
        p->last = &p->first;
    return b;
}

/* The first one is `tail` from now on. */
static void keep_tail(struct partition *p, struct batch *tail)
{
    struct queue_entry *e = p->first;

    take_amount(&p->waiting, 0, e->rest);
    take_amount(&p->sender->ready, 0, e->rest);
    batch_unref(e->rest);
    e->rest = tail;
    add_amount(&p->waiting, 0, tail);
    add_amount(&p->sender->ready, 0, tail);
}

static void put_slice(struct attempt *a, struct queue_entry *e, struct batch *b, batches *parts)
{
    e->attempts++;
    *vec_push(&a->slices) = (struct slice){ e, b->items };
    a->items += b->items;
    *vec_push(parts) = b;
}

/* How many items of `b` weigh `room` at most, by their average; 0 when not even one. */
static uint64_t items_within(const struct sender *s, const struct batch *b, uint64_t room)
{
    uint64_t weight = weigh(s, b->items, b->bytes);

    if (weight <= room)
        return b->items;
    return (uint64_t)((__uint128_t)b->items * room / weight);
}

/* As many items as the first segments have that fit whole; what was cut before lies in segments that just do. */
static uint64_t items_whole(const struct sender *s, const struct batch *b, uint64_t room)
{
    uint64_t items = 0, bytes = 0;

    for (uint32_t i = 0; i < b->n_segments && b->segments[i].items > 0; i++) {
        bytes += b->segments[i].len;
        if (weigh(s, items + b->segments[i].items, bytes) > room)
            break;
        items += b->segments[i].items;
    }
    return items;
}

/* A head of the first one that fits into `room`, or has one item when `force`; else NULL. Items are not of one size: a
 * head that has turned out too heavy is cut shorter. Blocks of copies count against the budget, whatever its limit. */
static struct batch *take_head(struct partition *p, uint64_t room, bool force)
{
    struct sender *s = p->sender;
    struct batch *b = p->first->rest, *head, *tail;
    uint64_t items = items_within(s, b, room), each = items_within(s, b, s->options.batch.most);
    uint64_t whole = items_whole(s, b, room);

    if (items < whole)
        items = whole;
    for (;;) {
        if (items == 0 && !force)
            return NULL;
        if (items == 0)
            items = 1;
        batch_split(b, items, each > items ? each : items, host_budget(s->node->host, s->node->signal), &head, &tail);
        if (weigh(s, head->items, head->bytes) <= room || (items == 1 && force)) {
            keep_tail(p, tail);
            return head;
        }
        items = items_within(s, head, room); /* fewer: the head was too heavy */
        batch_unref(tail);
        batch_unref(head);
    }
}

/* What of the first one fits into `room`; if nothing does one item by `force`, else NULL. */
static struct batch *take_some(struct partition *p, uint64_t room, bool force)
{
    struct batch *b = p->first->rest;

    if (weigh(p->sender, b->items, b->bytes) <= room || (b->items == 1 && force))
        return take_whole(p);
    return b->items > 1 ? take_head(p, room, force) : NULL;
}

/* Until it is enough, and no more than the most. */
static void take_batch(struct partition *p, struct attempt *a, batches *parts)
{
    const struct sender_batch *o = &p->sender->options.batch;
    uint64_t weight = 0;

    while (p->first != NULL && (weight == 0 || weight < o->least)) {
        struct queue_entry *e = p->first;
        struct batch *b = take_some(p, o->most > 0 ? o->most - weight : UINT64_MAX, weight == 0);

        if (b == NULL)
            return;
        weight += weigh(p->sender, b->items, b->bytes);
        put_slice(a, e, b, parts);
        if (o->most > 0 && weight >= o->most)
            return;
    }
}

/* Whole batches, as long as they fit. */
static void take_merged(struct partition *p, struct attempt *a, batches *parts)
{
    const struct sender_options *o = &p->sender->options;
    struct metadata *metadata = p->first->rest->metadata;
    uint64_t bytes = 0;

    do {
        struct queue_entry *e = p->first;
        struct batch *b = take_whole(p);

        bytes += b->bytes;
        put_slice(a, e, b, parts);
    } while (p->first != NULL && o->merge_bytes > 0 && bytes + p->first->rest->bytes <= o->merge_bytes &&
             (o->merge_batches == 0 || parts->n < o->merge_batches) && p->first->rest->metadata == metadata &&
             signal_table[p->sender->node->signal].mergeable);
}

static struct partition *next_due(struct sender *s)
{
    struct partition *p = s->due;

    if (p == NULL)
        return NULL;
    s->due = p->next_due;
    if (s->due == NULL)
        s->last_due = &s->due;
    p->due = false;
    return p;
}

bool sender_partitions_take(struct sender *s, struct attempt *a)
{
    struct partition *p = next_due(s);
    batches parts = { 0 };

    if (p == NULL)
        return false;
    if (is_batched(s))
        take_batch(p, a, &parts);
    else
        take_merged(p, a, &parts);
    a->batch = batch_merge(parts.v, parts.n);
    vec_free(&parts);
    if (s->buckets != NULL)
        a->batch = batch_with_metadata(a->batch, p->metadata);
    p->late = false;
    if (s->buckets != NULL && p->first == NULL)
        drop_partition(p);
    else
        queue_if_due(p);
    return true;
}

/* ---- the end ---- */

static void empty_partition(struct partition *p, void (*each)(struct sender *s, struct queue_entry *e))
{
    struct sender *s = p->sender;

    clock_stop(&s->node->host->loop->clock, &p->timer);
    while (p->first != NULL) {
        struct queue_entry *e = p->first;
        struct batch *b = take_whole(p);

        e->rest = b;
        each(s, e);
    }
    p->due = p->late = false;
}

void sender_partitions_empty(struct sender *s, void (*each)(struct sender *s, struct queue_entry *e))
{
    if (s->partition != NULL)
        empty_partition(s->partition, each);
    for (size_t i = 0; s->buckets != NULL && i < PARTITION_BUCKETS; i++)
        for (struct partition *p = s->buckets[i], *next; p != NULL; p = next) {
            next = s->buckets[i] = p->next;
            empty_partition(p, each);
            partition_free(p);
        }
    s->due = NULL;
    s->last_due = &s->due;
}

void sender_partitions_free(struct sender *s)
{
    if (s->partition != NULL)
        partition_free(s->partition);
    free(s->buckets);
    buf_free(&s->key);
}
