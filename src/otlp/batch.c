/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is made of one segment on arrival, merged by putting lists of segments end to end, and goes with its last
 * reference, when each segment gives back its block. Nothing is copied, so nothing here can fail; what could go wrong
 * is the counting, which is asserted. */
#include "otlp/batch.h"

#include "base/mem.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>

static struct batch *batch_alloc(enum signal signal, uint32_t n, uint64_t items, uint64_t arrival)
{
    struct batch *b = mem_alloc(sizeof(*b) + n * sizeof(struct segment));

    *b = (struct batch){ .refs = 1, .signal = signal, .items = items, .arrival = arrival, .n_segments = n };
    return b;
}

struct batch *batch_new(enum signal signal, struct block *block, struct bytes data, uint64_t items, uint64_t arrival)
{
    struct batch *b = batch_alloc(signal, 1, items, arrival);

    b->segments[0] = (struct segment){ block, data.data, data.len, items };
    b->bytes = data.len;
    return b;
}

struct batch *batch_of(enum signal signal, const struct segment *segments, uint32_t n, uint64_t items, uint64_t arrival)
{
    struct batch *b = batch_alloc(signal, n, items, arrival);

    for (uint32_t i = 0; i < n; i++) {
        b->segments[i] = segments[i];
        b->bytes += segments[i].len;
    }
    return b;
}

void batch_unref(struct batch *b)
{
    assert(b->refs > 0);
    if (--b->refs > 0)
        return;
    for (uint32_t i = 0; i < b->n_segments; i++)
        block_unref(b->segments[i].block);
    if (b->packed.block != NULL)
        block_unref(b->packed.block);
    metadata_unref(b->metadata);
    free(b);
}

struct batch *batch_merge(struct batch *const *parts, size_t n)
{
    uint64_t items = 0, arrival = UINT64_MAX;
    uint32_t total = 0, at = 0;
    struct batch *b;

    assert(n > 0 && (n == 1 || signal_table[parts[0]->signal].mergeable));
    if (n == 1)
        return parts[0];
    for (size_t i = 0; i < n; i++) {
        total += parts[i]->n_segments;
        items += parts[i]->items;
        if (parts[i]->arrival < arrival)
            arrival = parts[i]->arrival;
    }
    b = batch_alloc(parts[0]->signal, total, items, arrival);
    b->metadata = metadata_ref(parts[0]->metadata);
    for (size_t i = 0; i < n; i++) {
        assert(parts[i]->signal == b->signal);
        for (uint32_t k = 0; k < parts[i]->n_segments; k++) {
            b->segments[at] = parts[i]->segments[k];
            block_ref(b->segments[at++].block);
        }
        b->bytes += parts[i]->bytes;
        if (parts[i]->metadata != b->metadata) {
            metadata_unref(b->metadata);
            b->metadata = NULL;
        }
        batch_unref(parts[i]);
    }
    return b;
}

struct batch *batch_with_metadata(struct batch *b, struct metadata *metadata)
{
    struct batch *copy;

    if (b->metadata == metadata)
        return b;
    if (b->refs > 1) {
        for (uint32_t i = 0; i < b->n_segments; i++)
            (void)block_ref(b->segments[i].block);
        copy = batch_of(b->signal, b->segments, b->n_segments, b->items, b->arrival);
        copy->packed = b->packed;
        if (copy->packed.block != NULL)
            (void)block_ref(copy->packed.block);
        batch_unref(b);
        b = copy;
    }
    metadata_unref(b->metadata);
    b->metadata = metadata_ref(metadata);
    return b;
}
