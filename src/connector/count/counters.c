/* SPDX-License-Identifier: Apache-2.0 */
/* A thing's values of the metric's attributes lead to the counter that it counts in: a point, in a metric, in a
 * resource like its own, each made when it is first needed. What is made takes room, of which a batch has so much; see
 * count.c for what becomes of things without. */
#include "base/decimal.h"
#include "base/mem.h"
#include "connector/count/count_inside.h"
#include "otlp/any_value.h"
#include "otlp/text/attribute_convert.h"
#include "otlp/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINT_COST 400u /* of a point without its attributes; of a metric, of a resource */
#define OVERFLOW_KEY "otel.metric.overflow"
#define SCOPE_NAME "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector"

static bool find_attribute(struct bytes message, unsigned number, const char *key, struct bytes *value)
{
    struct pb_reader r = pb_reader(message);

    for (struct bytes field; message_next(&r, number, &field);) {
        struct key_value_view v = key_value_view(field);

        if (bytes_is(v.key, key)) {
            *value = v.value.data != NULL ? v.value : bytes_of("", 0);
            return true;
        }
    }
    return false;
}

static void put_attribute(struct count *p, const char *key, struct bytes value)
{
    size_t mark = pb_begin(&p->scratch, OTLP_NUMBER_ATTRIBUTES);

    pb_put_str(&p->scratch, OTLP_KEY_VALUE_KEY, key);
    pb_put_bytes(&p->scratch, OTLP_KEY_VALUE_VALUE, value);
    pb_end(&p->scratch, mark);
}

/* Texts, and numbers that are not 0 as texts: what a sum's points are told apart by. False: it is none of these. */
static bool put_text(struct count *p, struct bytes any)
{
    struct value v = value_read(any);
    double number = v.type == VALUE_INT ? (double)v.integer : v.type == VALUE_DOUBLE ? v.number : 0;

    p->text.len = 0;
    if (v.type == VALUE_STRING)
        buf_put(&p->text, v.bytes);
    else if (v.type == VALUE_DOUBLE && (number < 0 || number > 0 || isnan(number)))
        decimal_put(&p->text, number, DECIMAL_GO);
    else if (v.type == VALUE_INT && v.integer != 0)
        any_value_put(&p->text, any);
    return p->text.len > 0;
}

/* What stands for an attribute that is missing: a text or a number, and not an empty one. */
static bool stands_for_it(struct bytes any)
{
    struct value v = value_read(any);

    return (v.type == VALUE_STRING && v.bytes.len > 0) || (v.type == VALUE_INT && v.integer != 0) ||
           (v.type == VALUE_DOUBLE && (v.number < 0 || v.number > 0 || isnan(v.number)));
}

/* Of a sum: the item's, as text. One that is there and says nothing is missing, as in the Go collector. */
static bool gather_texts(struct count *p, const struct counted_metric *m, const struct visit *at, struct digest *key)
{
    struct buf any = { 0 };
    bool all = true;

    p->scratch.len = 0;
    for (size_t i = 0; i < m->n_attributes && all; i++) {
        const struct counted_attribute *a = &m->attributes[i];
        struct bytes value;

        if (!find_attribute(at->message, at->attributes, a->key, &value)) {
            all = stands_for_it(a->fallback);
            put_attribute(p, a->key, a->fallback);
            continue;
        }
        all = put_text(p, value);
        any.len = 0;
        pb_put_bytes(&any, OTLP_ANY_STRING, buf_bytes(&p->text));
        put_attribute(p, a->key, buf_bytes(&any));
    }
    buf_free(&any);
    *key = digest_bytes(*key, buf_bytes(&p->scratch));
    return all;
}

/* Scopes and resources may be large, and have many items: each is looked through once, and hashed once. */
static void look_at_resource(struct counted_attribute *a, const struct visit *at)
{
    if (a->resource.looked)
        return;
    a->resource = (struct above){ .looked = true, .value = a->fallback };
    find_attribute(visit_resource(at), OTLP_RESOURCE_ATTRIBUTES, a->key, &a->resource.value);
    a->resource.digest = digest_bytes((struct digest){ 0 }, a->resource.value);
}

static void look_above(struct counted_attribute *a, const struct visit *at)
{
    if (a->scope.looked)
        return;
    a->scope.looked = true;
    if (find_attribute(visit_scope(at), OTLP_SCOPE_ATTRIBUTES, a->key, &a->scope.value)) {
        a->scope.digest = digest_bytes((struct digest){ 0 }, a->scope.value);
        return;
    }
    look_at_resource(a, at);
    a->scope = a->resource;
}

void count_forget_above(struct count *p, bool resource)
{
    for (unsigned section = 0; section < COUNT_SECTIONS; section++)
        for (size_t i = 0; i < p->lists[section].n; i++)
            for (size_t k = 0; k < p->lists[section].v[i].n_attributes; k++) {
                struct counted_attribute *a = &p->lists[section].v[i].attributes[k];

                a->scope.looked = false;
                a->resource.looked = a->resource.looked && !resource;
            }
}

/* The values of the metric's attributes, in `values` and in the digest; false: one is missing. */
static bool gather_values(struct count *p, const struct counted_metric *m, const struct visit *at, struct digest *key)
{
    p->values.n = 0;
    for (size_t i = 0; i < m->n_attributes; i++) {
        struct counted_attribute *a = &m->attributes[i];
        struct digest digest;
        struct bytes value;

        if (find_attribute(at->message, at->attributes, a->key, &value)) {
            digest = digest_bytes((struct digest){ 0 }, value);
        } else {
            look_above(a, at);
            value = a->scope.value;
            digest = a->scope.digest;
        }
        if (value.data == NULL)
            return false;
        *key = digest_number(digest_number(*key, digest.lo), digest.hi);
        *vec_push(&p->values) = value;
    }
    return true;
}

/* The attributes as fields of a data point; those of a sum have been put together already. */
static struct bytes keep_attributes(struct count *p, const struct counted_metric *m)
{
    if (!p->sums)
        p->scratch.len = 0;
    for (size_t i = 0; !p->sums && i < m->n_attributes; i++)
        put_attribute(p, m->attributes[i].key, p->values.v[i]);
    return assembly_keep(&p->assembly, buf_bytes(&p->scratch));
}

static uint64_t size_of_attributes(const struct count *p, const struct counted_metric *m)
{
    uint64_t bytes = p->sums ? p->scratch.len : 0;

    for (size_t i = 0; !p->sums && i < m->n_attributes; i++)
        bytes += strlen(m->attributes[i].key) + p->values.v[i].len + 16;
    return bytes;
}

static bool is_wanted(struct count *p, const struct counted_metric *m)
{
    bool wanted = m->n_conditions == 0;

    for (size_t i = 0; i < m->n_conditions && !wanted; i++)
        if (!ottl_test(p->evaluation, m->conditions[i], &wanted, &p->err)) {
            p->failed = true;
            return false;
        }
    return wanted;
}

/* What more there is room for, in points or in what they stand in. */
static bool take_room(struct count *p, uint64_t bytes, uint64_t room)
{
    if (p->copied + bytes > room)
        return false;
    p->copied += bytes;
    return true;
}

/* A message that points stand in. Where there is no room even for those nothing is counted by halves. */
static bool take_outer_room(struct count *p, uint64_t bytes)
{
    if (take_room(p, bytes, 2 * p->room))
        return true;
    p->failed = p->crowded_out = true;
    error_set(&p->err, -1, "the counts of this request would take more than %llu bytes: it has too many resources",
              2 * (unsigned long long)p->room);
    return false;
}

static void make_resource(struct count *p, const struct visit *at)
{
    struct assembly *a = &p->assembly;
    struct message *head, *scope;
    struct pb_reader r = pb_reader(visit_resource(at));

    p->resource = assembly_add(a, a->root, OTLP_REQUEST_RESOURCES);
    head = assembly_add(a, p->resource, OTLP_RESOURCE_GROUP_RESOURCE);
    for (struct bytes attribute; message_next(&r, OTLP_RESOURCE_ATTRIBUTES, &attribute);)
        assembly_put_field(a, head, OTLP_RESOURCE_ATTRIBUTES, assembly_keep(a, attribute));
    p->scope = assembly_add(a, p->resource, OTLP_RESOURCE_GROUP_SCOPES);
    scope = assembly_add(a, p->scope, OTLP_SCOPE_GROUP_SCOPE);
    if (!p->sums)
        assembly_put_field(a, scope, OTLP_SCOPE_NAME, bytes_str(SCOPE_NAME));
}

/* The data of the metric in the resource that is walked. */
static struct message *find_data(struct count *p, const struct counted_metric *m, const struct digest *key)
{
    struct assembly *a = &p->assembly;
    bool made;
    struct message *metric = assembly_find(a, p->scope, OTLP_SCOPE_GROUP_ITEMS, key, &made), *data;
    struct buf fields = { 0 };

    if (!made)
        return metric->user;
    assembly_put_field(a, metric, OTLP_METRIC_NAME, bytes_str(m->name));
    if (m->description[0] != '\0')
        assembly_put_field(a, metric, OTLP_METRIC_DESCRIPTION, bytes_str(m->description));
    metric->user = data = assembly_add(a, metric, OTLP_METRIC_SUM);
    pb_put_uint(&fields, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_DELTA);
    pb_put_uint(&fields, OTLP_DATA_MONOTONIC, 1);
    assembly_put(a, data, assembly_keep(a, buf_bytes(&fields)));
    buf_free(&fields);
    return data;
}

/* What the item adds to a sum: 0 where it has no number. */
static double amount_of(const struct counted_metric *m, const struct visit *at)
{
    struct bytes any;
    struct value v;

    if (!find_attribute(at->message, at->attributes, m->source, &any))
        return 0;
    v = value_read(any);
    if (v.type == VALUE_INT)
        return (double)v.integer;
    if (v.type == VALUE_DOUBLE)
        return v.number;
    return v.type == VALUE_STRING ? attribute_number(v.bytes) : 0;
}

static struct counter *new_counter(struct count *p, enum count_section section, struct message *data,
                                   const struct digest *key, struct bytes attributes)
{
    bool made;
    struct message *point = assembly_find(&p->assembly, data, OTLP_DATA_POINTS, key, &made);
    struct counter *c;

    if (!made)
        return point->user;
    c = point->user = arena_zalloc(&p->assembly.arena, sizeof(*c));
    *c = (struct counter){ .point = point, .section = section };
    assembly_put(&p->assembly, point, attributes);
    *vec_push(&p->counters) = c;
    return c;
}

/* Its values are new, and there is no room for more of them. */
static struct counter *overflow_counter(struct count *p, enum count_section section, struct message *data,
                                        const struct digest *of_metric)
{
    struct digest key = digest_bytes(*of_metric, bytes_str(OVERFLOW_KEY));
    const struct message *known = assembly_known(&p->assembly, &key);

    if (known != NULL)
        return known->user;
    if (complaint_due(&p->crowded, &p->node.host->loop->clock))
        log_warn(&p->node.log,
                 "Items with ever new attributes are counted together, under otel.metric.overflow: a request has too "
                 "many of them",
                 F_UINT("bytes", p->copied), F_UINT("repeated", complaint_taken(&p->crowded)));
    return take_outer_room(p, POINT_COST) ? new_counter(p, section, data, &key, p->overflow) : NULL;
}

static struct counter *find_counter(struct count *p, enum count_section section, const struct counted_metric *m,
                                    struct message *data, const struct digest *of_metric, const struct digest *key)
{
    const struct message *known = assembly_known(&p->assembly, key);
    uint64_t bytes = POINT_COST + size_of_attributes(p, m);

    if (known != NULL)
        return known->user;
    if (m->n_attributes > 0 && !take_room(p, bytes, p->room))
        return overflow_counter(p, section, data, of_metric);
    if (m->n_attributes == 0 && !take_outer_room(p, bytes))
        return NULL;
    return new_counter(p, section, data, key, keep_attributes(p, m));
}

void count_for(struct count *p, enum count_section section, const struct counted_metric *m, const struct visit *at)
{
    struct digest of_metric =
        digest_number(digest_number((struct digest){ 0 }, p->n_resources), (uint64_t)(uintptr_t)m);
    struct digest key = digest_number(of_metric, m->n_attributes);
    struct message *data;
    struct counter *c;

    if (!is_wanted(p, m) || !(p->sums ? gather_texts(p, m, at, &key) : gather_values(p, m, at, &key)))
        return;
    if (p->resource == NULL) {
        if (!take_outer_room(p, POINT_COST + visit_resource(at).len))
            return;
        make_resource(p, at);
    }
    if (assembly_known(&p->assembly, &of_metric) == NULL && !take_outer_room(p, POINT_COST))
        return;
    data = find_data(p, m, &of_metric);
    c = find_counter(p, section, m, data, &of_metric, &key);
    if (c == NULL)
        return;
    c->n++;
    if (p->sums)
        c->sum += amount_of(m, at);
}

struct bytes count_overflow(struct arena *a)
{
    struct buf b = { 0 };
    size_t pair = pb_begin(&b, OTLP_NUMBER_ATTRIBUTES), value;
    struct bytes kept;

    pb_put_str(&b, OTLP_KEY_VALUE_KEY, OVERFLOW_KEY);
    value = pb_begin(&b, OTLP_KEY_VALUE_VALUE);
    pb_put_uint(&b, OTLP_ANY_BOOL, 1);
    pb_end(&b, value);
    pb_end(&b, pair);
    kept = bytes_of(arena_strndup(a, (const char *)b.data, b.len), b.len);
    buf_free(&b);
    return kept;
}
