/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter (otlp/rewrite.h) walks to where the condition's context is, and drops what it is not true of. What it
 * cannot be told of counts as false. */
#include "command/condition_walk.h"

#include "otlp/rewrite.h"

struct asking {
    const struct ottl_program *condition;
    struct ottl_evaluation *evaluation;
    int64_t now;
    bool keep; /* profiles */
    struct condition_count *count;
};

static enum rewrite_verdict ask(struct asking *a, const struct ottl_item *item)
{
    struct error err = { 0 };
    bool held = false;

    ottl_begin(a->evaluation, item, a->now);
    a->count->asked++;
    if (!ottl_test(a->evaluation, a->condition, &held, &err) && a->count->failed++ == 0)
        a->count->why = err;
    a->count->held += held;
    return held || a->keep ? REWRITE_KEEP : REWRITE_DROP;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = at->message };

    (void)edit;
    return ask(arg, &item);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at), .scope = at->message };

    (void)edit;
    return ask(arg, &item);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at), .scope = visit_scope(at), .metric = at->metric };

    (void)edit;
    return ask(arg, &item);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .metric = at->metric,
                                    .item = at->message,
                                    .data = at->data };

    (void)edit;
    return ask(arg, &item);
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .metric = at->metric,
                                    .item = at->item,
                                    .below = at->message,
                                    .data = at->data };

    (void)edit;
    return ask(arg, &item);
}

static void set_visitor(struct rewrite_visitor *v, enum ottl_context context)
{
    switch (context) {
    case OTTL_RESOURCE:
        v->resource = on_resource;
        break;
    case OTTL_SCOPE:
        v->scope = on_scope;
        break;
    case OTTL_METRIC:
        v->metric = on_metric;
        break;
    case OTTL_SPANEVENT:
    case OTTL_EXEMPLAR:
        v->below = on_below;
        break;
    default:
        v->item = on_item;
    }
}

struct batch *condition_walk(const struct ottl_program *condition, struct batch *b, struct budget *budget, int64_t now,
                             struct condition_count *count)
{
    struct asking a = { .condition = condition,
                        .evaluation = ottl_evaluation_new(),
                        .now = now,
                        .keep = b->signal == SIGNAL_PROFILES,
                        .count = count };
    struct rewrite_visitor visitor = { .arg = &a };
    struct rewriter rewriter = { 0 };
    struct batch *held;
    uint64_t dropped;

    set_visitor(&visitor, ottl_program_context(condition));
    held = rewrite_batch(&rewriter, b, &visitor, budget, &dropped);
    rewriter_free(&rewriter);
    ottl_evaluation_free(a.evaluation);
    return held;
}
