/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a graph, for those who build it and run it.
 *
 *     graph_build.c        nodes, and how they are connected
 *     graph_parts.c        what it is made of, and how that is freed
 *     graph.c              start and stop
 *     reload/graph_keep.c  what it keeps of the one before it */
#ifndef SERVICE_GRAPH_BUILD_H
#define SERVICE_GRAPH_BUILD_H

#include "base/vec.h"
#include "service/config.h"
#include "service/graph.h"
#include "pipeline/edge.h"
#include "pipeline/ledger/ledger_metrics.h"

#include <assert.h>
#include <stddef.h>

enum node_state { NODE_LINKED, NODE_CREATED, NODE_STARTED, NODE_STOPPING, NODE_STOPPED };

/* A node and what the graph knows of it. */
struct graph_node {
    struct graph *graph;
    struct graph_node *twin; /* of the running graph, which stays in this one's place; NULL: none, or it has come */
    const struct config_component *config;
    struct config_memory *memory_of_config; /* what it was made with */
    uint64_t fingerprint;                   /* of all that it was made with: reload/graph_keep.c */
    uint64_t config_fingerprint;
    enum signal from, to;                   /* connectors: to; others: the same twice */
    const struct config_pipeline *pipeline; /* processors */
    size_t rank;                            /* nodes of a lower rank stop first */
    enum node_state state;
    bool idle;   /* it does not run in this process (service::workers): neither started nor stopped */
    bool failed; /* to start: it is stopped as one that has, and not kept */
    bool placed; /* in graph->order */
    struct log_field fields[4];
    struct edge edges[SIGNAL_COUNT];              /* behind node.out */
    _Alignas(max_align_t) unsigned char memory[]; /* component->node_size: struct node first */
};

/* What comes into a pipeline. It stays as long as configurations have one of that id. */
struct entrance {
    const struct graph *owner;
    struct ledger ledger;
    struct edge edge; /* from the tap to what stands first */
    struct consumer *tap;
};

/* One pipeline as it runs. */
struct pipe {
    const struct config_pipeline *config;
    struct entrance *entrance;
    bool kept; /* by an exporter of this pipeline, or of one that it feeds */
    struct graph_node **processors;
};

/* What one exporter is given of one signal. It stays as long as the exporter does. */
struct exporter_tap {
    const struct graph *owner;
    struct graph_node *node;
    struct ledger ledger;
    struct edge edge; /* from the tap to the exporter; closed until that has started */
    struct consumer *tap;
};

struct graph_fanout {
    const struct graph *owner;
    struct consumer *in;
};

/* What all nodes of one component have in common, of graphs that follow each other too. */
struct shared_slot {
    const struct component *component;
    char *id;
    uint64_t fingerprint; /* of the component's configuration */
    uint32_t refs;        /* graphs */
    void *object;
};

/* Where an edge is going to lead when the graph takes over. */
struct wire {
    struct edge *edge;
    struct consumer *to;
};

struct graph {
    struct host *host;
    const struct config *config;
    struct graph *previous; /* until it has taken over: whose nodes it keeps. What it has of those is not its own yet */
    struct logger log;
    struct pipe *pipes;
    size_t *topo; /* indices of pipes, each before those it feeds */
    VEC(struct exporter_tap *) exporter_taps;
    VEC(struct graph_fanout) fanouts;
    VEC(struct graph_node *) nodes; /* all, as made */
    VEC(struct graph_node *) order; /* all, as they stop; they start from the end */
    VEC(struct shared_slot *) shared;
    VEC(struct wire) wires; /* until it has taken over */
    bool wired;             /* it has */
    struct ledger_metrics *shown;
    VEC(const char *) auth_attributes; /* of clients: what nodes read */

    /* Stopping. */
    size_t rank, waiting_for;
    bool stopping, cut, finished;
    bool leaving; /* another one goes on in its place */
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

/* The one that runs, or is going to. */
static inline struct graph *graph_of(const struct node *node)
{
    return container_of_const((const unsigned char *)node, struct graph_node, memory)->graph;
}

static inline struct graph_node *real_node(struct graph_node *gn)
{
    return gn->twin != NULL ? gn->twin : gn;
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

void graph_node_set_log(struct graph_node *gn); /* the words of its lines in the log */

/* reload/graph_keep.c: what of the previous graph can stay */

/* The node's fingerprint, and its twin if there is one. `kept`: node.kept_behind. */
void graph_node_identify(struct graph_node *gn, bool kept);
/* These of the previous graph, or NULL. */
struct entrance *graph_find_entrance(const struct graph *previous, const char *pipeline);
struct exporter_tap *graph_find_tap(const struct graph *g, const struct graph_node *node, enum signal signal);
struct consumer *graph_find_heir(const struct graph *g, const struct exporter_tap *e); /* of the same id and signal */
struct consumer *graph_find_fanout(const struct graph *previous, struct consumer *const *to, size_t n);

void graph_open_tap(struct exporter_tap *e); /* if its exporter has started */

/* graph.c */

/* Around create() and destroy(): from now on host->metrics is where this node counts. One that does not run here counts
 * where nobody looks. Returns what host->metrics was, to be put back. */
struct metrics *graph_node_lend(const struct graph_node *gn);

/* What this graph's nodes want of the receivers; what an earlier graph's wanted is over. */
void graph_gather_wants(struct graph *g);

/* graph_parts.c */

/* `g` has what that node's component shares, if `from` has it. */
void graph_share_slot(struct graph *g, const struct graph *from, struct graph_node *gn);

#endif
