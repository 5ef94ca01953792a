/* SPDX-License-Identifier: Apache-2.0 */
/* Requests cut in pieces between their items, each of which is a request of its own. */
#ifndef OTLP_CUT_CUTTER_H
#define OTLP_CUT_CUTTER_H

#include "base/budget.h"
#include "base/vec.h"
#include "otlp/batch.h"

typedef VEC(struct segment) segments;

/* The segment, of a mergeable signal, in copies that are appended to `pieces`: one of `first` items, and the rest in
 * such of `each`, or of more where what stands above the items would be more than they are: it is repeated in each
 * piece. Their blocks are charged to `budget`, whatever its limit. */
void segment_cut(enum signal signal, const struct segment *s, uint64_t first, uint64_t each, struct budget *budget,
                 segments *pieces);

/* The segment, of a mergeable signal, without the items of `n` ranges, ascending and apart: a copy, appended to
 * `pieces`, or nothing where none is left. The segment's first item has the number `before`. */
void segment_without(enum signal signal, const struct segment *s, const struct item_range *ranges, size_t n,
                     uint64_t before, struct budget *budget, segments *pieces);

/* A batch that is cut by bytes part by part, as they are asked for: so that a large one holds up nobody for long, and
 * no more of it is copied than is needed by then. The parts are those of batch_cut(), but that items of which each
 * alone, with what stands above it, is larger than `largest` come together: a part that is larger than `most` and not
 * one item has only such, and about as many bytes of them as of what stands above them. */
struct batch_cutter;

struct batch_cutter *batch_cutter_new(struct batch *b, uint64_t most, uint64_t largest,
                                      struct budget *budget); /* b: one reference more */
void batch_cutter_free(struct batch_cutter *c);               /* NULL is fine */

/* The next part, one reference; NULL: that was all. */
struct batch *batch_cutter_next(struct batch_cutter *c);

/* What has not been asked for, as one batch; there is something. No other part comes after it. */
struct batch *batch_cutter_rest(struct batch_cutter *c);

/* Items of the parts that have not been asked for. */
uint64_t batch_cutter_left(const struct batch_cutter *c);

/* Cut by bytes (b->bytes > first, b->items > 1): *head has what fits into `first`, *tail the rest, in pieces of `each`
 * bytes as far as the cut goes through, so that cutting on costs one copy in all, or in larger ones that have as much
 * of items as of what is repeated with them; both new, *tail NULL where nothing is left. Where the first item does not
 * fit into `first`: false, and nothing is made; by `force` it is the head, with those behind it if neither fits into
 * `each` (see batch_cutter_new()). first <= each. Else like batch_split(). */
bool batch_split_bytes(struct batch *b, uint64_t first, uint64_t each, bool force, struct budget *budget,
                       struct batch **head, struct batch **tail);

#endif
