/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor holds the family it stands in and the number of the next slot. A slice writes series until it is full or
 * has looked at SLOTS slots, and then the cursor moves on: next_family() lets go of one family and holds the next.
 * Labels of a series are its own merged with those of its scope, which are taken apart when the scope changes.
 *
 * A series that has expired, or a family whose name is taken, is passed over. What changes between two slices does no
 * harm: a held family stays, and slots keep their numbers. */
#include "prom/endpoint/series_source.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define FAMILIES 64 /* most in one slice */
#define SLOTS 4096  /* of series, looked at in one slice, when little is written */
#define AHEAD 6     /* series whose memory is on its way */

/* The labels that all series of a scope share, taken apart for merging. */
struct common_part {
    struct bytes name; /* as it is rendered, without quotes */
    size_t end;        /* of the label, in the list; the comma not counted */
};

struct cursor {
    struct family *family; /* held */
    uint32_t slot;
    bool began; /* the family has been claimed, and written of */
    bool targets_done;
    bool targets_began;
    uint32_t resource;
    size_t looked_at;                /* slots, in this slice */
    const struct scope_entry *scope; /* whose labels are in `parts`, in this slice */
    struct bytes common;
    VEC(struct common_part) parts;
    struct buf labels;
    VEC(uint64_t) counts;
    struct span_sides sides;
};

static struct series_source *source_of(struct exposition_source *s)
{
    return container_of(s, struct series_source, source);
}

static void *open_cursor(struct exposition_source *source)
{
    struct series_source *s = source_of(source);
    struct cursor *c = mem_zalloc(sizeof(*c));

    c->family = family_next(&s->store->families, NULL);
    s->cursors++;
    return c;
}

static void close_cursor(struct exposition_source *source, void *cursor)
{
    struct series_source *s = source_of(source);
    struct cursor *c = cursor;

    if (c->family != NULL)
        family_release(&s->store->families, c->family);
    vec_free(&c->parts);
    vec_free(&c->counts);
    span_sides_free(&c->sides);
    buf_free(&c->labels);
    free(c);
    s->cursors--;
}

/* ---- target_info ---- */

/* The next one that is shown, or NULL at the end. */
static const struct resource_entry *next_target(struct series_store *s, struct cursor *c)
{
    const struct slots *all = &s->streams.resources;

    while (c->resource < all->end) {
        const struct resource_entry *r = slots_at(all, c->resource++);

        if (r == NULL || !r->shown)
            continue;
        while (r != NULL && series_expired(s, r->seen))
            r = r->older;
        if (r != NULL)
            return r;
    }
    return NULL;
}

static bool give_targets(struct exposition_source *source, void *cursor, bool (*emit)(void *arg, struct bytes labels),
                         void *arg)
{
    struct series_store *s = source_of(source)->store;
    const struct resource_entry *r;

    if (s->options->translation.ns.len > 0)
        return false;
    while ((r = next_target(s, cursor)) != NULL)
        if (!emit(arg, resource_target(r)))
            return true;
    return false;
}

static const struct bytes target_help = BYTES_LIT("Target metadata");
static const struct bytes nothing = BYTES_LIT("");

/* With a namespace it is a family like any other. True while there is more. */
static bool write_targets(struct series_source *s, struct cursor *c, struct encoder *e, size_t end,
                          bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    const struct translation *t = &s->store->options->translation;
    const struct resource_entry *r = next_target(s->store, c);
    struct buf name = { 0 };
    bool more = false;

    if (r == NULL)
        return false;
    name_target_info(&name, t->strategy, t->ns);
    if (!c->targets_began && !claim(arg, buf_bytes(&name), FAMILY_GAUGE)) {
        buf_free(&name);
        return false;
    }
    encoder_family_begin(e, buf_bytes(&name), FAMILY_GAUGE, target_help, nothing, c->targets_began);
    c->targets_began = true;
    for (; r != NULL && !more; r = more ? r : next_target(s->store, c)) {
        encoder_value(e, resource_target(r), 1, NULL);
        more = e->out->len >= end;
    }
    encoder_family_end(e);
    buf_free(&name);
    return more;
}

/* ---- labels ---- */

static void split_common(struct cursor *c, const struct scope_entry *o)
{
    struct bytes rest = scope_entry_labels(o);

    c->scope = o;
    c->common = rest;
    c->parts.n = 0;
    for (struct label l; labels_next(&rest, &l);)
        *vec_push(&c->parts) = (struct common_part){ l.name, c->common.len - rest.len };
}

/* The end of a label's value: behind the closing quote. `p` stands behind the opening one. */
static const uint8_t *end_of_value(const uint8_t *p, const uint8_t *end)
{
    for (const uint8_t *q, *b; (q = memchr(p, '"', (size_t)(end - p))) != NULL; p = q + 1) {
        for (b = q; b[-1] == '\\'; b--)
            ;
        if ((q - b) % 2 == 0)
            return q + 1;
    }
    return end;
}

static uint8_t *put_copy(uint8_t *to, const void *from, size_t len)
{
    memcpy(to, from, len);
    return to + len;
}

/* The series' own labels among the common ones, each where its name belongs. */
static struct bytes merge_labels(struct cursor *c, struct bytes own)
{
    const uint8_t *p = own.data, *end = p + own.len;
    uint8_t *start, *to;
    size_t part = 0, at = 0;

    c->labels.len = 0;
    to = start = buf_reserve(&c->labels, own.len + c->common.len + 2);
    while (p < end) {
        struct bytes rest = bytes_of(p, (size_t)(end - p)), name;
        const uint8_t *label = p;
        size_t until = at;

        if (*p == '"') {
            p = end_of_value(p + 1, end);
            name = bytes_of(label + 1, (size_t)(p - label) - 2);
        } else {
            p = memchr(p, '=', rest.len);
            name = bytes_of(label, (size_t)(p - label));
        }
        p = end_of_value(p + 2, end);
        for (; part < c->parts.n && bytes_compare(c->parts.v[part].name, name) < 0; part++)
            until = c->parts.v[part].end;
        if (until > at) {
            to = put_copy(to, c->common.data + at, until - at);
            *to++ = ',';
            at = until < c->common.len ? until + 1 : until;
        }
        to = put_copy(to, label, (size_t)(p - label));
        *to++ = ',';
        p += p < end;
    }
    to = put_copy(to, c->common.data + at, c->common.len - at);
    if (to > start && at == c->common.len)
        to--; /* the comma behind the last own label */
    c->labels.len = (size_t)(to - start);
    return buf_bytes(&c->labels);
}

static struct bytes labels_of(struct cursor *c, const struct series *x)
{
    const struct scope_entry *o = stream_scope(cached_series_stream(&x->cached));

    if (x->cached.whole)
        return cached_series_labels(&x->cached);
    if (c->scope != o)
        split_common(c, o);
    if (c->parts.n == 0)
        return cached_series_labels(&x->cached);
    return x->cached.labels_len == 0 ? c->common : merge_labels(c, cached_series_labels(&x->cached));
}

/* ---- one series ---- */

static void write_explicit(struct encoder *e, struct bytes labels, const struct distribution *d,
                           const struct sample_extra *extra)
{
    struct classic_histogram h = { .bounds = d->bounds->v,
                                   .counts = d->data,
                                   .n = d->bounds->n,
                                   .count = d->count,
                                   .sum = d->sum,
                                   .has_sum = d->has_sum };

    encoder_histogram(e, labels, &h, extra);
}

static void write_native(struct cursor *c, struct encoder *e, struct bytes labels, const struct distribution *d,
                         const struct sample_extra *extra)
{
    struct native_histogram h = {
        .schema = d->native.scale, .zero_count = d->native.zero_count, .count = d->count, .sum = d->sum
    };

    span_sides_clear(&c->sides);
    exponential_spans(d->native.offset[0], d->data, d->native.n[0], &c->sides.positive);
    exponential_spans(d->native.offset[1], d->data + d->native.n[0], d->native.n[1], &c->sides.negative);
    h.zero_threshold = d->native.zero_threshold > 0 ? d->native.zero_threshold : EXPONENTIAL_ZERO_THRESHOLD;
    span_sides_set(&c->sides, &h);
    encoder_native(e, labels, &h, extra);
}

static void write_series(struct series_source *s, struct cursor *c, struct encoder *e, const struct series *x)
{
    const struct exemplar_store *exemplars = x->extra != NULL ? x->extra->exemplars : NULL;
    struct sample_extra extra = { .start_ns = x->start };
    struct bytes labels = labels_of(c, x);

    if (s->store->options->send_timestamps)
        extra.timestamp_ms = x->time / NS_PER_MS;
    if (exemplars != NULL) {
        extra.exemplars = exemplars->v;
        extra.n_exemplars = exemplars->n;
    }
    switch (x->kind) {
    case METRIC_EXPLICIT:
        write_explicit(e, labels, x->distribution, &extra);
        break;
    case METRIC_EXPONENTIAL:
        write_native(c, e, labels, x->distribution, &extra);
        break;
    case METRIC_SUMMARY:
        encoder_summary(e, labels, (const struct quantile *)x->distribution->data, x->distribution->n_quantiles,
                        x->distribution->count, x->distribution->sum, &extra);
        break;
    default:
        encoder_value(e, labels, x->is_int ? (double)x->integer : x->number, &extra);
        break;
    }
}

/* ---- families ---- */

static void next_family(struct series_store *s, struct cursor *c)
{
    struct family *next = family_next(&s->families, c->family);

    family_release(&s->families, c->family);
    c->family = next;
    c->slot = 0;
    c->began = false;
}

static void fetch_ahead(const struct slots *all, uint32_t slot)
{
    const char *x = slot < all->end ? slots_at(all, slot) : NULL;

    for (size_t at = 0; x != NULL && at < 256; at += 64)
        __builtin_prefetch(x + at);
}

static const struct series *next_series(struct series_store *s, struct cursor *c)
{
    const struct slots *all = &c->family->series;

    while (c->slot < all->end && c->looked_at < SLOTS) {
        const struct series *x = slots_at(all, c->slot++);

        c->looked_at++;
        fetch_ahead(all, c->slot + AHEAD);
        if (x != NULL && !series_expired(s, x->arrival))
            return x;
    }
    return NULL;
}

/* Of the family where the cursor is. */
static void write_family(struct series_source *s, struct cursor *c, struct encoder *e, size_t end,
                         bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    struct family *f = c->family;
    const struct series *x = next_series(s->store, c);

    if (x == NULL)
        return;
    if (!c->began && !claim(arg, f->name, f->type)) {
        c->slot = f->series.end; /* its name is taken */
        return;
    }
    encoder_family_begin(e, f->name, f->type, f->help, f->unit, c->began);
    c->began = true;
    do {
        write_series(s, c, e, x);
        x = e->out->len < end ? next_series(s->store, c) : NULL;
    } while (x != NULL);
    encoder_family_end(e);
}

static bool write(struct exposition_source *source, void *cursor, struct encoder *e, size_t want,
                  bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    struct series_source *s = source_of(source);
    struct cursor *c = cursor;
    size_t end = e->out->len + want;

    if (!c->targets_done && s->store->options->translation.ns.len > 0 && write_targets(s, c, e, end, claim, arg))
        return true;
    c->targets_done = true;
    c->scope = NULL;
    c->looked_at = 0;
    for (unsigned n = 0; c->family != NULL && n < FAMILIES && c->looked_at < SLOTS && e->out->len < end; n++) {
        write_family(s, c, e, end, claim, arg);
        if (c->slot >= c->family->series.end)
            next_family(s->store, c);
    }
    return c->family != NULL;
}

void series_source_init(struct series_source *s, const char *name, struct series_store *store)
{
    *s = (struct series_source){
        .source = { .name = name, .open = open_cursor, .targets = give_targets, .write = write, .close = close_cursor },
        .store = store,
    };
}
