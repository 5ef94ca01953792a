/* SPDX-License-Identifier: Apache-2.0 */
/* remote_write_find() looks a point's bytes up in the identity table. A series that is known gives its labels from what
 * is packed beside them; a new one is translated, asked for at the series limit, hashed by its labels (which say its
 * shard) and kept.
 *
 * It is not kept when the budget of series is full, when its labels do not fit into 16 bits or the table of names is
 * full: then it is sent all the same, and translated again the next time. remote_write_sweep() drops, a slice at a
 * time, what no point came for. */
#include "prom/remote_write/remote_write_inside.h"

#include "prom/model/number.h"

#include <stdlib.h>

#define NAMES_MAX 50000u
#define NAMES_BYTES ((size_t)4 * 1024 * 1024)
#define SWEEP_SLOTS 4096

static size_t cost_of(const struct stream_labels *l)
{
    return sizeof(*l) + l->fields.cap + l->name.cap + (l->common.cap + l->only_name.cap) * sizeof(struct label_field);
}

void remote_write_stream_gone(struct streams *s, struct stream *stream)
{
    struct stream_labels *l = stream->user;

    if (l == NULL)
        return;
    remote_write_names_remove(container_of(s, struct remote_write, streams), l);
    labels_forget_order(container_of(s, struct remote_write, streams), l);
    budget_give(s->budget, cost_of(l));
    buf_free(&l->fields);
    buf_free(&l->name);
    vec_free(&l->common);
    vec_free(&l->only_name);
    free(l);
    stream->user = NULL;
}

struct stream_labels *remote_write_stream_labels(struct remote_write *rw, struct stream *stream)
{
    struct stream_labels *l = stream->user;

    if (l != NULL)
        return l;
    l = mem_zalloc(sizeof(*l));
    label_field_put(&l->name, bytes_str("__name__"), stream_name(stream));
    label_fields_list(&l->only_name, buf_bytes(&l->name));
    rw->fields.len = 0;
    label_fields_put(&rw->fields, scope_entry_labels(stream_scope(stream)));
    rw->own.n = 0;
    label_fields_list(&rw->own, buf_bytes(&rw->fields));
    label_fields_merge(&rw->base, &l->only_name, &rw->own);
    for (size_t i = 0; i < rw->base.n; i++)
        buf_put(&l->fields, rw->base.v[i].field);
    label_fields_list(&l->common, buf_bytes(&l->fields));
    budget_charge(rw->streams.budget, cost_of(l));
    remote_write_names_add(rw, stream, l);
    stream->user = l;
    return l;
}

uint64_t remote_write_hash(const struct remote_write *rw, const label_field_list *labels)
{
    uint64_t hash = rw->streams.seed;

    for (size_t i = 0; i < labels->n; i++)
        hash = identity_hash(identity_hash(hash, labels->v[i].name), labels->v[i].value);
    return hash;
}

enum series_shape stream_shape(const struct stream *stream)
{
    return stream->kind == METRIC_EXPLICIT  ? SHAPE_HISTOGRAM
           : stream->kind == METRIC_SUMMARY ? SHAPE_SUMMARY
                                            : SHAPE_PLAIN;
}

void remote_write_cached_labels(struct remote_write *rw, const struct remote_series *x, label_field_list *out)
{
    labels_join_known(rw, x, cached_series_stream(&x->cached)->user, out);
}

/* rw->own as it is kept behind `raw`, in rw->packed. False: there is no room for it in 16 bits. */
static bool pack_labels(struct remote_write *rw, struct bytes raw)
{
    size_t list = rw->own.n * sizeof(struct own_label);
    struct buf *out = &rw->packed;

    out->len = 0;
    (void)buf_reserve(out, list);
    out->len = list;
    for (size_t i = 0; i < rw->own.n; i++) {
        const struct label_field *f = &rw->own.v[i];
        const uint8_t *at = memmem(raw.data, raw.len, f->value.data, f->value.len);
        size_t from = at != NULL ? (size_t)(at - raw.data) : raw.len + out->len;
        uint32_t name;
        struct own_label o;

        if (from + f->value.len > UINT16_MAX || rw->names.fields.len > NAMES_BYTES || rw->names.ends.n >= NAMES_MAX)
            return false;
        name = symbols_number(&rw->names, f->name);
        o = (struct own_label){ (uint16_t)name, (uint16_t)from, (uint16_t)f->value.len };
        memcpy(out->data + i * sizeof(o), &o, sizeof(o));
        if (at == NULL)
            buf_put(out, f->value);
    }
    return true;
}

static void set_others(struct remote_write *rw)
{
    struct series_limit *l = &rw->streams.limit;
    uint64_t all = rw->streams.bytes + table_size(&rw->streams.table) + table_size(&rw->by_labels);

    l->others = all > l->bytes ? all - l->bytes : 0;
}

/* `rendered` are its own labels. */
static bool is_admitted(struct remote_write *rw, const struct stream *stream, struct bytes rendered)
{
    struct series_limit *l = &rw->streams.limit;

    set_others(rw);
    return l->max == 0 || series_limit_admits(l, stream_sender(stream), stream_name(stream), rendered);
}

static struct remote_series *keep_series(struct remote_write *rw, struct stream *stream, const struct identity_key *key,
                                         bool whole, uint64_t hash)
{
    struct remote_series *x;

    if (series_limit_fill(&rw->streams.limit) >= 1 || rw->own.n > UINT16_MAX || !pack_labels(rw, key->raw))
        return NULL;
    x = (struct remote_series *)streams_add(&rw->streams, stream, key, REMOTE_WRITE_SERIES, sizeof(*x),
                                            buf_bytes(&rw->packed), whole);
    if (x == NULL)
        return NULL;
    x->n_labels = (uint16_t)rw->own.n;
    x->label_hash = (uint32_t)(hash >> 32);
    if (!remote_write_index(rw, x)) {
        streams_drop(&rw->streams, &x->cached);
        return NULL;
    }
    return x;
}

static void drop_series(struct remote_write *rw, struct remote_series *x)
{
    remote_write_unindex(rw, x);
    series_top_gone(rw->streams.limit.top, stream_name(cached_series_stream(&x->cached)));
    streams_drop(&rw->streams, &x->cached);
}

const char *remote_write_find(struct remote_write *rw, struct stream *stream, const struct identity_key *key,
                              struct series_ref *out)
{
    struct remote_series *x = (struct remote_series *)identity_find(&rw->streams.table, key);
    const struct stream_labels *l = remote_write_stream_labels(rw, stream);
    struct bytes rendered;
    const char *reason;
    uint64_t hash;
    bool whole;

    if (x != NULL) {
        labels_join_known(rw, x, l, &rw->labels);
        *out = (struct series_ref){ x, x->label_hash % rw->shards, x->label_hash, 0 };
        if (rw->sorting)
            out->hash = remote_write_hash(rw, &rw->labels) + stream_shape(stream);
        return NULL;
    }
    reason = streams_translate(&rw->streams, stream, key->raw, &rendered, &whole);
    if (reason != NULL)
        return reason;
    if (!is_admitted(rw, stream, rendered))
        return SERIES_LIMIT;
    rw->own_fields.len = rw->own.n = 0;
    label_fields_put(&rw->own_fields, rendered);
    label_fields_list(&rw->own, buf_bytes(&rw->own_fields));
    labels_join(&rw->labels, l, whole, &rw->own);
    hash = remote_write_hash(rw, &rw->labels);
    x = keep_series(rw, stream, key, whole, hash);
    if (x != NULL) {
        series_top_made(rw->streams.limit.top, stream_name(stream));
        series_top_labels(rw->streams.limit.top, rendered);
    }
    *out = (struct series_ref){ x, (uint32_t)(hash >> 32) % rw->shards, (uint32_t)(hash >> 32),
                                hash + stream_shape(stream) };
    return NULL;
}

const label_field_list *remote_write_part_labels(struct remote_write *rw, struct stream *stream, const char *suffix,
                                                 const char *label, double value)
{
    char text[NUMBER_PLAIN_MAX];
    size_t at;
    struct bytes rest;

    rw->suffixed.len = rw->fields.len = 0;
    buf_put(&rw->suffixed, stream_name(stream));
    buf_puts(&rw->suffixed, suffix);
    label_field_put(&rw->fields, bytes_str("__name__"), buf_bytes(&rw->suffixed));
    at = rw->fields.len;
    if (label != NULL)
        label_field_put(&rw->fields, bytes_str(label), bytes_of(text, number_put_plain(text, value)));
    rw->base.n = 0;
    rest = bytes_of(rw->fields.data + at, rw->fields.len - at);
    for (size_t i = 0; i < rw->labels.n; i++) {
        struct label_field f = rw->labels.v[i], extra;

        if (bytes_is(f.name, "__name__")) {
            struct bytes name = bytes_of(rw->fields.data, at);

            label_field_next(&name, &f);
        }
        if (rest.len > 0) {
            struct bytes peek = rest;
            int order;

            label_field_next(&peek, &extra);
            order = bytes_compare(extra.name, f.name);
            if (order <= 0) {
                *vec_push(&rw->base) = extra;
                rest = peek;
            }
            if (order == 0)
                continue;
        }
        *vec_push(&rw->base) = f;
    }
    if (rest.len > 0) {
        struct label_field extra;

        label_field_next(&rest, &extra);
        *vec_push(&rw->base) = extra;
    }
    return &rw->base;
}

void remote_write_sweep(struct remote_write *rw)
{
    struct table *t = &rw->streams.table;
    uint32_t now = (uint32_t)(clock_mono(rw->options.clock) / REMOTE_WRITE_TICK);
    uint32_t ticks = (uint32_t)((rw->options.expiration + REMOTE_WRITE_TICK - 1) / REMOTE_WRITE_TICK);

    if (rw->options.expiration == 0)
        return;
    table_settle(t, SWEEP_SLOTS);
    table_settle(&rw->by_labels, SWEEP_SLOTS);
    for (size_t n = 0; n < SWEEP_SLOTS && rw->swept <= t->mask; n++, rw->swept++) {
        uint64_t slot = t->slots[rw->swept];
        struct remote_series *x = slot > 1 ? table_entry(slot) : NULL;

        if (x != NULL && x > (struct remote_series *)1 &&
            x->cached.id.kind == CACHED_SERIES_KIND + REMOTE_WRITE_SERIES && now - x->seen > ticks)
            drop_series(rw, x);
    }
    if (rw->swept > t->mask)
        rw->swept = 0;
}

/* Every slot of both arrays. */
static void drop_all(struct remote_write *rw, const uint64_t *slots, uint64_t n)
{
    for (uint64_t i = 0; slots != NULL && i < n; i++) {
        struct remote_series *x = slots[i] > 1 ? table_entry(slots[i]) : NULL;

        if (x != NULL && x > (struct remote_series *)1 && x->cached.id.kind == CACHED_SERIES_KIND + REMOTE_WRITE_SERIES)
            drop_series(rw, x);
    }
}

void remote_write_forget_all(struct remote_write *rw)
{
    struct table *t = &rw->streams.table;

    drop_all(rw, t->old, t->old != NULL ? t->old_mask + 1 : 0);
    drop_all(rw, t->slots, t->mask + 1);
}
