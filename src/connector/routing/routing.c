/* SPDX-License-Identifier: Apache-2.0 */
/* The routing connector: each item goes to the pipelines of the first route that is true of it.
 *
 * Routes with the same pipelines are one group. A batch is walked once: for each resource, metric or item, as deep as
 * the routes ask, it is noted which groups it goes to, as runs of items. When that is one group for all of them the
 * batch goes there as it is. Else it is rewritten once for each group that has some of it, without the others' items:
 * resources that go whole stay where they are. The sender is answered when all parts are.
 *
 * What can go wrong: a condition fails; then it counts as not true, or the batch is rejected. What no route has moved
 * goes to the default pipelines, or is dropped as `unrouted`, with a warning. */
#include "base/mem.h"
#include "connector/routing/routing_table.h"
#include "connector/routing/split.h"
#include "otlp/metadata.h"
#include "ottl/client.h"
#include "ottl/visited.h"
#include "pipeline/fanout.h"

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

struct route {
    struct route_question question;
    struct statement_list condition; /* one, or none: the question is about a header */
    int action;
    size_t group;
    uint64_t asked; /* number of the message that `holds` is true of; of items none is remembered */
    bool holds;
};

struct routing {
    struct node node;
    struct arena arena;
    struct route *routes;
    struct group *groups;
    size_t n_routes, n_groups, fallback; /* fallback: the group of default_pipelines, or NO_GROUP */
    bool deep;                           /* a route asks about something below the resource */
    struct ottl_evaluation *evaluation;
    struct rewriter walker;
    struct splitter splitter;
    struct buf client; /* what routes of otelcol ask about */
    struct complaint unrouted;
    /* Of the batch that is walked. */
    const struct metadata *metadata;
    uint64_t batches, resources, metrics; /* numbers of the messages that the walk is in */
    uint64_t next, left;                  /* the number of the next item; items that no route has moved */
    bool copied, failed;
    struct error err;
    struct group *rewritten;
};

static struct routing *routing_of(struct node *node)
{
    return container_of(node, struct routing, node);
}

/* ---- questions ---- */

static bool header_matches(const struct routing *p, const struct route_question *q)
{
    uint32_t at = 0;
    const struct metadata_entry *e = metadata_find(p->metadata, bytes_str(q->key), &at);

    return e != NULL && bytes_is(e->value, q->value) != q->unequal;
}

static bool test_condition(struct routing *p, struct route *r, const struct ottl_item *item)
{
    bool failed = false;
    struct statement *s;

    ottl_begin(p->evaluation, item, statement_now(&p->node));
    s = statement_list_test(&r->condition, p->evaluation, &failed, &p->err);
    p->failed |= failed;
    return s != NULL;
}

/* The number of the message that the route asks about; 0: an item. */
static uint64_t number_of(const struct routing *p, const struct route *r)
{
    switch (r->question.context) {
    case OTTL_OTELCOL:
        return p->batches;
    case OTTL_RESOURCE:
        return p->resources;
    case OTTL_METRIC:
        return p->metrics;
    default:
        return 0;
    }
}

static struct ottl_item item_of(const struct routing *p, const struct route *r, const struct visit *at)
{
    switch (r->question.context) {
    case OTTL_OTELCOL:
        return (struct ottl_item){ .item = buf_bytes(&p->client) };
    case OTTL_RESOURCE:
        return (struct ottl_item){ .resource = visit_resource(at), .at = at };
    case OTTL_METRIC:
        return visited_metric(at);
    default:
        return visited_item(at);
    }
}

static bool route_holds(struct routing *p, struct route *r, const struct visit *at)
{
    uint64_t number = number_of(p, r);
    struct ottl_item item;

    if (number != 0 && r->asked == number)
        return r->holds;
    r->asked = number;
    if (r->question.text == NULL) {
        r->holds = header_matches(p, &r->question);
    } else {
        item = item_of(p, r, at);
        r->holds = test_condition(p, r, &item);
    }
    return r->holds;
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
static void place_items(struct routing *p, const struct visit *at, uint64_t n)
{
    bool moved = false;

    for (size_t i = 0; i < p->n_routes && !moved && !p->failed; i++) {
        struct route *r = &p->routes[i];

        if (!route_holds(p, r, at))
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

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct routing *p = arg;
    uint64_t n;

    (void)edit;
    p->resources++;
    if (p->deep)
        return REWRITE_KEEP;
    n = visit_count(at, LEVEL_RESOURCE);
    if (n > 0)
        place_items(p, at, n);
    return REWRITE_PASS;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    ((struct routing *)arg)->metrics++;
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)edit;
    place_items(arg, at, 1);
    return REWRITE_KEEP;
}

static void walk_batch(struct routing *p, struct batch *batch)
{
    const struct rewrite_visitor visitor = { .resource = on_resource, .metric = on_metric, .item = on_item, .arg = p };
    uint64_t dropped;

    for (size_t i = 0; i < p->n_groups; i++) {
        p->groups[i].runs.n = 0;
        p->groups[i].items = 0;
    }
    p->metadata = batch->metadata;
    p->batches++;
    p->next = p->left = 0;
    p->copied = p->failed = false;
    ottl_client_write(&p->client, batch->metadata);
    batch_unref(rewrite_batch(&p->walker, batch, &visitor, host_budget(p->node.host, batch->signal), &dropped));
    p->metadata = NULL;
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
    struct split *split = split_begin(&p->splitter, ack, p->copied);

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

    ottl_begin_batch(p->evaluation, batch->items);
    walk_batch(p, batch);
    if (p->failed) {
        ack_fail(ack, VERDICT_REJECT, "condition", "%s", p->err.text);
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

static bool is_deep(enum ottl_context context)
{
    return context != OTTL_RESOURCE && context != OTTL_OTELCOL;
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
        struct statement_text t = { "", q->text + q->at, { q->context, q->bare }, true, c->error_mode };

        statement_list_add(&r->condition, &p->node, &t);
    }
    r->action = written->action;
    r->group = find_group(p, &written->pipelines);
    p->deep |= is_deep(q->context);
    p->n_routes++;
}

static int create(struct node *node, const void *config, struct error *err)
{
    const struct routing_config *c = config;
    struct routing *p = routing_of(node);

    (void)err;
    node->in.consume = consume;
    p->evaluation = ottl_evaluation_new();
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
    ottl_evaluation_free(p->evaluation);
    rewriter_free(&p->walker);
    buf_free(&p->client);
    arena_free(&p->arena);
}

static const struct metric_row *const metric_rows[] = { &statement_fault_row, NULL };

extern const struct component routing_connector;
const struct component routing_connector = {
    .type = "routing",
    .kind = COMPONENT_CONNECTOR,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS),
    .stability = "alpha",
    .summary = "Sends each item to the pipelines of the first route whose condition is true of it.",
    .config_size = sizeof(struct routing_config),
    .options = routing_options,
    .metrics = metric_rows,
    .node_size = sizeof(struct routing),
    .check = routing_check,
    .check_ends = routing_check_ends,
    .create = create,
    .destroy = destroy,
};
