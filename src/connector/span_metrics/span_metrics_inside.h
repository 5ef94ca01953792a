/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the span_metrics connector: what its files share. Nobody else includes this:
 *
 *     span_metrics.c   the component: what was configured, start and end
 *     count_spans.c    a batch comes in
 *     send_series.c    once an interval metrics go out
 */
#ifndef CONNECTOR_SPAN_METRICS_SPAN_METRICS_INSIDE_H
#define CONNECTOR_SPAN_METRICS_SPAN_METRICS_INSIDE_H

#include "base/random.h"
#include "connector/slice_sender.h"
#include "connector/span_metrics/dimensions.h"
#include "connector/span_metrics/span_series.h"
#include "connector/span_metrics/span_metrics_config.h"
#include "pipeline/component.h"

/* Bits: of what is always told apart, what is not. */
enum { WITHOUT_SERVICE = 1, WITHOUT_NAME = 2, WITHOUT_KIND = 4, WITHOUT_STATUS = 8, WITHOUT_INSTANCE = 16 };

/* Of how many spans one is the rest, by its sampling threshold; of the text that was read last. */
struct adjustment {
    struct buf text;
    uint64_t whole, remainder, divisor; /* each span counts so many times, and once more in remainder of divisor */
    bool adjusted;
};

/* Where the next slice of metrics begins. */
struct send_cursor {
    struct resource_series *resource;
    unsigned metric;              /* of the resource */
    struct family_series *series; /* of the metric; NULL: its first */
    uint64_t serial;              /* series that were made later wait for the next time */
    bool going;                   /* the resource is sent for the last time */
};

struct span_metrics {
    struct node node;
    const struct span_metrics_config *config;
    struct arena arena; /* of the configuration's lists */
    unsigned without;
    double unit;           /* ns */
    char *names[FAMILIES]; /* of the metrics */
    struct slot_names slot_names;
    struct dimension_list everywhere, further[FAMILIES]; /* further: of each metric only */
    bool shared;                                         /* calls and durations have the same dimensions */
    bool globbed;                                        /* a list has patterns */
    double *bounds;
    struct span_series store;
    struct random random;
    /* Of the batch that is counted. */
    uint64_t wall, mono;
    struct attribute_slots span_slots, event_slots, resource_slots;
    struct bytes service, scope_name, scope_version; /* scope: where it is asked for, else no data */
    struct digest service_digest, version_digest;    /* where they are not short */
    struct adjustment adjustment;
    found_attributes found;
    struct buf key, attributes, scratch;
    uint64_t unnamed, unkept; /* spans that are not counted */
    /* Once an interval. */
    struct slice_sender sender;
    struct send_cursor at;
    struct complaint overflow, memory;
    struct metric_hook hook;
    struct metric *series_gauge, *no_service, *no_memory;
};

static inline struct span_metrics *span_metrics_of(struct node *node)
{
    return container_of(node, struct span_metrics, node);
}

static inline struct budget *span_metrics_budget(const struct span_metrics *p)
{
    return host_budget(p->node.host, SIGNAL_METRICS);
}

/* count_spans.c: every span of the batch. */
void span_metrics_count(struct span_metrics *p, const struct batch *batch);

extern const struct metric_row span_metrics_overflow_row;

/* overflow.c: items came for which the family has no series. */
void span_metrics_overflow(struct span_metrics *p, struct span_family *f, uint64_t n);

/* send_series.c: for the sender. */
void span_metrics_begin(struct slice_sender *s, bool last);
void span_metrics_fill(struct slice_sender *s);
void span_metrics_finish(struct slice_sender *s);

#endif
