/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and checks of the policies. Which types may stand inside which is the Go collector's: and and drop take leaves
 * and not, not takes a leaf, composite takes leaves and and. */
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

static const char *const type_names[] = {
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

/* ---- checks ---- */

enum policy_type policy_type_of(const char *name)
{
    int t = 0;

    while (type_names[t] != NULL && strcmp(type_names[t], name) != 0)
        t++;
    return (enum policy_type)t;
}

/* Where a policy stands, and what is wrong with it. */
struct checking {
    struct check *ck;
    char path[256]; /* "policies::2::and::and_sub_policy::0" */
};

__attribute__((format(printf, 3, 4))) static void fail(const struct checking *k, const char *key, const char *fmt, ...)
{
    char at[320], text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(at, sizeof(at), "%s%s%s", k->path, key[0] != '\0' ? "::" : "", key);
    check_fail(k->ck, at, "%s", text);
}

static void warn(const struct checking *k, const char *key, const char *text)
{
    char at[320];

    snprintf(at, sizeof(at), "%s::%s", k->path, key);
    check_warn(k->ck, at, "%s", text);
}

static void check_status_codes(const struct checking *k, const struct strings *codes)
{
    if (codes->n == 0)
        fail(k, "status_code", "expected at least one status code to filter on: write status_codes: [ERROR]");
    for (size_t i = 0; i < codes->n; i++)
        if (strcmp(codes->v[i], "OK") != 0 && strcmp(codes->v[i], "ERROR") != 0 && strcmp(codes->v[i], "UNSET") != 0)
            fail(k, "status_code::status_codes", "unknown status code \"%s\", supported: OK, ERROR, UNSET",
                 codes->v[i]);
}

static void check_string(const struct checking *k, const struct string_config *c)
{
    struct error err;

    if (!c->on)
        fail(k, "", "a string_attribute policy needs string_attribute: {key: ..., values: [...]}");
    for (size_t i = 0; c->enabled_regex_matching && i < c->values.n; i++) {
        struct regex *r = regex_new(c->values.v[i], &err);

        if (r == NULL)
            fail(k, "string_attribute::values", "%s", err.text);
        regex_free(r);
    }
}

static void check_conditions(const struct checking *k, const char *key, const struct strings *texts,
                             enum ottl_context context)
{
    for (size_t i = 0; i < texts->n; i++) {
        struct ottl_fault fault;
        struct ottl_program *p =
            ottl_parse_condition(texts->v[i], (struct ottl_reading){ .context = context, .bare = true }, &fault);
        char at[sizeof(k->path) + 64];

        snprintf(at, sizeof(at), "%s::ottl_condition::%s::%zu", k->path, key, i);
        if (p == NULL)
            check_fail_in(k->ck, at, fault.at, "%s", fault.text);
        ottl_program_free(p);
    }
}

static void check_condition(const struct checking *k, const struct condition_config *c)
{
    if (c->span.n == 0 && c->spanevent.n == 0)
        fail(k, "ottl_condition",
             "expected at least one OTTL condition to filter on: write span: [...] or "
             "spanevent: [...]");
    check_conditions(k, "span", &c->span, OTTL_SPAN);
    check_conditions(k, "spanevent", &c->spanevent, OTTL_SPANEVENT);
}

static void check_leaf(const struct checking *k, const struct leaf_config *c, enum policy_type type)
{
    switch (type) {
    case POLICY_NUMERIC_ATTRIBUTE:
        if (c->numeric_attribute.min_value == 0 && c->numeric_attribute.max_value == 0)
            fail(k, "numeric_attribute", "at least one of min_value and max_value must be set, and not be 0");
        break;
    case POLICY_STATUS_CODE:
        check_status_codes(k, &c->status_code.status_codes);
        break;
    case POLICY_STRING_ATTRIBUTE:
        check_string(k, &c->string_attribute);
        break;
    case POLICY_OTTL_CONDITION:
        check_condition(k, &c->ottl_condition);
        break;
    case POLICY_TRACE_STATE:
        if (!c->trace_state.on)
            fail(k, "", "a trace_state policy needs trace_state: {key: ..., values: [...]}");
        break;
    case POLICY_BOOLEAN_ATTRIBUTE:
        if (!c->boolean_attribute.on)
            fail(k, "", "a boolean_attribute policy needs boolean_attribute: {key: ..., value: true}");
        break;
    default:
        break;
    }
}

/* Settings of another type than the policy's. */
static void check_stray(const struct checking *k, const struct leaf_config *c, enum policy_type type)
{
    const bool on[POLICY_LEAVES] = {
        [POLICY_LATENCY] = c->latency.on,
        [POLICY_NUMERIC_ATTRIBUTE] = c->numeric_attribute.on,
        [POLICY_PROBABILISTIC] = c->probabilistic.on,
        [POLICY_STATUS_CODE] = c->status_code.on,
        [POLICY_STRING_ATTRIBUTE] = c->string_attribute.on,
        [POLICY_RATE_LIMITING] = c->rate_limiting.on,
        [POLICY_BYTES_LIMITING] = c->bytes_limiting.on,
        [POLICY_SPAN_COUNT] = c->span_count.on,
        [POLICY_TRACE_STATE] = c->trace_state.on,
        [POLICY_BOOLEAN_ATTRIBUTE] = c->boolean_attribute.on,
        [POLICY_OTTL_CONDITION] = c->ottl_condition.on,
    };

    for (int t = 0; t < POLICY_LEAVES; t++)
        if (on[t] && t != (int)type)
            warn(k, type_names[t], "has no effect: the policy is of another type");
}

/* `allowed`: a bit for each type beside the leaves. False: the type is not one. */
static bool check_type(const struct checking *k, const char *name, unsigned allowed)
{
    const char *names[ARRAY_LEN(type_names)];
    enum policy_type type = policy_type_of(name);
    bool known = type_names[type] != NULL;
    const char *near;
    size_t n = 0;

    if (type < POLICY_LEAVES || (known && (allowed & 1u << type) != 0))
        return true;
    for (int t = 0; type_names[t] != NULL; t++)
        if (t < POLICY_LEAVES || (allowed & 1u << t) != 0)
            names[n++] = type_names[t];
    names[n] = NULL;
    near = nearest_of(name, names);
    if (name[0] == '\0')
        fail(k, "", "requires a non-empty \"type\": what decides");
    else if (known)
        fail(k, "type", "a policy of the type %s may not stand here", name);
    else
        fail(k, "type", "unknown sampling policy type %s%s%s%s", name, near != NULL ? "; did you mean " : "",
             near != NULL ? near : "", near != NULL ? "?" : "");
    return false;
}

static void check_subs(const struct checking *k, const char *key, const struct option_list *subs, unsigned allowed);

static void check_not(const struct checking *k, const struct not_config *c)
{
    struct checking sub = *k;

    strncat(sub.path, "::not::not_sub_policy", sizeof(sub.path) - strlen(sub.path) - 1);
    if (!c->on)
        fail(k, "", "a not policy needs not: {not_sub_policy: {...}}");
    else if (check_type(&sub, c->not_sub_policy.type, 0)) {
        check_leaf(&sub, &c->not_sub_policy, policy_type_of(c->not_sub_policy.type));
        check_stray(&sub, &c->not_sub_policy, policy_type_of(c->not_sub_policy.type));
    }
}

static bool names_sub(const struct composite_config *c, const char *name)
{
    const struct policy_config *subs = c->composite_sub_policy.v;

    for (size_t i = 0; i < c->composite_sub_policy.n; i++)
        if (strcmp(subs[i].name, name) == 0)
            return true;
    return false;
}

static bool has_allocation(const struct composite_config *c, const char *name)
{
    const struct rate_allocation *a = c->rate_allocation.v;

    for (size_t i = 0; i < c->rate_allocation.n; i++)
        if (strcmp(a[i].policy, name) == 0)
            return true;
    return false;
}

static void check_composite(const struct checking *k, const struct composite_config *c)
{
    const struct rate_allocation *a = c->rate_allocation.v;
    const struct policy_config *subs = c->composite_sub_policy.v;

    check_subs(k, "composite::composite_sub_policy", &c->composite_sub_policy, 1u << POLICY_AND);
    for (size_t i = 0; i < c->rate_allocation.n; i++)
        if (!names_sub(c, a[i].policy))
            fail(k, "composite::rate_allocation", "there is no policy \"%s\" in composite_sub_policy", a[i].policy);
    for (size_t i = 0; i < c->policy_order.n; i++)
        if (!names_sub(c, c->policy_order.v[i]))
            fail(k, "composite::policy_order", "there is no policy \"%s\" in composite_sub_policy",
                 c->policy_order.v[i]);
    for (size_t i = 0; i < c->composite_sub_policy.n; i++)
        if (!has_allocation(c, subs[i].name))
            warn(k, "composite::composite_sub_policy",
                 "a policy without an entry in rate_allocation has no part of the rate and samples nothing");
}

static void check_policy(const struct checking *k, const struct policy_config *c, unsigned allowed)
{
    enum policy_type type = policy_type_of(c->type);

    if (!check_type(k, c->type, allowed))
        return;
    check_leaf(k, &c->leaf, type);
    check_stray(k, &c->leaf, type);
    if (type == POLICY_AND)
        check_subs(k, "and::and_sub_policy", &c->and.and_sub_policy, 1u << POLICY_NOT);
    else if (type == POLICY_DROP)
        check_subs(k, "drop::drop_sub_policy", &c->drop.drop_sub_policy, 1u << POLICY_NOT);
    else if (type == POLICY_NOT)
        check_not(k, &c->not );
    else if (type == POLICY_COMPOSITE)
        check_composite(k, &c->composite);
}

static void check_subs(const struct checking *k, const char *key, const struct option_list *subs, unsigned allowed)
{
    const struct policy_config *v = subs->v;

    if (subs->n == 0)
        fail(k, "", "a policy of this type needs %s with at least one policy", key);
    for (size_t i = 0; i < subs->n; i++) {
        struct checking sub = *k;
        size_t len = strlen(sub.path);

        snprintf(sub.path + len, sizeof(sub.path) - len, "%s%s::%zu", len > 0 ? "::" : "", key, i);
        check_policy(&sub, &v[i], allowed);
    }
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

static void check_names(const struct checking *k, const struct policy_config *v, size_t i)
{
    if (v[i].name[0] == '\0')
        fail(k, "", "policy name cannot be empty");
    for (size_t j = 0; j < i; j++)
        if (strcmp(v[i].name, v[j].name) == 0)
            fail(k, "name", "duplicate policy name \"%s\"", v[i].name);
}

void policies_check(const struct option_list *policies, bool at_ingest, struct check *ck)
{
    const unsigned all = 1u << POLICY_AND | 1u << POLICY_NOT | 1u << POLICY_DROP | 1u << POLICY_COMPOSITE;
    const struct policy_config *v = policies->v;

    for (size_t i = 0; i < policies->n; i++) {
        struct checking k = { .ck = ck };

        snprintf(k.path, sizeof(k.path), "policies::%zu", i);
        check_names(&k, v, i);
        check_policy(&k, &v[i], all);
        if (at_ingest && policy_is_stateful(&v[i]))
            fail(&k, "",
                 "sampling_strategy \"span-ingest\" requires all policies to be stateless, but policy \"%s\" is "
                 "stateful: use trace-complete",
                 v[i].name);
    }
}
