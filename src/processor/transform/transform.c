/* SPDX-License-Identifier: Apache-2.0 */
/* The transform processor: runs statements of OTTL over items.
 *
 * A batch is walked once for each group, in the group's context: an item on which a condition of the group is true, or
 * every one where the group has none, has all statements run on it, and what they made of it replaces it. What nothing
 * changes stays by reference. A statement that fails is passed over, or rejects the batch, as its error mode says.
 *
 * Statements on items may change the resource and the scope that these are in: each item finds them as the one before
 * has left them, and when all have been seen a second walk writes them. */
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

/* ---- resources and scopes that items change ---- */

static void clear_parents(struct transform_parents *p)
{
    for (size_t i = 0; i < p->v.n; i++)
        buf_free(&p->v.v[i].content);
    p->v.n = p->next = 0;
}

static enum rewrite_verdict note_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct transform *t = arg;

    (void)at;
    (void)edit;
    *vec_push(&t->resources.v) = (struct transform_parent){ .changed = false };
    return REWRITE_KEEP;
}

static enum rewrite_verdict note_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct transform *t = arg;

    (void)at;
    (void)edit;
    *vec_push(&t->scopes.v) = (struct transform_parent){ .changed = false };
    return REWRITE_KEEP;
}

/* As the items before have left it, or as it came. */
static struct bytes parent_now(const struct transform_parents *p, struct bytes came)
{
    const struct transform_parent *last = p->v.n > 0 ? &p->v.v[p->v.n - 1] : NULL;

    return last != NULL && last->changed ? buf_bytes(&last->content) : came;
}

static struct bytes resource_of(const struct transform *t, const struct visit *at)
{
    return parent_now(&t->resources, visit_resource(at));
}

static struct bytes scope_of(const struct transform *t, const struct visit *at)
{
    return parent_now(&t->scopes, visit_scope(at));
}

static void keep_parent(struct transform_parents *p, struct bytes now)
{
    struct transform_parent *last = &p->v.v[p->v.n - 1];

    last->changed = true;
    last->content.len = 0;
    buf_put(&last->content, now);
}

/* What the statements have changed above the item. `now` may point into what is kept of another one, never of this. */
static void keep_parents(struct transform *t, const struct ottl_item *now, unsigned changed)
{
    unsigned above = changed & t->group->writes & ~transform_own_message(t->group->context);

    if (above & OTTL_CHANGED_RESOURCE)
        keep_parent(&t->resources, now->resource);
    if (above & OTTL_CHANGED_SCOPE)
        keep_parent(&t->scopes, now->scope);
}

static enum rewrite_verdict write_parent(struct transform_parents *p, struct pieces *edit)
{
    const struct transform_parent *next = &p->v.v[p->next++];

    if (!next->changed)
        return REWRITE_KEEP;
    pieces_add(edit, buf_bytes(&next->content));
    return REWRITE_EDIT;
}

static enum rewrite_verdict write_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    return write_parent(&((struct transform *)arg)->resources, edit);
}

static enum rewrite_verdict write_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    return write_parent(&((struct transform *)arg)->scopes, edit);
}

/* ---- items ---- */

/* The message of the group's context, and how it is after the statements. */
static enum rewrite_verdict transform_item(struct transform *t, const struct ottl_item *item, struct pieces *edit)
{
    const struct ottl_item *now;
    struct error err = { 0 };
    unsigned changed;

    if (t->fault.code != 0)
        return REWRITE_PASS;
    ottl_begin(t->evaluation, item, statement_now(&t->node));
    if (!is_meant(t))
        return REWRITE_KEEP;
    if (!statement_list_run(&t->group->statements, t->evaluation, &err))
        t->fault = err;
    changed = ottl_changed(t->evaluation);
    now = ottl_item_now(t->evaluation);
    keep_parents(t, now, changed);
    if ((changed & transform_own_message(t->group->context)) == 0)
        return REWRITE_KEEP;
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
    return transform_item(arg, &(struct ottl_item){ .resource = resource_of(arg, at), .scope = at->message }, edit);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = resource_of(arg, at),
                                    .scope = scope_of(arg, at),
                                    .metric = at->metric };

    return transform_item(arg, &item, edit);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = resource_of(arg, at),
                                    .scope = scope_of(arg, at),
                                    .metric = at->metric,
                                    .item = at->message,
                                    .data = at->data };

    return transform_item(arg, &item, edit);
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = resource_of(arg, at),
                                    .scope = scope_of(arg, at),
                                    .metric = at->metric,
                                    .item = at->item,
                                    .below = at->message,
                                    .data = at->data };

    return transform_item(arg, &item, edit);
}

static struct rewrite_visitor visitor_of(struct transform *t, enum ottl_context context)
{
    struct rewrite_visitor v = { .arg = t };
    unsigned above;

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
    above = t->group->writes & ~transform_own_message(context);
    if (above & OTTL_CHANGED_RESOURCE)
        v.resource = note_resource;
    if (above & OTTL_CHANGED_SCOPE)
        v.scope = note_scope;
    return v;
}

/* The batch after a walk; the reference to `batch` goes. */
static struct batch *walk_batch(struct transform *t, const struct rewrite_visitor *visitor, struct batch *batch)
{
    uint64_t dropped;
    struct batch *made =
        rewrite_batch(&t->rewriter, batch, visitor, host_budget(t->node.host, batch->signal), &dropped);

    batch_unref(batch);
    return made;
}

static bool has_changed(const struct transform_parents *p)
{
    for (size_t i = 0; i < p->v.n; i++)
        if (p->v.v[i].changed)
            return true;
    return false;
}

static struct batch *run_group(struct transform *t, struct transform_group *g, struct batch *batch)
{
    const struct rewrite_visitor writer = {
        .arg = t,
        .resource = g->writes & OTTL_CHANGED_RESOURCE ? write_resource : NULL,
        .scope = g->writes & OTTL_CHANGED_SCOPE ? write_scope : NULL,
    };
    struct rewrite_visitor visitor;

    t->group = g;
    visitor = visitor_of(t, g->context);
    batch = walk_batch(t, &visitor, batch);
    if (t->fault.code == 0 && (has_changed(&t->resources) || has_changed(&t->scopes)))
        batch = walk_batch(t, &writer, batch);
    clear_parents(&t->resources);
    clear_parents(&t->scopes);
    return batch;
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

    struct statement *added =
        statement_list_add(text->condition ? &t->group->conditions : &t->group->statements, &t->node, text);

    if (!text->condition)
        t->group->writes |= ottl_program_writes(added->program);
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
    vec_free(&t->resources.v);
    vec_free(&t->scopes.v);
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
        "Changes resources, scopes, spans, span events, metrics, data points and log records by statements of OTTL, "
        "whose functions, paths and names are in docs/reference/ottl.md.",
    .config_size = sizeof(struct transform_config),
    .options = transform_options,
    .metrics = metric_rows,
    .node_size = sizeof(struct transform),
    .check = transform_check,
    .create = create,
    .destroy = destroy,
};
