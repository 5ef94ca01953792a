/* SPDX-License-Identifier: Apache-2.0 */
/* The policies as the user writes them. */
#ifndef PROCESSOR_TAIL_SAMPLING_POLICY_CONFIG_H
#define PROCESSOR_TAIL_SAMPLING_POLICY_CONFIG_H

#include "config/option.h"

enum policy_type {
    POLICY_ALWAYS_SAMPLE,
    POLICY_LATENCY,
    POLICY_NUMERIC_ATTRIBUTE,
    POLICY_PROBABILISTIC,
    POLICY_STATUS_CODE,
    POLICY_STRING_ATTRIBUTE,
    POLICY_RATE_LIMITING,
    POLICY_BYTES_LIMITING,
    POLICY_SPAN_COUNT,
    POLICY_TRACE_STATE,
    POLICY_BOOLEAN_ATTRIBUTE,
    POLICY_TRACE_FLAGS,
    POLICY_OTTL_CONDITION,
    POLICY_LEAVES, /* the types before this one stand for themselves */
    POLICY_AND = POLICY_LEAVES,
    POLICY_NOT,
    POLICY_DROP,
    POLICY_COMPOSITE,
    POLICY_TYPES,
};

struct latency_config {
    bool on; /* it is written */
    int64_t threshold_ms, upper_threshold_ms;
};

struct numeric_config {
    bool on; /* it is written */
    const char *key;
    int64_t min_value, max_value; /* 0: no bound */
    bool invert_match;
};

struct probabilistic_config {
    bool on; /* it is written */
    const char *hash_salt;
    double sampling_percentage;
};

struct status_code_config {
    bool on; /* it is written */
    struct strings status_codes;
};

struct string_config {
    bool on; /* it is written */
    const char *key;
    struct strings values;
    bool enabled_regex_matching, invert_match;
};

struct rate_config {
    bool on;                                   /* it is written */
    uint64_t spans_per_second, burst_capacity; /* 0: twice the rate */
};

struct bytes_config {
    bool on; /* it is written */
    uint64_t bytes_per_second, burst_capacity;
};

struct span_count_config {
    bool on;                       /* it is written */
    uint64_t min_spans, max_spans; /* max 0: none */
};

struct trace_state_config {
    bool on; /* it is written */
    const char *key;
    struct strings values;
};

struct boolean_config {
    bool on; /* it is written */
    const char *key;
    bool value, invert_match;
};

/* Conditions that cannot be evaluated. */
enum condition_errors { CONDITION_IGNORE, CONDITION_SILENT, CONDITION_PROPAGATE };

struct condition_config {
    bool on;        /* it is written */
    int error_mode; /* enum condition_errors */
    struct strings span, spanevent;
};

/* What every policy has, at any depth. */
#define POLICY_MEMBERS                                                                                                 \
    const char *name;                                                                                                  \
    const char *type;                                                                                                  \
    struct latency_config latency;                                                                                     \
    struct numeric_config numeric_attribute;                                                                           \
    struct probabilistic_config probabilistic;                                                                         \
    struct status_code_config status_code;                                                                             \
    struct string_config string_attribute;                                                                             \
    struct rate_config rate_limiting;                                                                                  \
    struct bytes_config bytes_limiting;                                                                                \
    struct span_count_config span_count;                                                                               \
    struct trace_state_config trace_state;                                                                             \
    struct boolean_config boolean_attribute;                                                                           \
    struct condition_config ottl_condition;

struct leaf_config {
    POLICY_MEMBERS
};

struct and_config {
    bool on;
    struct option_list and_sub_policy; /* of struct policy_config */
};

struct drop_config {
    bool on;
    struct option_list drop_sub_policy; /* of struct policy_config */
};

struct not_config {
    bool on;
    struct leaf_config not_sub_policy;
};

struct rate_allocation {
    const char *policy;
    int64_t percent;
};

struct composite_config {
    bool on;
    uint64_t max_total_spans_per_second;
    struct strings policy_order;
    struct option_list composite_sub_policy; /* of struct policy_config */
    struct option_list rate_allocation;      /* of struct rate_allocation */
};

/* Of the rows of each depth only those that may stand there are offered; the others' members stay as they are. */
struct policy_config {
    union {
        struct leaf_config leaf;
        struct {
            POLICY_MEMBERS
        };
    };
    struct and_config and;
    struct not_config not ;
    struct drop_config drop;
    struct composite_config composite;
};

extern const struct option policy_rows[]; /* of struct policy_config, for the processor's own list */

extern const char *const policy_type_names[POLICY_TYPES + 1]; /* ends with NULL */

/* A name that policies_check() has let pass. */
enum policy_type policy_type_of(const char *name);

/* Its decision may change with every span that comes, or costs: it cannot be decided while spans come in. */
bool policy_is_stateful(const struct policy_config *c);

/* `policies`: a list of struct policy_config at the path "policies". */
void policies_check(const struct option_list *policies, bool at_ingest, struct check *ck);

#endif
