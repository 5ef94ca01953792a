/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter (otlp/rewrite.h) walks to where the condition's context is, and drops what has not the wanted answer.
 * What it cannot be told of counts as false. */
#include "ottl/condition_walk.h"

#include "ottl/visited.h"

struct asking {
    const struct condition_question *question;
    struct ottl_evaluation *evaluation;
    struct ottl_item (*item_of)(const struct visit *at);
    bool keep; /* profiles */
    struct condition_count *count;
};

static enum rewrite_verdict ask_conditions(void *arg, const struct visit *at, struct pieces *edit)
{
    struct asking *a = arg;
    const struct ottl_item item = a->item_of(at);
    struct error err = { 0 };
    bool held = false;

    (void)edit;
    ottl_begin(a->evaluation, &item, a->question->now);
    a->count->asked++;
    if (!ottl_test(a->evaluation, a->question->condition, &held, &err) && a->count->failed++ == 0)
        a->count->why = err;
    a->count->held += held;
    return held == a->question->wanted || a->keep ? REWRITE_KEEP : REWRITE_DROP;
}

static void ask_about(struct asking *a, struct rewrite_visitor *v, enum ottl_context context)
{
    switch (context) {
    case OTTL_RESOURCE:
        v->resource = ask_conditions;
        a->item_of = visited_resource;
        break;
    case OTTL_SCOPE:
        v->scope = ask_conditions;
        a->item_of = visited_scope;
        break;
    case OTTL_METRIC:
        v->metric = ask_conditions;
        a->item_of = visited_metric;
        break;
    case OTTL_SPANEVENT:
    case OTTL_EXEMPLAR:
        v->below = ask_conditions;
        a->item_of = visited_below;
        break;
    default:
        v->item = ask_conditions;
        a->item_of = visited_item;
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

    ottl_begin_batch(a.evaluation, b->items);
    ask_about(&a, &visitor, ottl_program_context(q->condition));
    left = rewrite_batch(&rewriter, b, &visitor, q->budget, &dropped);
    rewriter_free(&rewriter);
    ottl_evaluation_free(a.evaluation);
    return left;
}
