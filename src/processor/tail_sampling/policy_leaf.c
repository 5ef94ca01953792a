/* SPDX-License-Identifier: Apache-2.0 */
/* Each type of policy is a function that looks at a trace: at what was gathered while its spans came in, or for
 * attributes and trace states at the spans, until one says yes. A rate is a bucket of tokens that fills with time. */
#include "base/mem.h"
#include "otlp/any_value.h"
#include "otlp/trace_state.h"
#include "otlp/view.h"
#include "processor/tail_sampling/policy_inside.h"

#include <math.h>
#include <string.h>

static bool next_span(struct pb_reader *r, struct bytes *span)
{
    return message_next(r, OTLP_SCOPE_GROUP_ITEMS, span);
}

/* ---- attributes ---- */

typedef bool matches(struct policy *p, const struct value *v, bool of_resource);

static bool attribute_matches(struct policy *p, struct bytes message, uint32_t number, const char *key, matches *test,
                              bool of_resource)
{
    struct pb_reader r = pb_reader(message);
    struct value v;

    for (struct attribute a; attribute_next(&r, number, &a);)
        if (bytes_is(a.key, key)) {
            v = value_read(a.value);
            return test(p, &v, of_resource);
        }
    return false;
}

static bool resource_matches(struct policy *p, const struct head *resource, const char *key, matches *test)
{
    struct pb_reader r = pb_reader(head_bytes(resource));
    struct bytes message;

    while (message_next(&r, OTLP_RESOURCE_GROUP_RESOURCE, &message))
        if (attribute_matches(p, message, OTLP_RESOURCE_ATTRIBUTES, key, test, true))
            return true;
    return false;
}

/* Any resource or span of the trace. */
static bool trace_matches(struct policy *p, const struct decision_trace *t, const char *key, matches *test)
{
    const struct head *asked = NULL;
    struct bytes span;

    for (const struct fragment *f = t->first; f != NULL; f = f->next) {
        if (f->scope->parent != asked && resource_matches(p, f->scope->parent, key, test))
            return true;
        asked = f->scope->parent;
        for (struct pb_reader r = pb_reader(fragment_bytes(f)); next_span(&r, &span);)
            if (attribute_matches(p, span, OTLP_SPAN_ATTRIBUTES, key, test, false))
                return true;
    }
    return false;
}

/* A value of another type counts as 0. */
static bool number_matches(struct policy *p, const struct value *v, bool of_resource)
{
    const struct numeric_config *c = &p->leaf->numeric_attribute;
    int64_t n = v->type == VALUE_INT ? v->integer : 0;

    (void)of_resource;
    return (c->min_value == 0 || n >= c->min_value) && (c->max_value == 0 || n <= c->max_value);
}

static bool boolean_matches(struct policy *p, const struct value *v, bool of_resource)
{
    (void)of_resource;
    return (v->type == VALUE_BOOL && v->boolean) == p->leaf->boolean_attribute.value;
}

/* Text that is none counts as empty; that of a span matches nothing then. */
static bool string_matches(struct policy *p, const struct value *v, bool of_resource)
{
    const struct string_config *c = &p->leaf->string_attribute;
    struct bytes text = v->type == VALUE_STRING ? v->bytes : bytes_of("", 0);

    if (text.len == 0 && (!of_resource || !c->enabled_regex_matching))
        return false;
    for (size_t i = 0; i < p->patterns.n; i++)
        if (regex_meter_search(&p->meter, p->patterns.v[i], text))
            return true;
    for (size_t i = 0; !c->enabled_regex_matching && i < c->values.n; i++)
        if (bytes_is(text, c->values.v[i]))
            return true;
    return false;
}

/* ---- trace state ---- */

/* The value of that member; no data: there is none, or the text is no trace state. */
static struct bytes member_value(struct bytes text, const char *key)
{
    struct trace_state s;
    size_t n = strlen(key);

    if (!trace_state_read(&s, text))
        return bytes_of(NULL, 0);
    while (text.len > 0) {
        const uint8_t *comma = memchr(text.data, ',', text.len);
        struct bytes one = bytes_of(text.data, comma != NULL ? (size_t)(comma - text.data) : text.len);

        text = bytes_skip(text, comma != NULL ? one.len + 1 : one.len);
        one = bytes_trim(one);
        if (one.len > n && memcmp(one.data, key, n) == 0 && one.data[n] == '=')
            return bytes_skip(one, n + 1);
    }
    return bytes_of(NULL, 0);
}

static bool span_has_state(const struct trace_state_config *c, struct bytes span)
{
    struct bytes value = member_value(span_view(span).trace_state, c->key);

    for (size_t i = 0; value.data != NULL && i < c->values.n; i++)
        if (c->values.v[i][0] != '\0' && bytes_is(value, c->values.v[i]))
            return true;
    return false;
}

static bool trace_has_state(const struct policy *p, const struct decision_trace *t)
{
    struct bytes span;

    for (const struct fragment *f = t->first; f != NULL; f = f->next)
        for (struct pb_reader r = pb_reader(fragment_bytes(f)); next_span(&r, &span);)
            if (span_has_state(&p->leaf->trace_state, span))
                return true;
    return false;
}

/* ---- the leaves ---- */

/* In whole milliseconds, towards zero. */
static bool latency_samples(const struct latency_config *c, const struct decision_trace *t)
{
    int64_t ms = (int64_t)(t->facts->end - t->facts->start) / (int64_t)NS_PER_MS;

    return ms > c->threshold_ms && (c->upper_threshold_ms == 0 || ms <= c->upper_threshold_ms);
}

static bool status_samples(const struct status_code_config *c, const struct decision_trace *t)
{
    static const char *const names[] = { "UNSET", "OK", "ERROR" };

    for (size_t i = 0; i < c->status_codes.n; i++)
        for (unsigned code = 0; code < ARRAY_LEN(names); code++)
            if (strcmp(c->status_codes.v[i], names[code]) == 0 && (t->facts->status_codes & 1u << code) != 0)
                return true;
    return false;
}

#define DEFAULT_SALT "default-hash-seed"

static bool hash_samples(const struct policy *p, const struct decision_trace *t)
{
    const char *given = p->leaf->probabilistic.hash_salt, *salt = given[0] != '\0' ? given : DEFAULT_SALT;
    uint64_t hash = bytes_fnv1a(BYTES_FNV1A, bytes_str(salt));

    return bytes_fnv1a(hash, bytes_of(t->id, TRACE_ID_SIZE)) <= p->threshold;
}

__extension__ typedef unsigned __int128 uint128;

/* 2^64-1 times the ratio as the Go collector has it: rounded to 64 bits of mantissa, then cut to a whole number. */
static uint64_t threshold_of(double ratio)
{
    uint128 product, half;
    unsigned bits = 0;
    int exponent;
    double mantissa = frexp(ratio, &exponent); /* ratio = mantissa * 2^exponent */

    if (!(ratio > 0))
        return 0;
    if (ratio >= 1)
        return UINT64_MAX;
    product = (uint128)UINT64_MAX * (uint64_t)ldexp(mantissa, 53);
    exponent -= 53;
    while (product >> bits > UINT64_MAX)
        bits++;
    if (bits > 0) {
        half = (uint128)1 << (bits - 1);
        product += half - 1 + (product >> bits & 1); /* to the nearest, halves to even */
        product >>= bits;
    }
    exponent += (int)bits;
    return exponent <= -64 ? 0 : (uint64_t)(product >> -exponent);
}

static bool bucket_takes(struct token_bucket *b, double n, uint64_t now)
{
    b->tokens += (double)(now - b->at) / (double)NS_PER_S * b->rate;
    b->at = now;
    if (b->tokens > b->burst)
        b->tokens = b->burst;
    if (n > b->tokens)
        return false;
    b->tokens -= n;
    return true;
}

static bool count_samples(const struct span_count_config *c, const struct decision_trace *t)
{
    return t->spans >= c->min_spans && (c->max_spans == 0 || t->spans <= c->max_spans);
}

bool policy_leaf_wants_facts(const struct policy *p)
{
    return p->type == POLICY_LATENCY || p->type == POLICY_STATUS_CODE || p->type == POLICY_TRACE_FLAGS;
}

bool policy_leaf_samples(struct policy *p, const struct decision_trace *t, uint64_t now)
{
    const struct leaf_config *c = p->leaf;

    switch (p->type) {
    case POLICY_ALWAYS_SAMPLE:
        return true;
    case POLICY_LATENCY:
        return latency_samples(&c->latency, t);
    case POLICY_NUMERIC_ATTRIBUTE:
        return trace_matches(p, t, c->numeric_attribute.key, number_matches) != c->numeric_attribute.invert_match;
    case POLICY_PROBABILISTIC:
        return hash_samples(p, t);
    case POLICY_STATUS_CODE:
        return status_samples(&c->status_code, t);
    case POLICY_STRING_ATTRIBUTE:
        regex_meter_begin(&p->meter);
        return trace_matches(p, t, c->string_attribute.key, string_matches) != c->string_attribute.invert_match;
    case POLICY_RATE_LIMITING:
        return bucket_takes(&p->bucket, (double)t->spans, now);
    case POLICY_BYTES_LIMITING:
        return bucket_takes(&p->bucket, (double)t->bytes, now);
    case POLICY_SPAN_COUNT:
        return count_samples(&c->span_count, t);
    case POLICY_TRACE_STATE:
        return trace_has_state(p, t);
    case POLICY_BOOLEAN_ATTRIBUTE:
        return trace_matches(p, t, c->boolean_attribute.key, boolean_matches) != c->boolean_attribute.invert_match;
    case POLICY_TRACE_FLAGS:
        return t->facts->sampled_flag;
    default:
        return false;
    }
}

/* ---- made and freed ---- */

static void fill_bucket(struct token_bucket *b, uint64_t rate, uint64_t burst, uint64_t now)
{
    b->rate = (double)rate;
    b->burst = burst > 0 ? (double)burst : 2 * b->rate;
    b->tokens = b->burst;
    b->at = now;
}

void policy_leaf_init(struct policy *p, uint64_t now)
{
    const struct leaf_config *c = p->leaf;
    struct error err;

    p->threshold = threshold_of(c->probabilistic.sampling_percentage / 100);
    if (p->type == POLICY_OTTL_CONDITION)
        p->conditions = policy_conditions_new(&c->ottl_condition);
    if (p->type == POLICY_RATE_LIMITING)
        fill_bucket(&p->bucket, c->rate_limiting.spans_per_second, c->rate_limiting.burst_capacity, now);
    if (p->type == POLICY_BYTES_LIMITING)
        fill_bucket(&p->bucket, c->bytes_limiting.bytes_per_second, c->bytes_limiting.burst_capacity, now);
    if (p->type == POLICY_STRING_ATTRIBUTE && c->string_attribute.enabled_regex_matching)
        for (size_t i = 0; i < c->string_attribute.values.n; i++)
            *vec_push(&p->patterns) = regex_new(c->string_attribute.values.v[i], &err);
}

void policy_leaf_free(struct policy *p)
{
    for (size_t i = 0; i < p->patterns.n; i++)
        regex_free(p->patterns.v[i]);
    vec_free(&p->patterns);
    policy_conditions_free(p->conditions);
}
