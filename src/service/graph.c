/* SPDX-License-Identifier: Apache-2.0 */
/* Running a graph: start from the end of the order, stop from its beginning, rank by rank.
 *
 * A rank stops together (all receivers; all exporters) and the next begins when all of it have called back. What does
 * not call back by the deadline is named in the log; everything is then told to stop at once, and after a last
 * second nobody is waited for. */
#include "service/graph.h"

#include "pipeline/fanout.h"
#include "pipeline/ledger/ledger_tap.h"
#include "service/graph_build.h"
#include "service/workers/totals.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define LAST_WAIT NS_PER_S
#define OWN_WAIT (3 * NS_PER_S)

/* Where the option is written that an error begins with, "protocols::grpc::endpoint: ...", or else the nearest one
 * around it. */
static const struct yaml_node *find_location(const struct config_component *cc, const char *text)
{
    const struct yaml_node *n = cc->body, *kid = n, *location = cc->location;

    for (; kid != NULL && n != NULL && n->kind == YAML_MAP; n = kid) {
        size_t len = strcspn(text, ":");

        kid = NULL;
        for (size_t i = 0; i < n->n && kid == NULL; i++)
            if (strlen(n->pairs[i].key) == len && memcmp(n->pairs[i].key, text, len) == 0)
                kid = n->pairs[i].value;
        location = kid != NULL ? kid : location;
        if (strncmp(text + len, "::", 2) != 0)
            break;
        text += len + 2;
    }
    return location;
}

static int start_error(const struct graph_node *gn, struct error *err)
{
    const struct yaml_node *location = find_location(gn->config, err->text);

    error_wrap(err, "failed to start \"%s\" %s", gn->config->id, component_kind_name(gn->config->component->kind));
    if (location != NULL && location->file[0] != '\0')
        error_wrap(err, "%s:%d:%d", location->file, location->line, location->column);
    return error_wrap(err, gn->config->component->kind == COMPONENT_EXTENSION ? "failed to start extensions"
                                                                              : "cannot start pipelines");
}

static void want_attribute(struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->auth_attributes.n; i++)
        if (strcmp(g->auth_attributes.v[i], name) == 0)
            return;
    *vec_push(&g->auth_attributes) = name;
}

void graph_gather_wants(struct graph *g)
{
    g->auth_attributes.n = 0;
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

/* With workers: does it run in this process? */
static bool node_runs(const struct graph_node *gn)
{
    const struct component *c = gn->config->component;
    const struct host *host = gn->graph->host;

    if (host->front)
        return c->kind == COMPONENT_EXTENSION || gn->config->own;
    return host->worker == 0 || c->spread != SPREAD_FRONT;
}

struct metrics *graph_node_lend(const struct graph_node *gn)
{
    struct host *host = gn->graph->host;
    struct metrics *before = host->metrics;

    if (host->front && !node_runs(gn))
        host->metrics = totals_idle(host->shown);
    return before;
}

static int start_node(struct graph *g, struct graph_node *gn, struct error *err)
{
    const struct component *c = gn->config->component;

    graph_node_move(gn, NODE_STARTED); /* also when it fails half-way: what it has begun must be stopped */
    gn->idle = !node_runs(gn);
    gn->failed = !gn->idle && c->start != NULL && c->start(node_of(gn), err) != 0;
    if (gn->failed)
        return start_error(gn, err);
    for (size_t i = 0; g->wired && i < g->exporter_taps.n; i++)
        graph_open_tap(g->exporter_taps.v[i]);
    return 0;
}

/* Does it have something that nobody else may have, its predecessor say? */
static bool is_exclusive(const struct graph_node *gn)
{
    const struct component *c = gn->config->component;

    return c->kind == COMPONENT_RECEIVER || c->kind == COMPONENT_EXTENSION || c->claim != NULL ||
           (c->keeps != NULL && c->keeps(gn->config->config));
}

/* What names an extension that has not started cannot start either. */
static bool brings_extension(const struct graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.v[i]->config->component->kind == COMPONENT_EXTENSION && g->nodes.v[i]->twin == NULL)
            return true;
    return false;
}

int graph_start_ahead(struct graph *g, struct error *err)
{
    bool exporters = !brings_extension(g);

    for (size_t i = g->order.n; i-- > 0;) {
        struct graph_node *gn = g->order.v[i];

        if (gn->state != NODE_CREATED || is_exclusive(gn) ||
            (gn->config->component->kind == COMPONENT_EXPORTER && !exporters))
            continue;
        if (start_node(g, gn, err) != 0)
            return err->code;
    }
    return 0;
}

int graph_start(struct graph *g, struct error *err)
{
    if (!g->wired)
        graph_take_over(g);
    for (size_t i = g->order.n; i-- > 0;)
        if (g->order.v[i]->state == NODE_CREATED && start_node(g, g->order.v[i], err) != 0)
            return err->code;
    return 0;
}

bool graph_is_exclusive(const struct graph *g)
{
    for (size_t i = 0; i < g->order.n; i++)
        if (is_exclusive(g->order.v[i]) && g->order.v[i]->state == NODE_STARTED)
            return true;
    return false;
}

static void give_up_ledger(const struct graph *g, const struct graph *owner, struct ledger *l)
{
    if (owner == g && l->disk == 0)
        ledger_drop(l, l->held, "shutdown");
}

void graph_end_durable(struct graph *g)
{
    if (g->shown != NULL)
        ledger_metrics_end_durable(g->shown);
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

static void end_if_blocked(struct graph *g)
{
    for (size_t i = 0; i < g->order.n; i++) {
        const struct node *n = node_of(g->order.v[i]);
        bool may_block = g->order.v[i]->state == NODE_STOPPING && n->blocked_on != NULL;
        const char *what = may_block ? n->blocked_on(n) : NULL;

        if (what != NULL)
            end_process(g->order.v[i], what);
    }
}

void graph_give_up(struct graph *g)
{
    end_if_blocked(g);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        if (g->pipes[i].entrance != NULL)
            give_up_ledger(g, g->pipes[i].entrance->owner, &g->pipes[i].entrance->ledger);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        give_up_ledger(g, g->exporter_taps.v[i]->owner, &g->exporter_taps.v[i]->ledger);
}

/* Who has not stopped by now sends no more to those who go on: they may be the next to stop. */
static void end_edges(struct graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < SIGNAL_COUNT; k++)
            edge_end(&g->nodes.v[i]->edges[k]);
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (g->exporter_taps.v[i]->owner == g)
            edge_end(&g->exporter_taps.v[i]->edge);
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        if (g->pipes[i].entrance != NULL && g->pipes[i].entrance->owner == g)
            edge_end(&g->pipes[i].entrance->edge);
}

void graph_hand_over(struct graph *g, const struct graph *to)
{
    for (size_t i = 0; i < g->exporter_taps.n; i++) {
        struct exporter_tap *e = g->exporter_taps.v[i];
        struct consumer *heir = graph_find_heir(to, e);
        struct node *n = node_of(e->node);

        if (e->owner != g)
            continue;
        if (e->node->state >= NODE_STARTED && !e->node->idle && n->hand_over != NULL)
            n->hand_over(n, heir);
        if (e->node->state < NODE_STARTED && heir != NULL)
            edge_give(&e->edge, heir);
    }
}

/* What waits for exporters that will not start any more is told so. */
static void end_closed_edges(struct graph *g)
{
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        if (g->exporter_taps.v[i]->owner == g && g->exporter_taps.v[i]->edge.to == NULL)
            edge_end(&g->exporter_taps.v[i]->edge);
}

static bool is_handing(struct graph_node *gn)
{
    const struct node *n = node_of(gn);

    return n->is_handing != NULL && n->is_handing(n);
}

bool graph_is_idle(const struct graph *g)
{
    bool idle = g->finished;

    for (size_t i = 0; i < g->nodes.n; i++)
        idle = idle && g->nodes.v[i]->state != NODE_STARTED && g->nodes.v[i]->state != NODE_STOPPING;
    for (size_t i = 0; i < g->config->n_pipelines; i++)
        idle = idle && (g->pipes[i].entrance == NULL || !ledger_tap_is_busy(g->pipes[i].entrance->tap));
    for (size_t i = 0; i < g->exporter_taps.n; i++)
        idle = idle && !ledger_tap_is_busy(g->exporter_taps.v[i]->tap) && !is_handing(g->exporter_taps.v[i]->node);
    for (size_t i = 0; i < g->fanouts.n; i++)
        idle = idle && !fanout_is_busy(g->fanouts.v[i].in);
    return idle;
}

static void finish_walk(struct graph *g)
{
    g->finished = true;
    clock_stop(&g->host->loop->clock, &g->timer);
    turn_cancel(&g->host->loop->turn, &g->advance);
    if (g->leaving)
        end_edges(g);
    else
        graph_give_up(g);
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

/* Own telemetry is not worth a long wait. */
static uint64_t deadline_of(const struct graph *g, const struct graph_node *gn)
{
    uint64_t soon = clock_mono(&g->host->loop->clock) + OWN_WAIT;

    return gn->config->own && soon < g->deadline ? soon : g->deadline;
}

/* The caller holds one of waiting_for, so that nothing goes on while it counts. */
static void stop_node(struct graph *g, struct graph_node *gn)
{
    if (gn->state != NODE_STARTED)
        return;
    graph_node_move(gn, NODE_STOPPING);
    g->waiting_for++;
    if (gn->config->component->stop == NULL || gn->idle)
        on_stopped(node_of(gn));
    else
        gn->config->component->stop(node_of(gn), deadline_of(g, gn), on_stopped);
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

static void on_last_wait_over(struct clock_timer *t)
{
    struct graph *g = container_of(t, struct graph, timer);

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
    end_closed_edges(g);
    g->deadline = deadline;
    g->done = done;
    g->arg = arg;
    g->advance.run = advance_walk;
    clock_start(&g->host->loop->clock, &g->timer, deadline > now ? deadline - now : 0, on_deadline);
    turn_defer(&g->host->loop->turn, &g->advance);
}

void graph_leave(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg)
{
    g->leaving = true;
    graph_stop(g, deadline, done, arg);
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

size_t graph_ledger_count(const struct graph *g)
{
    return g->config->n_pipelines + g->exporter_taps.n;
}

struct ledger *graph_ledger_at(const struct graph *g, size_t i, bool *own)
{
    size_t n = g->config->n_pipelines;

    if (i < n) {
        *own = g->pipes[i].config->own;
        return g->pipes[i].entrance != NULL ? &g->pipes[i].entrance->ledger : NULL;
    }
    *own = g->exporter_taps.v[i - n]->node->config->own;
    return &g->exporter_taps.v[i - n]->ledger;
}

static void walk_ledgers(const struct graph *g, bool shared, bool own, void (*visit)(const struct ledger *, void *arg),
                         void *arg)
{
    bool is_own;

    for (size_t i = 0; i < graph_ledger_count(g); i++) {
        const struct ledger *l = graph_ledger_at(g, i, &is_own);

        if (l != NULL && (is_own ? own : shared))
            visit(l, arg);
    }
}

void graph_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg)
{
    walk_ledgers(g, true, true, visit, arg);
}

void graph_shared_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg)
{
    walk_ledgers(g, true, false, visit, arg);
}

void graph_own_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg)
{
    walk_ledgers(g, false, true, visit, arg);
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
