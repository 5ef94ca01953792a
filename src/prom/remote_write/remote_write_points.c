/* SPDX-License-Identifier: Apache-2.0 */
/* Each point becomes one unit of its shard's message: a sample, the buckets and sums of a histogram, a native
 * histogram, the quantiles of a summary. When the message is large enough it joins the result and a new one begins.
 *
 * A point that cannot be translated, or whose series is refused, is dropped by reason with an example of the metric,
 * which is what its sender and the log hear. Several points of one series in one batch are sorted elsewhere and come
 * here together (remote_write_put_points): the last is the unit, the earlier ones stand before it in its series. */
#include "prom/remote_write/remote_write_inside.h"

#include "prom/model/exemplar.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- drops ---- */

void remote_write_drop(struct remote_write *rw, const char *reason, const struct stream *stream, uint64_t items)
{
    struct remote_write_result *r = rw->result;
    size_t i = 0;

    while (i < r->n_drops && strcmp(r->drops[i].reason, reason) != 0)
        i++;
    assert(i < ARRAY_LEN(r->drops));
    if (i == r->n_drops) {
        r->drops[i] = (struct remote_write_drop){ .reason = reason };
        if (stream != NULL)
            snprintf(r->drops[i].example, sizeof(r->drops[i].example), "%.*s", (int)stream_name(stream).len,
                     (const char *)stream_name(stream).data);
        r->n_drops++;
    }
    r->drops[i].items += items;
}

/* ---- messages ---- */

void remote_write_finish(struct remote_write *rw, struct write_message *m)
{
    struct remote_write_request *r = message_end(m);

    if (r->units.n == 0) {
        remote_write_request_free(r);
        return;
    }
    list_push(&rw->result->requests, &r->link);
}

struct write_message *remote_write_message(struct remote_write *rw, uint32_t shard, uint32_t items, uint32_t series)
{
    struct write_message *m = &rw->messages[shard];

    if (m->request != NULL && message_size(m) + rw->slack >= rw->options.max_bytes)
        remote_write_finish(rw, m);
    if (m->request == NULL)
        message_begin(m, shard);
    message_unit(m, items, series);
    return m;
}

static void put_sample(struct remote_write *rw, struct write_message *m)
{
    if (!rw->mixed || remote_write_claim(rw, rw->sample.labels, rw->sample.time))
        message_put(m, &rw->sample);
}

static void put_value(struct remote_write *rw, struct write_message *m, const label_field_list *labels, uint64_t bits)
{
    rw->sample.labels = labels;
    rw->sample.bits = bits;
    put_sample(rw, m);
}

/* ---- exemplars ---- */

static void read_exemplars(struct remote_write *rw, const struct stream *stream, const struct point *p,
                           struct sample_extra *extra)
{
    size_t size;

    *extra = (struct sample_extra){ 0 };
    if (!p->has_exemplars)
        return;
    exemplars_read(&rw->exemplar_reader, rw->options.translation->strategy, stream->kind, p->bytes, rw->value.bounds.v,
                   stream->kind == METRIC_EXPLICIT ? rw->value.bounds.n : 0);
    if (rw->exemplar_reader.found.n == 0)
        return;
    size = exemplars_size(&rw->exemplar_reader);
    if (size > rw->exemplars_cap) {
        free(rw->exemplars);
        rw->exemplars = mem_alloc(size);
        rw->exemplars_cap = size;
    }
    rw->exemplars->cap = (uint32_t)size;
    exemplars_fill(rw->exemplars, &rw->exemplar_reader);
    extra->exemplars = rw->exemplars->v;
    extra->n_exemplars = rw->exemplars->n;
}

static void attach_all(struct remote_write *rw, const struct sample_extra *extra)
{
    size_t n = extra->n_exemplars < REMOTE_WRITE_EXEMPLARS ? extra->n_exemplars : REMOTE_WRITE_EXEMPLARS;

    for (size_t i = 0; i < n; i++)
        rw->exemplar_list[i] = &extra->exemplars[i];
    rw->sample.exemplars = rw->exemplar_list;
    rw->sample.n_exemplars = n;
}

static void attach_between(struct remote_write *rw, const struct sample_extra *extra, double low, double high)
{
    rw->exemplar_list[0] = exemplar_between(extra, low, high);
    rw->sample.exemplars = rw->exemplar_list;
    rw->sample.n_exemplars = rw->exemplar_list[0] != NULL;
}

/* ---- points ---- */

static uint64_t bits_of(const struct point *p)
{
    return p->is_int ? pb_bits((double)(int64_t)p->value) : p->value;
}

static void put_number(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p)
{
    struct sample_extra extra = { 0 };
    bool stale = (p->flags & POINT_NO_VALUE) != 0;

    if (p->has_exemplars && (stream_is_part(stream) || (stream->kind == METRIC_SUM && stream->monotonic))) {
        read_exemplars(rw, stream, p, &extra);
        attach_all(rw, &extra);
    }
    put_value(rw, m, &rw->labels, stale ? STALE_NAN : bits_of(p));
}

static uint64_t count_bits(bool stale, double v)
{
    return stale ? STALE_NAN : pb_bits(v);
}

static void put_sum_and_count(struct remote_write *rw, struct write_message *m, struct stream *stream, bool stale)
{
    const struct distribution_value *r = &rw->value;

    rw->sample.n_exemplars = 0;
    if (r->has_sum || stale)
        put_value(rw, m, remote_write_part_labels(rw, stream, "_sum", NULL, 0), count_bits(stale, r->sum));
    put_value(rw, m, remote_write_part_labels(rw, stream, "_count", NULL, 0), count_bits(stale, (double)r->count));
}

static void put_explicit(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p,
                         bool with_exemplars)
{
    const struct distribution_value *r = &rw->value;
    bool stale = (p->flags & POINT_NO_VALUE) != 0;
    struct sample_extra extra = { 0 };
    double low = -INFINITY;

    if (with_exemplars)
        read_exemplars(rw, stream, p, &extra);
    for (size_t i = 0; i < r->bounds.n; low = r->bounds.v[i++]) {
        attach_between(rw, &extra, low, r->bounds.v[i]);
        put_value(rw, m, remote_write_part_labels(rw, stream, "_bucket", "le", r->bounds.v[i]),
                  count_bits(stale, (double)r->counts.v[i]));
    }
    attach_between(rw, &extra, low, INFINITY);
    put_value(rw, m, remote_write_part_labels(rw, stream, "_bucket", "le", INFINITY),
              count_bits(stale, (double)r->count));
    put_sum_and_count(rw, m, stream, stale);
}

static void put_summary(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p)
{
    const struct distribution_value *r = &rw->value;
    bool stale = (p->flags & POINT_NO_VALUE) != 0;

    for (size_t i = 0; i < r->quantiles.n; i++)
        put_value(rw, m, remote_write_part_labels(rw, stream, "", "quantile", r->quantiles.v[i].quantile),
                  count_bits(stale, r->quantiles.v[i].value));
    put_sum_and_count(rw, m, stream, stale);
}

/* With what rw->sides say of the buckets. */
static void put_buckets(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p,
                        struct native_histogram *h)
{
    struct sample_extra extra;

    h->count = rw->value.count;
    h->sum = rw->value.sum;
    span_sides_set(&rw->sides, h);
    read_exemplars(rw, stream, p, &extra);
    attach_all(rw, &extra);
    rw->sample.labels = &rw->labels;
    rw->sample.native = h;
    rw->sample.stale = (p->flags & POINT_NO_VALUE) != 0;
    put_sample(rw, m);
    rw->sample.native = NULL;
    rw->sample.stale = false;
    rw->sample.n_exemplars = 0;
}

static void put_native(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p)
{
    const struct exponential *e = &rw->value.exponential;
    struct native_histogram h = {
        .schema = e->scale,
        .zero_threshold = e->zero_threshold > 0 ? e->zero_threshold : EXPONENTIAL_ZERO_THRESHOLD,
        .zero_count = e->zero_count,
    };

    span_sides_clear(&rw->sides);
    exponential_spans(e->positive.offset, e->positive.counts.v, e->positive.counts.n, &rw->sides.positive);
    exponential_spans(e->negative.offset, e->negative.counts.v, e->negative.counts.n, &rw->sides.negative);
    put_buckets(rw, m, stream, p, &h);
}

/* The counts of an explicit histogram add up from bucket to bucket; the last one has the rest. */
static void put_custom(struct remote_write *rw, struct write_message *m, struct stream *stream, const struct point *p)
{
    const struct distribution_value *r = &rw->value;
    struct native_histogram h = { .schema = NATIVE_CUSTOM,
                                  .custom_values = r->bounds.v,
                                  .n_custom_values = r->bounds.n };
    uint64_t before = 0;

    rw->counts.n = 0;
    for (size_t i = 0; i < r->bounds.n; before = r->counts.v[i++])
        *vec_push(&rw->counts) = r->counts.v[i] - before;
    *vec_push(&rw->counts) = r->count - before;
    span_sides_clear(&rw->sides);
    exponential_spans(-1, rw->counts.v, rw->counts.n, &rw->sides.positive); /* numbered from 0 */
    put_buckets(rw, m, stream, p, &h);
}

static int64_t start_of(const struct stream *stream, const struct point *p)
{
    return stream->kind == METRIC_NUMBER_GAUGE && !stream_is_part(stream) ? 0 : (int64_t)(p->start / NS_PER_MS);
}

/* With rw->earlier before it in its series, `n_earlier` of them. */
static void put_unit(struct remote_write *rw, struct stream *stream, const struct point *p,
                     const struct series_ref *ref, uint32_t n_earlier)
{
    struct write_message *m = remote_write_message(rw, ref->shard, n_earlier + 1, ref->label_hash);
    bool custom;

    rw->sample = (struct message_sample){
        .metadata = &rw->metadata,
        .time = (int64_t)(p->time / NS_PER_MS),
        .start = start_of(stream, p),
        .earlier = n_earlier > 0 ? buf_bytes(&rw->earlier) : bytes_of(NULL, 0),
        .n_earlier = n_earlier,
    };
    switch (stream->kind) {
    case METRIC_EXPLICIT:
        custom = rw->options.custom_buckets && rw->options.version == REMOTE_WRITE_2;
        if (custom)
            put_custom(rw, m, stream, p);
        if (!custom || rw->options.keep_classic)
            put_explicit(rw, m, stream, p, !custom);
        break;
    case METRIC_EXPONENTIAL:
        put_native(rw, m, stream, p);
        break;
    case METRIC_SUMMARY:
        put_summary(rw, m, stream, p);
        break;
    default:
        put_number(rw, m, stream, p);
    }
}

void remote_write_take_point(struct remote_write *rw, struct stream *stream, const struct point *p,
                             const struct identity_key *key)
{
    struct series_ref ref = { 0 };
    const char *reason = remote_write_find(rw, stream, key, &ref);

    if (reason == NULL && stream->kind >= METRIC_EXPLICIT)
        reason = distribution_value_read(&rw->value, stream->kind, p->bytes);
    if (reason != NULL) {
        remote_write_drop(rw, reason, stream, 1);
        return;
    }
    if (p->time > rw->newest)
        rw->newest = p->time;
    if (ref.series == NULL || remote_write_seen_in_batch(rw, ref.series)) {
        rw->disorder = true;
        return;
    }
    ref.series->seen = rw->tick;
    remote_write_see_in_batch(rw, ref.series);
    put_unit(rw, stream, p, &ref, 0);
}

/* All but the last, as they stand in a series. */
static void put_earlier(struct remote_write *rw, const struct unsorted_point *points, size_t n)
{
    rw->earlier.len = 0;
    for (size_t i = 0; i < n; i++) {
        const struct stream *stream = points[i].stream;
        struct point p;

        point_read(&p, stream->kind, points[i].point);
        message_value(&rw->earlier, rw->options.version, points[i].time, start_of(stream, &p),
                      (p.flags & POINT_NO_VALUE) != 0 ? STALE_NAN : bits_of(&p));
    }
}

void remote_write_put_points(struct remote_write *rw, const struct unsorted_point *points, size_t n)
{
    const struct unsorted_point *last = &points[n - 1];
    struct stream *stream = last->stream;
    struct identity_key key;
    struct series_ref ref;
    struct point p;
    const char *reason = NULL;

    point_read(&p, stream->kind, last->point);
    key = remote_write_key(rw, stream, &p);
    if (stream->kind >= METRIC_EXPLICIT)
        reason = distribution_value_read(&rw->value, stream->kind, p.bytes);
    if (reason == NULL)
        reason = remote_write_find(rw, stream, &key, &ref);
    if (reason != NULL) {
        remote_write_drop(rw, reason, stream, n);
        return;
    }
    put_earlier(rw, points, n - 1);
    remote_write_set_metadata(rw, stream);
    put_unit(rw, stream, &p, &ref, (uint32_t)(n - 1));
    if (message_drop_empty(&rw->messages[ref.shard]))
        remote_write_drop(rw, "type_conflict", stream, n);
}
