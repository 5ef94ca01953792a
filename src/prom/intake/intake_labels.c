/* SPDX-License-Identifier: Apache-2.0 */
/* From the labels that a page gives a series to those that it has: the target's are added, a conflict is settled as
 * honor_labels says, relabelling is the caller's, then names and limits are looked at.
 *
 * What can go wrong: a name that may not be, a limit: as in Prometheus the whole page fails then. */
#include "codec/utf8.h"
#include "prom/intake/intake_inside.h"
#include "prom/model/labels.h"
#include "prom/model/name.h"

#include <stdio.h>

#define EXPORTED "exported_"
#define SHOWN 50 /* bytes of a name or value in an error */

static const struct bytes metric_name = BYTES_LIT("__name__");

/* The page gives it, if only an empty value. */
static bool is_given(const struct take *t, struct bytes name)
{
    const uint8_t *p = t->empty.data, *end = bytes_end(buf_bytes(&t->empty));

    if (label_set_get(&t->labels, name).len > 0)
        return true;
    for (; p < end; p += strlen((const char *)p) + 1)
        if (bytes_is(name, (const char *)p))
            return true;
    return false;
}

static void add_missing(struct take *t)
{
    const struct label_set *target = &t->in->labels;

    for (size_t i = 0; i < target->list.n; i++)
        if (!is_given(t, target->list.v[i].name))
            label_set_put(&t->labels, target->list.v[i].name, target->list.v[i].value);
}

/* A value that had to give way: under its old name with `exported_` in front, as often as that is taken. */
static void put_exported(struct take *t, struct bytes name, struct bytes value)
{
    struct buf *b = &t->scratch;

    b->len = 0;
    do {
        struct buf with = { 0 };

        buf_puts(&with, EXPORTED);
        buf_put(&with, b->len > 0 ? buf_bytes(b) : name);
        b->len = 0;
        buf_put(b, buf_bytes(&with));
        buf_free(&with);
    } while (label_set_get(&t->labels, buf_bytes(b)).len > 0);
    label_set_copy(&t->labels, buf_bytes(b), value);
}

static void override_all(struct take *t)
{
    const struct label_set *target = &t->in->labels;
    VEC(struct label_pair) conflicts = { 0 };

    for (size_t i = 0; i < target->list.n; i++) {
        struct bytes own = label_set_get(&t->labels, target->list.v[i].name);

        if (own.len > 0)
            *vec_push(&conflicts) = (struct label_pair){ target->list.v[i].name, own };
        label_set_put(&t->labels, target->list.v[i].name, target->list.v[i].value);
    }
    while (conflicts.n > 0) { /* the shortest name first; few */
        size_t first = 0;

        for (size_t i = 1; i < conflicts.n; i++)
            if (conflicts.v[i].name.len < conflicts.v[first].name.len)
                first = i;
        put_exported(t, conflicts.v[first].name, conflicts.v[first].value);
        conflicts.n--;
        memmove(&conflicts.v[first], &conflicts.v[first + 1], (conflicts.n - first) * sizeof(*conflicts.v));
    }
    vec_free(&conflicts);
}

void labels_add_target(struct take *t, bool honor)
{
    if (honor)
        add_missing(t);
    else
        override_all(t);
}

/* ---- what may be ---- */

static int shown_length(struct bytes s)
{
    return s.len < SHOWN ? (int)s.len : SHOWN;
}

static bool check_names(struct take *t, struct bytes metric)
{
    bool legacy = t->in->rules->legacy_names;

    if (legacy ? !name_is_legacy_metric(metric) : !utf8_valid(metric))
        return false;
    for (size_t i = 0; i < t->labels.list.n; i++) {
        const struct label_pair *l = &t->labels.list.v[i];

        if (l->name.len == 0 || (legacy ? !name_is_legacy_label(l->name) : !utf8_valid(l->name)) ||
            !utf8_valid(l->value))
            return false;
    }
    return true;
}

static void check_lengths(struct take *t, struct bytes metric)
{
    const struct intake_rules *rules = t->in->rules;

    for (size_t i = 0; i < t->labels.list.n && !take_failed(t); i++) {
        struct bytes name = t->labels.list.v[i].name, value = t->labels.list.v[i].value;

        if (rules->label_name_length_limit > 0 && name.len > rules->label_name_length_limit)
            take_fail(t, "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, length: %zu, limit: %llu)",
                      shown_length(metric), (const char *)metric.data, shown_length(name), (const char *)name.data,
                      name.len, (unsigned long long)rules->label_name_length_limit);
        else if (rules->label_value_length_limit > 0 && value.len > rules->label_value_length_limit)
            take_fail(
                t,
                "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, value: \"%.*s\", length: %zu, "
                "limit: %llu)",
                shown_length(metric), (const char *)metric.data, shown_length(name), (const char *)name.data,
                shown_length(value), (const char *)value.data, value.len,
                (unsigned long long)rules->label_value_length_limit);
    }
}

bool labels_check(struct take *t)
{
    const struct intake_rules *rules = t->in->rules;
    struct bytes metric = label_set_get(&t->labels, metric_name);

    if (metric.len == 0)
        take_fail(t, "missing metric name (__name__ label)");
    else if (!check_names(t, metric))
        take_fail(t, "invalid metric name or label names: %.*s", shown_length(metric), (const char *)metric.data);
    else if (rules->label_limit > 0 && t->labels.list.n > rules->label_limit)
        take_fail(t, "label_limit exceeded (metric: %.*s, number of labels: %zu, limit: %llu)", shown_length(metric),
                  (const char *)metric.data, t->labels.list.n, (unsigned long long)rules->label_limit);
    else
        check_lengths(t, metric);
    return !take_failed(t);
}

#define RENDER_AT 0.4 /* below that nobody looks at who grows */

bool labels_admit(struct take *t)
{
    struct series_limit *limit = &t->in->store->limit;
    struct buf *b = &t->scratch;

    b->len = 0;
    if (series_limit_fill(limit) >= RENDER_AT)
        for (size_t i = 0; i < t->labels.list.n; i++)
            if (!bytes_equal(t->labels.list.v[i].name, metric_name))
                labels_put(b, t->labels.list.v[i].name, t->labels.list.v[i].value);
    return series_limit_admits(limit, t->in->sender, label_set_get(&t->labels, metric_name), buf_bytes(b));
}

/* ---- what is sent ---- */

/* It says something else than an attribute of the point. */
static bool is_consumed(struct bytes name, enum metric_kind kind)
{
    static const char *const others[] = { "__name__", "job", "instance", "__scheme__", "__metrics_path__" };
    struct bytes rest;

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (bytes_is(name, others[i]))
            return true;
    if ((kind == METRIC_EXPLICIT || kind == METRIC_EXPONENTIAL) && bytes_is(name, "le"))
        return true;
    return (kind == METRIC_SUMMARY && bytes_is(name, "quantile")) || label_is_of_scope(name, &rest);
}

void labels_encode(struct take *t, enum metric_kind kind)
{
    static const unsigned fields[] = {
        [METRIC_NUMBER_GAUGE] = OTLP_NUMBER_ATTRIBUTES, [METRIC_SUM] = OTLP_NUMBER_ATTRIBUTES,
        [METRIC_EXPLICIT] = OTLP_HISTOGRAM_ATTRIBUTES,  [METRIC_EXPONENTIAL] = OTLP_EXPONENTIAL_ATTRIBUTES,
        [METRIC_SUMMARY] = OTLP_SUMMARY_ATTRIBUTES,
    };

    t->attributes.len = 0;
    for (size_t i = 0; i < t->labels.list.n; i++)
        if (!is_consumed(t->labels.list.v[i].name, kind))
            attribute_put(&t->attributes, fields[kind], t->labels.list.v[i].name, t->labels.list.v[i].value);
}

struct out_resource *labels_resource(struct take *t)
{
    struct bytes job = label_set_get(&t->labels, bytes_str("job"));
    struct bytes instance = label_set_get(&t->labels, bytes_str("instance"));

    if (job.len == 0)
        job = label_set_get(&t->in->labels, bytes_str("job"));
    if (instance.len == 0)
        instance = label_set_get(&t->in->labels, bytes_str("instance"));
    if (job.len > 0 && instance.len > 0)
        return out_resource_get(t, job, instance);
    take_fail(t, "job or instance cannot be found from labels");
    return NULL;
}
