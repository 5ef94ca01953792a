/* SPDX-License-Identifier: Apache-2.0 */
/* Native histograms of Prometheus' protobuf, read into the fields of an exponential histogram's point. The way back is
 * prom/model/exponential.h. */
#ifndef PROM_NATIVE_READING_H
#define PROM_NATIVE_READING_H

#include "base/buf.h"
#include "base/bytes.h"

/* Is that Histogram a native one? It has a span, a zero bucket, or a threshold above 0. */
bool native_is(struct bytes histogram);

/* Put its fields (count, sum, scale, buckets) into `out`, at a scale of at most max_schema and so coarse that no more
 * than bucket_limit buckets (0: any number) have something in them. NULL, or what is wrong (static). */
const char *native_read(struct bytes histogram, int32_t max_schema, uint64_t bucket_limit, struct buf *out);

extern const char native_over_limit[]; /* not even the coarsest scale has so few */

#endif
