/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the service_graph connector: what its files share. Nobody else includes this:
 *
 *     service_graph.c  the component: what was configured, start and end
 *     count_edges.c    a batch comes in; sides find each other, or wait in vain
 *     send_graph.c     what goes out
 */
#ifndef CONNECTOR_SERVICE_GRAPH_SERVICE_GRAPH_H
#define CONNECTOR_SERVICE_GRAPH_SERVICE_GRAPH_H

#include "connector/service_graph/edge_store.h"
#include "connector/service_graph/graph_series.h"
#include "connector/service_graph/service_graph_config.h"
#include "connector/slice_sender.h"
#include "connector/slots.h"

struct service_graph {
    struct node node;
    const struct service_graph_config *config;
    double *bounds;
    struct slot_names names;
    size_t dimensions[SLOTS_MOST], peers[SLOTS_MOST], databases[SLOTS_MOST]; /* slots, as configured */
    struct edge_store edges;
    struct graph_store series;
    struct attribute_slots span_slots, resource_slots;
    struct bytes service; /* of the resource that is read; no data: it has none */
    struct graph_text {
        size_t at, len;
    } texts[SLOTS_MOST]; /* in resource_texts: of the resource's slots */
    struct buf resource_texts;
    struct buf key, values, absent, attributes, text, service_text, peer_text, database_text;
    uint64_t start; /* wall ns */
    struct clock_timer expire_timer, clean_timer;
    bool clean_due; /* when nothing is being sent any more */
    struct slice_sender sender;
    struct { /* where the next slice begins */
        unsigned metric;
        struct graph_series *series; /* NULL: the first */
        uint64_t serial;             /* later ones wait for the next time */
    } at;
    struct complaint overflow, crowded;
    struct metric_hook hook;
    struct metric *total_edges, *dropped_spans, *expired_edges, *overflowed;
};

static inline struct service_graph *service_graph_of(struct node *node)
{
    return container_of(node, struct service_graph, node);
}

void service_graph_count(struct service_graph *p, const struct batch *batch);

/* The next that have waited too long, so many at most; false: there are more. */
bool service_graph_expire(struct service_graph *p, unsigned most);

/* For the sender. */
void service_graph_begin(struct slice_sender *s, bool last);
void service_graph_fill(struct slice_sender *s);

#endif
