/* SPDX-License-Identifier: Apache-2.0 */
/* Making a graph: nodes are made and linked from the exporters back, put into the order in which they stop, and
 * only then created, so that create() sees where its node sends to. */
#include "service/graph_build.h"

#include "pipeline/ledger_tap.h"
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
static void set_log(struct graph_node *gn)
{
    struct node *n = node_of(gn);
    size_t at = 0;

    gn->fields[at++] = F_STR("otelcol.component.id", n->id);
    gn->fields[at++] = F_STR("otelcol.component.kind", component_kind_name(n->component->kind));
    if (n->pipeline != NULL)
        gn->fields[at++] = F_STR("otelcol.pipeline.id", n->pipeline);
    if (gn->from != SIGNAL_COUNT)
        gn->fields[at++] = F_STR("otelcol.signal", signal_table[gn->from].name);
    n->log = (struct logger){ gn->graph->host->log, gn->fields, at };
}

static struct graph_node *make_node(struct graph *g, const struct config_component *cc, enum signal from,
                                    enum signal to, const struct config_pipeline *pipeline)
{
    struct graph_node *gn = mem_zalloc(sizeof(*gn) + cc->component->node_size);
    struct node *n = node_of(gn);

    assert(cc->component->node_size >= sizeof(struct node));
    gn->graph = g;
    gn->config = cc;
    gn->from = from;
    gn->to = to;
    gn->pipeline = pipeline;
    n->component = cc->component;
    n->id = cc->id;
    n->signal = from;
    n->pipeline = pipeline != NULL ? pipeline->id : NULL;
    n->host = g->host;
    set_log(gn);
    *vec_push(&g->nodes) = gn;
    return gn;
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
    struct exporter_tap *e;

    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (g->exporter_taps.v[i]->node == gn && g->exporter_taps.v[i]->ledger.signal == signal)
            return g->exporter_taps.v[i];
    e = mem_zalloc(sizeof(*e));
    e->node = gn;
    ledger_init(&e->ledger, "exporter", cc->id, signal);
    e->tap = ledger_tap_new(&g->host->loop->turn, &e->ledger, &node_of(gn)->in);
    if (!cc->component->shared)
        node_of(gn)->ledger = &e->ledger;
    *vec_push(&g->exporter_taps) = e;
    return e;
}

typedef VEC(struct consumer *) consumers;

/* One consumer for all of them. Empties the list. */
static struct consumer *join_consumers(struct graph *g, consumers *list)
{
    struct consumer *one = NULL;

    if (list->n == 1)
        one = list->v[0];
    else if (list->n > 1)
        one = *vec_push(&g->fanouts) = fanout_new(&g->host->loop->turn, list->v, list->n);
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
            assert(g->pipes[i].tap != NULL);
            *vec_push(&list) = g->pipes[i].tap;
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
            ends[n->n_ends++] = (struct pipeline_end){ p->id, g->pipes[i].tap };
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
            n->out[to] = entries_after(g, cc, to);
        if (n->ends == NULL)
            list_ends(g, n, cc, to);
        *vec_push(list) = &n->in;
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
        struct graph_node *gn = make_node(g, p->processors[i], (enum signal)p->signal, (enum signal)p->signal, p);

        node_of(gn)->ledger = &pipe->ledger;
        node_of(gn)->out[p->signal] = next;
        next = &node_of(gn)->in;
        pipe->processors[i] = gn;
    }
    pipe->tap = ledger_tap_new(&g->host->loop->turn, &pipe->ledger, next);
}

static void link_receivers(struct graph *g, const struct config_pipeline *p)
{
    for (size_t i = 0; i < p->n_receivers; i++) {
        const struct config_component *cc = p->receivers[i];
        struct node *n;

        if (cc->component->kind == COMPONENT_CONNECTOR)
            continue;
        n = node_of(get_node(g, cc, (enum signal)p->signal, (enum signal)p->signal));
        if (n->out[p->signal] == NULL)
            n->out[p->signal] = entries_after(g, cc, (enum signal)p->signal);
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

static void place_kind(struct graph *g, enum component_kind kind, size_t rank)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.v[i]->config->component->kind == kind)
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

    place_kind(g, COMPONENT_RECEIVER, 0);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        rank = place_pipe(g, &g->pipes[g->topo[i]], rank);
    place_kind(g, COMPONENT_EXPORTER, rank++);
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

static int create_nodes(struct graph *g, struct error *err)
{
    for (size_t i = g->order.n; i-- > 0;) {
        struct graph_node *gn = g->order.v[i];
        const struct component *c = gn->config->component;

        if (c->create(node_of(gn), gn->config->config, err) != 0)
            return create_error(gn, err);
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

/* Those that it feeds know already. */
static void mark_kept(struct graph *g, struct pipe *pipe)
{
    pipe->kept = is_kept(g, pipe);
    for (size_t i = 0; i < pipe->config->n_processors; i++)
        node_of(pipe->processors[i])->kept_behind = pipe->kept;
}

static void link_all(struct graph *g)
{
    size_t n = g->config->n_pipelines;

    g->pipes = mem_zalloc(n * sizeof(*g->pipes));
    sort_pipes(g);
    for (size_t i = 0; i < n; i++) {
        g->pipes[i].config = &g->config->pipelines[i];
        ledger_init(&g->pipes[i].ledger, "pipeline", g->pipes[i].config->id, (enum signal)g->pipes[i].config->signal);
    }
    for (size_t i = n; i-- > 0;) {
        link_pipe(g, &g->pipes[g->topo[i]]);
        mark_kept(g, &g->pipes[g->topo[i]]);
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
    struct graph *g = graph_node_of((struct node *)(uintptr_t)node)->graph;

    for (size_t i = 0; i < g->nodes.n; i++) {
        struct node *n = node_of(g->nodes.v[i]);

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

int graph_build(struct graph **out, struct host *host, const struct config *config, struct error *err)
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

static void free_pipe(struct pipe *p)
{
    ledger_tap_free(p->tap);
    ledger_free(&p->ledger);
    free(p->processors);
}

static void free_exporter_tap(struct exporter_tap *e)
{
    ledger_tap_free(e->tap);
    ledger_free(&e->ledger);
    free(e);
}

void graph_free(struct graph *g)
{
    for (size_t i = 0; i < g->order.n; i++)
        if (g->order.v[i]->state >= NODE_CREATED && g->order.v[i]->config->component->destroy != NULL)
            g->order.v[i]->config->component->destroy(node_of(g->order.v[i]));
    if (g->shown != NULL)
        ledger_metrics_free(g->shown);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        free_pipe(&g->pipes[i]);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        free_exporter_tap(g->exporter_taps.v[i]);
    for (size_t i = 0; i < g->fanouts.n; i++)
        fanout_free(g->fanouts.v[i]);
    for (size_t i = 0; i < g->nodes.n; i++) {
        free((void *)(uintptr_t)node_of(g->nodes.v[i])->ends);
        free(g->nodes.v[i]);
    }
    for (size_t i = 0; i < g->shared.n; i++)
        free(g->shared.v[i]);
    turn_cancel(&g->host->loop->turn, &g->advance);
    clock_stop(&g->host->loop->clock, &g->timer);
    vec_free(&g->exporter_taps);
    vec_free(&g->fanouts);
    vec_free(&g->nodes);
    vec_free(&g->order);
    vec_free(&g->shared);
    vec_free(&g->auth_attributes);
    free(g->pipes);
    free(g->topo);
    free(g);
}

void **node_shared(struct node *node)
{
    struct graph_node *gn = graph_node_of(node);
    struct graph *g = gn->graph;
    struct shared_slot *slot;

    for (size_t i = 0; i < g->shared.n; i++)
        if (g->shared.v[i]->config == gn->config)
            return &g->shared.v[i]->object;
    slot = mem_zalloc(sizeof(*slot));
    slot->config = gn->config;
    *vec_push(&g->shared) = slot;
    return &slot->object;
}
