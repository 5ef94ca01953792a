/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the exceptions connector: what its files share. Nobody else includes this:
 *
 *     exceptions.c           the component: options, start and end; the way down to the events
 *     exceptions_metrics.c   what comes out as metrics
 *     exceptions_logs.c      what comes out as logs
 */
#ifndef CONNECTOR_EXCEPTIONS_EXCEPTIONS_H
#define CONNECTOR_EXCEPTIONS_EXCEPTIONS_H

#include "connector/count/relay.h"
#include "connector/slice_sender.h"
#include "connector/span_metrics/dimensions.h"
#include "connector/span_metrics/span_series.h"
#include "otlp/assembly.h"
#include "otlp/view.h"

struct exemplars_switch {
    bool enabled;
};

struct exceptions_config {
    struct option_list dimensions; /* of struct dimension_config */
    struct exemplars_switch exemplars;
    uint64_t max_series;
};

struct exceptions {
    struct node node;
    const struct exceptions_config *config;
    struct arena arena; /* of the dimensions */
    struct slot_names names;
    struct dimension_list dimensions;
    /* What the walk is in. */
    struct bytes service, scope; /* service: no data: the resource has none */
    struct span_view span;
    struct digest service_digest, name_digest; /* where they are not short */
    struct attribute_slots span_slots, event_slots, resource_slots;
    struct buf key, attributes, text;
    /* Metrics: the series, of one family. */
    struct span_series store;
    struct span_family *family;
    uint64_t start; /* wall ns */
    struct slice_sender sender;
    struct clock_timer soon;    /* until the next time may be */
    uint64_t sent;              /* mono ns: the last time began */
    struct family_series *next; /* of the slice that comes next */
    bool more;                  /* slices */
    struct complaint overflow;
    struct metric *overflowed;
    /* Logs: what is made of a batch. */
    struct assembly logs;
    struct message *group; /* of the scope; NULL: it has no exception yet */
    uint64_t records, left_out;
    struct buf kept; /* of the span: attributes that its records have */
    struct complaint crowded;
    struct metric *not_made;
    struct relay relay;
};

static inline struct exceptions *exceptions_of(struct node *node)
{
    return container_of(node, struct exceptions, node);
}

static inline bool exceptions_makes_logs(const struct exceptions *p)
{
    return p->node.out[SIGNAL_LOGS] != NULL;
}

/* Append an attribute as field `number` of a message. */
void exceptions_put_text(struct exceptions *p, unsigned number, const char *name, struct bytes text);
void exceptions_put_value(struct exceptions *p, unsigned number, struct bytes name, struct bytes value);

/* "SPAN_KIND_SERVER", "STATUS_CODE_ERROR" of the span. */
struct bytes exceptions_kind(const struct exceptions *p);
struct bytes exceptions_status(const struct exceptions *p);

/* exceptions_metrics.c */
void exceptions_metrics_create(struct exceptions *p);
void exceptions_metrics_take(struct exceptions *p);
void exceptions_metrics_send(struct exceptions *p); /* soon, for something has come */
void exceptions_metrics_stop(struct exceptions *p, void (*done)(struct node *node));
void exceptions_metrics_free(struct exceptions *p);
extern const struct metric_row exceptions_overflow_row, exceptions_left_out_row;

/* exceptions_logs.c */
void exceptions_logs_enter(struct exceptions *p); /* another span, whose exceptions come next */
void exceptions_logs_take(struct exceptions *p, struct bytes event);
void exceptions_logs_send(struct exceptions *p, const struct batch *batch, struct ack *ack);

#endif
