/* SPDX-License-Identifier: Apache-2.0 */
/* The routing connector: each item goes to the pipelines of the first route that is true of it.
 *
 * Routes with the same pipelines are one group. A batch is walked once: for each resource, metric or item, as deep as
 * the routes ask, it is noted which groups it goes to, as runs of items. When that is one group for all of them the
 * batch goes there as it is, or as statements of the routes have changed it on that walk. Else it is rewritten once for
 * each group that has some of it, without the others' items: resources that go whole stay where they are. The sender is
 * answered when all parts are.
 *
 * What can go wrong: a condition fails; then it counts as not true, or the batch is rejected. What no route has moved
 * goes to the default pipelines, or is dropped as `unrouted`, with a warning. */
#include "base/mem.h"
#include "connector/routing/route_asker.h"
#include "connector/routing/routing_table.h"
#include "pipeline/fanout.h"
#include "pipeline/split.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct run {
    uint64_t from, to; /* items of the batch, by number */
};

/* Those that are sent to the same pipelines. */
struct group {
    struct strings pipelines;
    struct consumer *to;
    bool is_fanout;       /* `to` is ours */
    VEC(struct run) runs; /* of the batch, in rising order */
    uint64_t items;
    size_t at; /* run that the rewriting has come to */
};

#define NO_GROUP SIZE_MAX
#define RUNS_KEPT 4096u /* of each group, from one batch to the next */

struct routing {
    struct node node;
    struct arena arena;
    struct route *routes;
    struct group *groups;
    size_t n_routes, n_groups, fallback; /* fallback: the group of default_pipelines, or NO_GROUP */
    bool deep;                           /* a route asks about something below the resource ... */
    bool into_metrics;                   /* ... and in metrics about their points */
    bool edits_resources;
    struct route_asker asker;
    struct rewriter walker;
    struct splitter splitter;
    struct complaint unrouted;
    /* Of the batch that is walked. */
    uint64_t next, left; /* the number of the next item; items that no route has moved */
    bool copied;
    struct group *rewritten;
};

static struct routing *routing_of(struct node *node)
{
    return container_of(node, struct routing, node);
}

/* ---- where items go ---- */

/* The next `n` items go there too, once. */
static void note_run(struct routing *p, struct group *g, uint64_t n)
{
    struct run *last = g->runs.n > 0 ? &g->runs.v[g->runs.n - 1] : NULL;

    if (last != NULL && last->to > p->next)
        return;
    g->items += n;
    if (last != NULL && last->to == p->next)
        last->to += n;
    else
        *vec_push(&g->runs) = (struct run){ p->next, p->next + n };
}

/* The next `n` items, of which every route is asked once. */
static void divide_items(struct routing *p, const struct visit *at, uint64_t n)
{
    bool moved = false;

    for (size_t i = 0; i < p->n_routes && !moved && !p->asker.failed; i++) {
        struct route *r = &p->routes[i];

        if (!route_asker_ask(&p->asker, r, at))
            continue;
        note_run(p, &p->groups[r->group], n);
        moved = r->action == ROUTE_MOVE;
        p->copied |= !moved;
    }
    if (!moved && p->fallback != NO_GROUP)
        note_run(p, &p->groups[p->fallback], n);
    else if (!moved)
        p->left += n;
    p->next += n;
}

/* Routes that change the resource, before what is in it is asked about; none of those stands between them. */
static void change_resource(struct routing *p, const struct visit *at)
{
    bool moved = false;

    for (size_t i = 0; i < p->n_routes && !moved && !p->asker.failed; i++) {
        if (route_is_deep(p->routes[i].question.context))
            break;
        moved = route_asker_ask(&p->asker, &p->routes[i], at) && p->routes[i].action == ROUTE_MOVE;
    }
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct routing *p = arg;
    uint64_t n = visit_count(at, LEVEL_RESOURCE);

    route_asker_enter(&p->asker, LEVEL_RESOURCE);
    if (n > 0 && !p->deep)
        divide_items(p, at, n);
    else if (n > 0 && p->edits_resources)
        change_resource(p, at);
    if (route_asker_put(&p->asker, LEVEL_RESOURCE, edit))
        return REWRITE_EDIT; /* who is not asked about what is in it has no more to say */
    return p->deep ? REWRITE_KEEP : REWRITE_PASS;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct routing *p = arg;
    uint64_t n;

    route_asker_enter(&p->asker, LEVEL_METRIC);
    if (p->into_metrics)
        return REWRITE_KEEP;
    n = visit_count(at, LEVEL_METRIC);
    if (n > 0)
        divide_items(p, at, n);
    return route_asker_put(&p->asker, LEVEL_METRIC, edit) ? REWRITE_EDIT : REWRITE_PASS;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct routing *p = arg;

    route_asker_enter(&p->asker, LEVEL_ITEM);
    divide_items(p, at, 1);
    return route_asker_put(&p->asker, LEVEL_ITEM, edit) ? REWRITE_EDIT : REWRITE_KEEP;
}

/* The batch as the routes have left it. */
static struct batch *walk_batch(struct routing *p, struct batch *batch)
{
    const struct rewrite_visitor visitor = {
        .resource = on_resource, .metric = p->deep ? on_metric : NULL, .item = p->deep ? on_item : NULL, .arg = p
    };
    struct batch *made;
    uint64_t dropped;

    for (size_t i = 0; i < p->n_groups; i++) {
        p->groups[i].runs.n = 0;
        p->groups[i].items = 0;
    }
    p->next = p->left = 0;
    p->copied = false;
    route_asker_begin(&p->asker, batch);
    made = rewrite_batch(&p->walker, batch, &visitor, host_budget(p->node.host, batch->signal), &dropped);
    route_asker_end(&p->asker);
    assert(made != NULL && dropped == 0);
    batch_unref(batch);
    return made;
}

/* ---- one group's part of a batch ---- */

/* Of the next `n` items all, none or some are the group's. */
static enum rewrite_verdict choose_items(struct routing *p, uint64_t n)
{
    struct group *g = p->rewritten;
    const struct run *r;

    while (g->at < g->runs.n && g->runs.v[g->at].to <= p->next)
        g->at++;
    r = g->at < g->runs.n ? &g->runs.v[g->at] : NULL;
    if (n > 0 && r != NULL && r->from <= p->next && r->to >= p->next + n) {
        p->next += n;
        return REWRITE_PASS;
    }
    if (n > 0 && r != NULL && r->from < p->next + n)
        return REWRITE_KEEP;
    p->next += n;
    return REWRITE_DROP;
}

static enum rewrite_verdict choose_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)edit;
    return choose_items(arg, visit_count(at, LEVEL_RESOURCE));
}

static enum rewrite_verdict choose_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)edit;
    return choose_items(arg, visit_count(at, LEVEL_METRIC));
}

static enum rewrite_verdict choose_item(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    return choose_items(arg, 1);
}

static struct batch *part_of(struct routing *p, struct group *g, struct batch *batch)
{
    const struct rewrite_visitor visitor = {
        .resource = choose_resource, .metric = choose_metric, .item = choose_item, .arg = p
    };
    struct batch *made;
    uint64_t dropped;

    if (g->items == batch->items)
        return batch_ref(batch);
    p->rewritten = g;
    p->next = 0;
    g->at = 0;
    made = rewrite_batch(&p->walker, batch, &visitor, host_budget(p->node.host, batch->signal), &dropped);
    assert(made != NULL);
    return made;
}

static void send_parts(struct routing *p, struct batch *batch, struct ack *ack)
{
    struct split *split = split_begin(&p->splitter, ack, p->copied, p->n_groups);

    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].items > 0)
            split_send(split, p->groups[i].to, part_of(p, &p->groups[i], batch));
    split_end(split);
}

/* ---- batches ---- */

static void drop_unrouted(struct routing *p, struct ack *ack)
{
    if (p->left == 0)
        return;
    ack_drop(ack, p->left, "unrouted");
    if (complaint_due(&p->unrouted, &p->node.host->loop->clock))
        log_warn(&p->node.log, "Items that no route is true of are dropped, for there are no default_pipelines",
                 F_UINT("items", p->left), F_UINT("repeated", complaint_taken(&p->unrouted)));
}

/* The one group that all of the batch goes to, or NULL. */
static struct group *only_group(const struct routing *p, const struct batch *batch)
{
    struct group *only = NULL;

    for (size_t i = 0; i < p->n_groups; i++) {
        if (p->groups[i].items == 0)
            continue;
        if (only != NULL || p->groups[i].items != batch->items)
            return NULL;
        only = &p->groups[i];
    }
    return only;
}

/* What the runs of a large batch took is given back. */
static void shrink_runs(struct routing *p)
{
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].runs.cap > RUNS_KEPT)
            vec_free(&p->groups[i].runs);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct routing *p = routing_of(container_of(self, struct node, in));
    struct group *only;

    batch = walk_batch(p, batch);
    if (p->asker.failed) {
        ack_fail(ack, VERDICT_REJECT, "condition", "%s", p->asker.err.text);
        batch_unref(batch);
    } else if ((only = only_group(p, batch)) != NULL) {
        consumer_send(only->to, batch, ack);
    } else {
        drop_unrouted(p, ack);
        send_parts(p, batch, ack);
        batch_unref(batch);
    }
    shrink_runs(p);
}

/* ---- the component ---- */

static bool has_pipeline(const struct strings *s, const char *pipeline)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i], pipeline) == 0)
            return true;
    return false;
}

static bool same_pipelines(const struct strings *a, const struct strings *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (!has_pipeline(b, a->v[i]))
            return false;
    for (size_t i = 0; i < b->n; i++)
        if (!has_pipeline(a, b->v[i]))
            return false;
    return true;
}

/* Each of the pipelines once. */
static void link_group(struct routing *p, struct group *g)
{
    struct consumer **to = mem_zalloc((p->node.n_ends + 1) * sizeof(struct consumer *));
    size_t n = 0;

    for (size_t i = 0; i < p->node.n_ends; i++)
        if (has_pipeline(&g->pipelines, p->node.ends[i].pipeline))
            to[n++] = p->node.ends[i].in;
    assert(n > 0); /* routing_check_ends() has looked */
    g->is_fanout = n > 1;
    g->to = n > 1 ? fanout_new(&p->node.host->loop->turn, to, n) : to[0];
    free(to);
}

static size_t find_group(struct routing *p, const struct strings *pipelines)
{
    struct group *g = &p->groups[p->n_groups];

    for (size_t i = 0; i < p->n_groups; i++)
        if (same_pipelines(&p->groups[i].pipelines, pipelines))
            return i;
    g->pipelines = *pipelines;
    link_group(p, g);
    return p->n_groups++;
}

static void add_route(struct routing *p, const struct routing_config *c, size_t i)
{
    const struct route_config *written = (const struct route_config *)c->table.v + i;
    struct route *r = &p->routes[p->n_routes];
    struct route_question *q = &r->question;

    if (route_is_repeated(c, i))
        return;
    route_read(q, &p->arena, written, "", NULL);
    if (q->text != NULL) {
        struct statement_text t = { "", q->text + q->at, { q->context, q->bare }, !q->edits, c->error_mode };

        statement_list_add(&r->condition, &p->node, &t);
    }
    r->action = written->action;
    r->group = find_group(p, &written->pipelines);
    p->deep |= route_is_deep(q->context);
    p->into_metrics |= q->context == OTTL_DATAPOINT;
    p->edits_resources |= q->edits && q->context == OTTL_RESOURCE;
    p->n_routes++;
}

static int create(struct node *node, const void *config, struct error *err)
{
    const struct routing_config *c = config;
    struct routing *p = routing_of(node);

    (void)err;
    node->in.consume = consume;
    route_asker_init(&p->asker, node);
    p->routes = mem_zalloc((c->table.n + 1) * sizeof(*p->routes));
    p->groups = mem_zalloc((c->table.n + 1) * sizeof(*p->groups));
    for (size_t i = 0; i < c->table.n; i++)
        add_route(p, c, i);
    p->fallback = c->default_pipelines.n > 0 ? find_group(p, &c->default_pipelines) : NO_GROUP;
    splitter_init(&p->splitter, &node->host->loop->turn, p->n_groups);
    return 0;
}

static void destroy(struct node *node)
{
    struct routing *p = routing_of(node);

    splitter_free(&p->splitter);
    for (size_t i = 0; i < p->n_routes; i++)
        statement_list_free(&p->routes[i].condition);
    for (size_t i = 0; i < p->n_groups; i++) {
        if (p->groups[i].is_fanout)
            fanout_free(p->groups[i].to);
        vec_free(&p->groups[i].runs);
    }
    free(p->routes);
    free(p->groups);
    route_asker_free(&p->asker);
    rewriter_free(&p->walker);
    arena_free(&p->arena);
}

static const struct metric_row *const metric_rows[] = { &statement_fault_row, NULL };

extern const struct component routing_connector;
const struct component routing_connector = {
    COMPONENT_TYPE("routing", COMPONENT_CONNECTOR, .signals = SIGNAL_STABLE, .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Sends each item to the pipelines of the first route whose condition is true of it.",
    COMPONENT_CONFIG(struct routing_config, routing_options, .check = routing_check, .check_ends = routing_check_ends),
    .metrics = metric_rows,
    COMPONENT_NODE(struct routing, .create = create, .destroy = destroy),
};
