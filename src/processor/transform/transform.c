/* SPDX-License-Identifier: Apache-2.0 */
/* The transform processor: runs statements of OTTL over items.
 *
 * A batch is walked once for each group, in the group's context: an item on which a condition of the group is true, or
 * every one where the group has none, has all statements run on it, and what they made of it replaces it. What nothing
 * changes stays by reference. A statement that fails is passed over, or rejects the batch, as its error mode says. */
#include "processor/transform/transform.h"

#include <stdlib.h>

static const struct metric_row *const metric_rows[] = { &statement_fault_row, &item_count_incoming,
                                                        &item_count_outgoing, &item_count_duration, NULL };

static bool is_meant(struct transform *t)
{
    struct error err = { 0 };
    bool failed = false, meant;

    if (t->group->conditions.v.n == 0)
        return true;
    meant = statement_list_test(&t->group->conditions, t->evaluation, &failed, &err) != NULL;
    if (failed)
        t->fault = err;
    return meant && !failed;
}

/* The message of the group's context, and how it is after the statements. */
static enum rewrite_verdict transform_item(struct transform *t, const struct ottl_item *item, struct pieces *edit)
{
    const struct ottl_item *now;
    struct error err = { 0 };

    if (t->fault.code != 0)
        return REWRITE_PASS;
    ottl_begin(t->evaluation, item, statement_now(&t->node));
    if (!is_meant(t))
        return REWRITE_KEEP;
    if (!statement_list_run(&t->group->statements, t->evaluation, &err))
        t->fault = err;
    if (ottl_changed(t->evaluation) == 0)
        return REWRITE_KEEP;
    now = ottl_item_now(t->evaluation);
    switch (t->group->context) {
    case OTTL_RESOURCE:
        pieces_add(edit, now->resource);
        break;
    case OTTL_SCOPE:
        pieces_add(edit, now->scope);
        break;
    case OTTL_METRIC:
        pieces_add(edit, now->metric);
        break;
    case OTTL_SPANEVENT:
    case OTTL_EXEMPLAR:
        pieces_add(edit, now->below);
        break;
    default:
        pieces_add(edit, now->item);
    }
    return REWRITE_EDIT;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    return transform_item(arg, &(struct ottl_item){ .resource = at->message }, edit);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    return transform_item(arg, &(struct ottl_item){ .resource = visit_resource(at), .scope = at->message }, edit);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at), .scope = visit_scope(at), .metric = at->metric };

    return transform_item(arg, &item, edit);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .metric = at->metric,
                                    .item = at->message,
                                    .data = at->data };

    return transform_item(arg, &item, edit);
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .metric = at->metric,
                                    .item = at->item,
                                    .below = at->message,
                                    .data = at->data };

    return transform_item(arg, &item, edit);
}

static struct rewrite_visitor visitor_of(struct transform *t, enum ottl_context context)
{
    struct rewrite_visitor v = { .arg = t };

    switch (context) {
    case OTTL_RESOURCE:
        v.resource = on_resource;
        break;
    case OTTL_SCOPE:
        v.scope = on_scope;
        break;
    case OTTL_METRIC:
        v.metric = on_metric;
        break;
    case OTTL_SPANEVENT:
    case OTTL_EXEMPLAR:
        v.below = on_below;
        break;
    default:
        v.item = on_item;
    }
    return v;
}

/* The batch after one group; the reference to `batch` goes. */
static struct batch *run_group(struct transform *t, struct transform_group *g, struct batch *batch)
{
    struct rewrite_visitor visitor = visitor_of(t, g->context);
    struct batch *made;
    uint64_t dropped;

    t->group = g;
    made = rewrite_batch(&t->rewriter, batch, &visitor, host_budget(t->node.host, batch->signal), &dropped);
    batch_unref(batch);
    return made;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct transform *t = container_of(container_of(self, struct node, in), struct transform, node);
    uint64_t begun = item_count_begin(&t->items);

    metric_add(t->items.incoming, batch->items);
    t->fault.code = 0;
    for (size_t i = 0; i < t->groups.n && t->fault.code == 0; i++)
        batch = run_group(t, t->groups.v[i], batch);
    item_count_end(&t->items, begun);
    if (t->fault.code != 0) {
        ack_fail(ack, VERDICT_REJECT, "statement", "%s", t->fault.text);
        batch_unref(batch);
        return;
    }
    metric_add(t->items.outgoing, batch->items);
    consumer_send(t->node.out[batch->signal], batch, ack);
}

/* ---- the component ---- */

static void begin_group(void *arg, enum ottl_context context)
{
    struct transform *t = arg;

    t->group = mem_zalloc(sizeof(*t->group));
    t->group->context = context;
    *vec_push(&t->groups) = t->group;
}

static void take_text(void *arg, const struct statement_text *text)
{
    struct transform *t = arg;

    statement_list_add(text->condition ? &t->group->conditions : &t->group->statements, &t->node, text);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct transform *t = container_of(node, struct transform, node);
    const struct transform_reader r = { begin_group, take_text, t };

    (void)err;
    node->in.consume = consume;
    item_count_init(&t->items, node);
    t->evaluation = ottl_evaluation_new();
    transform_read(config, node->signal, NULL, &r);
    return 0;
}

static void destroy(struct node *node)
{
    struct transform *t = container_of(node, struct transform, node);

    for (size_t i = 0; i < t->groups.n; i++) {
        statement_list_free(&t->groups.v[i]->conditions);
        statement_list_free(&t->groups.v[i]->statements);
        free(t->groups.v[i]);
    }
    vec_free(&t->groups);
    ottl_evaluation_free(t->evaluation);
    rewriter_free(&t->rewriter);
}

extern const struct component transform_processor;
const struct component transform_processor = {
    .type = "transform",
    .kind = COMPONENT_PROCESSOR,
    .signals =
        SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS) | SIGNAL_BIT(SIGNAL_PROFILES),
    .stability = "beta",
    .summary =
        "Changes resources, scopes, spans, span events, metrics, data points and log records by statements of OTTL.",
    .config_size = sizeof(struct transform_config),
    .options = transform_options,
    .metrics = metric_rows,
    .node_size = sizeof(struct transform),
    .check = transform_check,
    .create = create,
    .destroy = destroy,
};
