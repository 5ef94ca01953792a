/* SPDX-License-Identifier: Apache-2.0 */
/* Making a graph, from a configuration that graph_check() finds right. Each pipeline has its tap, new or kept; then
 * link_all() goes from the last pipeline to the first: its exporters and connectors are made, its processors from the
 * back, and at the end all receivers, so that each node is linked to what is there already. place_all() puts them into
 * the order in which they stop. Only then they are created, from the end, so that create() sees where its node sends
 * to.
 *
 * Where another graph runs, what stays of it comes into this one (reload/graph_keep.c) as a node that is not created:
 * its twin goes on in its place. What leads out of such a node is a wire, and turned when this graph takes over.
 *
 * What can go wrong: a node that cannot be created. The error says which one, and the graph is freed again; the one
 * that runs goes on. */
#include "service/graph_build.h"

#include "pipeline/ledger/ledger_tap.h"
#include "pipeline/fanout.h"
#include "pipeline/storage.h"

#include <assert.h>
#include <uv.h>

const char *component_kind_name(enum component_kind kind)
{
    static const char *const names[COMPONENT_KINDS] = { "receiver", "processor", "exporter", "connector", "extension" };

    return names[kind];
}

/* The words of a line of this node: its id and kind; its pipeline (processors); its signals. */
void graph_node_set_log(struct graph_node *gn)
{
    struct node *n = node_of(gn);
    size_t at = 0;

    gn->fields[at++] = F_STR("otelcol.component.id", n->id);
    gn->fields[at++] = F_STR("otelcol.component.kind", component_kind_name(n->component->kind));
    if (n->pipeline != NULL)
        gn->fields[at++] = F_STR("otelcol.pipeline.id", n->pipeline);
    if (gn->from != SIGNAL_COUNT)
        gn->fields[at++] = F_STR("otelcol.signal", signal_table[gn->from].name);
    n->log = (struct logger){ gn->graph->host->log, gn->fields, at, gn->config->own };
}

static struct graph_node *make_node(struct graph *g, const struct config_component *cc, enum signal from,
                                    enum signal to, const struct pipe *pipe)
{
    const struct config_pipeline *pipeline = pipe != NULL ? pipe->config : NULL;
    struct graph_node *gn = mem_zalloc(sizeof(*gn) + cc->component->node_size);
    struct node *n = node_of(gn);

    assert(cc->component->node_size >= sizeof(struct node));
    gn->graph = g;
    gn->config = cc;
    gn->memory_of_config = config_memory_ref(cc->memory);
    gn->from = from;
    gn->to = to;
    gn->pipeline = pipeline;
    n->component = cc->component;
    n->id = cc->id;
    n->signal = from;
    n->pipeline = pipeline != NULL ? pipeline->id : NULL;
    n->host = g->host;
    n->kept_behind = pipe != NULL && pipe->kept;
    for (int i = 0; i < SIGNAL_COUNT; i++)
        edge_init(&gn->edges[i]);
    graph_node_set_log(gn);
    graph_node_identify(gn, n->kept_behind);
    *vec_push(&g->nodes) = gn;
    return gn;
}

static struct consumer *way_into(struct graph_node *gn)
{
    return &node_of(real_node(gn))->in;
}

/* What goes out of the node as that signal goes to `to` as soon as the graph has taken over. */
static void lead_out(struct graph *g, struct graph_node *gn, enum signal signal, struct consumer *to)
{
    struct edge *e = &real_node(gn)->edges[signal];

    *vec_push(&g->wires) = (struct wire){ e, to };
    node_of(gn)->out[signal] = &e->in;
}

/* The one node of these, made when it is asked for first. */
static struct graph_node *get_node(struct graph *g, const struct config_component *cc, enum signal from, enum signal to)
{
    if (cc->component->shared)
        from = to = SIGNAL_COUNT;
    for (size_t i = 0; i < g->nodes.n; i++) {
        struct graph_node *gn = g->nodes.v[i];

        if (gn->config == cc && gn->from == from && gn->to == to)
            return gn;
    }
    return make_node(g, cc, from, to, NULL);
}

static struct exporter_tap *get_exporter_tap(struct graph *g, const struct config_component *cc, enum signal signal)
{
    struct graph_node *gn = get_node(g, cc, signal, signal);
    struct exporter_tap *e = graph_find_tap(g, gn, signal);

    if (e != NULL)
        return e;
    e = gn->twin != NULL ? graph_find_tap(g->previous, gn->twin, signal) : NULL;
    if (e == NULL) {
        e = mem_zalloc(sizeof(*e));
        e->owner = g;
        e->node = gn;
        ledger_init(&e->ledger, "exporter", cc->id, signal);
        edge_init(&e->edge);
        e->tap = ledger_tap_new(&g->host->loop->turn, &e->ledger, &e->edge.in);
    }
    if (!cc->component->shared)
        node_of(gn)->ledger = &e->ledger;
    *vec_push(&g->exporter_taps) = e;
    return e;
}

typedef VEC(struct consumer *) consumers;

/* Two that lead to the same are one: what a graph has of the one before it has a single owner. */
static struct consumer *get_fanout(struct graph *g, const consumers *list)
{
    const struct graph *owner = g->previous;
    struct consumer *one = graph_find_fanout(g, list->v, list->n);

    if (one != NULL)
        return one;
    one = graph_find_fanout(g->previous, list->v, list->n);
    if (one == NULL) {
        one = fanout_new(&g->host->loop->turn, list->v, list->n);
        owner = g;
    }
    *vec_push(&g->fanouts) = (struct graph_fanout){ owner, one };
    return one;
}

/* One consumer for all of them. Empties the list. */
static struct consumer *join_consumers(struct graph *g, consumers *list)
{
    struct consumer *one = list->n > 0 ? list->v[0] : NULL;

    if (list->n > 1)
        one = get_fanout(g, list);
    vec_free(list);
    return one;
}

/* The taps of the pipelines of that signal that name cc among their receivers. */
static struct consumer *entries_after(struct graph *g, const struct config_component *cc, enum signal signal)
{
    consumers list = { 0 };

    for (size_t i = 0; i < g->config->n_pipelines; i++) {
        const struct config_pipeline *p = &g->config->pipelines[i];

        if (p->signal == (int)signal && config_lists(p->receivers, p->n_receivers, cc)) {
            *vec_push(&list) = g->pipes[i].entrance->tap;
        }
    }
    return join_consumers(g, &list);
}

static void list_ends(struct graph *g, struct node *n, const struct config_component *cc, enum signal signal)
{
    struct pipeline_end *ends = mem_zalloc(g->config->n_pipelines * sizeof(*ends));

    for (size_t i = 0; i < g->config->n_pipelines; i++) {
        const struct config_pipeline *p = &g->config->pipelines[i];

        if (p->signal == (int)signal && config_lists(p->receivers, p->n_receivers, cc))
            ends[n->n_ends++] = (struct pipeline_end){ g->pipes[i].entrance->ledger.id, g->pipes[i].entrance->tap };
    }
    n->ends = ends;
}

/* Does a pipeline of that signal name it among its receivers? */
static bool is_received(const struct graph *g, const struct config_component *cc, enum signal signal)
{
    for (size_t i = 0; i < g->config->n_pipelines; i++) {
        const struct config_pipeline *p = &g->config->pipelines[i];

        if (p->signal == (int)signal && config_lists(p->receivers, p->n_receivers, cc))
            return true;
    }
    return false;
}

/* A connector is one node for each signal that comes out of it here. */
static void add_connector(struct graph *g, const struct config_component *cc, enum signal from, void *to_list)
{
    consumers *list = to_list;

    for (enum signal to = 0; to < SIGNAL_COUNT; to++) {
        struct graph_node *gn;
        struct node *n;

        if (!connector_supports(cc->component, from, to) || !is_received(g, cc, to))
            continue;
        gn = get_node(g, cc, from, to);
        n = node_of(gn);
        if (n->out[to] == NULL)
            lead_out(g, gn, to, entries_after(g, cc, to));
        if (n->ends == NULL)
            list_ends(g, n, cc, to);
        *vec_push(list) = way_into(gn);
    }
}

static struct consumer *link_exporters(struct graph *g, const struct pipe *pipe)
{
    const struct config_pipeline *p = pipe->config;
    consumers list = { 0 };

    for (size_t i = 0; i < p->n_exporters; i++) {
        if (p->exporters[i]->component->kind == COMPONENT_CONNECTOR)
            add_connector(g, p->exporters[i], (enum signal)p->signal, &list);
        else
            *vec_push(&list) = get_exporter_tap(g, p->exporters[i], (enum signal)p->signal)->tap;
    }
    return join_consumers(g, &list);
}

static void link_pipe(struct graph *g, struct pipe *pipe)
{
    const struct config_pipeline *p = pipe->config;
    struct consumer *next = link_exporters(g, pipe);

    assert(next != NULL);
    pipe->processors = mem_zalloc(p->n_processors * sizeof(struct graph_node *));
    for (size_t i = p->n_processors; i-- > 0;) {
        struct graph_node *gn = make_node(g, p->processors[i], (enum signal)p->signal, (enum signal)p->signal, pipe);

        node_of(gn)->ledger = &pipe->entrance->ledger;
        lead_out(g, gn, (enum signal)p->signal, next);
        next = way_into(gn);
        pipe->processors[i] = gn;
    }
    *vec_push(&g->wires) = (struct wire){ &pipe->entrance->edge, next };
}

static void link_receivers(struct graph *g, const struct config_pipeline *p)
{
    for (size_t i = 0; i < p->n_receivers; i++) {
        const struct config_component *cc = p->receivers[i];
        struct graph_node *gn;

        if (cc->component->kind == COMPONENT_CONNECTOR)
            continue;
        gn = get_node(g, cc, (enum signal)p->signal, (enum signal)p->signal);
        if (node_of(gn)->out[p->signal] == NULL)
            lead_out(g, gn, (enum signal)p->signal, entries_after(g, cc, (enum signal)p->signal));
    }
}

/* Does pipeline a feed pipeline b through a connector? */
static bool feeds_pipeline(const struct config_pipeline *a, const struct config_pipeline *b)
{
    for (size_t i = 0; i < a->n_exporters; i++)
        if (a->exporters[i]->component->kind == COMPONENT_CONNECTOR &&
            config_lists(b->receivers, b->n_receivers, a->exporters[i]) &&
            connector_supports(a->exporters[i]->component, (enum signal)a->signal, (enum signal)b->signal))
            return true;
    return false;
}

/* Each pipeline after all that feed it; there is no cycle. In the order written where nothing else decides. */
static void sort_pipes(struct graph *g)
{
    size_t n = g->config->n_pipelines, placed = 0;
    bool *done = mem_zalloc(n * sizeof(*done));

    g->topo = mem_zalloc(n * sizeof(*g->topo));
    while (placed < n) {
        size_t before = placed;

        for (size_t i = 0; i < n; i++) {
            bool ready = !done[i];

            for (size_t k = 0; ready && k < n; k++)
                ready = done[k] || !feeds_pipeline(&g->config->pipelines[k], &g->config->pipelines[i]);
            if (ready) {
                done[i] = true;
                g->topo[placed++] = i;
            }
        }
        assert(placed > before);
    }
    free(done);
}

static void place_node(struct graph *g, struct graph_node *gn, size_t rank)
{
    if (gn->placed)
        return;
    gn->placed = true;
    gn->rank = rank;
    *vec_push(&g->order) = gn;
}

static void place_kind(struct graph *g, enum component_kind kind, bool own, size_t rank)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.v[i]->config->component->kind == kind && g->nodes.v[i]->config->own == own)
            place_node(g, g->nodes.v[i], rank);
}

/* A connector stops when all that feed it have, and before what it feeds. */
static size_t place_pipe(struct graph *g, const struct pipe *pipe, size_t rank)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        struct graph_node *gn = g->nodes.v[i];

        if (gn->config->component->kind == COMPONENT_CONNECTOR && (int)gn->to == pipe->config->signal &&
            config_lists(pipe->config->receivers, pipe->config->n_receivers, gn->config))
            place_node(g, gn, rank++);
    }
    for (size_t i = 0; i < pipe->config->n_processors; i++)
        place_node(g, pipe->processors[i], rank++);
    return rank;
}

static void place_all(struct graph *g)
{
    size_t rank = 1;

    place_kind(g, COMPONENT_RECEIVER, false, 0);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        rank = place_pipe(g, &g->pipes[g->topo[i]], rank);
    place_kind(g, COMPONENT_EXPORTER, false, rank++);
    place_kind(g, COMPONENT_RECEIVER, true, rank++); /* own telemetry tells of the end of all others */
    place_kind(g, COMPONENT_EXPORTER, true, rank++);
    for (size_t i = g->config->n_extensions; i-- > 0;)
        place_node(g, make_node(g, g->config->extensions[i], SIGNAL_COUNT, SIGNAL_COUNT, NULL), rank++);
    assert(g->order.n == g->nodes.n);
}

static int create_error(const struct graph_node *gn, struct error *err)
{
    const char *kind = component_kind_name(gn->config->component->kind);

    if (gn->pipeline != NULL)
        return error_wrap(err, "failed to create \"%s\" %s, in pipeline \"%s\"", gn->config->id, kind,
                          gn->pipeline->id);
    if (gn->from != SIGNAL_COUNT)
        return error_wrap(err, "failed to create \"%s\" %s for data type \"%s\"", gn->config->id, kind,
                          signal_table[gn->from].name);
    return error_wrap(err, "failed to create \"%s\" %s", gn->config->id, kind);
}

static int create_node(struct graph_node *gn, struct error *err)
{
    struct host *host = gn->graph->host;
    struct metrics *before = graph_node_lend(gn);
    int rc = node_create(node_of(gn), gn->config->config, err);

    host->metrics = before;
    return rc == 0 ? 0 : create_error(gn, err);
}

static int create_nodes(struct graph *g, struct error *err)
{
    for (size_t i = g->order.n; i-- > 0;) {
        struct graph_node *gn = g->order.v[i];
        const struct component *c = gn->config->component;

        if (gn->twin != NULL)
            continue;
        if (create_node(gn, err) != 0)
            return err->code;
        graph_node_move(gn, NODE_CREATED);
        assert(c->kind == COMPONENT_RECEIVER || c->kind == COMPONENT_EXTENSION || node_of(gn)->in.consume != NULL);
    }
    return 0;
}

static bool is_kept(const struct graph *g, const struct pipe *pipe)
{
    const struct config_pipeline *p = pipe->config;

    for (size_t i = 0; i < p->n_exporters; i++)
        if (p->exporters[i]->component->keeps != NULL && p->exporters[i]->component->keeps(p->exporters[i]->config))
            return true;
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        if (g->pipes[i].kept && feeds_pipeline(p, g->pipes[i].config))
            return true;
    return false;
}

static struct entrance *get_entrance(struct graph *g, const struct config_pipeline *p)
{
    struct entrance *e = g->previous != NULL ? graph_find_entrance(g->previous, p->id) : NULL;

    if (e != NULL)
        return e;
    e = mem_zalloc(sizeof(*e));
    e->owner = g;
    ledger_init(&e->ledger, "pipeline", p->id, (enum signal)p->signal);
    edge_init(&e->edge);
    e->tap = ledger_tap_new(&g->host->loop->turn, &e->ledger, &e->edge.in);
    return e;
}

static void link_all(struct graph *g)
{
    size_t n = g->config->n_pipelines;

    g->pipes = mem_zalloc(n * sizeof(*g->pipes));
    sort_pipes(g);
    for (size_t i = 0; i < n; i++) {
        g->pipes[i].config = &g->config->pipelines[i];
        g->pipes[i].entrance = get_entrance(g, g->pipes[i].config);
    }
    for (size_t i = n; i-- > 0;) {
        struct pipe *pipe = &g->pipes[g->topo[i]];

        pipe->kept = is_kept(g, pipe); /* those that it feeds know already */
        link_pipe(g, pipe);
    }
    for (size_t i = 0; i < n; i++)
        link_receivers(g, g->pipes[i].config);
}

static void first_fault(void *arg, const struct config_pipeline *p, const char *text)
{
    struct error *err = arg;

    (void)p;
    if (err->code == 0)
        error_set(err, UV_EINVAL, "%s", text);
}

/* NULL: there is none of that name, or it is "". */
static struct node *find_extension(const struct node *node, const char *id)
{
    struct graph *g = graph_of(node);

    for (size_t i = 0; i < g->nodes.n; i++) {
        struct node *n = node_of(real_node(g->nodes.v[i]));

        if (n->component->kind == COMPONENT_EXTENSION && strcmp(n->id, id) == 0)
            return n;
    }
    return NULL;
}

static const struct storage *find_storage(const struct node *node, const char *id)
{
    struct node *n = find_extension(node, id);

    return n != NULL && n->component->storage != NULL ? n->component->storage(n) : NULL;
}

static struct gatekeeper *find_gatekeeper(const struct node *node, const char *id)
{
    struct node *n = find_extension(node, id);

    return n != NULL && n->component->gatekeeper != NULL ? n->component->gatekeeper(n) : NULL;
}

static struct client_authenticator *find_client_authenticator(const struct node *node, const char *id)
{
    struct node *n = find_extension(node, id);

    return n != NULL && n->component->client_authenticator != NULL ? n->component->client_authenticator(n) : NULL;
}

int graph_build(struct graph **out, struct host *host, const struct config *config, struct graph *previous,
                struct error *err)
{
    struct error fault = { 0 };
    struct graph *g;

    *out = NULL;
    if (graph_check(config, first_fault, &fault) > 0)
        return error_set(err, fault.code, "%s", fault.text);
    g = mem_zalloc(sizeof(*g));
    g->host = host;
    host->find_storage = find_storage;
    host->find_gatekeeper = find_gatekeeper;
    host->find_client_authenticator = find_client_authenticator;
    g->config = config;
    g->previous = previous;
    g->log.sink = host->log;
    link_all(g);
    place_all(g);
    if (create_nodes(g, err) != 0) {
        graph_free(g);
        return err != NULL ? err->code : UV_EINVAL;
    }
    *out = g;
    return 0;
}
