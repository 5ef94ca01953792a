/* SPDX-License-Identifier: Apache-2.0 */
/* A family is written behind e->mark, and when it ends its length goes in front. Messages inside are begun and ended
 * around their fields (pb_begin, pb_end); labels are written with lengths known beforehand, since there are most of
 * them. */
#include "prom/exposition/encoder_protobuf.h"

#include "codec/pb.h"
#include "prom/exposition/protobuf_fields.h"
#include "prom/model/exemplar.h"

#include <math.h>

static uint64_t type_number(enum family_type type)
{
    static const uint8_t numbers[] = {
        [FAMILY_COUNTER] = PROTO_TYPE_COUNTER,     [FAMILY_GAUGE] = PROTO_TYPE_GAUGE,
        [FAMILY_HISTOGRAM] = PROTO_TYPE_HISTOGRAM, [FAMILY_SUMMARY] = PROTO_TYPE_SUMMARY,
        [FAMILY_UNKNOWN] = PROTO_TYPE_UNTYPED,     [FAMILY_INFO] = PROTO_TYPE_GAUGE,
        [FAMILY_STATESET] = PROTO_TYPE_GAUGE,
    };

    return numbers[type];
}

void protobuf_family_begin(struct encoder *e, struct bytes name, struct bytes help, struct bytes unit)
{
    e->mark = e->out->len;
    pb_put_bytes(e->out, PROTO_FAMILY_NAME, name);
    pb_put_bytes(e->out, PROTO_FAMILY_HELP, help);
    pb_put_uint(e->out, PROTO_FAMILY_TYPE, type_number(e->type));
    if (unit.len > 0)
        pb_put_bytes(e->out, PROTO_FAMILY_UNIT, unit);
}

/* The length goes in front now that it is known. */
void protobuf_family_end(struct encoder *e)
{
    size_t len = e->out->len - e->mark, n = pb_varint_len(len);

    (void)buf_reserve(e->out, n);
    memmove(e->out->data + e->mark + n, e->out->data + e->mark, len);
    pb_put_varint_at(e->out->data + e->mark, len);
    e->out->len += n;
}

static void put_label(struct buf *out, uint32_t field, struct bytes name, struct bytes value)
{
    size_t len = pb_len_size(name.len) + pb_len_size(value.len);
    uint8_t *p = pb_put_head_at(buf_reserve(out, len + 11), field, len);

    p = pb_put_head_at(p, PROTO_LABEL_NAME, name.len);
    memcpy(p, name.data, name.len);
    p = pb_put_head_at(p + name.len, PROTO_LABEL_VALUE, value.len);
    memcpy(p, value.data, value.len);
    out->len = (size_t)(p + value.len - out->data);
}

/* Rendered text taken back into its bytes, which are `s` itself when nothing in it is escaped. */
static struct bytes unescape_bytes(struct buf *scratch, struct bytes s)
{
    size_t start = scratch->len;

    if (s.len == 0 || memchr(s.data, '\\', s.len) == NULL)
        return s;
    labels_put_unescaped(scratch, s);
    return bytes_of(scratch->data + start, scratch->len - start);
}

static void put_labels(struct encoder *e, uint32_t field, struct bytes rendered)
{
    struct buf scratch = { 0 };

    for (struct label l; labels_next(&rendered, &l); scratch.len = 0) {
        (void)buf_reserve(&scratch, l.name.len + l.value.len); /* so that the first result does not move */
        put_label(e->out, field, unescape_bytes(&scratch, l.name), unescape_bytes(&scratch, l.value));
    }
    buf_free(&scratch);
}

static void put_time(struct buf *out, uint32_t field, uint64_t ns)
{
    size_t mark = pb_begin(out, field);

    pb_put_uint(out, 1, ns / 1000000000);
    if (ns % 1000000000 != 0)
        pb_put_uint(out, 2, ns % 1000000000);
    pb_end(out, mark);
}

static size_t metric_begin(struct encoder *e, struct bytes labels)
{
    size_t mark = pb_begin(e->out, PROTO_FAMILY_METRIC);

    put_labels(e, PROTO_METRIC_LABEL, labels);
    return mark;
}

static void metric_end(struct encoder *e, size_t mark, const struct sample_extra *x)
{
    if (x != NULL && x->timestamp_ms != 0)
        pb_put_uint(e->out, PROTO_METRIC_TIME, x->timestamp_ms);
    pb_end(e->out, mark);
}

static void put_exemplar(struct encoder *e, uint32_t field, const struct exemplar *x)
{
    size_t mark = pb_begin(e->out, field);
    struct buf copy = { 0 };

    put_labels(e, PROTO_EXEMPLAR_LABEL, labels_for_peer(&copy, e->escaping, x->labels));
    pb_put_double(e->out, PROTO_EXEMPLAR_VALUE, x->value);
    if (x->time_ns != 0)
        put_time(e->out, PROTO_EXEMPLAR_TIME, x->time_ns);
    pb_end(e->out, mark);
    buf_free(&copy);
}

static void put_start(struct encoder *e, uint32_t field, const struct sample_extra *x)
{
    if (x != NULL && x->start_ns != 0)
        put_time(e->out, field, x->start_ns);
}

void protobuf_value(struct encoder *e, struct bytes labels, double value, const struct sample_extra *x)
{
    uint32_t field = e->type == FAMILY_COUNTER   ? PROTO_METRIC_COUNTER
                     : e->type == FAMILY_UNKNOWN ? PROTO_METRIC_UNTYPED
                                                 : PROTO_METRIC_GAUGE;
    size_t metric = metric_begin(e, labels), mark = pb_begin(e->out, field);

    pb_put_double(e->out, PROTO_VALUE, value);
    if (e->type == FAMILY_COUNTER) {
        if (x != NULL && x->n_exemplars > 0 && exemplar_fits(&x->exemplars[0]))
            put_exemplar(e, PROTO_COUNTER_EXEMPLAR, &x->exemplars[0]);
        put_start(e, PROTO_COUNTER_CREATED, x);
    }
    pb_end(e->out, mark);
    metric_end(e, metric, x);
}

static void put_bucket(struct encoder *e, double bound, uint64_t count, const struct exemplar *x)
{
    size_t mark = pb_begin(e->out, PROTO_HISTOGRAM_BUCKET);

    pb_put_uint(e->out, PROTO_BUCKET_COUNT, count);
    pb_put_double(e->out, PROTO_BUCKET_BOUND, bound);
    if (x != NULL)
        put_exemplar(e, PROTO_BUCKET_EXEMPLAR, x);
    pb_end(e->out, mark);
}

/* Readers add the +Inf bucket themselves; it is written where it has an exemplar to carry. */
void protobuf_histogram(struct encoder *e, struct bytes labels, const struct classic_histogram *h,
                        const struct sample_extra *x)
{
    size_t metric = metric_begin(e, labels), mark = pb_begin(e->out, PROTO_METRIC_HISTOGRAM);
    double low = -INFINITY;
    const struct exemplar *last;

    pb_put_uint(e->out, PROTO_SAMPLE_COUNT, h->count);
    if (h->has_sum)
        pb_put_double(e->out, PROTO_SAMPLE_SUM, h->sum);
    for (size_t i = 0; i < h->n; low = h->bounds[i++])
        put_bucket(e, h->bounds[i], h->counts[i], exemplar_between(x, low, h->bounds[i]));
    last = exemplar_between(x, low, INFINITY);
    if (last != NULL)
        put_bucket(e, INFINITY, h->count, last);
    put_start(e, PROTO_HISTOGRAM_CREATED, x);
    pb_end(e->out, mark);
    metric_end(e, metric, x);
}

static void put_spans(struct buf *out, uint32_t field, const struct native_span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t mark = pb_begin(out, field);

        pb_put_uint(out, PROTO_SPAN_OFFSET, pb_zigzag(spans[i].offset));
        pb_put_uint(out, PROTO_SPAN_LENGTH, spans[i].length);
        pb_end(out, mark);
    }
}

static void put_deltas(struct buf *out, uint32_t field, const int64_t *deltas, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pb_put_uint(out, field, pb_zigzag(deltas[i]));
}

/* What nothing else tells from a classic histogram needs a span, if only one of no length. */
static bool looks_classic(const struct native_histogram *h)
{
    return h->n_positive_spans == 0 && h->n_negative_spans == 0 && h->zero_threshold == 0 && h->zero_count == 0;
}

void protobuf_native(struct encoder *e, struct bytes labels, const struct native_histogram *h,
                     const struct sample_extra *x)
{
    static const struct native_span no_op = { 0, 0 };
    size_t metric = metric_begin(e, labels), mark = pb_begin(e->out, PROTO_METRIC_HISTOGRAM);

    pb_put_uint(e->out, PROTO_SAMPLE_COUNT, h->count);
    pb_put_double(e->out, PROTO_SAMPLE_SUM, h->sum);
    pb_put_uint(e->out, PROTO_HISTOGRAM_SCHEMA, pb_zigzag(h->schema));
    pb_put_double(e->out, PROTO_HISTOGRAM_ZERO_THRESHOLD, h->zero_threshold);
    pb_put_uint(e->out, PROTO_HISTOGRAM_ZERO_COUNT, h->zero_count);
    put_spans(e->out, PROTO_HISTOGRAM_NEGATIVE_SPAN, h->negative_spans, h->n_negative_spans);
    put_deltas(e->out, PROTO_HISTOGRAM_NEGATIVE_DELTA, h->negative_deltas, h->n_negative_deltas);
    put_spans(e->out, PROTO_HISTOGRAM_POSITIVE_SPAN, h->positive_spans, h->n_positive_spans);
    put_deltas(e->out, PROTO_HISTOGRAM_POSITIVE_DELTA, h->positive_deltas, h->n_positive_deltas);
    if (looks_classic(h))
        put_spans(e->out, PROTO_HISTOGRAM_POSITIVE_SPAN, &no_op, 1);
    put_start(e, PROTO_HISTOGRAM_CREATED, x);
    for (size_t i = 0; x != NULL && i < x->n_exemplars; i++)
        if (x->exemplars[i].time_ns != 0 && exemplar_fits(&x->exemplars[i]))
            put_exemplar(e, PROTO_HISTOGRAM_EXEMPLAR, &x->exemplars[i]);
    pb_end(e->out, mark);
    metric_end(e, metric, x);
}

void protobuf_summary(struct encoder *e, struct bytes labels, const struct quantile *q, size_t n, uint64_t count,
                      double sum, const struct sample_extra *x)
{
    size_t metric = metric_begin(e, labels), mark = pb_begin(e->out, PROTO_METRIC_SUMMARY);

    pb_put_uint(e->out, PROTO_SAMPLE_COUNT, count);
    pb_put_double(e->out, PROTO_SAMPLE_SUM, sum);
    for (size_t i = 0; i < n; i++) {
        size_t at = pb_begin(e->out, PROTO_SUMMARY_QUANTILE);

        pb_put_double(e->out, PROTO_QUANTILE, q[i].quantile);
        pb_put_double(e->out, PROTO_QUANTILE_VALUE, q[i].value);
        pb_end(e->out, at);
    }
    put_start(e, PROTO_SUMMARY_CREATED, x);
    pb_end(e->out, mark);
    metric_end(e, metric, x);
}
