/* SPDX-License-Identifier: Apache-2.0 */
/* exemplars_read() goes through a point's exemplars: each is rendered with its ids and attributes, without the
 * attributes when it is too long with them, and put into its slot: the newest of each bucket of an explicit histogram,
 * the newest EXEMPLARS_NATIVE of a native one, else the newest alone. The texts lie in one buffer, so labels are
 * offsets into it until exemplars_fill() copies all into the store. */
#include "prom/series/exemplar_store.h"

#include "codec/base64.h"
#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "prom/model/exemplar.h"
#include "prom/model/labels.h"

#include <math.h>

struct raw_exemplar {
    struct bytes bytes, trace_id, span_id;
    double value;
    uint64_t time;
    bool has_attributes;
};

void exemplar_reader_free(struct exemplar_reader *r)
{
    vec_free(&r->found);
    vec_free(&r->of_bucket);
    buf_free(&r->text);
    buf_free(&r->value);
}

static struct raw_exemplar read_one(struct bytes bytes)
{
    struct raw_exemplar x = { .bytes = bytes, .value = 0 };
    struct pb_reader r = pb_reader(bytes);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_EXEMPLAR_TIME && f.wire == PB_FIXED64)
            x.time = f.u64;
        else if (f.number == OTLP_EXEMPLAR_DOUBLE && f.wire == PB_FIXED64)
            x.value = pb_double(f.u64);
        else if (f.number == OTLP_EXEMPLAR_INT && f.wire == PB_FIXED64)
            x.value = (double)(int64_t)f.u64;
        else if (f.number == OTLP_EXEMPLAR_SPAN_ID && f.wire == PB_LEN)
            x.span_id = f.bytes;
        else if (f.number == OTLP_EXEMPLAR_TRACE_ID && f.wire == PB_LEN)
            x.trace_id = f.bytes;
        else if (f.number == OTLP_EXEMPLAR_ATTRIBUTES && f.wire == PB_LEN)
            x.has_attributes = true;
    }
    return x;
}

struct named {
    struct bytes name, value; /* offsets into the scratch text, as lengths may still move it */
    size_t name_at, value_at;
};

#define LABELS_MAX 64 /* more than the 128 characters allow with any names and values */

struct exemplar_labels {
    struct named v[LABELS_MAX];
    size_t n;
    struct buf *scratch;
};

static bool put_label(struct exemplar_labels *l, size_t name_at, size_t value_at)
{
    struct bytes name = bytes_of(l->scratch->data + name_at, value_at - name_at);
    struct named label = { .name_at = name_at, .value_at = value_at };
    size_t at = l->n;

    label.name.len = name.len;
    label.value.len = l->scratch->len - value_at;
    for (size_t i = 0; i < l->n; i++)
        if (bytes_equal(bytes_of(l->scratch->data + l->v[i].name_at, l->v[i].name.len), name))
            return true; /* the first stays: the ids come before attributes of their name */
    if (l->n == LABELS_MAX)
        return false;
    for (; at > 0 && bytes_compare(bytes_of(l->scratch->data + l->v[at - 1].name_at, l->v[at - 1].name.len), name) > 0;
         at--)
        l->v[at] = l->v[at - 1];
    l->v[at] = label;
    l->n++;
    return true;
}

static bool put_id(struct exemplar_labels *l, const char *name, struct bytes id)
{
    size_t name_at = l->scratch->len, value_at;

    if (bytes_is_zero(id))
        return true;
    buf_puts(l->scratch, name);
    value_at = l->scratch->len;
    hex_encode(id, l->scratch);
    return put_label(l, name_at, value_at);
}

static bool put_attributes(struct exemplar_labels *l, enum name_strategy strategy, struct bytes exemplar)
{
    struct pb_reader r = pb_reader(exemplar);

    for (struct attribute a; attribute_next(&r, OTLP_EXEMPLAR_ATTRIBUTES, &a);) {
        size_t name_at = l->scratch->len, value_at;

        if (!name_label(l->scratch, strategy, a.key))
            continue;
        value_at = l->scratch->len;
        any_value_put(l->scratch, a.value);
        if (!put_label(l, name_at, value_at))
            return false;
    }
    return true;
}

/* Rendered behind r->text. False when the attributes make it too long. */
static bool render_exemplar(struct exemplar_reader *r, enum name_strategy strategy, const struct raw_exemplar *x,
                            bool attributes, struct exemplar *out)
{
    struct exemplar_labels l = { .n = 0, .scratch = &r->value };
    struct buf rendered = { 0 };
    bool fits;

    r->value.len = 0;
    fits = put_id(&l, "trace_id", x->trace_id) && put_id(&l, "span_id", x->span_id) &&
           (!attributes || put_attributes(&l, strategy, x->bytes));
    for (size_t i = 0; fits && i < l.n; i++)
        labels_put(&rendered, bytes_of(r->value.data + l.v[i].name_at, l.v[i].name.len),
                   bytes_of(r->value.data + l.v[i].value_at, l.v[i].value.len));
    *out = (struct exemplar){ .labels = buf_bytes(&rendered), .value = x->value, .time_ns = x->time };
    fits = fits && exemplar_fits(out);
    if (fits) {
        out->labels.data = (const uint8_t *)(uintptr_t)r->text.len; // NOLINT(performance-no-int-to-ptr)
        buf_put(&r->text, buf_bytes(&rendered));
    }
    buf_free(&rendered);
    return fits;
}

/* The first bucket whose bound is not below the value. */
static size_t bucket_of(const double *bounds, size_t n, double value)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (value <= bounds[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* The slot in found[] for an exemplar, or SIZE_MAX when a newer one has it. */
static size_t find_slot(struct exemplar_reader *r, enum metric_kind kind, const struct raw_exemplar *x,
                        const double *bounds, size_t n_bounds)
{
    size_t bucket = kind == METRIC_EXPLICIT ? bucket_of(bounds, n_bounds, x->value) : 0, oldest = 0;

    if (kind == METRIC_EXPONENTIAL) {
        if (r->found.n < EXEMPLARS_NATIVE)
            return r->found.n;
        for (size_t i = 1; i < r->found.n; i++)
            if (r->found.v[i].time_ns < r->found.v[oldest].time_ns)
                oldest = i;
        return x->time > r->found.v[oldest].time_ns ? oldest : SIZE_MAX;
    }
    while (r->of_bucket.n <= bucket)
        *vec_push(&r->of_bucket) = SIZE_MAX;
    if (r->of_bucket.v[bucket] == SIZE_MAX)
        r->of_bucket.v[bucket] = r->found.n;
    else if (x->time < r->found.v[r->of_bucket.v[bucket]].time_ns)
        return SIZE_MAX;
    return r->of_bucket.v[bucket];
}

static void read_into_slot(struct exemplar_reader *r, enum name_strategy strategy, enum metric_kind kind,
                           struct bytes bytes, const double *bounds, size_t n_bounds)
{
    struct raw_exemplar x = read_one(bytes);
    struct exemplar e;
    size_t at;

    if (isnan(x.value))
        return;
    if (!(x.has_attributes && render_exemplar(r, strategy, &x, true, &e)) &&
        !render_exemplar(r, strategy, &x, false, &e))
        return; /* nothing to say */
    at = find_slot(r, kind, &x, bounds, n_bounds);
    if (at == r->found.n)
        *vec_push(&r->found) = e;
    else if (at != SIZE_MAX)
        r->found.v[at] = e;
}

void exemplars_read(struct exemplar_reader *r, enum name_strategy strategy, enum metric_kind kind, struct bytes point,
                    const double *bounds, size_t n_bounds)
{
    uint32_t number = kind == METRIC_EXPLICIT      ? OTLP_HISTOGRAM_EXEMPLARS
                      : kind == METRIC_EXPONENTIAL ? OTLP_EXPONENTIAL_EXEMPLARS
                                                   : OTLP_NUMBER_EXEMPLARS;
    struct pb_reader fields = pb_reader(point);

    r->found.n = r->of_bucket.n = r->text.len = 0;
    for (struct pb_field f; pb_next(&fields, &f);)
        if (f.number == number && f.wire == PB_LEN)
            read_into_slot(r, strategy, kind, f.bytes, bounds, n_bounds);
}

size_t exemplars_size(const struct exemplar_reader *r)
{
    size_t size = sizeof(struct exemplar_store);

    for (size_t i = 0; i < r->found.n; i++)
        size += sizeof(r->found.v[i]) + r->found.v[i].labels.len;
    return size;
}

void exemplars_fill(struct exemplar_store *s, const struct exemplar_reader *r)
{
    uint8_t *text = (uint8_t *)(s->v + r->found.n);

    s->n = (uint32_t)r->found.n;
    for (size_t i = 0; i < r->found.n; i++) {
        size_t len = r->found.v[i].labels.len;

        memcpy(text, r->text.data + (uintptr_t)r->found.v[i].labels.data, len);
        s->v[i] = r->found.v[i];
        s->v[i].labels = bytes_of(text, len);
        text += len;
    }
}
