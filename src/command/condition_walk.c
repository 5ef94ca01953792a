/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter (otlp/rewrite.h) walks to where the condition's context is, and drops what has not the wanted answer.
 * What it cannot be told of counts as false. */
#include "command/condition_walk.h"

#include "otlp/rewrite.h"

struct asking {
    const struct condition_question *question;
    struct ottl_evaluation *evaluation;
    bool keep; /* profiles */
    struct condition_count *count;
};

static enum rewrite_verdict ask(struct asking *a, const struct ottl_item *item)
{
    struct error err = { 0 };
    bool held = false;

    ottl_begin(a->evaluation, item, a->question->now);
    a->count->asked++;
    if (!ottl_test(a->evaluation, a->question->condition, &held, &err) && a->count->failed++ == 0)
        a->count->why = err;
    a->count->held += held;
    return held == a->question->wanted || a->keep ? REWRITE_KEEP : REWRITE_DROP;
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
                                    .index = at->index,
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

struct batch *condition_walk(const struct condition_question *q, struct batch *b, struct condition_count *count)
{
    struct asking a = {
        .question = q, .evaluation = ottl_evaluation_new(), .keep = b->signal == SIGNAL_PROFILES, .count = count
    };
    struct rewrite_visitor visitor = { .arg = &a };
    struct rewriter rewriter = { 0 };
    struct batch *left;
    uint64_t dropped;

    set_visitor(&visitor, ottl_program_context(q->condition));
    left = rewrite_batch(&rewriter, b, &visitor, q->budget, &dropped);
    rewriter_free(&rewriter);
    ottl_evaluation_free(a.evaluation);
    return left;
}
