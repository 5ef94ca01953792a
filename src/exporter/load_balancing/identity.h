/* SPDX-License-Identifier: Apache-2.0 */
/* What the Go collector knows resources and streams of metrics by: texts of hashes, for who must come to the same as it
 * does. Pure logic. */
#ifndef EXPORTER_LOAD_BALANCING_IDENTITY_H
#define EXPORTER_LOAD_BALANCING_IDENTITY_H

#include "base/buf.h"

/* 64-bit FNV-1a, going on from what a thing is in. */
uint64_t identity_resource(struct bytes resource);
uint64_t identity_scope(uint64_t resource, struct bytes scope);
/* `metric` with its data, `data` the field that its data are in. */
uint64_t identity_metric(uint64_t scope, struct bytes metric, uint32_t data);
uint64_t identity_stream(uint64_t metric, struct bytes point, uint32_t data);

/* "resource/1f3a": appended. */
void identity_put(struct buf *out, const char *kind, uint64_t identity);

/* The field of a data point's attributes, by the field of the metric that it is in. */
uint32_t identity_point_attributes(uint32_t data);

#endif
