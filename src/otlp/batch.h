/* SPDX-License-Identifier: Apache-2.0 */
/* What flows: validated OTLP bytes.
 *
 * A batch is a list of segments, slices of reference-counted blocks, which put end to end are one valid
 * Export*ServiceRequest of its signal. Each segment is itself a whole request (a run of whole top-level
 * fields), so a reader may walk segment by segment. A batch is never changed once made; it is shared by
 * counting. Every batch has been through otlp/validate: no reader needs to fear its bytes. */
#ifndef OTLP_BATCH_H
#define OTLP_BATCH_H

#include "base/block.h"
#include "base/vec.h"
#include "codec/compress.h"
#include "otlp/signal.h"

struct metadata; /* otlp/metadata.h */

struct segment {
    struct block *block; /* one reference */
    const uint8_t *data; /* inside block->data */
    size_t len;
    uint64_t items; /* of this segment; 0 = not counted */
};

/* The whole content as a client sent it, compressed. */
struct packed {
    struct block *block; /* one reference; NULL: nobody has kept it */
    struct bytes data;
    enum coding coding;
};

struct batch {
    uint32_t refs;
    enum signal signal;
    uint64_t items;            /* spans, data points, log records, profile samples */
    uint64_t bytes;            /* sum of the segments' lengths */
    uint64_t arrival;          /* mono ns of the oldest part */
    struct metadata *metadata; /* the client's, where a receiver was told to keep it; may be NULL */
    struct packed packed;      /* only while the batch is what came in one request */
    bool ordered;              /* in each message in it the fields are known to come in the order of their numbers */
    uint32_t n_segments;
    struct segment segments[];
};

/* A batch of one segment: takes over the caller's reference to `block`. */
struct batch *batch_new(enum signal signal, struct block *block, struct bytes data, uint64_t items, uint64_t arrival);

/* A batch of many segments; takes over the references in segments[]. items is their total. */
struct batch *batch_of(enum signal signal, const struct segment *segments, uint32_t n, uint64_t items,
                       uint64_t arrival);

static inline struct batch *batch_ref(struct batch *b)
{
    b->refs++;
    return b;
}

void batch_unref(struct batch *b);

/* One batch from several of one mergeable signal, in order; takes over the references in parts[].
 * Nothing is copied. Metadata is dropped unless all parts share one. */
struct batch *batch_merge(struct batch *const *parts, size_t n);

/* The batch with that metadata and nothing else of the client: `b` itself if it is nobody else's, or another header to
 * the same bytes. Takes over the caller's reference to `b`; `metadata` may be NULL and gets one more. */
struct batch *batch_with_metadata(struct batch *b, struct metadata *metadata);

/* Cut after the first `items` items (0 < items < b->items): *head has them, *tail the rest, both new; the
 * caller's reference to `b` stays. Segments on one side of the cut are shared. The one that is cut through is copied:
 * what is behind the cut, into pieces of `each` items (blocks charged to `budget` whatever its limit), with resource,
 * scope and metric heads and schema URLs repeated in each: so cutting `each` off a long batch again and again costs one
 * copy in all. Where those are more than `each` items the pieces are longer, for what is repeated is never more than
 * what is cut. Only for mergeable signals. */
void batch_split(struct batch *b, uint64_t items, uint64_t each, struct budget *budget, struct batch **head,
                 struct batch **tail);

/* The content of the dictionary of a request of profiles, as it lies there; where it comes in several parts, put
 * together in `merged`. */
struct bytes batch_dictionary(const struct batch *b, struct buf *merged);

/* The batch with these fields at the end of its dictionary; the caller's reference to `b` goes. It is a copy, which is
 * charged to `budget` whatever its limit. */
struct batch *batch_extend_dictionary(struct batch *b, struct bytes fields, struct budget *budget);

struct item_range {
    uint64_t first, last; /* counted from 0 */
};
typedef VEC(struct item_range) item_ranges;

/* What is left of `b`, whose reference is taken over, without some of its items: `n` ranges, ascending and apart. NULL:
 * nothing is. Cut as by batch_split(); only for mergeable signals. */
struct batch *batch_without(struct batch *b, const struct item_range *ranges, size_t n, struct budget *budget);

typedef VEC(struct batch *) batch_parts;

/* Cut between items into batches of no more than `most` bytes, which are appended to `parts`, in order; the caller's
 * reference to `b` stays. One that is larger all the same is a single item, or cannot be cut (profiles). Segments that
 * fit are shared; those that are cut through are copied, as by batch_split(). */
void batch_cut(struct batch *b, uint64_t most, struct budget *budget, batch_parts *parts);

#endif
