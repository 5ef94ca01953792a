/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is walked metric by metric. A metric's stream is entered, which pins it, and its family is held by the
 * stream's first series. Its points come in groups, so that the memory of the next ones is on its way while one is
 * merged. A point whose bytes are known finds its series at once; a plain number is stored right here, all else goes
 * through series_merge(). Bytes that are not known are translated to labels and looked up by these: they are an alias
 * of a series that there is, or a new one, which has to be admitted.
 *
 * All work is counted in units, and the walk stops where a slice's are used up, in the middle of a metric if need be;
 * stream and cursor stay pinned until the next slice.
 *
 * A timer sweeps the families, slot by slot, and takes out the series that nothing has arrived for.
 *
 * What can go wrong: a name or an attribute that Prometheus cannot have, another type under the name, a temporality
 * that a scrape cannot show, no room in the budget, too many series, another sender in the same series. Each costs the
 * points that it is about, by a reason in the result, and the series that were there stay as they were. */
#include "prom/series/series.h"

#include "base/mem.h"
#include "otlp/fields.h"
#include "prom/series/series_alias.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_ROOM "series_budget"
#define TYPE_CONFLICT "type_conflict"
#define TEMPORALITY "temporality"

/* ---- results ---- */

/* Add a rejected point to the result. */
static void series_reject(struct series_result *r, const char *reason, struct bytes name, uint64_t n)
{
    size_t i = 0;

    r->rejected += n;
    while (i < r->n_reasons && strcmp(r->reasons[i].reason, reason) != 0)
        i++;
    assert(i < SERIES_REASONS);
    if (i == r->n_reasons) {
        r->n_reasons++;
        r->reasons[i].reason = reason;
        snprintf(r->reasons[i].example, sizeof(r->reasons[i].example), "%.*s", (int)(name.len < 95 ? name.len : 95),
                 (const char *)name.data);
    }
    r->reasons[i].n += n;
}

/* ---- one series ---- */

static uint64_t hash_of_series(const void *entry)
{
    /* Places come from the low bits, tags from the high ones. */
    return ((const struct series *)entry)->canonical * 0x9e3779b97f4a7c15ull;
}

struct canonical_key {
    struct series_store *store;
    const struct family *family;
    struct bytes labels;
    uint32_t hash;
};

static bool same_series(const void *entry, const void *key)
{
    const struct canonical_key *k = key;
    const struct series *x = entry;

    if (x->canonical != k->hash || series_family(x) != k->family)
        return false;
    k->store->labels2.len = 0;
    cached_series_all_labels(&k->store->labels2, &x->cached);
    return bytes_equal(buf_bytes(&k->store->labels2), k->labels);
}

static void drop_extra(struct series_store *s, struct series *x)
{
    if (x->extra == NULL)
        return;
    series_drop_aliases(s, x);
    free(x->extra);
    x->extra = NULL;
    budget_give(s->budget, sizeof(*x->extra));
    s->bytes -= sizeof(*x->extra);
}

/* Take the series out. */
void series_end(struct series_store *s, struct series *x)
{
    struct family *f = series_family(x);

    series_clear(s, x);
    drop_extra(s, x);
    table_remove(&s->canonical, x, hash_of_series(x));
    slots_give(&f->series, x->slot);
    s->n_series--;
    series_top_gone(s->streams.limit.top, stream_name(cached_series_stream(&x->cached)));
    streams_drop(&s->streams, &x->cached);
}

static struct series *add_series(struct series_store *s, struct stream *stream, const struct identity_key *key,
                                 const struct canonical_key *canonical, struct bytes own, bool whole)
{
    struct series *x = (struct series *)streams_add(&s->streams, stream, key, SERIES, sizeof(*x), own, whole);

    if (x == NULL)
        return NULL;
    x->canonical = canonical->hash;
    if (!table_insert(&s->canonical, x, hash_of_series(x))) {
        streams_drop(&s->streams, &x->cached);
        return NULL;
    }
    x->slot = slots_take(&((struct family *)stream->user)->series, x);
    s->n_series++;
    series_top_made(s->streams.limit.top, stream_name(stream));
    series_top_labels(s->streams.limit.top, own);
    return x;
}

#define FAMILY_COST 256 /* about */

/* Is there room for one more? */
static bool is_admitted(struct series_store *s, const struct stream *stream, struct bytes own)
{
    struct series_limit *l = &s->streams.limit;
    uint64_t all = s->bytes + s->streams.bytes + table_size(&s->streams.table) + table_size(&s->canonical) +
                   s->families.n * FAMILY_COST;

    l->others = all > l->bytes ? all - l->bytes : 0;
    return series_limit_admits(l, stream_sender(stream), stream_name(stream), own);
}

/* The series of bytes that are not known, and the entry that they have from now on (NULL: there is no room for it).
 * NULL with *reason when it cannot be, NULL without when `make` is false and there is none. */
static struct series *resolve_series(struct series_store *s, struct stream *stream, const struct identity_key *key,
                                     bool make, struct cached_series **entry, const char **reason)
{
    struct canonical_key canonical = { .store = s, .family = stream->user };
    struct bytes own;
    struct series *x;
    bool whole;

    *reason = streams_translate(&s->streams, stream, key->raw, &own, &whole);
    if (*reason != NULL)
        return NULL;
    s->labels.len = 0;
    if (whole)
        buf_put(&s->labels, own);
    else
        labels_merge(&s->labels, scope_entry_labels(stream_scope(stream)), own);
    canonical.labels = buf_bytes(&s->labels);
    canonical.hash = (uint32_t)identity_hash(s->streams.seed + (uintptr_t)stream->user, canonical.labels);
    x = table_find(&s->canonical, canonical.hash * 0x9e3779b97f4a7c15ull, same_series, &canonical);
    if (x != NULL) {
        *entry = make ? series_add_alias(s, stream, key, x) : NULL;
        return x;
    }
    if (!make)
        return NULL;
    if (!is_admitted(s, stream, own)) {
        *reason = SERIES_LIMIT;
        return NULL;
    }
    x = add_series(s, stream, key, &canonical, own, whole);
    *entry = x != NULL ? &x->cached : NULL;
    *reason = x == NULL ? NO_ROOM : NULL;
    return x;
}

/* ---- a metric's points ---- */

/* Units of work, 100 ns or so. Known series of numbers count for less than they take: a request that waits has left the
 * processor's cache when its turn comes. */
#define WORK_GROUP 4
#define WORK_NEW 15
#define WORK_SLOW 3

/* What the point's sender and those that share its series with it have to do with each other. True: it collides. */
static bool meet_others(struct series_taking *t, struct series *x, const struct cached_series *k, const struct point *p,
                        uint64_t *counted)
{
    struct series_writer *w = k != NULL ? series_writer_of(x, k) : NULL;
    bool delta = series_is_delta(t->stream);

    *counted = x->time;
    if (w == NULL)
        return false;
    *counted = w->time;
    if (p->time > w->time)
        w->time = p->time;
    return !delta && series_collides(t->store, x, w, p->time); /* deltas of several senders are added */
}

/* `k` is the entry that led to the series, if there is one. */
static void take_slowly(struct series_taking *t, struct series *x, const struct cached_series *k, const struct point *p,
                        bool fresh)
{
    const char *reason;
    bool ended = false, collided;
    uint64_t counted;

    t->units -= WORK_SLOW;
    collided = meet_others(t, x, k, p, &counted);
    reason = series_merge(t->store, x, t->stream, p, counted, fresh, &ended);
    if (reason != NULL || collided)
        series_reject(&t->result, reason != NULL ? reason : COLLISION, stream_name(t->stream), 1);
    if (ended || (fresh && reason != NULL)) {
        t->store->ended += ended;
        series_end(t->store, x);
    }
}

static void take_unknown(struct series_taking *t, const struct point *p, const struct identity_key *key)
{
    bool make = (p->flags & POINT_NO_VALUE) == 0;
    uint64_t before = t->store->n_series;
    struct cached_series *k = NULL;
    const char *reason;
    struct series *x = resolve_series(t->store, t->stream, key, make, &k, &reason);

    t->units -= WORK_NEW;
    if (reason != NULL)
        series_reject(&t->result, reason, stream_name(t->stream), 1);
    else if (x != NULL)
        take_slowly(t, x, k, p, t->store->n_series > before);
}

static void take_point(struct series_taking *t, const struct point *p, const struct identity_key *key)
{
    struct cached_series *k = (struct cached_series *)identity_find(&t->store->streams.table, key);
    struct series *x;

    if (k == NULL) {
        take_unknown(t, p, key);
        return;
    }
    x = series_of(k);
    if (!t->plain || p->flags != 0 || p->has_exemplars || x->extra != NULL || x->kind != t->stream->kind) {
        take_slowly(t, x, k, p, false);
        return;
    }
    if (p->time < x->time)
        return;
    x->time = p->time;
    x->start = p->start;
    x->integer = (int64_t)p->value;
    x->is_int = p->is_int;
    x->arrival = t->now;
}

#define GROUP 16 /* points whose memory is on its way at one time */

struct group {
    struct point points[GROUP];
    struct identity_key keys[GROUP];
    size_t n;
};

static void take_group(struct series_taking *t, struct group *g)
{
    struct table *table = &t->store->streams.table;

    for (size_t i = 0; i < g->n; i++) {
        const char *guess = table_guess(table, g->keys[i].hash);

        if (guess != NULL) {
            __builtin_prefetch(guess, 1);
            __builtin_prefetch(guess + 64, 1);
            __builtin_prefetch(guess + 128);
        }
    }
    for (size_t i = 0; i < g->n; i++)
        take_point(t, &g->points[i], &g->keys[i]);
    t->units -= g->n > 0 ? WORK_GROUP : 0;
    g->n = 0;
}

/* Attributes that lie apart are brought together; what is before goes first. */
static void take_scattered(struct series_taking *t, struct group *g, struct point *p)
{
    struct identity_key key;

    take_group(t, g);
    t->store->gathered.len = 0;
    point_gather(&t->store->gathered, t->stream->kind, p->bytes);
    p->attributes = buf_bytes(&t->store->gathered);
    key = streams_key(t->stream, p->attributes);
    take_point(t, p, &key);
}

/* True when the metric's points are all in. */
static bool take_points(struct series_taking *t)
{
    struct group g;

    g.n = 0;
    for (struct pb_field f; t->units > 0 && pb_next(&t->points, &f);) {
        struct point *p = &g.points[g.n];

        if (f.number != OTLP_DATA_POINTS || f.wire != PB_LEN)
            continue;
        point_read(p, t->stream->kind, f.bytes);
        if (p->attributes.data == NULL) {
            struct point scattered = *p;

            take_scattered(t, &g, &scattered);
            continue;
        }
        g.keys[g.n] = streams_key(t->stream, p->attributes);
        table_prefetch(&t->store->streams.table, g.keys[g.n].hash);
        if (++g.n == GROUP)
            take_group(t, &g);
    }
    take_group(t, &g);
    return t->points.p == t->points.end || t->points.bad;
}

/* ---- a batch ---- */

/* NULL, or why no point of such a metric can be taken. */
static const char *unfit_reason(const struct stream *x)
{
    bool sum = x->kind == METRIC_SUM;

    if (((struct family *)x->user)->type != x->type)
        return TYPE_CONFLICT;
    if (x->kind == METRIC_NUMBER_GAUGE || x->kind == METRIC_SUMMARY || x->temporality == TEMPORALITY_CUMULATIVE)
        return NULL;
    return x->temporality == TEMPORALITY_UNSPECIFIED || (sum && !x->monotonic) ? TEMPORALITY : NULL;
}

static void leave_metric(struct series_taking *t)
{
    if (t->stream != NULL)
        streams_leave(&t->store->streams, t->stream);
    t->stream = NULL;
}

/* The walk stands at a metric: its stream is found, and its points are next; or they are all rejected. */
static void enter_metric(struct series_taking *t)
{
    struct series_store *s = t->store;
    const struct metric_walk *w = &t->walk;
    const char *reason;
    struct stream *x;

    t->units -= WORK_SLOW;
    x = t->stream = streams_enter(&s->streams, &t->cursor, w, t->now, &reason);
    if (x == NULL) {
        series_reject(&t->result, reason, w->head.name, w->n_points);
        return;
    }
    if (x->user == NULL)
        x->user = family_hold(&s->families, stream_name(x), x->type, stream_help(x), stream_unit(x));
    reason = x->user == NULL ? NO_ROOM : unfit_reason(x);
    if (reason != NULL) {
        series_reject(&t->result, reason, stream_name(x), w->n_points);
        leave_metric(t);
        return;
    }
    t->plain = x->kind == METRIC_NUMBER_GAUGE || (x->kind == METRIC_SUM && x->temporality == TEMPORALITY_CUMULATIVE);
    t->points = pb_reader(w->points);
}

void series_taking_begin(struct series_taking *t, struct series_store *s, const struct batch *batch)
{
    *t = (struct series_taking){ .store = s };
    metric_walk_init(&t->walk, batch);
}

bool series_taking_some(struct series_taking *t, int64_t units)
{
    t->units = units;
    t->now = series_now(t->store);
    for (;;) {
        if (t->units <= 0 || (t->stream != NULL && !take_points(t)))
            return false;
        leave_metric(t);
        if (!metric_walk_next(&t->walk))
            return true;
        if (t->walk.n_points > 0)
            enter_metric(t);
    }
}

void series_taking_end(struct series_taking *t)
{
    leave_metric(t);
    streams_finish(&t->store->streams, &t->cursor);
    metric_walk_free(&t->walk);
}

void series_store_take(struct series_store *s, const struct batch *batch, struct series_result *result)
{
    struct series_taking t;

    series_taking_begin(&t, s, batch);
    while (!series_taking_some(&t, INT64_MAX))
        ;
    series_taking_end(&t);
    *result = t.result;
}

/* ---- life ---- */

static void on_stream_gone(struct streams *streams, struct stream *stream)
{
    struct series_store *s = container_of(streams, struct series_store, streams);

    if (stream->user != NULL)
        family_release(&s->families, stream->user);
}

void series_store_init(struct series_store *s, const struct series_options *o, struct clock *clock,
                       struct budget *budget)
{
    *s = (struct series_store){ .options = o, .clock = clock, .budget = budget, .born = clock_mono(clock) };
    streams_init(&s->streams, &o->translation, budget);
    s->streams.on_stream_gone = on_stream_gone;
    s->streams.limit.max = o->max_series;
    s->families = (struct families){ .budget = budget, .random = s->streams.seed };
    table_init(&s->canonical, hash_of_series, budget);
    series_sweep_start(s);
}

static void end_all(struct series_store *s, struct family *f)
{
    for (uint32_t i = 0; i < f->series.end; i++) {
        struct series *x = slots_at(&f->series, i);

        if (x != NULL)
            series_end(s, x);
    }
}

void series_store_free(struct series_store *s)
{
    clock_stop(s->clock, &s->sweep);
    if (s->swept != NULL)
        family_release(&s->families, s->swept);
    for (struct family *f; (f = family_next(&s->families, NULL)) != NULL; family_release(&s->families, f))
        end_all(s, f);
    streams_free(&s->streams);
    table_free(&s->canonical);
    if (s->last_bounds != NULL && --s->last_bounds->refs == 0)
        free(s->last_bounds);
    distribution_value_free(&s->value);
    exemplar_reader_free(&s->exemplars);
    buf_free(&s->gathered);
    buf_free(&s->labels);
    buf_free(&s->labels2);
}
