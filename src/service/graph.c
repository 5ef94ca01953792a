/* SPDX-License-Identifier: Apache-2.0 */
/* Running a graph: start from the end of the order, stop from its beginning, rank by rank.
 *
 * A rank stops together (all receivers; all exporters) and the next begins when all of it have called back. What does
 * not call back by the deadline is named in the log; everything is then told to stop at once, and after a last
 * second nobody is waited for. */
#include "service/graph.h"

#include "service/graph_build.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define LAST_WAIT NS_PER_S

static int start_error(const struct graph_node *gn, struct error *err)
{
    const struct yaml_node *place = gn->config->place;

    error_wrap(err, "failed to start \"%s\" %s", gn->config->id, component_kind_name(gn->config->component->kind));
    if (place != NULL && place->file[0] != '\0')
        error_wrap(err, "%s:%d:%d", place->file, place->line, place->column);
    return error_wrap(err, gn->config->component->kind == COMPONENT_EXTENSION ? "failed to start extensions"
                                                                              : "cannot start pipelines");
}

static void show_ledgers(struct graph *g)
{
    g->shown = ledger_metrics_new(g->host->metrics);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        ledger_metrics_add(g->shown, &g->pipes[i].ledger);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        ledger_metrics_add(g->shown, &g->exporter_taps.v[i]->ledger);
}

static void want_attribute(struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->auth_attributes.n; i++)
        if (strcmp(g->auth_attributes.v[i], name) == 0)
            return;
    *vec_push(&g->auth_attributes) = name;
}

/* What this graph's nodes want of the receivers; what an earlier graph's wanted is over. */
static void gather_wants(struct graph *g)
{
    g->host->client_address = false;
    g->host->forwarded = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct node *n = node_of(g->nodes.v[i]);

        g->host->client_address |= n->wants_client_address;
        g->host->forwarded |= n->wants_packed;
        for (size_t k = 0; k < n->wants_auth.n; k++)
            want_attribute(g, n->wants_auth.v[k]);
    }
    g->host->auth_attributes = (struct strings){ g->auth_attributes.v, g->auth_attributes.n };
}

int graph_start(struct graph *g, struct error *err)
{
    gather_wants(g);
    show_ledgers(g);
    for (size_t i = g->order.n; i-- > 0;) {
        struct graph_node *gn = g->order.v[i];

        graph_node_move(gn, NODE_STARTED); /* also when it fails half-way: what it has begun must be stopped */
        if (gn->config->component->start != NULL && gn->config->component->start(node_of(gn), err) != 0)
            return start_error(gn, err);
    }
    return 0;
}

static void finish_walk(struct graph *g)
{
    g->finished = true;
    clock_stop(&g->host->loop->clock, &g->timer);
    turn_cancel(&g->host->loop->turn, &g->advance);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        ledger_drop(&g->pipes[i].ledger, g->pipes[i].ledger.held, "shutdown");
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (!g->exporter_taps.v[i]->ledger.durable)
            ledger_drop(&g->exporter_taps.v[i]->ledger, g->exporter_taps.v[i]->ledger.held, "shutdown");
    g->done(g, g->arg);
}

static void on_stopped(struct node *node)
{
    struct graph_node *gn = graph_node_of(node);
    struct graph *g = gn->graph;

    assert(g->waiting_for > 0);
    graph_node_move(gn, NODE_STOPPED);
    if (--g->waiting_for == 0 && !g->finished)
        turn_defer(&g->host->loop->turn, &g->advance);
}

/* The caller holds one of waiting_for, so that nothing goes on while it counts. */
static void stop_node(struct graph *g, struct graph_node *gn)
{
    if (gn->state != NODE_STARTED)
        return;
    graph_node_move(gn, NODE_STOPPING);
    g->waiting_for++;
    if (gn->config->component->stop == NULL)
        on_stopped(node_of(gn));
    else
        gn->config->component->stop(node_of(gn), g->deadline, on_stopped);
}

static void let_go(struct graph *g)
{
    if (--g->waiting_for == 0)
        turn_defer(&g->host->loop->turn, &g->advance);
}

static void advance_walk(struct turn_task *task)
{
    struct graph *g = container_of(task, struct graph, advance);
    size_t last = g->order.n > 0 ? g->order.v[g->order.n - 1]->rank : 0;

    if (g->cut || g->rank > last) {
        finish_walk(g);
        return;
    }
    g->waiting_for = 1;
    for (size_t i = 0; i < g->order.n; i++)
        if (g->order.v[i]->rank == g->rank)
            stop_node(g, g->order.v[i]);
    g->rank++;
    let_go(g);
}

/* Something outside that does not answer, a disk: what waits for it can be neither settled nor freed. All that was
 * acknowledged is there. */
static void end_process(struct graph_node *gn, const char *blocked_on)
{
    log_error(&node_of(gn)->log, "What it waits for does not answer: ending without it. What was acknowledged is on it",
              F_STR("waits_for", blocked_on));
    log_flush(gn->graph->host->log);
    _exit(EXIT_CODE_OPEN);
}

static void on_last_wait_over(struct clock_timer *t)
{
    struct graph *g = container_of(t, struct graph, timer);

    for (size_t i = 0; i < g->order.n; i++) {
        const struct node *n = node_of(g->order.v[i]);
        bool may_block = g->order.v[i]->state == NODE_STOPPING && n->blocked_on != NULL;
        const char *what = may_block ? n->blocked_on(n) : NULL;

        if (what != NULL)
            end_process(g->order.v[i], what);
    }
    finish_walk(g);
}

static void on_deadline(struct clock_timer *t)
{
    struct graph *g = container_of(t, struct graph, timer);

    turn_cancel(&g->host->loop->turn, &g->advance);
    g->cut = true;
    g->deadline = clock_mono(&g->host->loop->clock);
    g->waiting_for++;
    for (size_t i = 0; i < g->order.n; i++) {
        struct graph_node *gn = g->order.v[i];

        if (gn->state == NODE_STOPPING)
            log_warn(&node_of(gn)->log, "Did not stop in time: what it holds is given up");
        stop_node(g, gn);
    }
    clock_start(&g->host->loop->clock, &g->timer, LAST_WAIT, on_last_wait_over);
    let_go(g);
}

void graph_stop(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg)
{
    uint64_t now = clock_mono(&g->host->loop->clock);

    assert(!g->stopping);
    g->stopping = true;
    g->deadline = deadline;
    g->done = done;
    g->arg = arg;
    g->advance.run = advance_walk;
    clock_start(&g->host->loop->clock, &g->timer, deadline > now ? deadline - now : 0, on_deadline);
    turn_defer(&g->host->loop->turn, &g->advance);
}

void graph_hurry(struct graph *g)
{
    if (!g->stopping || g->cut || g->finished)
        return;
    g->waiting_for++;
    for (size_t i = 0; i < g->order.n; i++) {
        struct graph_node *gn = g->order.v[i];

        if (gn->state == NODE_STOPPING && gn->config->component->hurry != NULL)
            gn->config->component->hurry(node_of(gn));
    }
    clock_start(&g->host->loop->clock, &g->timer, 0, on_deadline);
    let_go(g);
}

void graph_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg)
{
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        visit(&g->pipes[i].ledger, arg);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        visit(&g->exporter_taps.v[i]->ledger, arg);
}

const struct component *component_find(const struct component *const *all, enum component_kind kind, struct bytes type,
                                       bool *by_alias)
{
    if (by_alias != NULL)
        *by_alias = false;
    for (; *all != NULL; all++) {
        if ((*all)->kind != kind)
            continue;
        if (bytes_is(type, (*all)->type))
            return *all;
        for (const char *const *alias = (*all)->aliases; alias != NULL && *alias != NULL; alias++) {
            if (!bytes_is(type, *alias))
                continue;
            if (by_alias != NULL)
                *by_alias = true;
            return *all;
        }
    }
    return NULL;
}
