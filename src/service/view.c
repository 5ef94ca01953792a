/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline's nodes are looked up in the graph each time that somebody looks: a page or a probe is rare, and a graph
 * has few nodes. The configuration's text is made when it is asked for first, and kept while that runs, for making it
 * takes memory of the configuration's own. */
#include "service/view.h"

#include "base/mem.h"
#include "service/graph_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct live_view *view_of(const struct service_view *v)
{
    return container_of_const(v, struct live_view, shown);
}

/* ---- pipelines ---- */

typedef VEC(struct view_node) view_nodes;

static bool is_here(const struct graph_node *gn, const struct config_component *cc, enum signal from, enum signal to)
{
    if (gn->config != cc)
        return false;
    if (cc->component->shared)
        return true;
    return (from == SIGNAL_COUNT || gn->from == from) && (to == SIGNAL_COUNT || gn->to == to);
}

/* A connector is as many nodes as it has signals to hand on. */
static void add_nodes(const struct graph *g, const struct config_component *cc, enum signal from, enum signal to,
                      view_nodes *out)
{
    enum view_role role = to == SIGNAL_COUNT ? VIEW_EXPORTER : VIEW_RECEIVER;

    for (size_t i = 0; i < g->nodes.n; i++)
        if (is_here(g->nodes.v[i], cc, from, to))
            *vec_push(out) = (struct view_node){ .role = role, .node = node_of(g->nodes.v[i]) };
}

static const struct ledger *find_ledger(const struct graph *g, const struct node *node, enum signal signal)
{
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (node_of(g->exporter_taps.v[i]->node) == node && g->exporter_taps.v[i]->ledger.signal == signal)
            return &g->exporter_taps.v[i]->ledger;
    return NULL;
}

static void add_exporter(const struct graph *g, const struct config_component *cc, enum signal signal, view_nodes *out)
{
    size_t first = out->n;

    add_nodes(g, cc, signal, SIGNAL_COUNT, out);
    for (size_t i = first; i < out->n; i++)
        out->v[i].ledger = find_ledger(g, out->v[i].node, signal);
}

static void list_nodes(const struct graph *g, const struct pipe *pipe, view_nodes *out)
{
    const struct config_pipeline *p = pipe->config;
    enum signal signal = (enum signal)p->signal;

    for (size_t i = 0; i < p->n_receivers; i++)
        add_nodes(g, p->receivers[i], SIGNAL_COUNT, signal, out);
    for (size_t i = 0; i < p->n_processors; i++)
        *vec_push(out) = (struct view_node){ .role = VIEW_PROCESSOR, .node = node_of(pipe->processors[i]) };
    for (size_t i = 0; i < p->n_exporters; i++)
        add_exporter(g, p->exporters[i], signal, out);
}

/* Those that are shown: of all ledgers that each has had. The first is the pipeline's. */
static struct ledger *sum_ledgers(const struct graph *g, const struct pipe *pipe, view_nodes *nodes)
{
    struct ledger *sums = mem_zalloc((1 + nodes->n) * sizeof(*sums));

    ledger_book_sum(&g->host->ledgers, &pipe->entrance->ledger, &sums[0]);
    for (size_t i = 0; i < nodes->n; i++) {
        if (nodes->v[i].ledger == NULL)
            continue;
        ledger_book_sum(&g->host->ledgers, nodes->v[i].ledger, &sums[1 + i]);
        nodes->v[i].ledger = &sums[1 + i];
    }
    return sums;
}

static void visit_pipe(const struct graph *g, const struct pipe *pipe, view_nodes *nodes,
                       void (*visit)(const struct view_pipeline *p, void *arg), void *arg)
{
    struct ledger *sums;

    nodes->n = 0;
    list_nodes(g, pipe, nodes);
    sums = sum_ledgers(g, pipe, nodes);
    visit(&(struct view_pipeline){ pipe->config->id, sums->signal, sums, nodes->v, nodes->n }, arg);
    for (size_t i = 0; i <= nodes->n; i++)
        ledger_free(&sums[i]);
    free(sums);
}

static void each_pipeline(const struct service_view *v, void (*visit)(const struct view_pipeline *p, void *arg),
                          void *arg)
{
    const struct graph *g = view_of(v)->graph;
    view_nodes nodes = { 0 };

    for (size_t i = 0; g != NULL && i < g->config->n_pipelines; i++)
        visit_pipe(g, &g->pipes[i], &nodes, visit, arg);
    vec_free(&nodes);
}

static void each_extension(const struct service_view *v, void (*visit)(const struct node *extension, void *arg),
                           void *arg)
{
    const struct graph *g = view_of(v)->graph;

    for (size_t i = 0; g != NULL && i < g->nodes.n; i++)
        if (g->nodes.v[i]->config->component->kind == COMPONENT_EXTENSION)
            visit(node_of(g->nodes.v[i]), arg);
}

/* ---- edges ---- */

static struct edge *edge_behind(const struct pipe *pipe, enum signal signal)
{
    size_t n = pipe->config->n_processors;

    return n > 0 ? &pipe->processors[n - 1]->edges[signal] : &pipe->entrance->edge;
}

static size_t find_processor_edge(const struct pipe *pipe, const struct view_point *p, struct edge **out)
{
    enum signal signal = (enum signal)pipe->config->signal;
    size_t i = 0;

    if (p->node == NULL) {
        out[0] = p->behind ? edge_behind(pipe, signal) : &pipe->entrance->edge;
        return 1;
    }
    while (i < pipe->config->n_processors && strcmp(node_of(pipe->processors[i])->id, p->node) != 0)
        i++;
    if (i == pipe->config->n_processors)
        return 0;
    out[0] = p->behind ? &pipe->processors[i]->edges[signal]
             : i > 0   ? &pipe->processors[i - 1]->edges[signal]
                       : &pipe->entrance->edge;
    return 1;
}

static size_t find_receiver_edges(const struct graph *g, const struct pipe *pipe, const struct view_point *p,
                                  struct edge **out)
{
    enum signal signal = (enum signal)pipe->config->signal;
    size_t n = 0;

    for (size_t i = 0; i < pipe->config->n_receivers; i++)
        for (size_t k = 0; k < g->nodes.n; k++)
            if (strcmp(pipe->config->receivers[i]->id, p->node) == 0 && n < VIEW_EDGES_MAX &&
                is_here(g->nodes.v[k], pipe->config->receivers[i], SIGNAL_COUNT, signal))
                out[n++] = &g->nodes.v[k]->edges[signal];
    return n;
}

/* A connector is given what comes out of the pipeline, like all that stand behind it. */
static size_t find_exporter_edge(const struct graph *g, const struct pipe *pipe, const struct view_point *p,
                                 struct edge **out)
{
    enum signal signal = (enum signal)pipe->config->signal;

    for (size_t i = 0; i < pipe->config->n_exporters; i++) {
        const struct config_component *cc = pipe->config->exporters[i];

        if (strcmp(cc->id, p->node) != 0)
            continue;
        if (cc->component->kind == COMPONENT_CONNECTOR) {
            out[0] = edge_behind(pipe, signal);
            return 1;
        }
        for (size_t k = 0; k < g->exporter_taps.n; k++)
            if (g->exporter_taps.v[k]->node->config == cc && g->exporter_taps.v[k]->ledger.signal == signal) {
                out[0] = &g->exporter_taps.v[k]->edge;
                return 1;
            }
    }
    return 0;
}

static size_t find_edges(const struct service_view *v, const struct view_point *p, struct edge **out)
{
    const struct graph *g = view_of(v)->graph;

    for (size_t i = 0; g != NULL && i < g->config->n_pipelines; i++) {
        const struct pipe *pipe = &g->pipes[i];

        if (strcmp(pipe->config->id, p->pipeline) != 0)
            continue;
        if (p->role == VIEW_PROCESSOR)
            return find_processor_edge(pipe, p, out);
        return p->role == VIEW_RECEIVER ? find_receiver_edges(g, pipe, p, out) : find_exporter_edge(g, pipe, p, out);
    }
    return 0;
}

/* ---- the configuration ---- */

static struct bytes config_text(const struct service_view *shown, bool json)
{
    const struct live_view *v = view_of(shown);
    struct buf *text = &v->text[json];

    if (v->config != NULL && text->len == 0)
        yaml_write(config_tree(v->config, false), text, json);
    return buf_bytes(text);
}

static void each_warning(const struct service_view *shown, void (*visit)(const struct fault *f, void *arg), void *arg)
{
    const struct config *c = view_of(shown)->config;

    for (size_t i = 0; c != NULL && i < c->faults.list.n; i++)
        if (c->faults.list.v[i].warning)
            visit(&c->faults.list.v[i], arg);
}

/* ---- reloads ---- */

void view_reload_begins(struct live_view *v)
{
    v->shown.reload.under_way = true;
    v->fault[0] = '\0';
}

void view_reload_fault(struct live_view *v, const char *text)
{
    if (v->fault[0] == '\0')
        snprintf(v->fault, sizeof(v->fault), "%s", text);
}

void view_reload_faults(struct live_view *v, const struct faults *faults)
{
    char text[sizeof(v->fault)];

    for (size_t i = 0; i < faults->list.n; i++) {
        const struct fault *f = &faults->list.v[i];

        if (f->warning)
            continue;
        snprintf(text, sizeof(text), "%s:%d:%d: %s%s%s%s", f->file, f->line, f->column, f->path,
                 f->path[0] != '\0' ? ": " : "", f->text, faults->n_errors > 1 ? " (and more)" : "");
        view_reload_fault(v, text);
    }
}

void view_reload_ends(struct live_view *v, bool changed)
{
    struct view_reload *r = &v->shown.reload;

    r->n++;
    r->failed += !changed;
    r->at = clock_wall(v->clock);
    r->under_way = false;
    snprintf(r->fault, sizeof(r->fault), "%s",
             changed               ? ""
             : v->fault[0] != '\0' ? v->fault
                                   : "the new configuration does not start");
}

/* ---- life ---- */

void view_init(struct live_view *v, struct clock *clock)
{
    *v = (struct live_view){
        .clock = clock,
        .text = mem_zalloc(2 * sizeof(struct buf)),
        .shown = { .phase = SERVICE_STARTING,
                   .started = clock_wall(clock),
                   .each_pipeline = each_pipeline,
                   .each_extension = each_extension,
                   .find_edges = find_edges,
                   .config = config_text,
                   .each_warning = each_warning },
    };
}

static void forget_text(struct live_view *v)
{
    buf_free(&v->text[0]);
    buf_free(&v->text[1]);
}

void view_free(struct live_view *v)
{
    forget_text(v);
    free(v->text);
}

void view_enter(struct live_view *v, enum service_phase phase, struct graph *graph, struct config *config)
{
    if (phase == SERVICE_STARTING) {
        v->shown.ready_since = 0;
        forget_text(v);
    }
    if (phase == SERVICE_READY && v->shown.ready_since == 0)
        v->shown.ready_since = clock_wall(v->clock);
    v->shown.phase = phase;
    v->config = config;
    if (v->graph == graph)
        return;
    v->graph = graph;
    if (v->changed != NULL)
        v->changed(v->arg);
}
