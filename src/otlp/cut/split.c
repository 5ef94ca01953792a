/* SPDX-License-Identifier: Apache-2.0 */
/* batch_split: a batch cut in two by its items; batch_without: some of them left out. A segment that the cut goes
 * through is copied in pieces (otlp/cut/cutter.h), all others are shared. */
#include "otlp/cut/cutter.h"
#include "otlp/metadata.h"
#include "otlp/path.h"

#include <assert.h>

static void share_segment(segments *to, struct segment s)
{
    block_ref(s.block);
    *vec_push(to) = s;
}

void batch_split(struct batch *b, uint64_t items, uint64_t each, struct budget *budget, struct batch **head,
                 struct batch **tail)
{
    segments front = { 0 }, back = { 0 }, pieces = { 0 };
    uint64_t left = items;

    assert(items > 0 && each > 0 && items < b->items && signal_table[b->signal].mergeable);
    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct segment s = b->segments[i];

        if (s.items == 0)
            s.items = path_count(bytes_of(s.data, s.len), LEVEL_REQUEST, b->signal);
        if (left == 0 || s.items <= left) {
            share_segment(left == 0 ? &back : &front, s);
            left -= left == 0 ? 0 : s.items;
            continue;
        }
        segment_cut(b->signal, &s, left, each, budget, &pieces);
        left = 0;
        for (size_t k = 0; k < pieces.n; k++)
            *vec_push(k == 0 ? &front : &back) = pieces.v[k];
    }
    *head = batch_of(b->signal, front.v, (uint32_t)front.n, items, b->arrival);
    *tail = batch_of(b->signal, back.v, (uint32_t)back.n, b->items - items, b->arrival);
    (*head)->metadata = metadata_ref(b->metadata);
    (*tail)->metadata = metadata_ref(b->metadata);
    vec_free(&front);
    vec_free(&back);
    vec_free(&pieces);
}

/* The first `items` of *rest, which then is what follows them, or NULL. */
static struct batch *take_head(struct batch **rest, uint64_t items, struct budget *budget)
{
    struct batch *whole = *rest, *head;

    if (items >= whole->items) {
        *rest = NULL;
        return whole;
    }
    batch_split(whole, items, whole->items, budget, &head, rest);
    batch_unref(whole);
    return head;
}

struct batch *batch_without(struct batch *b, const struct item_range *ranges, size_t n, struct budget *budget)
{
    batch_parts kept = { 0 };
    struct batch *rest = b, *left;
    uint64_t at = 0; /* items before those of `rest` */

    for (size_t i = 0; i < n && rest != NULL; i++) {
        if (ranges[i].first > at)
            *vec_push(&kept) = take_head(&rest, ranges[i].first - at, budget);
        if (rest != NULL)
            batch_unref(take_head(&rest, ranges[i].last - ranges[i].first + 1, budget));
        at = ranges[i].last + 1;
    }
    if (rest != NULL)
        *vec_push(&kept) = rest;
    left = kept.n > 0 ? batch_merge(kept.v, kept.n) : NULL;
    vec_free(&kept);
    return left;
}
