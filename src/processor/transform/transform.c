/* SPDX-License-Identifier: Apache-2.0 */
/* The transform processor: runs statements of OTTL over items.
 *
 * A batch is walked once for each group, in the group's context (walk.h): an item on which a condition of the group is
 * true, or every one where the group has none, has all statements run on it, and what they made of it replaces it. What
 * nothing changes stays by reference. A statement that fails is passed over, or rejects the batch, as its error mode
 * says. With flatten_data every log record has a resource and a scope of its own meanwhile (flatten.h). Data points
 * that statements add are booked as received, those that they make one of as dropped. */
#include "processor/transform/transform.h"

#include <stdlib.h>

static const struct metric_row *const metric_rows[] = { &statement_fault_row, ITEM_COUNT_ROWS, NULL };

/* The item that the evaluation has begun with. */
static bool run_group(void *arg, struct ottl_evaluation *e, struct error *err)
{
    struct transform_group *g = arg;
    bool failed = false;

    if (g->conditions.v.n > 0 && statement_list_test(&g->conditions, e, &failed, err) == NULL)
        return !failed;
    return statement_list_run(&g->statements, e, err);
}

static struct batch *walk_group(struct transform *t, struct transform_group *g, struct batch *batch)
{
    struct transform_walk *w = &t->walk;

    w->context = g->context;
    w->writes = g->writes;
    w->run = run_group;
    w->arg = g;
    return transform_walk_run(w, batch, host_budget(t->node.host, batch->signal));
}

static struct batch *walk_groups(struct transform *t, struct batch *batch)
{
    if (t->flattens)
        return flattener_run(&t->flattener, &t->walk, batch, host_budget(t->node.host, batch->signal));
    for (size_t i = 0; i < t->groups.n && t->walk.fault.code == 0; i++)
        batch = walk_group(t, t->groups.v[i], batch);
    return batch;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct transform *t = container_of(container_of(self, struct node, in), struct transform, node);
    struct transform_walk *w = &t->walk;
    uint64_t begun = item_count_begin(&t->items);

    metric_add(t->items.incoming, batch->items);
    transform_walk_begin(w, batch->items);
    w->now = statement_now(&t->node);
    batch = walk_groups(t, batch);
    item_count_end(&t->items, begun);
    if (w->fault.code != 0) {
        ack_fail(ack, VERDICT_REJECT, "statement", "%s", w->fault.text);
        batch_unref(batch);
        return;
    }
    ack_make(ack, w->made);
    ack_drop(ack, w->merged, "merged");
    metric_add(t->items.outgoing, batch->items);
    consumer_send(t->node.out[batch->signal], batch, ack);
}

/* ---- the component ---- */

static void begin_group(void *arg, enum ottl_context context)
{
    struct transform *t = arg;

    struct transform_group *g = mem_zalloc(sizeof(*g));

    g->context = context;
    *vec_push(&t->groups) = g;
}

static void take_text(void *arg, const struct statement_text *text)
{
    struct transform *t = arg;
    struct transform_group *g = t->groups.v[t->groups.n - 1];
    const struct statement *added =
        statement_list_add(text->condition ? &g->conditions : &g->statements, &t->node, text);

    if (!text->condition)
        g->writes |= ottl_program_writes(added->program);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct transform *t = container_of(node, struct transform, node);
    const struct transform_reader r = { begin_group, take_text, t };
    const struct transform_config *c = config;

    (void)err;
    node->in.consume = consume;
    item_count_init(&t->items, node);
    t->walk.evaluation = ottl_evaluation_new();
    transform_read(c, node->signal, NULL, &r);
    t->flattens = c->flatten_data && node->signal == SIGNAL_LOGS;
    flattener_init(&t->flattener);
    for (size_t i = 0; i < t->groups.n; i++)
        *vec_push(&t->flattener.groups) = (struct flat_group){ t->groups.v[i]->context, run_group, t->groups.v[i] };
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
    ottl_evaluation_free(t->walk.evaluation);
    transform_walk_free(&t->walk);
    flattener_free(&t->flattener);
}

extern const struct component transform_processor;
const struct component transform_processor = {
    COMPONENT_TYPE("transform", COMPONENT_PROCESSOR, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary =
        "Changes resources, scopes, spans, span events, metrics, data points and log records by statements of OTTL, "
        "whose functions, paths and names are in docs/reference/ottl.md.",
    COMPONENT_CONFIG(struct transform_config, transform_options, .check = transform_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct transform, .create = create, .destroy = destroy),
};
