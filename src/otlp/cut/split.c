/* SPDX-License-Identifier: Apache-2.0 */
/* batch_split: a batch cut in two by its items; batch_without: some of them left out. A segment that the cut goes
 * through is copied in pieces (otlp/cut/cutter.h), one that some are left out of once, all others are shared. */
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

struct batch *batch_without(struct batch *b, const struct item_range *ranges, size_t n, struct budget *budget)
{
    const struct item_range *end = ranges + n;
    segments kept = { 0 };
    struct batch *left = NULL;
    uint64_t at = 0, items = 0; /* before the segment; that are kept */

    if (n == 0)
        return b;
    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct segment s = b->segments[i];

        if (s.items == 0)
            s.items = path_count(bytes_of(s.data, s.len), LEVEL_REQUEST, b->signal);
        while (ranges < end && ranges->last < at)
            ranges++;
        if (ranges == end || ranges->first >= at + s.items)
            share_segment(&kept, s);
        else
            segment_without(b->signal, &s, ranges, (size_t)(end - ranges), at, budget, &kept);
        at += s.items;
    }
    for (size_t i = 0; i < kept.n; i++)
        items += kept.v[i].items;
    if (items > 0) {
        left = batch_of(b->signal, kept.v, (uint32_t)kept.n, items, b->arrival);
        left->metadata = metadata_ref(b->metadata);
        kept.n = 0;
    }
    for (size_t i = 0; i < kept.n; i++) /* no item in any */
        block_unref(kept.v[i].block);
    vec_free(&kept);
    batch_unref(b);
    return left;
}
