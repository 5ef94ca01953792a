/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of policies: what policy.c, which asks them, and policy_leaf.c, where those are that look at a trace
 * themselves, share. */
#ifndef PROCESSOR_TAIL_SAMPLING_POLICY_INSIDE_H
#define PROCESSOR_TAIL_SAMPLING_POLICY_INSIDE_H

#include "codec/regex_steps.h"
#include "processor/tail_sampling/policy.h"

/* Tokens of x a second, as many as `burst` at once; full at first. */
struct token_bucket {
    double rate, burst, tokens;
    uint64_t at; /* mono ns of the last look */
};

struct policy {
    enum policy_type type;
    const struct leaf_config *leaf;
    const struct policy_config *config; /* NULL below not */
    struct policy **subs;               /* of and, not, drop, composite */
    size_t n_subs;
    VEC(struct regex *) patterns;
    struct regex_meter meter;             /* of the trace that the patterns were last asked about */
    struct policy_conditions *conditions; /* ottl_condition */
    uint64_t threshold;                   /* probabilistic */
    struct token_bucket bucket;           /* rate_limiting, bytes_limiting */
    uint64_t allotted, sampled;           /* spans in a second: of a policy below composite */
    uint64_t total, second;               /* of composite: the most in a second, and which one it is, wall clock */
    struct metric *decided[DECISIONS], *executions, *time; /* of the outermost ones */
    uint64_t spent;                                        /* ns */
};

/* By p->type and p->leaf, which are set. */
void policy_leaf_init(struct policy *p, uint64_t now);
void policy_leaf_free(struct policy *p);

bool policy_leaf_wants_facts(const struct policy *p);
bool policy_leaf_samples(struct policy *p, const struct decision_trace *t, uint64_t now);

/* ottl_condition, in policy_condition.c. `wall`: ns since 1970. */
struct policy_conditions *policy_conditions_new(const struct condition_config *c);
void policy_conditions_free(struct policy_conditions *c);
enum decision policy_conditions_ask(struct policies *all, struct policy_conditions *c, const struct decision_trace *t);

#endif
