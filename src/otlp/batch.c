/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is made of one segment on arrival, merged by putting lists of segments end to end, and goes with its last
 * reference, when each segment gives back its block. Nothing is copied, but for a request whose dictionary is extended,
 * so nothing here can fail; what could go wrong is the counting, which is asserted. */
#include "otlp/batch.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/fields.h"
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
    b->ordered = true;
    for (size_t i = 0; i < n; i++) {
        assert(parts[i]->signal == b->signal);
        b->ordered &= parts[i]->ordered;
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
        copy->ordered = b->ordered;
        if (copy->packed.block != NULL)
            (void)block_ref(copy->packed.block);
        batch_unref(b);
        b = copy;
    }
    metadata_unref(b->metadata);
    b->metadata = metadata_ref(metadata);
    return b;
}

/* ---- the dictionary of profiles ---- */

/* It is a field of the request beside its resources. Parts of one message are merged by putting them end to end, so one
 * that comes in several is what they are together, and it is extended by writing all of it as one. */

/* Each part in turn: what is in it, and where its field begins and ends. */
struct part {
    struct bytes content;
    const uint8_t *start, *end;
};

static bool next_part(struct pb_reader *r, struct part *part)
{
    for (struct pb_field f; pb_next(r, &f);)
        if (f.number == OTLP_REQUEST_DICTIONARY && f.wire == PB_LEN) {
            *part = (struct part){ f.bytes, f.start, r->p };
            return true;
        }
    return false;
}

static struct pb_reader segment_reader(const struct segment *s)
{
    return pb_reader(bytes_of(s->data, s->len));
}

struct bytes batch_dictionary(const struct batch *b, struct buf *merged)
{
    struct bytes whole = { NULL, 0 };
    unsigned parts = 0;

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct pb_reader r = segment_reader(&b->segments[i]);

        for (struct part part; next_part(&r, &part);)
            pb_merge(&whole, &parts, part.content, merged);
    }
    return whole;
}

/* All but the dictionary. */
static void put_others(struct buf *out, const struct segment *s)
{
    struct pb_reader r = segment_reader(s);
    const uint8_t *from = s->data, *end = s->data + s->len;

    for (struct part part; next_part(&r, &part); from = part.end)
        buf_append(out, from, (size_t)(part.start - from));
    buf_append(out, from, (size_t)(end - from));
}

struct batch *batch_extend_dictionary(struct batch *b, struct bytes fields, struct budget *budget)
{
    struct buf out = { 0 }, merged = { 0 };
    struct block *block;
    struct batch *made;
    size_t mark;

    for (uint32_t i = 0; i < b->n_segments; i++)
        put_others(&out, &b->segments[i]);
    mark = pb_begin(&out, OTLP_REQUEST_DICTIONARY);
    buf_put(&out, batch_dictionary(b, &merged));
    buf_put(&out, fields);
    pb_end(&out, mark);
    block = block_force(budget, out.len);
    memcpy(block->data, out.data, out.len);
    made = batch_new(b->signal, block, bytes_of(block->data, out.len), b->items, b->arrival);
    made->metadata = metadata_ref(b->metadata);
    buf_free(&out);
    buf_free(&merged);
    batch_unref(b);
    return made;
}
