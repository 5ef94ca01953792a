/* SPDX-License-Identifier: Apache-2.0 */
/* What a sample of Prometheus may be, whatever it is written as: plain structs that point to the holder's memory. */
#ifndef PROM_SAMPLE_H
#define PROM_SAMPLE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family_type {
    FAMILY_COUNTER,
    FAMILY_GAUGE,
    FAMILY_HISTOGRAM,
    FAMILY_SUMMARY,
    FAMILY_UNKNOWN,
    FAMILY_INFO,     /* gauge, save in OpenMetrics where the name ends in `_info` */
    FAMILY_STATESET, /* gauge everywhere: OpenMetrics asks of its labels and values what nobody has checked */
};

struct exemplar {
    struct bytes labels; /* rendered; at most 128 code points of names and values, else the writer leaves it out */
    double value;
    uint64_t time_ns; /* wall; 0 = none */
};

/* What any sample may carry besides its value. */
struct sample_extra {
    uint64_t timestamp_ms;            /* explicit timestamp; 0 = none */
    uint64_t start_ns;                /* created; 0 = unknown */
    const struct exemplar *exemplars; /* counter: the first. Histogram: one per bucket where it fits */
    size_t n_exemplars;
};

struct classic_histogram {
    const double *bounds;   /* ascending, finite */
    const uint64_t *counts; /* cumulative, one per bound */
    size_t n;
    uint64_t count; /* the +Inf bucket and _count */
    double sum;
    bool has_sum;
};

struct native_span {
    int32_t offset;
    uint32_t length;
};

struct native_histogram {
    int32_t schema;
    double zero_threshold;
    uint64_t zero_count;
    uint64_t count;
    double sum;
    const struct native_span *positive_spans, *negative_spans;
    size_t n_positive_spans, n_negative_spans;
    const int64_t *positive_deltas, *negative_deltas;
    size_t n_positive_deltas, n_negative_deltas;
    const double *custom_values; /* schema NATIVE_CUSTOM: the buckets' upper bounds but for +Inf */
    size_t n_custom_values;
};

#define STALE_NAN 0x7ff0000000000002ull /* bits of a value: the series has ended */

#define NATIVE_CUSTOM (-53)

struct quantile {
    double quantile;
    double value;
};

#endif
