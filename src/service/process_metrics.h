/* SPDX-License-Identifier: Apache-2.0 */
/* What this process takes of the machine, by the Go collector's names, and how full the byte budget is. Read
 * when somebody collects. */
#ifndef SERVICE_PROCESS_METRICS_H
#define SERVICE_PROCESS_METRICS_H

#include "base/budget.h"
#include "base/loop/clock.h"
#include "base/metrics.h"

extern const struct metric_row *const process_metric_rows[];

struct process_metrics {
    struct metric_hook hook;
    struct metrics *metrics;
    struct clock *clock;
    const struct budget *budget;
    uint64_t started; /* mono ns */
    struct metric *uptime, *cpu, *rss, *heap, *sys, *used, *limit, *peak, *refusals;
    struct metric *reloaded, *reloaded_at;
};

/* All outlive it. */
void process_metrics_init(struct process_metrics *p, struct metrics *metrics, struct clock *clock,
                          const struct budget *budget, const char *version);
/* The configuration was read, at the start or again, and runs or does not. */
void process_metrics_reloaded(struct process_metrics *p, bool successful);
void process_metrics_close(struct process_metrics *p);

#endif
