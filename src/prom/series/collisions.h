/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of OTLP that meet in one Prometheus series: counted by metric, and told of once in a while.
 *
 * The rule, for the scrape endpoint as for remote write: of one series and timestamp the last writer's sample stays;
 * the other is lost, is booked as `collision` and not as delivered, and whoever sent it is told in partial_success. */
#ifndef PROM_COLLISIONS_H
#define PROM_COLLISIONS_H

#include "base/log.h"
#include "base/metrics.h"
#include "prom/series/stream_identity.h"

#define COLLISION "collision" /* the reason */
#define COLLISION_ADVICE "several senders have one series, and one of them wins: see the log for what tells them apart"

extern const struct metric_row collisions_row, displaced_row;
/* For an exporter's own list of rows. */
#define COLLISION_ROWS &collisions_row, &displaced_row

struct collisions {
    struct metrics *metrics;
    const char *exporter;
    const struct logger *log;
    struct clock *clock;
    VEC(struct metric *) by_metric;
    struct complaint complaint;
    struct metric *displaced; /* labels of points, by promoted resource attributes */
    uint64_t displaced_seen;
};

/* All outlive it. */
void collisions_init(struct collisions *c, struct metrics *metrics, const char *exporter, const struct logger *log,
                     struct clock *clock);
void collisions_free(struct collisions *c);

/* So many labels of points have made way for promoted attributes of their resource until now (translate.h). */
void collisions_displaced(struct collisions *c, uint64_t total);

/* A sample of `newcomer` met the series of `owner`. */
void collisions_add(struct collisions *c, const struct stream_member *owner, const struct stream_member *newcomer);

#endif
