/* SPDX-License-Identifier: Apache-2.0 */
/* A point's fields are read into arrays, then its kind is finished: explicit bounds are put in order and counts added
 * up, exponential buckets brought into the scales and numbers that Prometheus takes, quantiles sorted.
 *
 * What is only untidy is mended (bounds unsorted, twice or infinite; the same quantile twice). What cannot be is
 * refused with a reason: NaN as a bound, buckets that do not add up to the count, too many of them, a scale below what
 * there is. */
#include "prom/model/distribution_value.h"

#include "otlp/fields.h"

#include <math.h>
#include <stdlib.h>

#define MALFORMED "malformed"
#define SCALE "scale"

void distribution_value_free(struct distribution_value *r)
{
    vec_free(&r->bounds);
    vec_free(&r->counts);
    vec_free(&r->quantiles);
    exponential_free(&r->exponential);
}

static void read_sum(struct distribution_value *r, const struct pb_field *f)
{
    r->sum = pb_double(f->u64);
    r->has_sum = true;
}

static void read_counts(struct distribution_value *r, const struct pb_field *f)
{
    if (f->wire == PB_FIXED64)
        *vec_push(&r->counts) = f->u64;
    for (size_t i = 0; f->wire == PB_LEN && i + 8 <= f->bytes.len; i += 8)
        *vec_push(&r->counts) = pb_load64(f->bytes.data + i);
}

static void read_bounds(struct distribution_value *r, const struct pb_field *f)
{
    if (f->wire == PB_FIXED64)
        *vec_push(&r->bounds) = pb_double(f->u64);
    for (size_t i = 0; f->wire == PB_LEN && i + 8 <= f->bytes.len; i += 8)
        *vec_push(&r->bounds) = pb_double(pb_load64(f->bytes.data + i));
}

struct bucket {
    double bound;
    uint64_t count;
};

static int by_bound(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->bound, y = ((const struct bucket *)b)->bound;

    return x < y ? -1 : x > y;
}

/* Bounds that are not as they should be: sorted, equal ones joined, infinite ones left out. */
static bool mend_bounds(struct distribution_value *r)
{
    VEC(struct bucket) all = { 0 };
    size_t n = 0;
    bool ok = true;

    for (size_t i = 0; i < r->bounds.n; i++) {
        ok = ok && !isnan(r->bounds.v[i]);
        *vec_push(&all) = (struct bucket){ r->bounds.v[i], r->counts.v[i] };
    }
    if (ok && all.n > 0)
        qsort(all.v, all.n, sizeof(*all.v), by_bound);
    for (size_t i = 0; ok && i < all.n && all.v[i].bound < INFINITY; i++) {
        /* What lies at or below minus infinity lies in the first bucket. */
        if (n > 0 && (r->bounds.v[n - 1] == all.v[i].bound || isinf(r->bounds.v[n - 1])))
            n--;
        else
            r->counts.v[n] = 0;
        r->bounds.v[n] = all.v[i].bound;
        r->counts.v[n] += all.v[i].count;
        n++;
    }
    if (n > 0 && isinf(r->bounds.v[n - 1]))
        n--;
    r->bounds.n = r->counts.n = n;
    vec_free(&all);
    return ok;
}

static bool in_order(const struct distribution_value *r)
{
    for (size_t i = 0; i < r->bounds.n; i++)
        if (!isfinite(r->bounds.v[i]) || (i > 0 && r->bounds.v[i - 1] >= r->bounds.v[i]))
            return false;
    return true;
}

static const char *finish_explicit(struct distribution_value *r)
{
    if (r->bounds.n > BUCKETS_MAX)
        return DISTRIBUTION_TOO_LARGE;
    while (r->counts.n < r->bounds.n)
        *vec_push(&r->counts) = 0;
    r->counts.n = r->bounds.n; /* the last bucket is count less all others */
    if (!in_order(r) && !mend_bounds(r))
        return MALFORMED;
    for (size_t i = 1; i < r->counts.n; i++)
        r->counts.v[i] += r->counts.v[i - 1];
    return NULL;
}

static const char *read_explicit(struct distribution_value *r, struct bytes point)
{
    struct pb_reader p = pb_reader(point);

    r->bounds.n = r->counts.n = 0;
    for (struct pb_field f; pb_next(&p, &f);) {
        if (f.number == OTLP_HISTOGRAM_COUNT && f.wire == PB_FIXED64)
            r->count = f.u64;
        else if (f.number == OTLP_HISTOGRAM_SUM && f.wire == PB_FIXED64)
            read_sum(r, &f);
        else if (f.number == OTLP_HISTOGRAM_BUCKETS)
            read_counts(r, &f);
        else if (f.number == OTLP_HISTOGRAM_BOUNDS)
            read_bounds(r, &f);
    }
    return finish_explicit(r);
}

static const char *finish_exponential(struct distribution_value *r)
{
    struct exponential *x = &r->exponential;
    uint64_t n = exponential_count(x);

    if (x->scale < EXPONENTIAL_SCALE_MIN)
        return SCALE;
    exponential_downscale(x, EXPONENTIAL_SCALE_MAX);
    /* A reader fails the whole scrape over a native histogram whose buckets do not add up. */
    if (!exponential_fit(x) || n > r->count || (n != r->count && !isnan(r->sum)))
        return MALFORMED;
    return NULL;
}

static const char *read_exponential(struct distribution_value *r, struct bytes point)
{
    struct exponential *x = &r->exponential;
    struct pb_reader p = pb_reader(point);
    bool ok = true;

    x->scale = 0;
    x->zero_threshold = 0;
    x->zero_count = 0;
    x->positive.counts.n = x->negative.counts.n = 0;
    for (struct pb_field f; pb_next(&p, &f);) {
        if (f.number == OTLP_EXPONENTIAL_COUNT && f.wire == PB_FIXED64)
            r->count = f.u64;
        else if (f.number == OTLP_EXPONENTIAL_SUM && f.wire == PB_FIXED64)
            read_sum(r, &f);
        else if (f.number == OTLP_EXPONENTIAL_SCALE && f.wire == PB_VARINT)
            x->scale = (int32_t)pb_unzigzag(f.u64);
        else if (f.number == OTLP_EXPONENTIAL_ZERO_COUNT && f.wire == PB_FIXED64)
            x->zero_count = f.u64;
        else if (f.number == OTLP_EXPONENTIAL_POSITIVE && f.wire == PB_LEN)
            ok = exponential_read_side(&x->positive, f.bytes) && ok;
        else if (f.number == OTLP_EXPONENTIAL_NEGATIVE && f.wire == PB_LEN)
            ok = exponential_read_side(&x->negative, f.bytes) && ok;
        else if (f.number == OTLP_EXPONENTIAL_ZERO_THRESHOLD && f.wire == PB_FIXED64 && pb_double(f.u64) > 0 &&
                 isfinite(pb_double(f.u64)))
            x->zero_threshold = pb_double(f.u64);
    }
    return ok ? finish_exponential(r) : MALFORMED;
}

static struct quantile read_quantile(struct bytes bytes)
{
    struct quantile q = { 0 };
    struct pb_reader p = pb_reader(bytes);

    for (struct pb_field f; pb_next(&p, &f);) {
        if (f.number == OTLP_QUANTILE_QUANTILE && f.wire == PB_FIXED64)
            q.quantile = pb_double(f.u64);
        else if (f.number == OTLP_QUANTILE_VALUE && f.wire == PB_FIXED64)
            q.value = pb_double(f.u64);
    }
    return q;
}

static int by_quantile(const void *a, const void *b)
{
    double x = ((const struct quantile *)a)->quantile, y = ((const struct quantile *)b)->quantile;

    return x < y ? -1 : x > y;
}

/* Of equal quantiles the last one stays: two would be one series twice. */
static void finish_summary(struct distribution_value *r)
{
    size_t n = 0;

    for (size_t i = 1; i < r->quantiles.n; i++)
        if (!(r->quantiles.v[i - 1].quantile < r->quantiles.v[i].quantile)) {
            qsort(r->quantiles.v, r->quantiles.n, sizeof(*r->quantiles.v), by_quantile);
            break;
        }
    for (size_t i = 0; i < r->quantiles.n; i++) {
        if (n > 0 && r->quantiles.v[n - 1].quantile == r->quantiles.v[i].quantile)
            n--;
        r->quantiles.v[n++] = r->quantiles.v[i];
    }
    r->quantiles.n = n;
}

static const char *read_summary(struct distribution_value *r, struct bytes point)
{
    struct pb_reader p = pb_reader(point);

    r->quantiles.n = 0;
    r->has_sum = true; /* it is no optional field: 0 is not on the wire */
    for (struct pb_field f; pb_next(&p, &f);) {
        if (f.number == OTLP_SUMMARY_COUNT && f.wire == PB_FIXED64) {
            r->count = f.u64;
        } else if (f.number == OTLP_SUMMARY_SUM && f.wire == PB_FIXED64) {
            read_sum(r, &f);
        } else if (f.number == OTLP_SUMMARY_QUANTILES && f.wire == PB_LEN) {
            struct quantile q = read_quantile(f.bytes);

            if (!isnan(q.quantile))
                *vec_push(&r->quantiles) = q;
        }
    }
    finish_summary(r);
    return NULL;
}

const char *distribution_value_read(struct distribution_value *r, enum metric_kind kind, struct bytes point)
{
    r->kind = kind;
    r->count = 0;
    r->sum = 0;
    r->has_sum = false;
    switch (kind) {
    case METRIC_EXPLICIT:
        return read_explicit(r, point);
    case METRIC_EXPONENTIAL:
        return read_exponential(r, point);
    default:
        return read_summary(r, point);
    }
}
