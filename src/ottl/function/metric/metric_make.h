/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics and their points, put together on the wire. */
#ifndef OTTL_FUNCTION_METRIC_METRIC_MAKE_H
#define OTTL_FUNCTION_METRIC_METRIC_MAKE_H

#include "otlp/view.h"
#include "ottl/value.h"

/* What a new point takes from an old one: its attributes, field by field, and its times. */
struct metric_point {
    struct bytes message;
    unsigned attributes; /* the number of their field */
    uint64_t start, time;
    struct bytes extra_key;         /* an attribute to be set beside them, in the place of one of the same key ... */
    const struct ottl_value *extra; /* ... to this value; NULL: none */
};

/* A repeated number, packed or not: varints, or the bits of 8 bytes each. */
struct metric_numbers {
    uint64_t *v;
    size_t n;
};
struct metric_numbers metric_numbers(struct arena *a, struct bytes message, uint32_t number, bool varints);

/* The lower bound of a bucket of an exponential histogram, as OpenTelemetry defines it. */
double metric_power_bound(int64_t index, int64_t scale);

/* `kind` is the number of the metric's data field. */
struct metric_point metric_point(uint32_t kind, struct bytes message);

/* Append a NumberDataPoint, as a field of Gauge or Sum. */
void metric_put_double(struct buf *data, const struct metric_point *point, double v);
void metric_put_integer(struct buf *data, const struct metric_point *point, int64_t v);

/* Append the data points of `data` as they are. */
void metric_put_points(struct bytes data, struct buf *out);

/* Append the metric with that data in the place of its own, which is the last where there are several: the others'
 * points were received too, and stay. */
void metric_replace_data(struct bytes metric, uint32_t kind, struct bytes data, struct buf *out);

/* Append a metric with the old one's name and the suffix. */
void metric_put_new(const struct metric_view *old, struct bytes suffix, struct bytes description, struct bytes unit,
                    uint32_t kind, struct bytes data, struct buf *out);

#endif
