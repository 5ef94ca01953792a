/* SPDX-License-Identifier: Apache-2.0 */
/* How a point changes its series.
 *
 * A cumulative point, or a gauge, takes the place of the one before unless it is older. A delta is added whenever its
 * end is newer than what is stored, whatever its start says: an SDK makes no point for an interval in which nothing
 * happened, so that gaps are the rule, and a scrape shows no start time that would tell of a restart. Only a delta
 * whose end is not newer is left out, for it would be counted twice.
 *
 * What can go wrong: the budget has no room for a distribution (the series stays as it was), a histogram's buckets do
 * not fit together, two exponential histograms have no scale in common. */
#include "prom/series/series.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define NO_ROOM "series_budget"
#define NOT_NEWER "not_newer"
#define MALFORMED "malformed"
#define TEXT_MAX ((size_t)512 * 1024) /* of one histogram's lines in a scrape */

static bool has_distribution(const struct series *x)
{
    return x->kind >= METRIC_EXPLICIT && x->distribution != NULL;
}

static size_t distribution_size(uint32_t cap)
{
    return sizeof(struct distribution) + cap * sizeof(uint64_t) + 16;
}

static void bounds_unref(struct bounds *b)
{
    if (b != NULL && --b->refs == 0)
        free(b);
}

static void give_back(struct series_store *s, const struct series *x, size_t size)
{
    budget_give(s->budget, size);
    s->bytes -= size;
    series_limit_shrink(&s->streams.limit, stream_sender(cached_series_stream(&x->cached)), size);
}

static bool take_room(struct series_store *s, const struct series *x, size_t size)
{
    if (!budget_take(s->budget, size))
        return false;
    s->bytes += size;
    series_limit_grow(&s->streams.limit, stream_sender(cached_series_stream(&x->cached)), size);
    return true;
}

static void drop_distribution(struct series_store *s, const struct series *x)
{
    struct distribution *d = x->distribution;

    if (x->kind == METRIC_EXPLICIT)
        bounds_unref(d->bounds);
    give_back(s, x, distribution_size(d->cap));
    free(d);
}

static void drop_exemplars(struct series_store *s, struct series *x)
{
    if (x->extra == NULL || x->extra->exemplars == NULL)
        return;
    give_back(s, x, x->extra->exemplars->cap);
    free(x->extra->exemplars);
    x->extra->exemplars = NULL;
}

void series_clear(struct series_store *s, struct series *x)
{
    if (has_distribution(x))
        drop_distribution(s, x);
    drop_exemplars(s, x);
    x->kind = METRIC_EMPTY;
    x->integer = 0;
}

/* ---- exemplars ---- */

static struct exemplar_store *room_for_exemplars(struct series_store *s, struct series *x, size_t size)
{
    struct exemplar_store *store = x->extra != NULL ? x->extra->exemplars : NULL;

    if (store != NULL && store->cap >= size)
        return store;
    drop_exemplars(s, x);
    if (x->extra == NULL) {
        if (!budget_take(s->budget, sizeof(*x->extra)))
            return NULL;
        s->bytes += sizeof(*x->extra);
        x->extra = mem_zalloc(sizeof(*x->extra));
    }
    if (!take_room(s, x, size))
        return NULL;
    store = x->extra->exemplars = mem_alloc(size);
    store->n = 0;
    store->cap = (uint32_t)size;
    return store;
}

/* The exemplars are those of the newest point. They are an extra: when there is no room they are left out. */
static void keep_exemplars(struct series_store *s, struct series *x, const struct stream *stream, const struct point *p)
{
    struct exemplar_store *store;

    if (!p->has_exemplars || (stream->kind == METRIC_SUM && !stream->monotonic) || stream->kind == METRIC_SUMMARY ||
        stream->kind == METRIC_NUMBER_GAUGE) {
        drop_exemplars(s, x);
        return;
    }
    exemplars_read(&s->exemplars, s->options->translation.strategy, stream->kind, p->bytes, s->value.bounds.v,
                   s->value.bounds.n);
    if (s->exemplars.found.n == 0) {
        drop_exemplars(s, x);
        return;
    }
    store = room_for_exemplars(s, x, exemplars_size(&s->exemplars));
    if (store != NULL)
        exemplars_fill(store, &s->exemplars);
}

/* ---- numbers ---- */

bool series_is_delta(const struct stream *stream)
{
    return stream->temporality == TEMPORALITY_DELTA &&
           (stream->kind == METRIC_SUM || stream->kind == METRIC_EXPLICIT || stream->kind == METRIC_EXPONENTIAL);
}

static void stamp_series(struct series_store *s, struct series *x, const struct point *p, uint64_t start)
{
    if (p->time > x->time) /* a delta may come without its time */
        x->time = p->time;
    x->start = start;
    x->arrival = series_now(s);
}

static double as_double(bool is_int, uint64_t bits)
{
    return is_int ? (double)(int64_t)bits : pb_double(bits);
}

static void add_number(struct series *x, const struct point *p)
{
    if (x->is_int && p->is_int) {
        x->integer = (int64_t)((uint64_t)x->integer + p->value);
        return;
    }
    x->number = as_double(x->is_int, (uint64_t)x->integer) + as_double(p->is_int, p->value);
    x->is_int = false;
}

static void merge_number(struct series_store *s, struct series *x, const struct stream *stream, const struct point *p,
                         bool fresh)
{
    bool same = !fresh && x->kind == stream->kind;

    if (same && series_is_delta(stream)) {
        add_number(x, p);
        stamp_series(s, x, p, x->start);
    } else {
        if (!same)
            series_clear(s, x);
        x->kind = stream->kind;
        x->integer = (int64_t)p->value;
        x->is_int = p->is_int;
        stamp_series(s, x, p, p->start);
    }
    keep_exemplars(s, x, stream, p);
}

/* ---- histograms and summaries ---- */

static bool same_bounds(const struct bounds *b, const struct distribution_value *r)
{
    return b != NULL && b->n == r->bounds.n && (b->n == 0 || memcmp(b->v, r->bounds.v, b->n * sizeof(b->v[0])) == 0);
}

static struct bounds *bounds_for(struct series_store *s, const struct distribution_value *r)
{
    struct bounds *b = s->last_bounds;

    if (!same_bounds(b, r)) {
        bounds_unref(b);
        b = mem_alloc(sizeof(*b) + r->bounds.n * sizeof(b->v[0]));
        b->refs = 1;
        b->n = (uint32_t)r->bounds.n;
        if (b->n > 0)
            memcpy(b->v, r->bounds.v, b->n * sizeof(b->v[0]));
        s->last_bounds = b;
    }
    b->refs++;
    return b;
}

static size_t slots_of(const struct distribution_value *r)
{
    switch (r->kind) {
    case METRIC_EXPLICIT:
        return r->counts.n;
    case METRIC_EXPONENTIAL:
        return r->exponential.positive.counts.n + r->exponential.negative.counts.n;
    default:
        return r->quantiles.n * 2;
    }
}

static void fill_native(struct distribution *d, const struct exponential *e)
{
    const struct exponential_side *sides[] = { &e->positive, &e->negative };
    uint64_t *at = d->data;

    d->native.scale = e->scale;
    d->native.zero_threshold = e->zero_threshold;
    d->native.zero_count = e->zero_count;
    for (int i = 0; i < 2; i++) {
        d->native.offset[i] = sides[i]->offset;
        d->native.n[i] = (uint32_t)sides[i]->counts.n;
        if (sides[i]->counts.n > 0)
            memcpy(at, sides[i]->counts.v, sides[i]->counts.n * sizeof(*at));
        at += sides[i]->counts.n;
    }
}

/* Bounds are set already, where there are any. */
static void fill_distribution(struct distribution *d, const struct distribution_value *r)
{
    d->count = r->count;
    d->sum = r->sum;
    d->has_sum = r->has_sum;
    if (r->kind == METRIC_EXPLICIT) {
        if (r->counts.n > 0)
            memcpy(d->data, r->counts.v, r->counts.n * sizeof(d->data[0]));
    } else if (r->kind == METRIC_EXPONENTIAL) {
        fill_native(d, &r->exponential);
    } else {
        d->n_quantiles = (uint32_t)r->quantiles.n;
        if (r->quantiles.n > 0)
            memcpy(d->data, r->quantiles.v, r->quantiles.n * sizeof(r->quantiles.v[0]));
    }
}

/* False when the budget refuses; the series is then as it was. */
static bool store_distribution(struct series_store *s, struct series *x)
{
    struct distribution_value *r = &s->value;
    struct distribution *d = has_distribution(x) && x->kind == r->kind ? x->distribution : NULL;
    size_t slots = slots_of(r);

    if (d == NULL || d->cap < slots || d->cap > 4 * slots + 16) {
        if (slots > UINT32_MAX || !take_room(s, x, distribution_size((uint32_t)slots)))
            return false;
        d = mem_zalloc(distribution_size((uint32_t)slots));
        d->cap = (uint32_t)slots;
        if (r->kind == METRIC_EXPLICIT)
            d->bounds = bounds_for(s, r);
        if (has_distribution(x))
            drop_distribution(s, x);
        x->distribution = d;
        x->kind = r->kind;
    } else if (r->kind == METRIC_EXPLICIT && !same_bounds(d->bounds, r)) {
        bounds_unref(d->bounds);
        d->bounds = bounds_for(s, r);
    }
    fill_distribution(d, r);
    return true;
}

static void load_native(struct exponential *e, const struct distribution *d)
{
    struct exponential_side *sides[] = { &e->positive, &e->negative };
    const uint64_t *at = d->data;

    *e = (struct exponential){ .scale = d->native.scale,
                               .zero_threshold = d->native.zero_threshold,
                               .zero_count = d->native.zero_count };
    for (int i = 0; i < 2; i++) {
        sides[i]->offset = d->native.offset[i];
        for (uint32_t k = 0; k < d->native.n[i]; k++)
            *vec_push(&sides[i]->counts) = *at++;
    }
}

/* What is stored is added to the value. *added is false where it has to be put in its place. */
static const char *add_stored(struct series_store *s, const struct series *x, bool *added)
{
    struct distribution *d = x->distribution;
    struct distribution_value *r = &s->value;
    struct exponential stored;
    bool fits;

    *added = r->kind == METRIC_EXPONENTIAL || same_bounds(d->bounds, r);
    if (!*added)
        return NULL;
    if (r->kind == METRIC_EXPLICIT) {
        for (size_t i = 0; i < r->counts.n; i++)
            r->counts.v[i] += d->data[i];
    } else {
        load_native(&stored, d);
        fits = exponential_add(&r->exponential, &stored);
        exponential_free(&stored);
        if (!fits)
            return MALFORMED;
    }
    r->count += d->count;
    r->has_sum = r->has_sum && d->has_sum; /* a part of a sum is none */
    r->sum = r->has_sum ? r->sum + d->sum : 0;
    return NULL;
}

/* Bytes that its labels take in a scrape: each line has them all. */
static size_t text_size(const struct series *x, size_t lines)
{
    const struct stream *stream = cached_series_stream(&x->cached);
    size_t common = x->cached.whole ? 0 : scope_entry_labels(stream_scope(stream)).len;

    return lines * (stream_name(stream).len + common + cached_series_labels(&x->cached).len);
}

static const char *merge_distribution(struct series_store *s, struct series *x, const struct stream *stream,
                                      const struct point *p, bool fresh)
{
    bool same = !fresh && x->kind == stream->kind, added = false;
    const char *reason = distribution_value_read(&s->value, stream->kind, p->bytes);

    if (reason == NULL && text_size(x, s->value.kind == METRIC_EXPLICIT ? s->value.bounds.n : 1) > TEXT_MAX)
        reason = DISTRIBUTION_TOO_LARGE;
    if (reason == NULL && same && series_is_delta(stream))
        reason = add_stored(s, x, &added);
    if (reason != NULL)
        return reason;
    if (!store_distribution(s, x))
        return NO_ROOM;
    stamp_series(s, x, p, added ? x->start : p->start);
    keep_exemplars(s, x, stream, p);
    return NULL;
}

const char *series_merge(struct series_store *s, struct series *x, const struct stream *stream, const struct point *p,
                         uint64_t counted, bool fresh, bool *ended)
{
    bool value = (p->flags & POINT_NO_VALUE) == 0;

    if (!fresh && value && series_is_delta(stream)) {
        if (p->time <= counted && p->time != 0)
            return NOT_NEWER;
    } else if (!fresh && p->time < x->time) {
        return NULL;
    }
    *ended = !value;
    if (*ended)
        return NULL;
    if (stream->kind >= METRIC_EXPLICIT)
        return merge_distribution(s, x, stream, p, fresh);
    merge_number(s, x, stream, p, fresh);
    return NULL;
}
