/* SPDX-License-Identifier: Apache-2.0 */
/* What a histogram's data point has measured, explicit or exponential: read off the wire, reckoned with, written. */
#ifndef PROCESSOR_STREAM_HISTOGRAM_H
#define PROCESSOR_STREAM_HISTOGRAM_H

#include "base/budget.h"
#include "base/buf.h"
#include "otlp/fields.h"
#include "prom/model/exponential.h"

/* Zeroed at first; reading keeps the memory. */
struct stream_histogram {
    uint64_t count;
    double sum, min, max;
    bool has_sum, has_min, has_max;
    VEC(double) bounds;   /* explicit */
    VEC(uint64_t) counts; /* explicit: of each bucket */
    struct exponential exponential;
    uint64_t charged; /* bytes, by stream_histogram_charge() */
};

void stream_histogram_free(struct stream_histogram *h);

/* `data`: the field of the metric that the point is in, OTLP_METRIC_HISTOGRAM or OTLP_METRIC_EXPONENTIAL. False: bucket
 * indices past 32 bits. */
bool stream_histogram_read(struct stream_histogram *h, unsigned data, struct bytes point);

/* Is this field of a point one that stream_histogram_write() writes? */
bool stream_histogram_has(unsigned data, uint32_t number);
void stream_histogram_write(struct buf *out, unsigned data, const struct stream_histogram *h);

bool stream_histogram_same_bounds(const struct stream_histogram *a, const struct stream_histogram *b);

/* Trade what the two have, but for what is charged. */
void stream_histogram_swap(struct stream_histogram *a, struct stream_histogram *b);

/* Give the memory back, if it is much: for scratch, when a large point was read. */
void stream_histogram_shrink(struct stream_histogram *h);

/* Charge what its arrays take now, whatever the limit; or give it back, when they were freed. */
void stream_histogram_charge(struct stream_histogram *h, struct budget *budget);

#endif
