/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential histograms of OTLP: reading, merging, and their form as Prometheus' native histograms.
 * Bucket i holds values in (base^i, base^(i+1)], base = 2^(2^-scale). */
#ifndef PROM_EXPONENTIAL_H
#define PROM_EXPONENTIAL_H

#include "base/bytes.h"
#include "base/vec.h"
#include "prom/model/sample.h"

#define EXPONENTIAL_SCALE_MIN (-4) /* what native histograms know as schemas */
#define EXPONENTIAL_SCALE_MAX 8
#define EXPONENTIAL_BUCKETS_MAX 8192 /* of one side; finer ones are scaled down until they fit */

struct exponential_side {
    int64_t offset;       /* index of the first bucket */
    VEC(uint64_t) counts; /* no zero at either end */
};

struct exponential {
    int32_t scale;
    double zero_threshold;
    uint64_t zero_count;
    struct exponential_side positive, negative;
};

void exponential_free(struct exponential *x);

/* A Buckets message into `side`; false when an index passes 32 bits. */
bool exponential_read_side(struct exponential_side *side, struct bytes buckets);

/* Take away what is zero at both ends. */
void exponential_trim_side(struct exponential_side *side);

/* To at most that scale: neighbours are added up. */
void exponential_downscale(struct exponential *x, int32_t scale);

/* Scale down until no side has more than EXPONENTIAL_BUCKETS_MAX buckets. False: not even the coarsest scale helps. */
bool exponential_fit(struct exponential *x);

/* Add `other` to `x`: at the smaller scale and the larger zero threshold, into whose count go the buckets below
 * it. `other` is scaled down too. False: as exponential_fit. */
bool exponential_add(struct exponential *x, struct exponential *other);

/* The same, with no more than `buckets` on a side and no scale below `coarsest`. */
bool exponential_add_within(struct exponential *x, struct exponential *other, uint64_t buckets, int32_t coarsest);

/* Buckets that reach below the threshold go into zero's; one that lies across it raises it. */
void exponential_raise_threshold(struct exponential *x, double threshold);

/* Observations in all buckets, zero's too. */
uint64_t exponential_count(const struct exponential *x);

/* One side as spans and deltas, behind what is in them. Gaps of one or two empty buckets are listed. */
struct span_list {
    VEC(struct native_span) spans;
    VEC(int64_t) deltas;
};

void exponential_spans(int64_t offset, const uint64_t *counts, size_t n, struct span_list *out);

/* Both sides of a native histogram, which points into them. */
struct span_sides {
    struct span_list positive, negative;
};

void span_sides_clear(struct span_sides *s);
void span_sides_free(struct span_sides *s);
void span_sides_set(const struct span_sides *s, struct native_histogram *h);

#define EXPONENTIAL_ZERO_THRESHOLD 1e-128 /* of those that say none */

#endif
