/* SPDX-License-Identifier: Apache-2.0 */
/* Policies are asked one after another, drop policies first, and what they say is counted. and, not, drop and composite
 * ask the policies that stand below them. */
#include "base/mem.h"
#include "processor/tail_sampling/policy_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

const struct metric_row policy_decided_row =
    METRIC_ROW("otelcol_processor_tail_sampling_count_traces_sampled", METRIC_COUNTER, "{traces}",
               "Traces that a policy was asked about, by what it said.");
const struct metric_row policy_executions_row =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_policy_execution_count", METRIC_COUNTER, "{executions}",
               "How often a policy was asked.");
const struct metric_row policy_time_row =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_policy_execution_time_sum", METRIC_COUNTER, "us",
               "How long a policy took, all in all.");

/* A leaf whose patterns have taken all steps that a trace has cannot be evaluated. */
static enum decision ask_leaf(struct policies *all, struct policy *p, const struct decision_trace *t)
{
    bool samples = policy_leaf_samples(p, t, clock_mono(all->clock));

    if (!p->meter.over)
        return samples ? DECISION_SAMPLED : DECISION_NOT_SAMPLED;
    if (complaint_due(&all->complaint, all->clock))
        log_warn(all->log, "The patterns of a policy may take more steps than a trace has; shorten them",
                 F_STR("key", p->leaf->string_attribute.key), F_UINT("steps", REGEX_ITEM_STEPS),
                 F_UINT("repeated", complaint_taken(&all->complaint)));
    return DECISION_ERROR;
}

static enum decision ask_policy(struct policies *all, struct policy *p, const struct decision_trace *t);

static enum decision ask_all(struct policies *all, struct policy *p, const struct decision_trace *t, enum decision yes)
{
    for (size_t i = 0; i < p->n_subs; i++) {
        enum decision d = ask_policy(all, p->subs[i], t);

        if (d != DECISION_SAMPLED)
            return d;
    }
    return yes;
}

static enum decision ask_not(struct policies *all, struct policy *p, const struct decision_trace *t)
{
    enum decision d = ask_policy(all, p->subs[0], t);

    if (d == DECISION_ERROR)
        return d;
    return d == DECISION_SAMPLED ? DECISION_NOT_SAMPLED : DECISION_SAMPLED;
}

static void begin_second(struct policy *p, uint64_t second)
{
    if (p->second == second)
        return;
    p->second = second;
    for (size_t i = 0; i < p->n_subs; i++)
        p->subs[i]->sampled = 0;
}

static enum decision ask_composite(struct policies *all, struct policy *p, const struct decision_trace *t)
{
    begin_second(p, clock_wall(all->clock) / NS_PER_S);
    for (size_t i = 0; i < p->n_subs; i++) {
        struct policy *sub = p->subs[i];
        enum decision d = ask_policy(all, sub, t);
        uint64_t sampled = sub->sampled + t->spans;

        if (d == DECISION_ERROR)
            return d;
        if (d != DECISION_SAMPLED)
            continue;
        if (sampled > sub->allotted || sampled > p->total)
            return DECISION_NOT_SAMPLED;
        sub->sampled = sampled;
        return DECISION_SAMPLED;
    }
    return DECISION_NOT_SAMPLED;
}

static enum decision ask_policy(struct policies *all, struct policy *p, const struct decision_trace *t)
{
    switch (p->type) {
    case POLICY_AND:
        return ask_all(all, p, t, DECISION_SAMPLED);
    case POLICY_DROP:
        return ask_all(all, p, t, DECISION_DROPPED);
    case POLICY_NOT:
        return ask_not(all, p, t);
    case POLICY_COMPOSITE:
        return ask_composite(all, p, t);
    case POLICY_OTTL_CONDITION:
        return policy_conditions_ask(all, p->conditions, t);
    default:
        return ask_leaf(all, p, t);
    }
}

/* `at`: when it is asked, and when it has answered. */
static enum decision ask_counted(struct policies *all, struct policy *p, const struct decision_trace *t, uint64_t *at)
{
    enum decision d = ask_policy(all, p, t);
    uint64_t now = uv_hrtime();

    p->spent += now - *at;
    *at = now;
    metric_set(p->time, trunc((double)p->spent / NS_PER_US));
    metric_add(p->executions, 1);
    metric_add(d == DECISION_ERROR ? all->errors : p->decided[d], 1);
    return d;
}

enum decision policies_decide(struct policies *p, const struct decision_trace *t)
{
    enum decision sum = DECISION_NOT_SAMPLED;
    uint64_t at = uv_hrtime();

    for (size_t i = 0; i < p->n; i++) {
        enum decision d = ask_counted(p, p->v[i], t, &at);

        if (d == DECISION_DROPPED)
            return d;
        if (d != DECISION_SAMPLED)
            continue;
        sum = d;
        if (p->first_match)
            break;
    }
    return sum;
}

enum decision policies_decide_early(struct policies *p, const struct decision_trace *t)
{
    uint64_t at = uv_hrtime();

    for (size_t i = 0; i < p->n; i++) {
        enum decision d = ask_counted(p, p->v[i], t, &at);

        if (d == DECISION_DROPPED || d == DECISION_SAMPLED)
            return d;
        if (i + 1 == p->n_drop)
            break; /* spans that come later may match a drop policy */
    }
    return DECISION_NOT_SAMPLED;
}

/* ---- made and freed ---- */

static struct policy *make_policy(const struct policies *all, const struct policy_config *config);

static void make_subs(const struct policies *all, struct policy *p, const struct option_list *subs)
{
    const struct policy_config *v = subs->v;

    p->n_subs = subs->n;
    p->subs = mem_alloc((subs->n + 1) * sizeof(struct policy *));
    for (size_t i = 0; i < subs->n; i++)
        p->subs[i] = make_policy(all, &v[i]);
}

/* Those that policy_order names come first, in its order. */
static void order_subs(struct policy *p)
{
    const struct strings *order = &p->config->composite.policy_order;
    size_t n = 0;

    for (size_t i = 0; i < order->n; i++)
        for (size_t j = n; j < p->n_subs; j++)
            if (strcmp(p->subs[j]->leaf->name, order->v[i]) == 0) {
                struct policy *named = p->subs[j];

                memmove(&p->subs[n + 1], &p->subs[n], (j - n) * sizeof(struct policy *));
                p->subs[n++] = named;
                break;
            }
}

static void allot_rates(struct policy *p)
{
    const struct composite_config *c = &p->config->composite;
    const struct rate_allocation *a = c->rate_allocation.v;
    double total = (double)c->max_total_spans_per_second;

    p->total = c->max_total_spans_per_second;
    for (size_t i = 0; i < p->n_subs; i++)
        for (size_t j = 0; j < c->rate_allocation.n; j++)
            if (strcmp(a[j].policy, p->subs[i]->leaf->name) == 0)
                p->subs[i]->allotted =
                    (uint64_t)(a[j].percent > 0 ? (double)a[j].percent / 100 * total : total / (double)p->n_subs);
}

static struct policy *make_leaf(const struct policies *all, const struct leaf_config *leaf)
{
    struct policy *p = mem_zalloc(sizeof(*p));

    p->type = policy_type_of(leaf->type);
    p->leaf = leaf;
    policy_leaf_init(p, clock_mono(all->clock));
    return p;
}

static struct policy *make_policy(const struct policies *all, const struct policy_config *config)
{
    struct policy *p = make_leaf(all, &config->leaf);

    p->config = config;
    switch (p->type) {
    case POLICY_AND:
        make_subs(all, p, &config->and.and_sub_policy);
        break;
    case POLICY_DROP:
        make_subs(all, p, &config->drop.drop_sub_policy);
        break;
    case POLICY_NOT:
        p->n_subs = 1;
        p->subs = mem_alloc(sizeof(struct policy *));
        p->subs[0] = make_leaf(all, &config->not .not_sub_policy);
        break;
    case POLICY_COMPOSITE:
        make_subs(all, p, &config->composite.composite_sub_policy);
        order_subs(p);
        allot_rates(p);
        break;
    default:
        break;
    }
    return p;
}

static void free_policy(struct policy *p)
{
    for (size_t i = 0; i < p->n_subs; i++)
        free_policy(p->subs[i]);
    policy_leaf_free(p);
    free(p->subs);
    free(p);
}

static bool wants_facts(const struct policy *p)
{
    for (size_t i = 0; i < p->n_subs; i++)
        if (wants_facts(p->subs[i]))
            return true;
    return policy_leaf_wants_facts(p);
}

static void count_policy(struct policy *p, const char *label, struct metrics *metrics)
{
    static const char *const decisions[DECISIONS] = { "not_sampled", "sampled", "dropped" };
    char *name = label[0] != '\0' ? mem_printf("%s.%s", label, p->leaf->name) : mem_strdup(p->leaf->name);

    for (int d = 0; d < DECISIONS; d++) {
        const struct metric_label labels[] = { { "policy", name },
                                               { "sampled", d == DECISION_SAMPLED ? "true" : "false" },
                                               { "decision", decisions[d] } };

        p->decided[d] = metrics_get(metrics, &policy_decided_row, labels, ARRAY_LEN(labels));
    }
    p->executions = metrics_get(metrics, &policy_executions_row, &(struct metric_label){ "policy", name }, 1);
    p->time = metrics_get(metrics, &policy_time_row, &(struct metric_label){ "policy", name }, 1);
    free(name);
}

static void add_policies(struct policies *p, const struct option_list *configs, bool drop, const char *label,
                         struct metrics *metrics)
{
    const struct policy_config *v = configs->v;

    for (size_t i = 0; i < configs->n; i++) {
        if ((policy_type_of(v[i].type) == POLICY_DROP) != drop)
            continue;
        p->v[p->n] = make_policy(p, &v[i]);
        p->want_facts |= wants_facts(p->v[p->n]);
        count_policy(p->v[p->n++], label, metrics);
    }
}

void policies_init(struct policies *p, const struct option_list *configs, const char *label, struct metrics *metrics,
                   struct clock *clock)
{
    p->clock = clock;
    p->n = 0;
    p->want_facts = false;
    p->v = mem_alloc((configs->n + 1) * sizeof(struct policy *));
    add_policies(p, configs, true, label, metrics);
    p->n_drop = p->n;
    add_policies(p, configs, false, label, metrics);
}

void policies_free(struct policies *p)
{
    for (size_t i = 0; i < p->n; i++)
        free_policy(p->v[i]);
    free(p->v);
}
