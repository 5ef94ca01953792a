/* SPDX-License-Identifier: Apache-2.0 */
/* What every receiver counts of its items, under the Go collector's names. */
#ifndef PIPELINE_RECEIVER_ITEMS_H
#define PIPELINE_RECEIVER_ITEMS_H

#include "base/metrics.h"
#include "otlp/signal.h"

enum { RECEIVER_ACCEPTED, RECEIVER_REFUSED, RECEIVER_FAILED, RECEIVER_COUNTS };

/* Their labels are receiver and transport. */
extern const struct metric_row receiver_item_rows[SIGNAL_COUNT][RECEIVER_COUNTS];

#endif
