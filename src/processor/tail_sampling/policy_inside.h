/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of policies: what policy.c, which asks them, and policy_leaf.c, where those are that look at a trace
 * themselves, share. */
#ifndef PROCESSOR_TAIL_SAMPLING_POLICY_INSIDE_H
#define PROCESSOR_TAIL_SAMPLING_POLICY_INSIDE_H

#include "codec/regex.h"
#include "processor/tail_sampling/policy.h"

/* Tokens of x a second, as many as `burst` at once; full at first. */
struct bucket {
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
    uint64_t threshold;         /* probabilistic */
    struct bucket bucket;       /* rate_limiting, bytes_limiting */
    uint64_t allotted, sampled; /* spans in a second: of a policy below composite */
    uint64_t total, second;     /* of composite: the most in a second, and which one it is, wall clock */
    struct metric *decided[DECISIONS], *executions; /* of the outermost ones */
};

/* By p->type and p->leaf, which are set. */
void policy_leaf_init(struct policy *p, uint64_t now);
void policy_leaf_free(struct policy *p);

bool policy_leaf_wants_facts(const struct policy *p);
bool policy_leaf_samples(struct policy *p, const struct decision_trace *t, uint64_t now);

#endif
