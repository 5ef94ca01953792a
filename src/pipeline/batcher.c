/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering and cutting.
 *
 * batcher_take() takes whole entries from the front until they are enough, and of the one that no longer fits the head
 * that does. What is behind the cut lies in segments that just fit from then on, so that it is copied once. A single
 * item that is too large by itself goes alone, but with its neighbours where what stands above them all is. */
#include "pipeline/batcher.h"

#include "base/mem.h"
#include "otlp/cut/cutter.h"

#include <stdlib.h>

void batcher_init(struct batcher *b)
{
    *b = (struct batcher){ 0 };
    list_init(&b->entries);
}

void batcher_free(struct batcher *b)
{
    vec_free(&b->parts);
}

uint64_t batcher_weight(const struct batcher_limits *l, uint64_t items, uint64_t bytes)
{
    return l->in_bytes ? bytes : items;
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

static struct batcher_entry *first_entry(const struct batcher *b)
{
    return list_first(&b->entries, struct batcher_entry, link);
}

void batcher_put(struct batcher *b, struct batcher_entry *e, struct batch *batch)
{
    e->rest = batch;
    e->taken = 0;
    list_push(&b->entries, &e->link);
    add_amount(&b->waiting, 1, batch);
}

struct batcher_entry *batcher_remove(struct batcher *b)
{
    struct batcher_entry *e = list_pop(&b->entries, struct batcher_entry, link);

    if (e != NULL)
        take_amount(&b->waiting, 1, e->rest);
    return e;
}

/* The whole rest of the first one. */
static struct batch *take_first(struct batcher *b)
{
    struct batcher_entry *e = batcher_remove(b);
    struct batch *batch = e->rest;

    e->rest = NULL;
    return batch;
}

/* The first one is `tail` from now on. */
static void keep_tail(struct batcher *b, struct batch *tail)
{
    struct batcher_entry *e = first_entry(b);

    take_amount(&b->waiting, 0, e->rest);
    batch_unref(e->rest);
    e->rest = tail;
    add_amount(&b->waiting, 0, tail);
}

static void add_slice(struct batcher *b, struct batcher_entry *e, struct batch *part, slices *out)
{
    *vec_push(out) = (struct slice){ e, e->taken, part->items };
    e->taken += part->items;
    *vec_push(&b->parts) = part;
}

static struct batch *merge_parts(struct batcher *b)
{
    struct batch *merged = batch_merge(b->parts.v, b->parts.n);

    b->parts.n = 0;
    return merged;
}

/* ---- cutting ---- */

/* A head of the first one that fits into `room`, or has one item when `force`; else NULL. */
static struct batch *take_head(struct batcher *b, const struct batcher_limits *l, struct budget *budget, uint64_t room,
                               bool force)
{
    struct batch *batch = first_entry(b)->rest, *head, *tail;

    if (!l->in_bytes)
        batch_split(batch, room, l->most, budget, &head, &tail);
    else if (!batch_split_bytes(batch, room, l->most, force, budget, &head, &tail))
        return NULL;
    if (tail != NULL) {
        keep_tail(b, tail);
        return head;
    }
    batch_unref(take_first(b));
    return head;
}

/* What of the first one fits into `room`; if nothing does one item by `force`, else NULL. */
static struct batch *take_some(struct batcher *b, const struct batcher_limits *l, struct budget *budget, uint64_t room,
                               bool force)
{
    const struct batch *batch = first_entry(b)->rest;

    if (batcher_weight(l, batch->items, batch->bytes) <= room || (batch->items == 1 && force))
        return take_first(b);
    return batch->items > 1 ? take_head(b, l, budget, room, force) : NULL;
}

/* ---- gathering ---- */

struct batch *batcher_take(struct batcher *b, const struct batcher_limits *l, struct budget *budget, slices *out)
{
    uint64_t weight = 0;

    while (!list_empty(&b->entries) && (weight == 0 || weight < l->least) && (l->most == 0 || weight < l->most)) {
        struct batcher_entry *e = first_entry(b);
        uint64_t room = l->most > 0 ? l->most - weight : UINT64_MAX;
        struct batch *part = take_some(b, l, budget, room, weight == 0);

        if (part == NULL)
            break;
        weight += batcher_weight(l, part->items, part->bytes);
        add_slice(b, e, part, out);
    }
    return merge_parts(b);
}

struct batch *batcher_take_whole(struct batcher *b, uint64_t bytes, uint64_t requests, slices *out)
{
    const struct metadata *metadata = first_entry(b)->rest->metadata;
    uint64_t sum = 0;

    do {
        struct batcher_entry *e = first_entry(b);
        struct batch *part = take_first(b);

        sum += part->bytes;
        add_slice(b, e, part, out);
    } while (!list_empty(&b->entries) && bytes > 0 && sum + first_entry(b)->rest->bytes <= bytes &&
             (requests == 0 || b->parts.n < requests) && first_entry(b)->rest->metadata == metadata);
    return merge_parts(b);
}
