/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests of OTLP metrics that a format of Prometheus can say whole: what it cannot is not in them. */
#ifndef SUPPORT_RANDOM_METRICS_H
#define SUPPORT_RANDOM_METRICS_H

#include "base/buf.h"

/* What may be in them beside gauges and counters. */
struct random_metrics {
    uint64_t shape, values; /* seeds: of what there is, and of what it says. The shape's is not moved */
    uint64_t time_ms;       /* of all points; with `times`, of the first of them */
    bool any_names;         /* of metrics, labels and scopes: UTF-8; else what has always been a name */
    bool any_times;         /* each point has its own, within two minutes */
    bool helps, starts, exemplars, units, ended;
    bool classic, native; /* explicit histograms and summaries; exponential ones */
};

/* The JSON of series_rig_batch() (test/support/series_rig.h), appended. */
void random_metrics_put(struct random_metrics *m, struct buf *out);

#endif
