/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and deltas become pairs of index and count, those that are not 0. To make it coarser, indices are halved, and
 * neighbours that become one are added up when the side is written.
 *
 * What can go wrong: spans and buckets do not fit one another, or a stranger's spans lie so far apart that writing what
 * is between them would take the memory: then it is made coarser, or refused where even that does not help. */
#include "prom/intake/native_reading.h"

#include "base/vec.h"
#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/view.h"
#include "prom/exposition/protobuf_fields.h"
#include "prom/model/exponential.h"
#include "prom/model/remote_write_fields.h"

#include <math.h>

#define BUCKETS_MAX (1u << 16) /* of one side, full or empty: they are read in one turn of the loop */

const char native_over_limit[] = "histogram bucket limit exceeded";

struct filled { /* a bucket with something in it; OTLP's index: of its lower bound */
    int64_t index;
    uint64_t count;
};

struct side {
    VEC(struct filled) filled;
    /* while it is read */
    struct bytes message;
    uint32_t span, delta, count; /* numbers of its fields */
};

struct native {
    int32_t schema;
    double sum, zero_threshold;
    uint64_t count, zero_count;
    double real_count, real_zero_count;
    struct side sides[2]; /* positive, negative */
};

static bool is_real(const struct native *h)
{
    return h->real_count > 0 || h->real_zero_count > 0;
}

const struct native_form native_of_page = {
    .count = PROTO_SAMPLE_COUNT,
    .real_count = PROTO_HISTOGRAM_COUNT_FLOAT,
    .sum = PROTO_SAMPLE_SUM,
    .schema = PROTO_HISTOGRAM_SCHEMA,
    .zero_threshold = PROTO_HISTOGRAM_ZERO_THRESHOLD,
    .zero_count = PROTO_HISTOGRAM_ZERO_COUNT,
    .real_zero_count = PROTO_HISTOGRAM_ZERO_COUNT_FLOAT,
    .spans = { PROTO_HISTOGRAM_POSITIVE_SPAN, PROTO_HISTOGRAM_NEGATIVE_SPAN },
    .deltas = { PROTO_HISTOGRAM_POSITIVE_DELTA, PROTO_HISTOGRAM_NEGATIVE_DELTA },
    .counts = { PROTO_HISTOGRAM_POSITIVE_COUNT, PROTO_HISTOGRAM_NEGATIVE_COUNT },
};

const struct native_form native_of_remote_write = {
    .count = NATIVE_COUNT,
    .real_count = NATIVE_COUNT_FLOAT,
    .sum = NATIVE_SUM,
    .schema = NATIVE_SCHEMA,
    .zero_threshold = NATIVE_ZERO_THRESHOLD,
    .zero_count = NATIVE_ZERO_COUNT,
    .real_zero_count = NATIVE_ZERO_COUNT_FLOAT,
    .spans = { NATIVE_POSITIVE_SPANS, NATIVE_NEGATIVE_SPANS },
    .deltas = { NATIVE_POSITIVE_DELTAS, NATIVE_NEGATIVE_DELTAS },
    .counts = { NATIVE_POSITIVE_COUNTS, NATIVE_NEGATIVE_COUNTS },
    .custom_values = NATIVE_CUSTOM_VALUES,
};

static void read_heads(const struct native_form *form, struct bytes histogram, struct native *h)
{
    struct pb_reader r = pb_reader(histogram);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == form->count && f.wire == PB_VARINT)
            h->count = f.u64;
        if (f.number == form->sum && f.wire == PB_FIXED64)
            h->sum = pb_double(f.u64);
        if (f.number == form->real_count && f.wire == PB_FIXED64)
            h->real_count = pb_double(f.u64);
        if (f.number == form->schema && f.wire == PB_VARINT)
            h->schema = (int32_t)pb_unzigzag(f.u64);
        if (f.number == form->zero_threshold && f.wire == PB_FIXED64)
            h->zero_threshold = pb_double(f.u64);
        if (f.number == form->zero_count && f.wire == PB_VARINT)
            h->zero_count = f.u64;
        if (f.number == form->real_zero_count && f.wire == PB_FIXED64)
            h->real_zero_count = pb_double(f.u64);
    }
}

bool native_is(struct bytes histogram)
{
    struct native h = { 0 };
    struct pb_reader r = pb_reader(histogram);

    read_heads(&native_of_page, histogram, &h);
    if (h.zero_threshold > 0 || h.zero_count > 0)
        return true;
    for (struct pb_field f; pb_next(&r, &f);)
        if ((f.number == PROTO_HISTOGRAM_POSITIVE_SPAN || f.number == PROTO_HISTOGRAM_NEGATIVE_SPAN) &&
            f.wire == PB_LEN)
            return true;
    return false;
}

/* ---- one side ---- */

/* Numbers of a repeated field, packed or not. */
struct numbers {
    struct pb_reader message;
    const uint8_t *p, *end; /* of a packed run */
    uint32_t number;
    bool fixed;
};

static bool next_number(struct numbers *n, uint64_t *v)
{
    struct pb_field f;

    for (;;) {
        if (n->p < n->end) {
            if (!n->fixed)
                return pb_varint(&n->p, n->end, v);
            if (n->end - n->p < 8)
                return false;
            *v = pb_load64(n->p);
            n->p += 8;
            return true;
        }
        if (!pb_next(&n->message, &f))
            return false;
        if (f.number != n->number)
            continue;
        if (f.wire == PB_LEN) {
            n->p = f.bytes.data;
            n->end = bytes_end(f.bytes);
        } else if (f.wire == (n->fixed ? PB_FIXED64 : PB_VARINT)) {
            *v = f.u64;
            return true;
        }
    }
}

static void read_span(struct bytes span, int32_t *offset, uint32_t *length)
{
    struct pb_reader r = pb_reader(span);

    *offset = 0;
    *length = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == PROTO_SPAN_OFFSET && f.wire == PB_VARINT)
            *offset = (int32_t)pb_unzigzag(f.u64);
        if (f.number == PROTO_SPAN_LENGTH && f.wire == PB_VARINT)
            *length = (uint32_t)f.u64;
    }
}

static uint64_t whole_of(double v)
{
    return v >= 0x1p64 ? UINT64_MAX : v > 0 ? (uint64_t)v : 0;
}

/* NULL, or what is wrong with it. */
static const char *read_side(struct side *side, bool real)
{
    static const char other_number[] = "its spans are of another number of buckets than it has";
    struct pb_reader spans = pb_reader(side->message);
    struct numbers n = { .message = pb_reader(side->message),
                         .number = real ? side->count : side->delta,
                         .fixed = real };
    int64_t index = -1, sum = 0; /* a bucket of Prometheus is known by its upper bound */
    struct bytes span;
    bool first = true;
    uint64_t v;
    uint32_t n_buckets = 0;

    while (message_next(&spans, side->span, &span)) {
        int32_t offset;
        uint32_t length;

        read_span(span, &offset, &length);
        if (!first && offset < 0)
            return "a span of its buckets begins before the end of the one before";
        first = false;
        for (index += offset; length > 0; length--, index++) {
            uint64_t count;

            if (!next_number(&n, &v))
                return other_number;
            if (++n_buckets > BUCKETS_MAX)
                return "it has more than 65536 buckets";
            sum = (int64_t)((uint64_t)sum + (uint64_t)pb_unzigzag(v));
            count = real ? whole_of(pb_double(v)) : sum > 0 ? (uint64_t)sum : 0;
            if (count > 0)
                *vec_push(&side->filled) = (struct filled){ index, count };
        }
    }
    return next_number(&n, &v) ? other_number : NULL;
}

/* How many have something in them, at a scale that is so much coarser. */
static uint64_t count_filled(const struct side *side, unsigned shift)
{
    uint64_t n = side->filled.n > 0;

    for (size_t i = 1; i < side->filled.n; i++)
        n += side->filled.v[i].index >> shift != side->filled.v[i - 1].index >> shift;
    return n;
}

static bool side_fits(const struct side *side, unsigned shift)
{
    const struct filled *v = side->filled.v;
    size_t n = side->filled.n;

    if (n == 0)
        return true;
    return v[n - 1].index >= v[0].index && (v[n - 1].index >> shift) - (v[0].index >> shift) < EXPONENTIAL_BUCKETS_MAX;
}

static void put_side(struct buf *out, uint32_t number, const struct side *side, unsigned shift)
{
    size_t message, counts;
    int64_t index;
    uint64_t sum = 0;

    if (side->filled.n == 0)
        return;
    message = pb_begin(out, number);
    index = side->filled.v[0].index >> shift;
    pb_put_uint(out, OTLP_BUCKETS_OFFSET, pb_zigzag(index));
    counts = pb_begin(out, OTLP_BUCKETS_COUNTS);
    for (size_t i = 0; i < side->filled.n; i++) {
        for (int64_t at = side->filled.v[i].index >> shift; index < at; index++, sum = 0)
            pb_put_varint(out, sum);
        sum += side->filled.v[i].count;
    }
    pb_put_varint(out, sum);
    pb_end(out, counts);
    pb_end(out, message);
}

/* ---- the whole ---- */

static const char *find_shift(const struct native *h, int32_t max_schema, uint64_t limit, unsigned *shift)
{
    const struct side *p = &h->sides[0], *n = &h->sides[1];
    bool wide, many = true;

    for (*shift = 0; h->schema - (int32_t)*shift >= EXPONENTIAL_SCALE_MIN; (*shift)++) {
        many = limit > 0 && count_filled(p, *shift) + count_filled(n, *shift) > limit;
        wide = !side_fits(p, *shift) || !side_fits(n, *shift);
        if (!many && !wide && h->schema - (int32_t)*shift <= max_schema)
            return NULL;
    }
    return many ? native_over_limit : "its buckets lie too far apart";
}

static const char *write_native(const struct native *h, int32_t max_schema, uint64_t limit, struct buf *out)
{
    unsigned shift;
    const char *fault = find_shift(h, max_schema, limit, &shift);

    if (fault != NULL)
        return fault;
    pb_put_fixed64(out, OTLP_EXPONENTIAL_COUNT, is_real(h) ? whole_of(h->real_count) : h->count);
    pb_put_double(out, OTLP_EXPONENTIAL_SUM, h->sum);
    pb_put_uint(out, OTLP_EXPONENTIAL_SCALE, pb_zigzag(h->schema - (int32_t)shift));
    pb_put_fixed64(out, OTLP_EXPONENTIAL_ZERO_COUNT, is_real(h) ? whole_of(h->real_zero_count) : h->zero_count);
    put_side(out, OTLP_EXPONENTIAL_POSITIVE, &h->sides[0], shift);
    put_side(out, OTLP_EXPONENTIAL_NEGATIVE, &h->sides[1], shift);
    pb_put_double(out, OTLP_EXPONENTIAL_ZERO_THRESHOLD, h->zero_threshold);
    return NULL;
}

static struct native open_native(const struct native_form *form, struct bytes histogram)
{
    struct native h = { 0 };

    for (size_t i = 0; i < 2; i++)
        h.sides[i] = (struct side){
            .message = histogram, .span = form->spans[i], .delta = form->deltas[i], .count = form->counts[i]
        };
    read_heads(form, histogram, &h);
    return h;
}

static void close_native(struct native *h)
{
    vec_free(&h->sides[0].filled);
    vec_free(&h->sides[1].filled);
}

const char *native_read(const struct native_form *form, struct bytes histogram, int32_t max_schema,
                        uint64_t bucket_limit, struct buf *out)
{
    struct native h = open_native(form, histogram);
    const char *fault = NULL;

    if (h.schema < EXPONENTIAL_SCALE_MIN || h.schema > EXPONENTIAL_SCALE_MAX)
        fault = "no such schema of native histograms";
    for (size_t i = 0; i < 2 && fault == NULL; i++)
        fault = read_side(&h.sides[i], is_real(&h));
    if (fault == NULL)
        fault = write_native(&h, max_schema, bucket_limit, out);
    close_native(&h);
    return fault;
}

/* ---- of custom buckets ---- */

/* Each 8 bytes, in order. */
static const char *put_bounds(const struct native_form *form, struct bytes histogram, struct buf *out, size_t *n)
{
    struct numbers numbers = { .message = pb_reader(histogram), .number = form->custom_values, .fixed = true };
    size_t mark = pb_begin(out, OTLP_HISTOGRAM_BOUNDS);
    double before = 0;
    uint64_t bits;

    for (*n = 0; next_number(&numbers, &bits); ++*n) {
        double bound = pb_double(bits);

        if (*n >= EXPONENTIAL_BUCKETS_MAX)
            return "it has more bounds than there may be";
        if (!(bound < INFINITY) || (*n > 0 && !(bound > before)))
            return "its bounds do not ascend";
        before = bound;
        buf_append(out, &bits, sizeof(bits));
    }
    pb_end(out, mark);
    return NULL;
}

/* Its indices count from 0; read_side() has them one lower. */
static const char *put_counts(const struct side *side, size_t n_bounds, struct buf *out)
{
    size_t mark = pb_begin(out, OTLP_HISTOGRAM_BUCKETS);
    size_t at = 0;

    for (size_t i = 0; i <= n_bounds; i++) {
        uint64_t count = 0;

        if (at < side->filled.n && side->filled.v[at].index + 1 == (int64_t)i)
            count = side->filled.v[at++].count;
        buf_append(out, &count, sizeof(count));
    }
    pb_end(out, mark);
    return at == side->filled.n ? NULL : "it has buckets beyond its bounds";
}

const char *native_read_custom(const struct native_form *form, struct bytes histogram, struct buf *out)
{
    struct native h = open_native(form, histogram);
    const char *fault = read_side(&h.sides[0], is_real(&h));
    size_t n;

    if (fault == NULL) {
        pb_put_fixed64(out, OTLP_HISTOGRAM_COUNT, is_real(&h) ? whole_of(h.real_count) : h.count);
        pb_put_double(out, OTLP_HISTOGRAM_SUM, h.sum);
        fault = put_bounds(form, histogram, out, &n);
    }
    if (fault == NULL)
        fault = put_counts(&h.sides[0], n, out);
    close_native(&h);
    return fault;
}
