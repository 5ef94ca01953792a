/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph is made of, and its end. Nodes go first, for what they destroy may still have answers under way to the
 * taps. What belongs to the graph before, or has gone on into the next one, is not freed here. */
#include "service/graph_build.h"

#include "base/mem.h"
#include "base/unconst.h"
#include "pipeline/fanout.h"
#include "pipeline/ledger/ledger_tap.h"

#include <stdlib.h>
#include <string.h>

static void free_entrance(struct entrance *e)
{
    ledger_tap_free(e->tap);
    edge_free(&e->edge);
    ledger_free(&e->ledger);
    free(e);
}

static void free_exporter_tap(struct exporter_tap *e)
{
    ledger_tap_free(e->tap);
    edge_free(&e->edge);
    ledger_free(&e->ledger);
    free(e);
}

static void free_node(struct graph_node *gn)
{
    free_const(node_of(gn)->ends);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        edge_free(&gn->edges[i]);
    config_memory_unref(gn->memory_of_config);
    free(gn);
}

static void free_slot(struct shared_slot *slot)
{
    if (--slot->refs > 0)
        return;
    free(slot->id);
    free(slot);
}

static void destroy_nodes(struct graph *g)
{
    for (size_t i = 0; i < g->order.n; i++) {
        struct graph_node *gn = g->order.v[i];
        struct metrics *before = graph_node_lend(gn);

        if (gn->state >= NODE_CREATED && node_of(gn)->component->destroy != NULL)
            node_of(gn)->component->destroy(node_of(gn));
        g->host->metrics = before;
    }
}

static void free_lists(struct graph *g)
{
    vec_free(&g->exporter_taps);
    vec_free(&g->fanouts);
    vec_free(&g->nodes);
    vec_free(&g->order);
    vec_free(&g->shared);
    vec_free(&g->wires);
    vec_free(&g->auth_attributes);
    free(g->pipes);
    free(g->topo);
}

void graph_free(struct graph *g)
{
    destroy_nodes(g);
    if (g->shown != NULL)
        ledger_metrics_free(g->shown);
    for (size_t i = 0; i < g->config->n_pipelines; i++) {
        if (g->pipes[i].entrance != NULL && g->pipes[i].entrance->owner == g)
            free_entrance(g->pipes[i].entrance);
        free(g->pipes[i].processors);
    }
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (g->exporter_taps.v[i]->owner == g)
            free_exporter_tap(g->exporter_taps.v[i]);
    for (size_t i = 0; i < g->fanouts.n; i++)
        if (g->fanouts.v[i].owner == g)
            fanout_free(g->fanouts.v[i].in);
    for (size_t i = 0; i < g->nodes.n; i++)
        free_node(g->nodes.v[i]);
    for (size_t i = 0; i < g->shared.n; i++)
        free_slot(g->shared.v[i]);
    turn_cancel(&g->host->loop->turn, &g->advance);
    clock_stop(&g->host->loop->clock, &g->timer);
    free_lists(g);
    free(g);
}

static struct shared_slot *find_slot(const struct graph *g, struct graph_node *gn)
{
    for (size_t i = 0; g != NULL && i < g->shared.n; i++) {
        struct shared_slot *s = g->shared.v[i];

        if (s->component == node_of(gn)->component && s->fingerprint == gn->config_fingerprint &&
            strcmp(s->id, node_of(gn)->id) == 0)
            return s;
    }
    return NULL;
}

static void add_slot(struct graph *g, struct shared_slot *slot)
{
    slot->refs++;
    *vec_push(&g->shared) = slot;
}

void graph_share_slot(struct graph *g, const struct graph *from, struct graph_node *gn)
{
    struct shared_slot *slot = find_slot(from, gn);

    if (slot != NULL && find_slot(g, gn) == NULL)
        add_slot(g, slot);
}

void **node_shared(struct node *node)
{
    struct graph_node *gn = graph_node_of(node);
    struct graph *g = gn->graph;
    struct shared_slot *slot;

    graph_share_slot(g, g->previous, gn);
    slot = find_slot(g, gn);
    if (slot != NULL)
        return &slot->object;
    slot = mem_zalloc(sizeof(*slot));
    slot->component = node->component;
    slot->id = mem_strdup(node->id);
    slot->fingerprint = gn->config_fingerprint;
    add_slot(g, slot);
    return &slot->object;
}
