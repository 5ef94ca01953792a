/* SPDX-License-Identifier: Apache-2.0 */
/* Native histograms of Prometheus' protobuf, as a scraped page has them and as remote write has, read into the fields
 * of an exponential histogram's point. The way back is prom/model/exponential.h. */
#ifndef PROM_NATIVE_READING_H
#define PROM_NATIVE_READING_H

#include "base/buf.h"
#include "base/bytes.h"

/* The numbers of its fields. */
struct native_form {
    uint32_t count, real_count, sum, schema, zero_threshold, zero_count, real_zero_count;
    uint32_t spans[2], deltas[2], counts[2]; /* positive, negative */
    uint32_t custom_values;                  /* 0: it has none */
};

extern const struct native_form native_of_page, native_of_remote_write;

/* Is that Histogram of a page a native one? It has a span, a zero bucket, or a threshold above 0. */
bool native_is(struct bytes histogram);

/* Put its fields (count, sum, scale, buckets) into `out`, at a scale of at most max_schema and so coarse that no more
 * than bucket_limit buckets (0: any number) have something in them. NULL, or what is wrong (static). */
const char *native_read(const struct native_form *form, struct bytes histogram, int32_t max_schema,
                        uint64_t bucket_limit, struct buf *out);

/* The same for one of schema NATIVE_CUSTOM, whose buckets have bounds of their own: the fields of an explicit
 * histogram's point. */
const char *native_read_custom(const struct native_form *form, struct bytes histogram, struct buf *out);

extern const char native_over_limit[]; /* not even the coarsest scale has so few */

#endif
