/* SPDX-License-Identifier: Apache-2.0 */
/* What one histogram or summary point measured, taken off the wire into arrays, and the addition of deltas to it. */
#ifndef PROM_DISTRIBUTION_VALUE_H
#define PROM_DISTRIBUTION_VALUE_H

#include "prom/model/exponential.h"
#include "prom/model/metric.h"

/* Scratch, zeroed at first; each read starts anew and keeps the memory. */
struct distribution_value {
    enum metric_kind kind;
    uint64_t count;
    double sum;
    bool has_sum;
    VEC(double) bounds;   /* explicit: ascending, finite */
    VEC(uint64_t) counts; /* explicit: cumulative, one per bound */
    struct exponential exponential;
    VEC(struct quantile) quantiles; /* summary: ascending */
};

void distribution_value_free(struct distribution_value *r);

#define BUCKETS_MAX 1000 /* of an explicit histogram: each is a series of Prometheus */
#define DISTRIBUTION_TOO_LARGE "bucket_limit"
#define DISTRIBUTION_TOO_LARGE_ADVICE                                                                                  \
    "a histogram has more than 1000 buckets, or its buckets and labels make more than 512 KiB of text: use fewer "     \
    "buckets, or an exponential histogram"

/* NULL, or why the point cannot be taken: "malformed", "scale", "bucket_limit" (static, for counters). Explicit bounds
 * are sorted, equal ones joined, infinite ones left out. Exponential ones come out at a scale that native histograms
 * have. */
const char *distribution_value_read(struct distribution_value *r, enum metric_kind kind, struct bytes point);

#endif
