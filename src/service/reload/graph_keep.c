/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph keeps of the one before it.
 *
 * A node is known by its component, id, signals and pipeline. Its fingerprint is of all that it was made with: its own
 * configuration, that of the extensions it names, certificates that are not watched, the level of our own metrics, and
 * what it was told of its neighbours. While a graph is built, a node that is known and has the same fingerprint in the
 * running graph is that one's place-holder: nothing is created, and what is connected to it is connected to its twin.
 * The same holds for what stands in front of pipelines and exporters, and for fan-outs. Nothing of the running graph is
 * touched by that, so that it can be given up at any moment.
 *
 * graph_take_over() then moves what is kept, turns the edges, and leaves in the previous graph what is to stop. It
 * cannot fail. What is under way finds its way back by its acks, whichever graph their owners are in by then. */
#include "service/graph_build.h"

#include "base/mem.h"
#include "base/unconst.h"
#include "config/tls_rows.h"
#include "pipeline/fanout.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- fingerprints ---- */

#define NAMED_MOST 16 /* an extension that names another, and so on: validation has turned down circles */

static uint64_t chain_hashes(uint64_t before, uint64_t next)
{
    const uint64_t both[] = { before, next };

    return bytes_hash(bytes_of(both, sizeof(both)));
}

static uint64_t hash_component(const struct config *c, const struct config_component *cc, int depth);

static uint64_t hash_extension(const struct config *c, const char *id, int depth)
{
    for (size_t i = 0; id[0] != '\0' && i < c->n_extensions; i++)
        if (strcmp(c->extensions[i]->id, id) == 0)
            return hash_component(c, c->extensions[i], depth);
    return 0;
}

/* Certificates that nobody watches count as what they are now. */
static uint64_t hash_file(uint64_t h, const char *path)
{
    struct stat st = { 0 };

    if (path == NULL || path[0] == '\0')
        return h;
    (void)stat(path, &st);
    h = chain_hashes(h, chain_hashes(st.st_ino, (uint64_t)st.st_size));
    return chain_hashes(h, (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec);
}

static uint64_t hash_tls(const struct option *rows, const void *group)
{
    const struct tls_config *c = group;

    if ((rows != tls_server_options && rows != tls_client_options) || c->reload_interval.ns > 0)
        return 0;
    return hash_file(hash_file(hash_file(hash_file(1, c->ca_file), c->cert_file), c->key_file), c->client_ca_file);
}

/* Of the extensions that the rows name, and of files. */
static uint64_t hash_named(const struct config *c, const struct option *rows, const char *config, int depth)
{
    uint64_t h = 0;

    for (const struct option *o = rows; o != NULL && o->kind != OPTION_END; o++) {
        const char *id;

        if (o->kind == OPTION_GROUP && (o->mode == GROUP_PLAIN || *(const bool *)(config + o->offset)))
            h = chain_hashes(chain_hashes(h, hash_tls(o->options, config + o->offset)),
                             hash_named(c, o->options, config + o->offset, depth));
        if (o->kind != OPTION_EXTENSION)
            continue;
        memcpy(&id, config + o->offset, sizeof(id));
        h = chain_hashes(h, hash_extension(c, id, depth));
    }
    return h;
}

static uint64_t hash_component(const struct config *c, const struct config_component *cc, int depth)
{
    if (cc->config == NULL || depth == NAMED_MOST)
        return cc->fingerprint;
    return chain_hashes(cc->fingerprint, hash_named(c, cc->component->options, cc->config, depth + 1));
}

/* The pipelines behind a connector are what it chooses among. */
static uint64_t hash_ends(const struct config *c, const struct graph_node *gn)
{
    uint64_t h = 0;

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];

        if (p->signal == (int)gn->to && config_lists(p->receivers, p->n_receivers, gn->config))
            h = chain_hashes(h, bytes_hash(bytes_str(p->id)));
    }
    return h;
}

/* ---- twins ---- */

static bool is_same(struct graph_node *a, struct graph_node *b)
{
    const char *x = node_of(a)->pipeline, *y = node_of(b)->pipeline;

    return node_of(a)->component == node_of(b)->component && a->from == b->from && a->to == b->to &&
           (x == NULL) == (y == NULL) && (x == NULL || strcmp(x, y) == 0) &&
           strcmp(node_of(a)->id, node_of(b)->id) == 0;
}

void graph_node_identify(struct graph_node *gn, bool kept)
{
    const struct graph *g = gn->graph, *previous = g->previous;
    uint64_t h = hash_component(g->config, gn->config, 0);

    h = chain_hashes(h, (uint64_t)g->host->level << 1 | kept);
    if (gn->config->component->kind == COMPONENT_CONNECTOR)
        h = chain_hashes(h, hash_ends(g->config, gn));
    gn->fingerprint = h;
    gn->config_fingerprint = gn->config->fingerprint;
    for (size_t i = 0; previous != NULL && i < previous->nodes.n; i++) {
        struct graph_node *other = previous->nodes.v[i];
        const struct component *c = node_of(other)->component;

        if (other->state == NODE_STARTED && !other->failed && other->fingerprint == h && is_same(gn, other) &&
            (c->is_stale == NULL || other->idle || !c->is_stale(node_of(other))))
            gn->twin = other;
    }
}

struct entrance *graph_find_entrance(const struct graph *previous, const char *pipeline)
{
    for (size_t i = 0; i < previous->config->n_pipelines; i++) {
        struct entrance *e = previous->pipes[i].entrance;

        if (e != NULL && strcmp(e->ledger.id, pipeline) == 0)
            return e;
    }
    return NULL;
}

struct exporter_tap *graph_find_tap(const struct graph *g, const struct graph_node *node, enum signal signal)
{
    for (size_t i = 0; i < g->exporter_taps.n; i++) {
        struct exporter_tap *e = g->exporter_taps.v[i];

        if ((e->node == node || (node->twin != NULL && e->node == node->twin)) && e->ledger.signal == signal)
            return e;
    }
    return NULL;
}

struct consumer *graph_find_heir(const struct graph *g, const struct exporter_tap *e)
{
    for (size_t i = 0; i < g->exporter_taps.n; i++) {
        struct exporter_tap *other = g->exporter_taps.v[i];

        if (other->ledger.signal == e->ledger.signal && strcmp(other->ledger.id, e->ledger.id) == 0)
            return other->tap;
    }
    return NULL;
}

struct consumer *graph_find_fanout(const struct graph *previous, struct consumer *const *to, size_t n)
{
    for (size_t i = 0; previous != NULL && i < previous->fanouts.n; i++)
        if (fanout_leads_to(previous->fanouts.v[i].in, to, n))
            return previous->fanouts.v[i].in;
    return NULL;
}

/* ---- taking over ---- */

/* The twin comes into this graph as what its place-holder was there for. */
static void move_node(struct graph *g, struct graph_node *holder)
{
    struct graph_node *gn = holder->twin;
    struct node *n = node_of(gn);

    graph_share_slot(g, g->previous, gn);
    gn->graph = g;
    gn->config = holder->config;
    gn->pipeline = holder->pipeline;
    gn->rank = holder->rank;
    n->pipeline = node_of(holder)->pipeline;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (n->out[i] != NULL && node_of(holder)->out[i] == NULL)
            edge_end(&gn->edges[i]);
        n->out[i] = node_of(holder)->out[i];
    }
    graph_node_set_log(gn);
}

static void free_holder(struct graph_node *holder)
{
    free_const(node_of(holder)->ends);
    config_memory_unref(holder->memory_of_config);
    free(holder);
}

/* In place of each place-holder its twin. */
static void move_nodes(struct graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.v[i]->twin != NULL)
            move_node(g, g->nodes.v[i]);
    for (size_t i = 0; i < g->order.n; i++)
        g->order.v[i] = real_node(g->order.v[i]);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        g->exporter_taps.v[i]->node = real_node(g->exporter_taps.v[i]->node);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        for (size_t k = 0; k < g->pipes[i].config->n_processors; k++)
            g->pipes[i].processors[k] = real_node(g->pipes[i].processors[k]);
    for (size_t i = 0; i < g->nodes.n; i++) {
        struct graph_node *holder = g->nodes.v[i];

        g->nodes.v[i] = real_node(holder);
        if (holder->twin != NULL)
            free_holder(holder);
    }
}

/* What has left it is no longer the previous graph's. */
static void shrink_previous(struct graph *old)
{
    size_t n = 0;

    for (size_t i = 0; i < old->nodes.n; i++)
        if (old->nodes.v[i]->graph == old)
            old->nodes.v[n++] = old->nodes.v[i];
    old->nodes.n = n;
    n = 0;
    for (size_t i = 0; i < old->order.n; i++)
        if (old->order.v[i]->graph == old)
            old->order.v[n++] = old->order.v[i];
    old->order.n = n;
    n = 0;
    for (size_t i = 0; i < old->exporter_taps.n; i++)
        if (old->exporter_taps.v[i]->owner == old)
            old->exporter_taps.v[n++] = old->exporter_taps.v[i];
    old->exporter_taps.n = n;
    n = 0;
    for (size_t i = 0; i < old->fanouts.n; i++)
        if (old->fanouts.v[i].owner == old)
            old->fanouts.v[n++] = old->fanouts.v[i];
    old->fanouts.n = n;
    for (size_t i = 0; i < old->config->n_pipelines; i++)
        if (old->pipes[i].entrance != NULL && old->pipes[i].entrance->owner != old)
            old->pipes[i].entrance = NULL;
}

static void move_fanout(struct graph *g, struct graph_fanout *f)
{
    struct graph *old = g->previous;

    for (size_t i = 0; i < old->fanouts.n; i++)
        if (old->fanouts.v[i].in == f->in)
            old->fanouts.v[i].owner = g;
    f->owner = g;
}

static void move_parts(struct graph *g)
{
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        g->pipes[i].entrance->owner = g;
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        g->exporter_taps.v[i]->owner = g;
    for (size_t i = 0; i < g->fanouts.n; i++)
        if (g->fanouts.v[i].owner != g)
            move_fanout(g, &g->fanouts.v[i]);
    shrink_previous(g->previous);
}

static void show_ledger(struct graph *g, struct ledger_metrics *before, struct ledger *l)
{
    if (before == NULL || !ledger_metrics_move(g->shown, before, l))
        ledger_metrics_add(g->shown, l);
}

/* With workers: own telemetry is counted by the front, all else by them. */
static bool counts_here(const struct graph *g, bool own)
{
    return g->host->front ? own : g->host->worker == 0 || !own;
}

static void show_ledgers(struct graph *g, struct ledger_metrics *before)
{
    g->shown = ledger_metrics_new(g->host->metrics, &g->host->ledgers);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        if (counts_here(g, g->pipes[i].config->own))
            show_ledger(g, before, &g->pipes[i].entrance->ledger);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (counts_here(g, g->exporter_taps.v[i]->node->config->own))
            show_ledger(g, before, &g->exporter_taps.v[i]->ledger);
}

/* An exporter that has not started yet has its edges closed. */
static void turn_edges(struct graph *g)
{
    for (size_t i = 0; i < g->wires.n; i++)
        edge_lead(g->wires.v[i].edge, g->wires.v[i].to);
    g->wires.n = 0;
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        graph_open_tap(g->exporter_taps.v[i]);
}

void graph_open_tap(struct exporter_tap *e)
{
    if (e->edge.to == NULL && e->node->state == NODE_STARTED)
        edge_lead(&e->edge, &node_of(e->node)->in);
}

void graph_tell_reload(struct graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        struct node *n = node_of(g->nodes.v[i]);

        if (g->nodes.v[i]->state == NODE_STARTED && !g->nodes.v[i]->idle && n->component->on_reload != NULL)
            n->component->on_reload(n);
    }
}

void graph_take_over(struct graph *g)
{
    struct graph *old = g->previous;

    assert(!g->wired);
    g->wired = true;
    if (old != NULL) {
        move_nodes(g);
        move_parts(g);
    }
    g->previous = NULL;
    show_ledgers(g, old != NULL ? old->shown : NULL);
    graph_gather_wants(g);
    turn_edges(g);
    if (old != NULL)
        graph_tell_reload(g);
}
