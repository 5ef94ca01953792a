/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides are arrays of counts with the index of the first, without zeros at the ends. To add two histograms both
 * are brought to the coarser scale, and coarser still until they fit into EXPONENTIAL_BUCKETS_MAX together; then the
 * counts are added, and buckets below the larger zero threshold go to the zero bucket, whose threshold rises when it
 * cuts through one. It fails when not even the coarsest scale is coarse enough. */
#include "prom/model/exponential.h"

#include "codec/pb.h"
#include "otlp/fields.h"

#include <math.h>

void exponential_free(struct exponential *x)
{
    vec_free(&x->positive.counts);
    vec_free(&x->negative.counts);
}

void exponential_trim_side(struct exponential_side *s)
{
    size_t zeros = 0;

    while (s->counts.n > 0 && s->counts.v[s->counts.n - 1] == 0)
        s->counts.n--;
    while (zeros < s->counts.n && s->counts.v[zeros] == 0)
        zeros++;
    if (zeros > 0)
        memmove(s->counts.v, s->counts.v + zeros, (s->counts.n - zeros) * sizeof(*s->counts.v));
    s->counts.n -= zeros;
    s->offset += (int64_t)zeros;
}

bool exponential_read_side(struct exponential_side *side, struct bytes buckets)
{
    struct pb_reader r = pb_reader(buckets);
    uint64_t v;

    side->offset = 0;
    side->counts.n = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_BUCKETS_OFFSET && f.wire == PB_VARINT)
            side->offset = (int32_t)pb_unzigzag(f.u64);
        else if (f.number == OTLP_BUCKETS_COUNTS && f.wire == PB_VARINT)
            *vec_push(&side->counts) = f.u64;
        else if (f.number == OTLP_BUCKETS_COUNTS && f.wire == PB_LEN)
            for (const uint8_t *p = f.bytes.data, *end = p + f.bytes.len; pb_varint(&p, end, &v);)
                *vec_push(&side->counts) = v;
    }
    if (side->offset + (int64_t)side->counts.n > INT32_MAX)
        return false;
    exponential_trim_side(side);
    return true;
}

/* Divide the indices by 2^shift, rounding down: gcc and clang shift negative numbers that way. */
static int64_t shift_index(int64_t index, unsigned shift)
{
    return index >> (shift < 62 ? shift : 62);
}

static void downscale_side(struct exponential_side *s, unsigned shift)
{
    int64_t first = shift_index(s->offset, shift);
    size_t n = 0;

    for (size_t i = 0; i < s->counts.n; i++) {
        size_t to = (size_t)(shift_index(s->offset + (int64_t)i, shift) - first);
        uint64_t count = s->counts.v[i];

        if (to == n) {
            s->counts.v[n++] = count;
            continue;
        }
        /* Neighbours follow each other: never past the next free place. */
        s->counts.v[to] += count;
    }
    s->offset = first;
    s->counts.n = n;
}

void exponential_downscale(struct exponential *x, int32_t scale)
{
    if (x->scale <= scale)
        return;
    downscale_side(&x->positive, (unsigned)((int64_t)x->scale - scale));
    downscale_side(&x->negative, (unsigned)((int64_t)x->scale - scale));
    x->scale = scale;
}

bool exponential_fit(struct exponential *x)
{
    while (x->positive.counts.n > EXPONENTIAL_BUCKETS_MAX || x->negative.counts.n > EXPONENTIAL_BUCKETS_MAX) {
        if (x->scale <= EXPONENTIAL_SCALE_MIN)
            return false;
        exponential_downscale(x, x->scale - 1);
    }
    return true;
}

static double bound_of(int64_t index, int32_t scale)
{
    return exp2(ldexp((double)index, scale == INT32_MIN ? INT32_MAX : -scale));
}

/* Take the buckets that reach below the threshold; one that lies across it raises it. */
static uint64_t take_below(struct exponential_side *s, int32_t scale, double *threshold)
{
    uint64_t taken = 0;
    size_t n = 0;

    while (n < s->counts.n && bound_of(s->offset + (int64_t)n, scale) < *threshold) {
        double upper = bound_of(s->offset + (int64_t)n + 1, scale);

        if (s->counts.v[n] > 0 && upper > *threshold)
            *threshold = upper;
        taken += s->counts.v[n];
        s->counts.v[n++] = 0;
    }
    exponential_trim_side(s);
    return taken;
}

void exponential_raise_threshold(struct exponential *x, double threshold)
{
    double before;

    if (x->zero_threshold < threshold)
        x->zero_threshold = threshold;
    do {
        before = x->zero_threshold;
        x->zero_count += take_below(&x->positive, x->scale, &x->zero_threshold);
        x->zero_count += take_below(&x->negative, x->scale, &x->zero_threshold);
    } while (x->zero_threshold > before);
}

/* How many buckets both would take together, were they of one scale. */
static uint64_t joint_width(const struct exponential_side *a, const struct exponential_side *b)
{
    int64_t first, end;

    if (a->counts.n == 0 || b->counts.n == 0)
        return a->counts.n + b->counts.n;
    first = a->offset < b->offset ? a->offset : b->offset;
    end = a->offset + (int64_t)a->counts.n;
    if (b->offset + (int64_t)b->counts.n > end)
        end = b->offset + (int64_t)b->counts.n;
    return (uint64_t)(end - first);
}

static void add_side(struct exponential_side *to, const struct exponential_side *from)
{
    uint64_t width = joint_width(to, from);
    int64_t shift = to->offset - from->offset;

    if (from->counts.n == 0)
        return;
    if (to->counts.n == 0) {
        shift = 0;
        to->offset = from->offset;
    }
    while (to->counts.n < width)
        *vec_push(&to->counts) = 0;
    if (shift > 0) {
        memmove(to->counts.v + shift, to->counts.v, (width - (size_t)shift) * sizeof(*to->counts.v));
        memset(to->counts.v, 0, (size_t)shift * sizeof(*to->counts.v));
        to->offset = from->offset;
    }
    for (size_t i = 0; i < from->counts.n; i++)
        to->counts.v[(size_t)(from->offset - to->offset) + i] += from->counts.v[i];
}

bool exponential_add_within(struct exponential *x, struct exponential *other, uint64_t buckets, int32_t coarsest)
{
    int32_t scale = x->scale < other->scale ? x->scale : other->scale;
    double threshold = fmax(x->zero_threshold, other->zero_threshold);

    for (;; scale--) {
        exponential_downscale(x, scale);
        exponential_downscale(other, scale);
        if (joint_width(&x->positive, &other->positive) <= buckets &&
            joint_width(&x->negative, &other->negative) <= buckets)
            break;
        if (scale <= coarsest)
            return false;
    }
    add_side(&x->positive, &other->positive);
    add_side(&x->negative, &other->negative);
    x->zero_count += other->zero_count;
    exponential_raise_threshold(x, threshold);
    return true;
}

bool exponential_add(struct exponential *x, struct exponential *other)
{
    return exponential_add_within(x, other, EXPONENTIAL_BUCKETS_MAX, EXPONENTIAL_SCALE_MIN);
}

uint64_t exponential_count(const struct exponential *x)
{
    uint64_t n = x->zero_count;

    for (size_t i = 0; i < x->positive.counts.n; i++)
        n += x->positive.counts.v[i];
    for (size_t i = 0; i < x->negative.counts.n; i++)
        n += x->negative.counts.v[i];
    return n;
}

#define GAP_LISTED 2 /* empty buckets that are listed rather than spanned over */

void exponential_spans(int64_t offset, const uint64_t *counts, size_t n, struct span_list *out)
{
    size_t first_span = out->spans.n;
    int64_t before = 0, end = 0; /* of the listed buckets */

    for (size_t i = 0; i < n; i++) {
        int64_t j = offset + (int64_t)i + 1; /* native buckets are numbered by their upper bound */
        bool first = out->spans.n == first_span;

        if (counts[i] == 0)
            continue;
        if (first || j - end > GAP_LISTED) {
            *vec_push(&out->spans) = (struct native_span){ .offset = (int32_t)(first ? j : j - end) };
            end = j;
        }
        for (; end <= j; end++) {
            int64_t count = end == j ? (int64_t)counts[i] : 0;

            *vec_push(&out->deltas) = count - before;
            out->spans.v[out->spans.n - 1].length++;
            before = count;
        }
    }
}

void span_sides_clear(struct span_sides *s)
{
    s->positive.spans.n = s->positive.deltas.n = s->negative.spans.n = s->negative.deltas.n = 0;
}

void span_sides_free(struct span_sides *s)
{
    vec_free(&s->positive.spans);
    vec_free(&s->positive.deltas);
    vec_free(&s->negative.spans);
    vec_free(&s->negative.deltas);
}

void span_sides_set(const struct span_sides *s, struct native_histogram *h)
{
    h->positive_spans = s->positive.spans.v;
    h->n_positive_spans = s->positive.spans.n;
    h->positive_deltas = s->positive.deltas.v;
    h->n_positive_deltas = s->positive.deltas.n;
    h->negative_spans = s->negative.spans.v;
    h->n_negative_spans = s->negative.spans.n;
    h->negative_deltas = s->negative.deltas.v;
    h->n_negative_deltas = s->negative.deltas.n;
}
