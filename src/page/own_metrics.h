/* SPDX-License-Identifier: Apache-2.0 */
/* Our own metrics as JSON, for programs that look at a running otelcd: /api/v1/metrics. */
#ifndef PAGE_OWN_METRICS_H
#define PAGE_OWN_METRICS_H

#include "base/buf.h"
#include "pipeline/component.h"

/* Append all that have recorded something, of every level and under the names of their rows. */
void own_metrics_put(struct buf *out, const struct host *host);

#endif
