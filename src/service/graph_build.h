/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a graph, for the two files that build it and run it. */
#ifndef PIPELINE_GRAPH_BUILD_H
#define PIPELINE_GRAPH_BUILD_H

#include "base/vec.h"
#include "service/config.h"
#include "service/graph.h"
#include "pipeline/ledger_metrics.h"

#include <assert.h>
#include <stddef.h>

enum node_state { NODE_LINKED, NODE_CREATED, NODE_STARTED, NODE_STOPPING, NODE_STOPPED };

/* A node and what the graph knows of it. */
struct graph_node {
    struct graph *graph;
    const struct config_component *config;
    enum signal from, to;                   /* connectors: to; others: the same twice */
    const struct config_pipeline *pipeline; /* processors */
    size_t rank;                            /* nodes of a lower rank stop first */
    enum node_state state;
    bool placed; /* in graph->order */
    struct log_field fields[4];
    _Alignas(max_align_t) unsigned char memory[]; /* component->node_size: struct node first */
};

/* One pipeline as it runs. */
struct pipe {
    const struct config_pipeline *config;
    struct ledger ledger;
    struct consumer *tap; /* NULL while not linked */
    bool kept;            /* by an exporter of this pipeline, or of one that it feeds */
    struct graph_node **processors;
};

/* What one exporter is given of one signal. */
struct exporter_tap {
    struct graph_node *node;
    struct ledger ledger;
    struct consumer *tap;
};

struct shared_slot {
    const struct config_component *config;
    void *object;
};

struct graph {
    struct host *host;
    const struct config *config;
    struct logger log;
    struct pipe *pipes;
    size_t *topo; /* indices of pipes, each before those it feeds */
    VEC(struct exporter_tap *) exporter_taps;
    VEC(struct consumer *) fanouts;
    VEC(struct graph_node *) nodes; /* all, as made */
    VEC(struct graph_node *) order; /* all, as they stop; they start from the end */
    VEC(struct shared_slot *) shared;
    struct ledger_metrics *shown;
    VEC(const char *) auth_attributes; /* of clients: what nodes read */

    /* Stopping. */
    size_t rank, waiting_for;
    bool stopping, cut, finished;
    uint64_t deadline;
    struct clock_timer timer;
    struct turn_task advance;
    void (*done)(struct graph *g, void *arg);
    void *arg;
};

static inline struct node *node_of(struct graph_node *gn)
{
    return (struct node *)(void *)gn->memory;
}

static inline struct graph_node *graph_node_of(struct node *node)
{
    return container_of((unsigned char *)node, struct graph_node, memory);
}

static inline void graph_node_move(struct graph_node *gn, enum node_state to)
{
    static const uint8_t allowed[] = {
        [NODE_LINKED] = 1 << NODE_CREATED,
        [NODE_CREATED] = 1 << NODE_STARTED,
        [NODE_STARTED] = 1 << NODE_STOPPING,
        [NODE_STOPPING] = 1 << NODE_STOPPED,
        [NODE_STOPPED] = 0,
    };

    assert(allowed[gn->state] & 1 << to);
    gn->state = to;
}

const char *component_kind_name(enum component_kind kind); /* "receiver" */

#endif
