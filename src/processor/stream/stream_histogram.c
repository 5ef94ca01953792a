/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of HistogramDataPoint and ExponentialHistogramDataPoint that say what was measured, into arrays and back.
 * Repeated numbers are read packed or one by one, and written packed. Bounds and counts that do not fit together are
 * the reader's to notice. */
#include "processor/stream/stream_histogram.h"

#include "codec/pb.h"

#define SCRATCH_KEPT (256ul * 1024)

_Static_assert((int)OTLP_HISTOGRAM_COUNT == (int)OTLP_EXPONENTIAL_COUNT, "one number for both");
_Static_assert((int)OTLP_HISTOGRAM_SUM == (int)OTLP_EXPONENTIAL_SUM, "one number for both");

void stream_histogram_free(struct stream_histogram *h)
{
    vec_free(&h->bounds);
    vec_free(&h->counts);
    exponential_free(&h->exponential);
}

static void read_packed(const struct pb_field *f, void (*put)(struct stream_histogram *h, uint64_t bits),
                        struct stream_histogram *h)
{
    if (f->wire == PB_FIXED64)
        put(h, f->u64);
    else if (f->wire == PB_LEN)
        for (size_t at = 0; at + 8 <= f->bytes.len; at += 8)
            put(h, pb_load64(f->bytes.data + at));
}

static void put_bound(struct stream_histogram *h, uint64_t bits)
{
    *vec_push(&h->bounds) = pb_double(bits);
}

static void put_count(struct stream_histogram *h, uint64_t bits)
{
    *vec_push(&h->counts) = bits;
}

static void read_double(const struct pb_field *f, double *to, bool *has)
{
    if (f->wire != PB_FIXED64)
        return;
    *to = pb_double(f->u64);
    *has = true;
}

static void read_explicit(struct stream_histogram *h, const struct pb_field *f)
{
    switch (f->number) {
    case OTLP_HISTOGRAM_BUCKETS:
        read_packed(f, put_count, h);
        break;
    case OTLP_HISTOGRAM_BOUNDS:
        read_packed(f, put_bound, h);
        break;
    case OTLP_HISTOGRAM_MIN:
        read_double(f, &h->min, &h->has_min);
        break;
    case OTLP_HISTOGRAM_MAX:
        read_double(f, &h->max, &h->has_max);
        break;
    default:
        break;
    }
}

static bool read_exponential(struct stream_histogram *h, const struct pb_field *f)
{
    struct exponential *e = &h->exponential;
    bool has;

    switch (f->number) {
    case OTLP_EXPONENTIAL_SCALE:
        e->scale = (int32_t)pb_unzigzag(f->u64);
        break;
    case OTLP_EXPONENTIAL_ZERO_COUNT:
        e->zero_count = f->u64;
        break;
    case OTLP_EXPONENTIAL_ZERO_THRESHOLD:
        read_double(f, &e->zero_threshold, &has);
        break;
    case OTLP_EXPONENTIAL_POSITIVE:
        return exponential_read_side(&e->positive, f->bytes);
    case OTLP_EXPONENTIAL_NEGATIVE:
        return exponential_read_side(&e->negative, f->bytes);
    case OTLP_EXPONENTIAL_MIN:
        read_double(f, &h->min, &h->has_min);
        break;
    case OTLP_EXPONENTIAL_MAX:
        read_double(f, &h->max, &h->has_max);
        break;
    default:
        break;
    }
    return true;
}

static void clear_histogram(struct stream_histogram *h)
{
    struct exponential *e = &h->exponential;

    h->count = 0;
    h->sum = h->min = h->max = 0;
    h->has_sum = h->has_min = h->has_max = false;
    h->bounds.n = h->counts.n = 0;
    e->scale = 0;
    e->zero_count = 0;
    e->zero_threshold = 0;
    e->positive.counts.n = e->negative.counts.n = 0;
    e->positive.offset = e->negative.offset = 0;
}

bool stream_histogram_read(struct stream_histogram *h, unsigned data, struct bytes point)
{
    struct pb_reader r = pb_reader(point);

    clear_histogram(h);
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_HISTOGRAM_COUNT)
            h->count = f.u64;
        else if (f.number == OTLP_HISTOGRAM_SUM)
            read_double(&f, &h->sum, &h->has_sum);
        else if (data == OTLP_METRIC_HISTOGRAM)
            read_explicit(h, &f);
        else if (!read_exponential(h, &f))
            return false;
    }
    return true;
}

bool stream_histogram_has(unsigned data, uint32_t number)
{
    const uint32_t both = 1u << OTLP_HISTOGRAM_COUNT | 1u << OTLP_HISTOGRAM_SUM;
    const uint32_t explicit = both | 1u << OTLP_HISTOGRAM_BUCKETS | 1u << OTLP_HISTOGRAM_BOUNDS |
                              1u << OTLP_HISTOGRAM_MIN | 1u << OTLP_HISTOGRAM_MAX;
    const uint32_t exponential = both | 1u << OTLP_EXPONENTIAL_SCALE | 1u << OTLP_EXPONENTIAL_ZERO_COUNT |
                                 1u << OTLP_EXPONENTIAL_POSITIVE | 1u << OTLP_EXPONENTIAL_NEGATIVE |
                                 1u << OTLP_EXPONENTIAL_MIN | 1u << OTLP_EXPONENTIAL_MAX |
                                 1u << OTLP_EXPONENTIAL_ZERO_THRESHOLD;

    return number < 32 && ((data == OTLP_METRIC_HISTOGRAM ? explicit : exponential) >> number & 1) != 0;
}

static void put_packed(struct buf *out, uint32_t number, const void *values, size_t n)
{
    if (n > 0)
        pb_put_bytes(out, number, bytes_of(values, n * 8));
}

static void put_side(struct buf *out, uint32_t number, const struct exponential_side *s)
{
    size_t side, counts;

    if (s->counts.n == 0)
        return;
    side = pb_begin(out, number);
    if (s->offset != 0)
        pb_put_uint(out, OTLP_BUCKETS_OFFSET, pb_zigzag(s->offset));
    counts = pb_begin(out, OTLP_BUCKETS_COUNTS);
    for (size_t i = 0; i < s->counts.n; i++)
        pb_put_varint(out, s->counts.v[i]);
    pb_end(out, counts);
    pb_end(out, side);
}

static void put_exponential(struct buf *out, const struct exponential *e)
{
    if (e->scale != 0)
        pb_put_uint(out, OTLP_EXPONENTIAL_SCALE, pb_zigzag(e->scale));
    pb_put_fixed64(out, OTLP_EXPONENTIAL_ZERO_COUNT, e->zero_count);
    put_side(out, OTLP_EXPONENTIAL_POSITIVE, &e->positive);
    put_side(out, OTLP_EXPONENTIAL_NEGATIVE, &e->negative);
    if (e->zero_threshold != 0)
        pb_put_double(out, OTLP_EXPONENTIAL_ZERO_THRESHOLD, e->zero_threshold);
}

void stream_histogram_write(struct buf *out, unsigned data, const struct stream_histogram *h)
{
    bool explicit = data == OTLP_METRIC_HISTOGRAM;

    pb_put_fixed64(out, OTLP_HISTOGRAM_COUNT, h->count);
    if (h->has_sum)
        pb_put_double(out, OTLP_HISTOGRAM_SUM, h->sum);
    if (explicit) {
        put_packed(out, OTLP_HISTOGRAM_BUCKETS, h->counts.v, h->counts.n);
        put_packed(out, OTLP_HISTOGRAM_BOUNDS, h->bounds.v, h->bounds.n);
    } else {
        put_exponential(out, &h->exponential);
    }
    if (h->has_min)
        pb_put_double(out, explicit ? OTLP_HISTOGRAM_MIN : OTLP_EXPONENTIAL_MIN, h->min);
    if (h->has_max)
        pb_put_double(out, explicit ? OTLP_HISTOGRAM_MAX : OTLP_EXPONENTIAL_MAX, h->max);
}

bool stream_histogram_same_bounds(const struct stream_histogram *a, const struct stream_histogram *b)
{
    return a->counts.n == b->counts.n && a->bounds.n == b->bounds.n &&
           (a->bounds.n == 0 || memcmp(a->bounds.v, b->bounds.v, a->bounds.n * sizeof(*a->bounds.v)) == 0);
}

void stream_histogram_swap(struct stream_histogram *a, struct stream_histogram *b)
{
    struct stream_histogram c = *a;
    uint64_t of_a = a->charged, of_b = b->charged;

    *a = *b;
    *b = c;
    a->charged = of_a;
    b->charged = of_b;
}

static uint64_t bytes_of_arrays(const struct stream_histogram *h)
{
    return 8 *
           (h->bounds.cap + h->counts.cap + h->exponential.positive.counts.cap + h->exponential.negative.counts.cap);
}

void stream_histogram_shrink(struct stream_histogram *h)
{
    if (bytes_of_arrays(h) > SCRATCH_KEPT)
        stream_histogram_free(h);
}

void stream_histogram_charge(struct stream_histogram *h, struct budget *budget)
{
    uint64_t takes = bytes_of_arrays(h);

    if (takes > h->charged)
        budget_charge(budget, takes - h->charged);
    else
        budget_give(budget, h->charged - takes);
    h->charged = takes;
}
