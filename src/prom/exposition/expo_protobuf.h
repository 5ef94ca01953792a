/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf half of prom/exposition/expo.h: io.prometheus.client.MetricFamily, each with its length in front.
 * Called by expo.c alone, with labels that are fit for the peer. */
#ifndef PROM_EXPO_PROTOBUF_H
#define PROM_EXPO_PROTOBUF_H

#include "prom/exposition/expo.h"

void protobuf_family_begin(struct expo *e, struct bytes name, struct bytes help, struct bytes unit);
void protobuf_family_end(struct expo *e);
void protobuf_value(struct expo *e, struct bytes labels, double value, const struct expo_extra *x);
void protobuf_histogram(struct expo *e, struct bytes labels, const struct expo_histogram *h,
                        const struct expo_extra *x);
void protobuf_native(struct expo *e, struct bytes labels, const struct expo_native *h, const struct expo_extra *x);
void protobuf_summary(struct expo *e, struct bytes labels, const struct expo_quantile *q, size_t n, uint64_t count,
                      double sum, const struct expo_extra *x);

#endif
