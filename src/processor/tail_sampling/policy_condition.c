/* SPDX-License-Identifier: Apache-2.0 */
/* The policy ottl_condition: span by span, and event by event, until a condition is true. One that cannot be evaluated
 * ends the policy with an error, or with another error_mode is passed over. */
#include "base/mem.h"
#include "ottl/ottl.h"
#include "otlp/fields.h"
#include "otlp/view.h"
#include "processor/tail_sampling/policy_inside.h"

#include <stdlib.h>

struct policy_conditions {
    const struct condition_config *config;
    struct ottl_evaluation *evaluation;
    uint64_t serial; /* of the last message that has been asked about with what is in it */
    VEC(struct ottl_program *) span, event;
};

/* What of a trace is asked at the moment. */
struct asked {
    struct policies *all;
    struct policy_conditions *conditions;
    struct ottl_item item;
    int64_t now;
};

struct policy_conditions *policy_conditions_new(const struct condition_config *config)
{
    struct policy_conditions *c = mem_zalloc(sizeof(*c));
    struct ottl_fault fault;

    c->config = config;
    c->evaluation = ottl_evaluation_new();
    for (size_t i = 0; i < config->span.n; i++)
        *vec_push(&c->span) = ottl_parse_condition(config->span.v[i], (struct ottl_reading){ OTTL_SPAN, true }, &fault);
    for (size_t i = 0; i < config->spanevent.n; i++)
        *vec_push(&c->event) =
            ottl_parse_condition(config->spanevent.v[i], (struct ottl_reading){ OTTL_SPANEVENT, true }, &fault);
    return c;
}

void policy_conditions_free(struct policy_conditions *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->span.n; i++)
        ottl_program_free(c->span.v[i]);
    for (size_t i = 0; i < c->event.n; i++)
        ottl_program_free(c->event.v[i]);
    vec_free(&c->span);
    vec_free(&c->event);
    ottl_evaluation_free(c->evaluation);
    free(c);
}

static void complain_error(struct asked *a, const struct ottl_program *p, const struct error *err)
{
    if (a->conditions->config->error_mode != CONDITION_SILENT && complaint_due(&a->all->complaint, a->all->clock))
        log_warn(a->all->log, "A condition could not be evaluated", F_STR("condition", ottl_program_text(p)),
                 F_STR("error", err->text), F_UINT("repeated", complaint_taken(&a->all->complaint)));
}

/* The item by each of the conditions. */
static enum decision ask_item(struct asked *a, struct ottl_program *const *programs, size_t n)
{
    bool propagate = a->conditions->config->error_mode == CONDITION_PROPAGATE;
    struct error err;

    ottl_begin(a->conditions->evaluation, &a->item, a->now);
    for (size_t i = 0; i < n; i++) {
        bool is_true = false;

        if (ottl_test(a->conditions->evaluation, programs[i], &is_true, &err)) {
            if (is_true)
                return DECISION_SAMPLED;
            continue;
        }
        complain_error(a, programs[i], &err);
        if (propagate)
            return DECISION_ERROR;
    }
    return DECISION_NOT_SAMPLED;
}

static enum decision ask_events(struct asked *a)
{
    struct policy_conditions *c = a->conditions;
    struct pb_reader r = pb_reader(a->item.item);
    enum decision d = DECISION_NOT_SAMPLED;

    a->item.in.item = ++c->serial;
    a->item.index = 0;
    for (; d == DECISION_NOT_SAMPLED && message_next(&r, OTLP_SPAN_EVENTS, &a->item.below); a->item.index++)
        d = ask_item(a, c->event.v, c->event.n);
    a->item.below = bytes_of(NULL, 0);
    a->item.in.item = 0;
    return d;
}

static enum decision ask_span(struct asked *a)
{
    const struct policy_conditions *c = a->conditions;
    enum decision d = c->span.n > 0 ? ask_item(a, c->span.v, c->span.n) : DECISION_NOT_SAMPLED;

    if (d == DECISION_NOT_SAMPLED && c->event.n > 0)
        d = ask_events(a);
    return d;
}

/* The last message of that number in what stands around spans. */
static struct bytes message_in(const struct head *h, uint32_t number)
{
    struct pb_reader r = pb_reader(head_bytes(h));
    struct bytes found = { NULL, 0 }, message;

    while (message_next(&r, number, &message))
        found = message;
    return found;
}

enum decision policy_conditions_ask(struct policies *all, struct policy_conditions *c, const struct decision_trace *t)
{
    struct asked a = { .all = all, .conditions = c, .now = (int64_t)clock_wall(all->clock) };
    enum decision d = DECISION_NOT_SAMPLED;

    ottl_begin_batch(c->evaluation, t->spans);
    for (const struct fragment *f = t->first; f != NULL; f = f->next) {
        struct pb_reader r = pb_reader(fragment_bytes(f));

        a.item.resource = message_in(f->scope->parent, OTLP_RESOURCE_GROUP_RESOURCE);
        a.item.scope = message_in(f->scope, OTLP_SCOPE_GROUP_SCOPE);
        a.item.schema[0] = (struct ottl_schema){ true, message_in(f->scope->parent, OTLP_RESOURCE_GROUP_SCHEMA_URL) };
        a.item.schema[1] = (struct ottl_schema){ true, message_in(f->scope, OTLP_SCOPE_GROUP_SCHEMA_URL) };
        a.item.in.resource = ++c->serial;
        a.item.in.scope = ++c->serial;
        while (d == DECISION_NOT_SAMPLED && message_next(&r, OTLP_SCOPE_GROUP_ITEMS, &a.item.item))
            d = ask_span(&a);
        if (d != DECISION_NOT_SAMPLED)
            break;
    }
    return d;
}
