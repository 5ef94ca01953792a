/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: what waits for attempts, in the order it came. */
#include "queue/sender_inside.h"

#include "base/mem.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BUCKETS 1024

typedef VEC(struct batch *) batches;

static struct line *line_new(struct sender *s, struct bytes key)
{
    struct line *l = mem_zalloc(sizeof(*l) + key.len);

    l->sender = s;
    l->last = &l->first;
    l->hash = bytes_hash(key);
    l->key_len = key.len;
    if (key.len > 0)
        memcpy(l->key, key.data, key.len);
    return l;
}

static void line_free(struct line *l)
{
    clock_stop(l->sender->node->host->clock, &l->timer);
    metadata_unref(l->metadata);
    free(l);
}

void sender_lines_init(struct sender *s)
{
    s->last_due = &s->due;
    if (s->options.batch.on && s->options.batch.keys.n > 0)
        s->buckets = mem_zalloc(LINE_BUCKETS * sizeof(*s->buckets));
    else
        s->line = line_new(s, bytes_of(NULL, 0));
}

/* A line with a key is there while something waits in it. */
static struct line *find_line(struct sender *s, const struct batch *b)
{
    struct line **link, *l;
    struct bytes key;
    uint64_t hash;

    if (s->line != NULL)
        return s->line;
    metadata_key(&s->key, &s->options.batch.keys, b->metadata);
    key = buf_bytes(&s->key);
    hash = bytes_hash(key);
    for (link = &s->buckets[hash % LINE_BUCKETS]; (l = *link) != NULL; link = &l->next)
        if (l->hash == hash && bytes_equal(bytes_of(l->key, l->key_len), key))
            return l;
    l = *link = line_new(s, key);
    l->metadata = metadata_choose(&s->options.batch.keys, b->metadata);
    return l;
}

static void forget(struct line *l)
{
    struct line **link = &l->sender->buckets[l->hash % LINE_BUCKETS];

    while (*link != l)
        link = &(*link)->next;
    *link = l->next;
    line_free(l);
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

static bool is_due(const struct line *l)
{
    const struct sender *s = l->sender;

    return !is_batched(s) || l->late || s->stopping ||
           weigh(s, l->waiting.items, l->waiting.bytes) >= s->options.batch.least;
}

static void on_late(struct clock_timer *t);

static void consider(struct line *l)
{
    struct sender *s = l->sender;
    struct clock *clock = s->node->host->clock;

    if (l->first == NULL || l->due)
        return;
    if (is_due(l)) {
        clock_stop(clock, &l->timer);
        l->due = true;
        l->next_due = NULL;
        *s->last_due = l;
        s->last_due = &l->next_due;
    } else if (!clock_armed(&l->timer)) {
        clock_start(clock, &l->timer, s->options.batch.flush, on_late);
    }
}

static void on_late(struct clock_timer *t)
{
    struct line *l = container_of(t, struct line, timer);

    l->late = true;
    consider(l);
    sender_pump(l->sender);
}

static void flush(struct line *l)
{
    l->late = l->first != NULL;
    consider(l);
}

void sender_lines_flush(struct sender *s)
{
    if (s->line != NULL)
        flush(s->line);
    for (size_t i = 0; s->buckets != NULL && i < LINE_BUCKETS; i++)
        for (struct line *l = s->buckets[i]; l != NULL; l = l->next)
            flush(l);
}

/* ---- in and out ---- */

static void add(struct amount *a, uint64_t requests, const struct batch *b)
{
    a->requests += requests;
    a->items += b->items;
    a->bytes += b->bytes;
}

static void take_away(struct amount *a, uint64_t requests, const struct batch *b)
{
    a->requests -= requests;
    a->items -= b->items;
    a->bytes -= b->bytes;
}

void sender_lines_put(struct sender *s, struct record *x)
{
    struct line *l = find_line(s, x->rest);

    x->next = NULL;
    *l->last = x;
    l->last = &x->next;
    add(&l->waiting, 1, x->rest);
    add(&s->ready, 1, x->rest);
    consider(l);
}

/* The whole rest of the first one. */
static struct batch *take_whole(struct line *l)
{
    struct record *x = l->first;
    struct batch *b = x->rest;

    take_away(&l->waiting, 1, b);
    take_away(&l->sender->ready, 1, b);
    x->rest = NULL;
    l->first = x->next;
    if (l->first == NULL)
        l->last = &l->first;
    return b;
}

/* The first one is `tail` from now on. */
static void leave(struct line *l, struct batch *tail)
{
    struct record *x = l->first;

    take_away(&l->waiting, 0, x->rest);
    take_away(&l->sender->ready, 0, x->rest);
    batch_unref(x->rest);
    x->rest = tail;
    add(&l->waiting, 0, tail);
    add(&l->sender->ready, 0, tail);
}

static void put_share(struct flight *f, struct record *x, struct batch *b, batches *parts)
{
    x->flights++;
    *vec_push(&f->shares) = (struct share){ x, b->items };
    f->items += b->items;
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
static struct batch *take_head(struct line *l, uint64_t room, bool force)
{
    struct sender *s = l->sender;
    struct batch *b = l->first->rest, *head, *tail;
    uint64_t items = items_within(s, b, room), each = items_within(s, b, s->options.batch.most);
    uint64_t whole = items_whole(s, b, room);

    if (items < whole)
        items = whole;
    for (;;) {
        if (items == 0 && !force)
            return NULL;
        if (items == 0)
            items = 1;
        batch_split(b, items, each > items ? each : items, s->node->host->budget, &head, &tail);
        if (weigh(s, head->items, head->bytes) <= room || (items == 1 && force)) {
            leave(l, tail);
            return head;
        }
        items = items_within(s, head, room); /* fewer: the head was too heavy */
        batch_unref(tail);
        batch_unref(head);
    }
}

/* What of the first one fits into `room`; if nothing does one item by `force`, else NULL. */
static struct batch *take_some(struct line *l, uint64_t room, bool force)
{
    struct batch *b = l->first->rest;

    if (weigh(l->sender, b->items, b->bytes) <= room || (b->items == 1 && force))
        return take_whole(l);
    return b->items > 1 ? take_head(l, room, force) : NULL;
}

/* Until it is enough, and no more than the most. */
static void take_batch(struct line *l, struct flight *f, batches *parts)
{
    const struct sender_batch *o = &l->sender->options.batch;
    uint64_t weight = 0;

    while (l->first != NULL && (weight == 0 || weight < o->least)) {
        struct record *x = l->first;
        struct batch *b = take_some(l, o->most > 0 ? o->most - weight : UINT64_MAX, weight == 0);

        if (b == NULL)
            return;
        weight += weigh(l->sender, b->items, b->bytes);
        put_share(f, x, b, parts);
        if (o->most > 0 && weight >= o->most)
            return;
    }
}

/* Whole batches, as long as they fit. */
static void take_merged(struct line *l, struct flight *f, batches *parts)
{
    const struct sender_options *o = &l->sender->options;
    struct metadata *metadata = l->first->rest->metadata;
    uint64_t bytes = 0;

    do {
        struct record *x = l->first;
        struct batch *b = take_whole(l);

        bytes += b->bytes;
        put_share(f, x, b, parts);
    } while (l->first != NULL && o->merge_bytes > 0 && bytes + l->first->rest->bytes <= o->merge_bytes &&
             (o->merge_batches == 0 || parts->n < o->merge_batches) && l->first->rest->metadata == metadata &&
             signal_table[l->sender->node->signal].mergeable);
}

static struct line *next_due(struct sender *s)
{
    struct line *l = s->due;

    if (l == NULL)
        return NULL;
    s->due = l->next_due;
    if (s->due == NULL)
        s->last_due = &s->due;
    l->due = false;
    return l;
}

bool sender_lines_take(struct sender *s, struct flight *f)
{
    struct line *l = next_due(s);
    batches parts = { 0 };

    if (l == NULL)
        return false;
    if (is_batched(s))
        take_batch(l, f, &parts);
    else
        take_merged(l, f, &parts);
    f->batch = batch_merge(parts.v, parts.n);
    vec_free(&parts);
    if (s->buckets != NULL)
        f->batch = batch_with_metadata(f->batch, l->metadata);
    l->late = false;
    if (s->buckets != NULL && l->first == NULL)
        forget(l);
    else
        consider(l);
    return true;
}

/* ---- the end ---- */

static void empty(struct line *l, void (*each)(struct sender *s, struct record *x))
{
    struct sender *s = l->sender;

    clock_stop(s->node->host->clock, &l->timer);
    while (l->first != NULL) {
        struct record *x = l->first;
        struct batch *b = take_whole(l);

        x->rest = b;
        each(s, x);
    }
    l->due = l->late = false;
}

void sender_lines_empty(struct sender *s, void (*each)(struct sender *s, struct record *x))
{
    if (s->line != NULL)
        empty(s->line, each);
    for (size_t i = 0; s->buckets != NULL && i < LINE_BUCKETS; i++)
        for (struct line *l = s->buckets[i], *next; l != NULL; l = next) {
            next = s->buckets[i] = l->next;
            empty(l, each);
            line_free(l);
        }
    s->due = NULL;
    s->last_due = &s->due;
}

void sender_lines_free(struct sender *s)
{
    if (s->line != NULL)
        line_free(s->line);
    free(s->buckets);
    buf_free(&s->key);
}
