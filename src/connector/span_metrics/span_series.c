/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables (base/table.h): resources by the digest of their attributes, series by the hash of their keys, which are
 * compared. Whoever walks the lists removes; nothing goes while spans are counted. */
#include "connector/span_metrics/span_series.h"

#include "base/mem.h"
#include "connector/overflow_attributes.h"
#include "otlp/view.h"

#include <assert.h>
#include <stdlib.h>

#define ALLOCATOR_COST 16u

static uint64_t hash_of_series(const void *entry)
{
    return ((const struct family_series *)entry)->hash;
}

static uint64_t hash_of_resource(const void *entry)
{
    return ((const struct resource_series *)entry)->id.lo;
}

void span_series_init(struct span_series *s, struct budget *budget)
{
    s->budget = budget;
    s->shape.budget = budget;
    table_init(&s->table, hash_of_series, budget);
    table_init(&s->resources, hash_of_resource, budget);
    list_init(&s->all);
    list_init(&s->by_age);
    list_init(&s->idle);
}

void span_series_free(struct span_series *s)
{
    struct resource_series *r;

    while ((r = list_pop(&s->all, struct resource_series, link)) != NULL)
        span_series_remove_resource(s, r);
    table_free(&s->table);
    table_free(&s->resources);
}

/* ---- resources ---- */

static bool is_resource(const void *entry, const void *id)
{
    return digest_equal(&((const struct resource_series *)entry)->id, id);
}

struct resource_series *span_series_find_resource(struct span_series *s, const struct digest *id, uint64_t now)
{
    struct resource_series *r = table_find(&s->resources, id->lo, is_resource, id);

    if (r == NULL)
        return NULL;
    r->last_seen = now;
    if (r->leaving)
        s->n_resources++;
    else
        list_remove(&r->age);
    r->leaving = false;
    list_push(&s->by_age, &r->age);
    return r;
}

/* Past the limit the one that is unused for longest is to leave. */
static void keep_limit(struct span_series *s)
{
    struct resource_series *oldest;

    if (s->n_resources <= s->limits.resources)
        return;
    oldest = list_first(&s->by_age, struct resource_series, age);
    list_remove(&oldest->age);
    oldest->leaving = true;
    s->n_resources--;
}

struct resource_series *span_series_add_resource(struct span_series *s, const struct digest *id,
                                                 struct bytes attributes, uint64_t now)
{
    size_t size = sizeof(struct resource_series) + attributes.len + ALLOCATOR_COST;
    struct resource_series *r;

    if (!budget_take(s->budget, size))
        return NULL;
    r = mem_zalloc(sizeof(*r) + attributes.len);
    r->id = *id;
    r->size = size;
    r->last_seen = now;
    r->attributes_len = attributes.len;
    if (attributes.len > 0)
        memcpy(r->attributes, attributes.data, attributes.len);
    if (!table_insert(&s->resources, r, id->lo)) {
        budget_give(s->budget, size);
        free(r);
        return NULL;
    }
    for (unsigned i = 0; i < FAMILIES; i++) {
        r->families[i] = (struct span_family){ .resource = r, .number = s->next_family++, .kind = (enum family_kind)i };
        list_init(&r->families[i].series);
    }
    list_push(&s->all, &r->link);
    list_push(&s->by_age, &r->age);
    s->n_resources++;
    keep_limit(s);
    return r;
}

void span_series_remove_resource(struct span_series *s, struct resource_series *r)
{
    struct family_series *series;

    for (unsigned i = 0; i < FAMILIES; i++)
        while ((series = list_pop(&r->families[i].series, struct family_series, link)) != NULL)
            span_series_remove(s, series);
    table_remove(&s->resources, r, r->id.lo);
    list_remove(&r->link);
    if (!r->leaving) {
        list_remove(&r->age);
        s->n_resources--;
    }
    budget_give(s->budget, r->size);
    free(r);
}

/* ---- series ---- */

static bool is_series(const void *entry, const void *key)
{
    const struct family_series *s = entry;

    return bytes_equal(bytes_of(s->data, s->key_len), *(const struct bytes *)key);
}

struct family_series *span_series_find(struct span_series *s, struct bytes key, uint64_t hash)
{
    return table_find(&s->table, hash, is_series, &key);
}

static size_t size_of(const struct span_series *s, const struct span_family *f, size_t data)
{
    return sizeof(struct family_series) + data + ALLOCATOR_COST +
           (f->has_durations ? observed_size(&s->shape) + ALLOCATOR_COST : 0);
}

static struct family_series *make_series(struct span_series *s, struct span_family *f, struct bytes key,
                                         struct bytes attributes, uint64_t wall)
{
    struct family_series *made = mem_zalloc(sizeof(*made) + key.len + attributes.len);

    made->family = f;
    made->start = wall;
    made->key_len = (uint32_t)key.len;
    made->attributes_len = (uint32_t)attributes.len;
    if (key.len > 0)
        memcpy(made->data, key.data, key.len);
    if (attributes.len > 0)
        memcpy(made->data + key.len, attributes.data, attributes.len);
    if (f->has_durations)
        observed_init(&made->durations, &s->shape);
    made->serial = s->next_serial++;
    list_push(&f->series, &made->link);
    s->n++;
    return made;
}

bool span_series_may_add(const struct span_series *s, const struct span_family *f, size_t bytes)
{
    return (s->limits.series == 0 || f->n < s->limits.series) && budget_room(s->budget) >= bytes;
}

/* A family with durations beside calls is two metrics. */
static bool is_both(const struct span_family *f)
{
    return f->kind == FAMILY_CALLS && f->has_durations;
}

static void tell_made(struct span_series *s, const struct span_family *f, struct bytes attributes)
{
    if (s->top == NULL)
        return;
    series_top_made(s->top, bytes_str(s->names[f->kind]));
    if (is_both(f))
        series_top_made(s->top, bytes_str(s->names[FAMILY_DURATIONS]));
    series_top_attributes(s->top, attributes, OTLP_LIST_VALUES);
}

static void tell_gone(struct span_series *s, const struct span_family *f)
{
    if (s->top == NULL)
        return;
    series_top_gone(s->top, bytes_str(s->names[f->kind]));
    if (is_both(f))
        series_top_gone(s->top, bytes_str(s->names[FAMILY_DURATIONS]));
}

struct family_series *span_series_add(struct span_series *s, struct span_family *f, struct bytes key, uint64_t hash,
                                      struct bytes attributes, uint64_t wall)
{
    size_t size = size_of(s, f, key.len + attributes.len);
    struct family_series *made;

    if ((s->limits.series > 0 && f->n >= s->limits.series) || !budget_take(s->budget, size))
        return NULL;
    made = make_series(s, f, key, attributes, wall);
    made->hash = hash;
    if (!table_insert(&s->table, made, hash)) {
        list_remove(&made->link);
        observed_free(&made->durations, &s->shape);
        free(made);
        s->n--;
        budget_give(s->budget, size);
        return NULL;
    }
    if (!s->delta)
        f->n++;
    tell_made(s, f, attributes);
    return made;
}

struct family_series *span_series_overflow(struct span_series *s, struct span_family *f, uint64_t wall)
{
    struct buf attributes = { 0 };

    if (f->overflow != NULL)
        return f->overflow;
    overflow_attributes_put(&attributes);
    budget_charge(s->budget, size_of(s, f, attributes.len));
    f->overflow = make_series(s, f, bytes_of(NULL, 0), buf_bytes(&attributes), wall);
    f->overflow->is_overflow = true;
    buf_free(&attributes);
    return f->overflow;
}

void span_series_remove(struct span_series *s, struct family_series *series)
{
    struct span_family *f = series->family;

    if (series->is_overflow) {
        f->overflow = NULL;
    } else {
        table_remove(&s->table, series, series->hash);
        tell_gone(s, f);
        if (!s->delta || series->counted || series->observed)
            f->n--;
    }
    if (list_linked(&series->idle)) {
        list_remove(&series->idle);
        s->n_idle--;
    }
    list_remove(&series->link);
    span_series_clear_exemplars(s, series);
    if (f->has_durations)
        observed_free(&series->durations, &s->shape);
    budget_give(s->budget, size_of(s, f, series->key_len + series->attributes_len));
    free(series);
    s->n--;
}

void span_series_wake(struct span_series *s, struct family_series *series)
{
    if (!series->is_overflow && !series->counted && !series->observed)
        series->family->n++;
    if (list_linked(&series->idle)) {
        list_remove(&series->idle);
        s->n_idle--;
    }
}

void span_series_rest(struct span_series *s, struct family_series *series, uint64_t wall)
{
    series->start = wall;
    if (series->counted || series->observed)
        return;
    if (!series->is_overflow)
        series->family->n--;
    list_push(&s->idle, &series->idle);
    s->n_idle++;
}

/* ---- exemplars ---- */

static size_t exemplars_size(const struct span_series *s)
{
    return s->limits.exemplars * sizeof(struct span_exemplar) + ALLOCATOR_COST;
}

void span_series_exemplar(struct span_series *s, struct family_series *series, const struct span_exemplar *e)
{
    if (series->n_exemplars >= s->limits.exemplars)
        return;
    if (series->exemplars == NULL) {
        if (!budget_take(s->budget, exemplars_size(s)))
            return;
        series->exemplars = mem_alloc(s->limits.exemplars * sizeof(*series->exemplars));
    }
    series->exemplars[series->n_exemplars++] = *e;
}

void span_series_clear_exemplars(struct span_series *s, struct family_series *series)
{
    if (series->exemplars == NULL)
        return;
    free(series->exemplars);
    series->exemplars = NULL;
    series->n_exemplars = 0;
    budget_give(s->budget, exemplars_size(s));
}

void span_series_put_exemplars(const struct family_series *series, uint64_t wall, uint32_t number, struct buf *out)
{
    for (uint32_t i = 0; i < series->n_exemplars; i++) {
        const struct span_exemplar *e = &series->exemplars[i];
        size_t at = pb_begin(out, number);

        pb_put_fixed64(out, OTLP_EXEMPLAR_TIME, wall);
        pb_put_double(out, OTLP_EXEMPLAR_DOUBLE, e->value);
        pb_put_bytes(out, OTLP_EXEMPLAR_SPAN_ID, bytes_of(e->span_id, sizeof(e->span_id)));
        pb_put_bytes(out, OTLP_EXEMPLAR_TRACE_ID, bytes_of(e->trace_id, sizeof(e->trace_id)));
        pb_end(out, at);
    }
}

void span_series_put_attributes(const struct family_series *series, uint32_t number, struct buf *out)
{
    struct pb_reader r = pb_reader(span_series_attributes(series));

    for (struct bytes field; message_next(&r, OTLP_LIST_VALUES, &field);)
        pb_put_bytes(out, number, field);
}
