/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics opened: the fields are sorted into name, head, data and points, and a point's into attributes and the rest.
 * Nothing is freed by itself: the arena goes with the batch. */
#include "base/mem.h"
#include "otlp/any_value.h"
#include "otlp/path.h"
#include "processor/stream/metric_edit.h"
#include "processor/metrics_transform/transform.h"

struct bytes work_keep(struct work *w, struct bytes b)
{
    if (b.len == 0)
        return bytes_of("", 0);
    return bytes_of(memcpy(arena_alloc_bytes(&w->arena, b.len), b.data, b.len), b.len);
}

struct bytes work_string(struct work *w, struct bytes text)
{
    w->scratch.len = 0;
    pb_put_bytes(&w->scratch, OTLP_ANY_STRING, text);
    return work_keep(w, buf_bytes(&w->scratch));
}

struct bytes work_text(struct bytes any_value)
{
    struct value v = value_read(any_value);

    return v.type == VALUE_STRING ? v.bytes : bytes_of("", 0);
}

struct work_metric *work_metric_new(struct work *w, struct bytes raw)
{
    struct work_metric *m = arena_zalloc(&w->arena, sizeof(*m));
    struct metric_view v = metric_view(raw);

    m->raw = raw;
    m->name = v.name;
    m->data = v.view.which;
    return m;
}

static struct bytes keep_without(struct work *w, struct bytes message, uint32_t without)
{
    w->scratch.len = 0;
    metric_edit_copy(&w->scratch, message, without);
    return work_keep(w, buf_bytes(&w->scratch));
}

static void add_pair(struct work *w, struct work_point *p, struct bytes key, struct bytes value)
{
    if (p->n == p->cap) {
        struct attribute_pair *more;

        p->cap = p->cap > 0 ? 2 * p->cap : 4;
        more = arena_alloc(&w->arena, p->cap * sizeof(*more));
        if (p->n > 0)
            memcpy(more, p->attributes, p->n * sizeof(*more));
        p->attributes = more;
    }
    p->attributes[p->n++] = (struct attribute_pair){ key, value };
}

static struct work_point *open_point(struct work *w, uint32_t data, struct bytes message)
{
    struct work_point *p = arena_zalloc(&w->arena, sizeof(*p));
    unsigned number = metric_attributes_field(data);
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        add_pair(w, p, a.key, a.value);
    p->rest = keep_without(w, message, FIELD_BIT(number));
    return p;
}

void work_metric_open(struct work *w, struct work_metric *m)
{
    struct metric_view v = metric_view(m->raw);
    struct pb_reader r = pb_reader(v.data);
    struct bytes point;

    if (m->opened)
        return;
    m->opened = true;
    m->head = keep_without(w, m->raw, METRIC_DATA_FIELDS | FIELD_BIT(OTLP_METRIC_NAME));
    m->data_head = keep_without(w, v.data, FIELD_BIT(OTLP_DATA_POINTS));
    while (message_next(&r, OTLP_DATA_POINTS, &point))
        work_metric_add(w, m, open_point(w, m->data, point));
    w->overwritten += path_count(m->raw, LEVEL_METRIC, SIGNAL_METRICS) - m->n;
}

struct work_metric *work_metric_copy(struct work *w, const struct work_metric *m)
{
    struct work_metric *copy = arena_alloc(&w->arena, sizeof(*copy));

    *copy = *m;
    copy->points = NULL;
    copy->n = copy->cap = 0;
    return copy;
}

void work_metric_add(struct work *w, struct work_metric *m, struct work_point *p)
{
    if (m->n == m->cap) {
        struct work_point **more;

        m->cap = m->cap > 0 ? 2 * m->cap : 8;
        more = arena_alloc(&w->arena, m->cap * sizeof(struct work_point *));
        if (m->n > 0)
            memcpy(more, m->points, m->n * sizeof(struct work_point *));
        m->points = more;
    }
    m->points[m->n++] = p;
}

struct work_point *work_point_copy(struct work *w, const struct work_point *p)
{
    struct work_point *copy = arena_alloc(&w->arena, sizeof(*copy));

    *copy = *p;
    copy->cap = p->n;
    copy->attributes = arena_alloc(&w->arena, (p->n + 1) * sizeof(*copy->attributes));
    if (p->n > 0)
        memcpy(copy->attributes, p->attributes, p->n * sizeof(*copy->attributes));
    return copy;
}

struct attribute_pair *work_point_find(const struct work_point *p, struct bytes key)
{
    for (size_t i = 0; i < p->n; i++)
        if (bytes_equal(p->attributes[i].key, key))
            return &p->attributes[i];
    return NULL;
}

void work_point_set(struct work *w, struct work_point *p, struct bytes key, struct bytes value)
{
    struct attribute_pair *a = work_point_find(p, key);

    if (a != NULL)
        a->value = value;
    else
        add_pair(w, p, key, value);
}

void work_point_remove(struct work_point *p, struct bytes key)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        if (!bytes_equal(p->attributes[i].key, key))
            p->attributes[n++] = p->attributes[i];
    p->n = n;
}

/* ---- put together ---- */

void work_put_container(struct assembly *a, struct message *m, struct bytes container)
{
    struct pb_reader r = pb_reader(container);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != OTLP_RESOURCE_GROUP_SCOPES)
            assembly_put(a, m, bytes_of(f.start, (size_t)(r.p - f.start)));
}

static void put_point(struct assembly *a, struct message *data, uint32_t number, const struct work_point *x)
{
    struct message *point = assembly_add(a, data, OTLP_DATA_POINTS);

    assembly_put(a, point, x->rest);
    for (size_t i = 0; i < x->n; i++) {
        struct message *attribute = assembly_add(a, point, number);

        assembly_put_field(a, attribute, OTLP_KEY_VALUE_KEY, x->attributes[i].key);
        assembly_put_field(a, attribute, OTLP_KEY_VALUE_VALUE, x->attributes[i].value);
    }
}

void work_put_metric(struct assembly *a, struct message *scope, const struct work_metric *m)
{
    struct message *metric, *data;

    if (!m->opened) {
        assembly_put_field(a, scope, OTLP_SCOPE_GROUP_ITEMS, m->raw);
        return;
    }
    metric = assembly_add(a, scope, OTLP_SCOPE_GROUP_ITEMS);
    assembly_put_field(a, metric, OTLP_METRIC_NAME, m->name);
    assembly_put(a, metric, m->head);
    data = assembly_add(a, metric, m->data);
    assembly_put(a, data, m->data_head);
    for (size_t i = 0; i < m->n; i++)
        put_point(a, data, metric_attributes_field(m->data), m->points[i]);
}
