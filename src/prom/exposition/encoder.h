/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an exposition: text 0.0.4, OpenMetrics 1.0 or delimited protobuf, one family after another.
 * Whoever has families calls these; format, escaping and number style are decided here.
 *
 * Labels are given rendered (prom/model/labels.h). That form is what series store, so text formats copy it as it is;
 * protobuf and other escapings take it apart again. */
#ifndef PROM_ENCODER_H
#define PROM_ENCODER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "prom/model/labels.h"
#include "prom/model/name.h"

#include <stdbool.h>
#include <stdint.h>

enum encoder_format { ENCODER_TEXT, ENCODER_OPENMETRICS, ENCODER_PROTOBUF };

enum family_type {
    FAMILY_COUNTER,
    FAMILY_GAUGE,
    FAMILY_HISTOGRAM,
    FAMILY_SUMMARY,
    FAMILY_UNKNOWN,
    FAMILY_INFO,     /* gauge, save in OpenMetrics where the name ends in `_info` */
    FAMILY_STATESET, /* gauge everywhere: OpenMetrics asks of its labels and values what nobody has checked */
};

struct encoder {
    enum encoder_format format;
    enum name_escaping escaping;
    struct buf *out;
    /* The family being written. */
    enum family_type type;
    struct buf name; /* of its samples, escaped as negotiated; where it has to stand in quotes also for those */
    bool quoted;
    size_t mark;        /* protobuf: where the family's bytes begin */
    struct buf scratch; /* labels for this peer */
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

#define NATIVE_CUSTOM (-53)

struct quantile {
    double quantile;
    double value;
};

void encoder_init(struct encoder *e, enum encoder_format format, enum name_escaping escaping, struct buf *out);
void encoder_free(struct encoder *e);

/* `name` is the full name (`x_total`); help may be empty; unit "" = none (written, in OpenMetrics and protobuf, only
 * where it is a suffix of the family's name, as readers demand). A family without samples must not be begun. A family
 * may be begun, in protobuf, several times in a row for its pieces (`again`: no second HELP/TYPE in text). */
void encoder_family_begin(struct encoder *e, struct bytes name, enum family_type type, struct bytes help,
                          struct bytes unit, bool again);
void encoder_family_end(struct encoder *e);

void encoder_value(struct encoder *e, struct bytes labels, double value, const struct sample_extra *x);
void encoder_histogram(struct encoder *e, struct bytes labels, const struct classic_histogram *h,
                       const struct sample_extra *x);
/* Native in protobuf; in text formats what the Go collector shows: +Inf bucket, _sum and _count. */
void encoder_native(struct encoder *e, struct bytes labels, const struct native_histogram *h,
                    const struct sample_extra *x);
void encoder_summary(struct encoder *e, struct bytes labels, const struct quantile *q, size_t n, uint64_t count,
                     double sum, const struct sample_extra *x);

void encoder_end(struct encoder *e); /* `# EOF` where the format has one */

#endif
