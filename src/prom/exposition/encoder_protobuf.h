/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf half of prom/exposition/encoder.h: io.prometheus.client.MetricFamily, each with its length in front.
 * Called by encoder.c alone, with labels that are fit for the peer. */
#ifndef PROM_ENCODER_PROTOBUF_H
#define PROM_ENCODER_PROTOBUF_H

#include "prom/exposition/encoder.h"

void protobuf_family_begin(struct encoder *e, struct bytes name, struct bytes help, struct bytes unit);
void protobuf_family_end(struct encoder *e);
void protobuf_value(struct encoder *e, struct bytes labels, double value, const struct sample_extra *x);
void protobuf_histogram(struct encoder *e, struct bytes labels, const struct classic_histogram *h,
                        const struct sample_extra *x);
void protobuf_native(struct encoder *e, struct bytes labels, const struct native_histogram *h,
                     const struct sample_extra *x);
void protobuf_summary(struct encoder *e, struct bytes labels, const struct quantile *q, size_t n, uint64_t count,
                      double sum, const struct sample_extra *x);

#endif
