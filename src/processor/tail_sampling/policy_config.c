/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the policies. Each depth has rows of its own, for not all types may stand everywhere. */
#include "processor/tail_sampling/policy_config.h"

#include "base/error.h"
#include "base/mem.h"
#include "codec/regex.h"
#include "config/fault.h"
#include "ottl/ottl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NO_LIMIT "9223372036854775807"

const char *const policy_type_names[POLICY_TYPES + 1] = {
    [POLICY_ALWAYS_SAMPLE] = "always_sample",
    [POLICY_LATENCY] = "latency",
    [POLICY_NUMERIC_ATTRIBUTE] = "numeric_attribute",
    [POLICY_PROBABILISTIC] = "probabilistic",
    [POLICY_STATUS_CODE] = "status_code",
    [POLICY_STRING_ATTRIBUTE] = "string_attribute",
    [POLICY_RATE_LIMITING] = "rate_limiting",
    [POLICY_BYTES_LIMITING] = "bytes_limiting",
    [POLICY_SPAN_COUNT] = "span_count",
    [POLICY_TRACE_STATE] = "trace_state",
    [POLICY_BOOLEAN_ATTRIBUTE] = "boolean_attribute",
    [POLICY_TRACE_FLAGS] = "trace_flags",
    [POLICY_OTTL_CONDITION] = "ottl_condition",
    [POLICY_AND] = "and",
    [POLICY_NOT] = "not",
    [POLICY_DROP] = "drop",
    [POLICY_COMPOSITE] = "composite",
    NULL,
};

static const char *const error_modes[] = { "ignore", "silent", "propagate", NULL }; /* enum condition_errors */

/* ---- rows ---- */

static const struct option latency_rows[] = {
    OPT_INT(struct latency_config, threshold_ms, "0", NULL, NULL,
            "Traces that took longer, from their first span's start to their last span's end."),
    OPT_INT(struct latency_config, upper_threshold_ms, "0", NULL, NULL,
            "And no longer than this; 0 is no upper bound."),
    OPT_END,
};

static const struct option numeric_rows[] = {
    OPT_STRING(struct numeric_config, key, "", "An attribute of a span or resource.", .required = true),
    OPT_INT(struct numeric_config, min_value, "0", NULL, NULL, "The least value; 0 is no lower bound."),
    OPT_INT(struct numeric_config, max_value, "0", NULL, NULL, "The greatest value; 0 is no upper bound."),
    OPT_BOOL(struct numeric_config, invert_match, "false", "Traces in which no value is in the range."),
    OPT_END,
};

static const struct option probabilistic_rows[] = {
    OPT_STRING(struct probabilistic_config, hash_salt, "default-hash-seed",
               "Hashed with the trace id; tiers that sample one behind another need different ones."),
    OPT_DOUBLE(struct probabilistic_config, sampling_percentage, "0", NULL, NULL, "How many of a hundred traces."),
    OPT_END,
};

static const struct option status_code_rows[] = {
    OPT_STRINGS(struct status_code_config, status_codes, "[]", "A span has one of these: OK, ERROR, UNSET.",
                .required = true),
    OPT_END,
};

static const struct option string_rows[] = {
    OPT_STRING(struct string_config, key, "", "An attribute of a span or resource.", .required = true),
    OPT_STRINGS(struct string_config, values, "[]", "It is one of these, or matches one."),
    OPT_BOOL(struct string_config, enabled_regex_matching, "false",
             "values are regular expressions, found anywhere in the attribute."),
    OPT_IGNORED("cache_max_size", "matching is fast without a cache"),
    OPT_BOOL(struct string_config, invert_match, "false", "Traces in which no attribute matches."),
    OPT_END,
};

static const struct option rate_rows[] = {
    OPT_UINT(struct rate_config, spans_per_second, "0", "0", NO_LIMIT, "Spans in a second, on average."),
    OPT_UINT(struct rate_config, burst_capacity, "0", "0", NO_LIMIT,
             "Spans at once; a larger trace never passes. 0 is twice the rate."),
    OPT_END,
};

static const struct option bytes_rows[] = {
    OPT_UINT(struct bytes_config, bytes_per_second, "0", "0", NO_LIMIT, "Bytes of protobuf in a second, on average."),
    OPT_UINT(struct bytes_config, burst_capacity, "0", "0", NO_LIMIT,
             "Bytes at once; a larger trace never passes. 0 is twice the rate."),
    OPT_END,
};

static const struct option span_count_rows[] = {
    OPT_UINT(struct span_count_config, min_spans, "0", "0", "2147483647", "Traces of at least as many spans."),
    OPT_UINT(struct span_count_config, max_spans, "0", "0", "2147483647", "And of no more; 0 is no upper bound."),
    OPT_END,
};

static const struct option trace_state_rows[] = {
    OPT_STRING(struct trace_state_config, key, "", "A member of the trace state of a span.", .required = true),
    OPT_STRINGS(struct trace_state_config, values, "[]", "Its value is one of these."),
    OPT_END,
};

static const struct option boolean_rows[] = {
    OPT_STRING(struct boolean_config, key, "", "An attribute of a span or resource.", .required = true),
    OPT_BOOL(struct boolean_config, value, "false", "What it is."),
    OPT_BOOL(struct boolean_config, invert_match, "false", "Traces in which it is never that."),
    OPT_END,
};

static const struct option condition_rows[] = {
    OPT_ENUM(struct condition_config, error_mode, error_modes, "propagate",
             "What a condition that cannot be evaluated comes to: ignore and silent pass over it; propagate leaves the "
             "policy undecided, which is counted."),
    OPT_STRINGS(struct condition_config, span, "[]", "A span for which one of these is true."),
    OPT_STRINGS(struct condition_config, spanevent, "[]", "An event of a span for which one of these is true."),
    OPT_END,
};

#define LEAF(T, f, rows, help) OPT_GROUP(T, f, struct rows##_config, rows##_rows, GROUP_NONE, help)
#define LEAF_ROWS(T)                                                                                                   \
    OPT_STRING(T, name, "", "Of the policy, in metrics and messages."),                                                \
        OPT_STRING(T, type, "", "What decides; its settings stand in a group of this name."),                          \
        LEAF(T, latency, latency, "How long a trace took."),                                                           \
        LEAF(T, numeric_attribute, numeric, "An attribute that is a whole number."),                                   \
        LEAF(T, probabilistic, probabilistic, "A share of all traces, by a hash of the trace id."),                    \
        LEAF(T, status_code, status_code, "The status of a span."),                                                    \
        LEAF(T, string_attribute, string, "An attribute that is text."),                                               \
        LEAF(T, rate_limiting, rate, "As many spans in a second."),                                                    \
        LEAF(T, bytes_limiting, bytes, "As many bytes in a second."),                                                  \
        LEAF(T, span_count, span_count, "How many spans a trace has."),                                                \
        LEAF(T, trace_state, trace_state, "A member of a span's trace state."),                                        \
        LEAF(T, boolean_attribute, boolean, "An attribute that is true or false."),                                    \
        LEAF(T, ottl_condition, condition, "Conditions on spans and their events.")

static const struct option leaf_rows[] = { LEAF_ROWS(struct leaf_config), OPT_END };

static const struct option not_rows[] = {
    OPT_GROUP(struct not_config, not_sub_policy, struct leaf_config, leaf_rows, GROUP_PLAIN, "The policy."),
    OPT_END,
};

static const struct option sub_rows[] = {
    LEAF_ROWS(struct policy_config),
    OPT_GROUP(struct policy_config, not, struct not_config, not_rows, GROUP_NONE, "What a policy does not sample."),
    OPT_END,
};

static const struct option and_rows[] = {
    OPT_LIST(struct and_config, and_sub_policy, struct policy_config, sub_rows, "All of these sample."),
    OPT_END,
};

static const struct option drop_rows[] = {
    OPT_LIST(struct drop_config, drop_sub_policy, struct policy_config, sub_rows,
             "A trace that all of these sample is dropped, whatever other policies say."),
    OPT_END,
};

static const struct option composite_sub_rows[] = {
    LEAF_ROWS(struct policy_config),
    OPT_GROUP(struct policy_config, and, struct and_config, and_rows, GROUP_NONE, "Several policies sample."),
    OPT_END,
};

static const struct option allocation_rows[] = {
    OPT_STRING(struct rate_allocation, policy, "", "Name of a policy of composite_sub_policy.", .required = true),
    OPT_INT(struct rate_allocation, percent, "0", NULL, "100",
            "Its part of max_total_spans_per_second; 0 is the same for all."),
    OPT_END,
};

static const struct option composite_rows[] = {
    OPT_UINT(struct composite_config, max_total_spans_per_second, "0", "0", NO_LIMIT, "Of all its policies together."),
    OPT_STRINGS(struct composite_config, policy_order, "[]",
                "Names of its policies in the order in which they are asked; those that are not named come after."),
    OPT_LIST(struct composite_config, composite_sub_policy, struct policy_config, composite_sub_rows,
             "Its policies. The first that samples decides, as far as its part of the rate goes."),
    OPT_LIST(struct composite_config, rate_allocation, struct rate_allocation, allocation_rows,
             "What part of the rate each of its policies has. One that is not named here has none."),
    OPT_END,
};

const struct option policy_rows[] = {
    LEAF_ROWS(struct policy_config),
    OPT_GROUP(struct policy_config, and, struct and_config, and_rows, GROUP_NONE, "Several policies sample."),
    OPT_GROUP(struct policy_config, not, struct not_config, not_rows, GROUP_NONE, "What a policy does not sample."),
    OPT_GROUP(struct policy_config, drop, struct drop_config, drop_rows, GROUP_NONE,
              "What several policies sample is dropped."),
    OPT_GROUP(struct policy_config, composite, struct composite_config, composite_rows, GROUP_NONE,
              "Several policies that share a rate."),
    OPT_END,
};

enum policy_type policy_type_of(const char *name)
{
    int t = 0;

    while (policy_type_names[t] != NULL && strcmp(policy_type_names[t], name) != 0)
        t++;
    return (enum policy_type)t;
}

bool policy_is_stateful(const struct policy_config *c)
{
    const struct policy_config *subs = NULL;
    size_t n = 0;

    switch (policy_type_of(c->type)) {
    case POLICY_LATENCY:
        return c->latency.upper_threshold_ms > 0;
    case POLICY_SPAN_COUNT:
        return c->span_count.max_spans > 0;
    case POLICY_RATE_LIMITING:
    case POLICY_BYTES_LIMITING:
        return true;
    case POLICY_NOT:
        return policy_is_stateful(&(const struct policy_config){ .leaf = c->not .not_sub_policy });
    case POLICY_AND:
        subs = c->and.and_sub_policy.v;
        n = c->and.and_sub_policy.n;
        break;
    case POLICY_DROP:
        subs = c->drop.drop_sub_policy.v;
        n = c->drop.drop_sub_policy.n;
        break;
    case POLICY_COMPOSITE:
        subs = c->composite.composite_sub_policy.v;
        n = c->composite.composite_sub_policy.n;
        break;
    default:
        break;
    }
    for (size_t i = 0; i < n; i++)
        if (policy_is_stateful(&subs[i]))
            return true;
    return false;
}
