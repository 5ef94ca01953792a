/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the policies, from the outermost inwards. Which types may stand inside which is the Go collector's: and and
 * drop take leaves and not, not takes a leaf, composite takes leaves and and. */
#include "base/error.h"
#include "base/mem.h"
#include "codec/regex.h"
#include "config/check_path.h"
#include "config/fault.h"
#include "ottl/ottl.h"
#include "processor/tail_sampling/policy_config.h"

#include <stdio.h>
#include <string.h>

static void check_status_codes(const struct check_path *k, const struct strings *codes)
{
    if (codes->n == 0)
        check_path_fail(k, "status_code",
                        "expected at least one status code to filter on: write status_codes: [ERROR]");
    for (size_t i = 0; i < codes->n; i++)
        if (strcmp(codes->v[i], "OK") != 0 && strcmp(codes->v[i], "ERROR") != 0 && strcmp(codes->v[i], "UNSET") != 0)
            check_path_fail(k, "status_code::status_codes", "unknown status code \"%s\", supported: OK, ERROR, UNSET",
                            codes->v[i]);
}

static void check_string(const struct check_path *k, const struct string_config *c)
{
    struct error err;

    if (!c->on)
        check_path_fail(k, "", "a string_attribute policy needs string_attribute: {key: ..., values: [...]}");
    for (size_t i = 0; c->enabled_regex_matching && i < c->values.n; i++) {
        struct regex *r = regex_new(c->values.v[i], &err);

        if (r == NULL)
            check_path_fail(k, "string_attribute::values", "%s", err.text);
        regex_free(r);
    }
}

static void check_conditions(const struct check_path *k, const char *key, const struct strings *texts,
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

static void check_condition(const struct check_path *k, const struct condition_config *c)
{
    if (c->span.n == 0 && c->spanevent.n == 0)
        check_path_fail(k, "ottl_condition",
                        "expected at least one OTTL condition to filter on: write span: [...] or "
                        "spanevent: [...]");
    check_conditions(k, "span", &c->span, OTTL_SPAN);
    check_conditions(k, "spanevent", &c->spanevent, OTTL_SPANEVENT);
}

static void check_leaf(const struct check_path *k, const struct leaf_config *c, enum policy_type type)
{
    switch (type) {
    case POLICY_NUMERIC_ATTRIBUTE:
        if (c->numeric_attribute.min_value == 0 && c->numeric_attribute.max_value == 0)
            check_path_fail(k, "numeric_attribute",
                            "at least one of min_value and max_value must be set, and not be 0");
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
            check_path_fail(k, "", "a trace_state policy needs trace_state: {key: ..., values: [...]}");
        break;
    case POLICY_BOOLEAN_ATTRIBUTE:
        if (!c->boolean_attribute.on)
            check_path_fail(k, "", "a boolean_attribute policy needs boolean_attribute: {key: ..., value: true}");
        break;
    default:
        break;
    }
}

/* Settings of another type than the policy's. */
static void check_stray(const struct check_path *k, const struct leaf_config *c, enum policy_type type)
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
            check_path_warn(k, policy_type_names[t], "has no effect: the policy is of another type");
}

/* `allowed`: a bit for each type beside the leaves. False: the type is not one. */
static bool check_type(const struct check_path *k, const char *name, unsigned allowed)
{
    const char *names[ARRAY_LEN(policy_type_names)];
    enum policy_type type = policy_type_of(name);
    bool known = policy_type_names[type] != NULL;
    const char *near;
    size_t n = 0;

    if (type < POLICY_LEAVES || (known && (allowed & 1u << type) != 0))
        return true;
    for (int t = 0; policy_type_names[t] != NULL; t++)
        if (t < POLICY_LEAVES || (allowed & 1u << t) != 0)
            names[n++] = policy_type_names[t];
    names[n] = NULL;
    near = nearest_of(name, names);
    if (name[0] == '\0')
        check_path_fail(k, "", "requires a non-empty \"type\": what decides");
    else if (known)
        check_path_fail(k, "type", "a policy of the type %s may not stand here", name);
    else
        check_path_fail(k, "type", "unknown sampling policy type %s%s%s%s", name, near != NULL ? "; did you mean " : "",
                        near != NULL ? near : "", near != NULL ? "?" : "");
    return false;
}

static void check_subs(const struct check_path *k, const char *key, const struct option_list *subs, unsigned allowed);

static void check_not(const struct check_path *k, const struct not_config *c)
{
    struct check_path sub = *k;

    strncat(sub.path, "::not::not_sub_policy", sizeof(sub.path) - strlen(sub.path) - 1);
    if (!c->on)
        check_path_fail(k, "", "a not policy needs not: {not_sub_policy: {...}}");
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

static void check_composite(const struct check_path *k, const struct composite_config *c)
{
    const struct rate_allocation *a = c->rate_allocation.v;
    const struct policy_config *subs = c->composite_sub_policy.v;

    check_subs(k, "composite::composite_sub_policy", &c->composite_sub_policy, 1u << POLICY_AND);
    for (size_t i = 0; i < c->rate_allocation.n; i++)
        if (!names_sub(c, a[i].policy))
            check_path_fail(k, "composite::rate_allocation", "there is no policy \"%s\" in composite_sub_policy",
                            a[i].policy);
    for (size_t i = 0; i < c->policy_order.n; i++)
        if (!names_sub(c, c->policy_order.v[i]))
            check_path_fail(k, "composite::policy_order", "there is no policy \"%s\" in composite_sub_policy",
                            c->policy_order.v[i]);
    for (size_t i = 0; i < c->composite_sub_policy.n; i++)
        if (!has_allocation(c, subs[i].name))
            check_path_warn(k, "composite::composite_sub_policy",
                            "a policy without an entry in rate_allocation has no part of the rate and samples nothing");
}

static void check_policy(const struct check_path *k, const struct policy_config *c, unsigned allowed)
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

static void check_subs(const struct check_path *k, const char *key, const struct option_list *subs, unsigned allowed)
{
    const struct policy_config *v = subs->v;

    if (subs->n == 0)
        check_path_fail(k, "", "a policy of this type needs %s with at least one policy", key);
    for (size_t i = 0; i < subs->n; i++) {
        struct check_path sub = check_path_item(k, key, i);

        check_policy(&sub, &v[i], allowed);
    }
}

static void check_names(const struct check_path *k, const struct policy_config *v, size_t i)
{
    if (v[i].name[0] == '\0')
        check_path_fail(k, "", "policy name cannot be empty");
    for (size_t j = 0; j < i; j++)
        if (strcmp(v[i].name, v[j].name) == 0)
            check_path_fail(k, "name", "duplicate policy name \"%s\"", v[i].name);
}

void policies_check(const struct option_list *policies, bool at_ingest, struct check *ck)
{
    const unsigned all = 1u << POLICY_AND | 1u << POLICY_NOT | 1u << POLICY_DROP | 1u << POLICY_COMPOSITE;
    const struct policy_config *v = policies->v;
    const struct check_path body = { .ck = ck };

    for (size_t i = 0; i < policies->n; i++) {
        struct check_path k = check_path_item(&body, "policies", i);

        check_names(&k, v, i);
        check_policy(&k, &v[i], all);
        if (at_ingest && policy_is_stateful(&v[i]))
            check_path_fail(
                &k, "",
                "sampling_strategy \"span-ingest\" requires all policies to be stateless, but policy \"%s\" is "
                "stateful: use trace-complete",
                v[i].name);
    }
}
