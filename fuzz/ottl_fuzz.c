/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and conditions of configurations over requests of strangers: "text NUL request". Reading a text ends with
 * a program or with a fault that lies in it; a program runs over every message that it can be about, and what it makes
 * of a valid request is valid. */
#include "base/loop/turn.h"
#include "otlp/rewrite.h"
#include "otlp/validate.h"
#include "ottl/ottl.h"

#include <stdlib.h>

struct run {
    struct ottl_evaluation *evaluation;
    const struct ottl_program *program;
    enum ottl_context context;
};

static enum rewrite_verdict visit(struct run *r, const struct ottl_item *item, struct pieces *edit)
{
    const struct ottl_item *now;
    struct error err = { 0 };
    bool ran;

    ottl_begin(r->evaluation, item, 1700000000000000000);
    if (!ottl_run(r->evaluation, r->program, &ran, &err) && err.text[0] == '\0')
        abort();
    now = ottl_item_now(r->evaluation);
    if (ottl_changed(r->evaluation) == 0)
        return REWRITE_KEEP;
    if (r->context == OTTL_RESOURCE)
        pieces_add(edit, now->resource);
    else if (r->context == OTTL_SCOPE)
        pieces_add(edit, now->scope);
    else if (r->context == OTTL_METRIC)
        pieces_add(edit, now->metric);
    else if (r->context == OTTL_SPANEVENT || r->context == OTTL_EXEMPLAR)
        pieces_add(edit, now->below);
    else
        pieces_add(edit, now->item);
    return REWRITE_EDIT;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, &(struct ottl_item){ .resource = at->message }, edit);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, &(struct ottl_item){ .resource = visit_resource(at), .scope = at->message }, edit);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, &(struct ottl_item){ .resource = visit_resource(at), .metric = at->metric }, edit);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = {
        .resource = visit_resource(at), .metric = at->metric, .item = at->message, .data = at->data
    };

    return visit(arg, &item, edit);
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = {
        .resource = visit_resource(at), .metric = at->metric, .item = at->item, .below = at->message, .data = at->data
    };

    return visit(arg, &item, edit);
}

static void check(const struct batch *made)
{
    for (uint32_t i = 0; i < made->n_segments; i++) {
        struct validation v;

        if (!otlp_validate(made->signal, bytes_of(made->segments[i].data, made->segments[i].len), &v))
            abort();
    }
}

static void run_batch(struct run *r, enum signal signal, struct bytes request, uint64_t items)
{
    struct rewrite_visitor visitor = { .arg = r };
    struct rewriter w = { .edit = { .n = 0 } };
    struct block *block;
    struct budget budget;
    struct turn turn;
    struct batch *b, *made;
    uint64_t dropped;

    visitor.resource = r->context == OTTL_RESOURCE ? on_resource : NULL;
    visitor.scope = r->context == OTTL_SCOPE ? on_scope : NULL;
    visitor.metric = r->context == OTTL_METRIC ? on_metric : NULL;
    visitor.below = r->context == OTTL_SPANEVENT || r->context == OTTL_EXEMPLAR ? on_below : NULL;
    visitor.item = r->context == OTTL_SPAN || r->context == OTTL_LOG || r->context == OTTL_DATAPOINT ? on_item : NULL;
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    block = block_force(&budget, request.len);
    if (request.len > 0)
        memcpy(block->data, request.data, request.len);
    b = batch_new(signal, block, bytes_of(block->data, request.len), items, 1);
    made = rewrite_batch(&w, b, &visitor, &budget, &dropped);
    check(made);
    batch_unref(made);
    batch_unref(b);
    rewriter_free(&w);
    if (budget.used != 0)
        abort();
}

/* A program that sets what belongs to another context is not run: the processors refuse it. */
static void run_program(const struct ottl_program *p, enum ottl_context context, struct bytes request)
{
    static const unsigned own[] = {
        [OTTL_RESOURCE] = 1,  [OTTL_SCOPE] = 2, [OTTL_SPAN] = 8,      [OTTL_METRIC] = 4, [OTTL_SPANEVENT] = 16,
        [OTTL_DATAPOINT] = 8, [OTTL_LOG] = 8,   [OTTL_EXEMPLAR] = 16, [OTTL_PROFILE] = 8
    };
    static const unsigned signals[] = {
        [SIGNAL_TRACES] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SPANEVENT),
        [SIGNAL_METRICS] = OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_DATAPOINT) | OTTL_IN(OTTL_EXEMPLAR),
        [SIGNAL_LOGS] = OTTL_IN(OTTL_LOG),
    };
    struct run r = { ottl_evaluation_new(), p, context };

    for (unsigned s = SIGNAL_TRACES; s <= SIGNAL_LOGS; s++) {
        struct validation v;

        if ((signals[s] >> context & 1) != 0 && (ottl_program_writes(p) & ~own[context]) == 0 &&
            otlp_validate((enum signal)s, request, &v))
            run_batch(&r, (enum signal)s, request, v.items);
    }
    ottl_evaluation_free(r.evaluation);
}

static void read_text(const char *text, struct bytes request)
{
    for (unsigned c = 0; c < 2 * OTTL_CONTEXTS; c++) {
        struct ottl_reading how = { (enum ottl_context)(c / 2), true };
        struct ottl_fault fault = { 0 };
        struct ottl_program *p =
            c % 2 == 0 ? ottl_parse_statement(text, how, &fault) : ottl_parse_condition(text, how, &fault);

        if (p == NULL && (fault.text[0] == '\0' || fault.at > strlen(text)))
            abort();
        if (p != NULL)
            run_program(p, how.context, request);
        ottl_program_free(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;

    if (nul != NULL)
        read_text((const char *)data, bytes_of(nul + 1, size - (size_t)(nul - data) - 1));
    return 0;
}
