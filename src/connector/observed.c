/* SPDX-License-Identifier: Apache-2.0 */
/* An exponential one begins at the finest scale and has the buckets from its lowest to its highest value; when those
 * become too many, neighbours are added up until they fit. */
#include "connector/observed.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "config/decode.h"
#include "otlp/fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FINEST 20
#define FRACTION_BITS 52
#define FRACTION ((1ull << FRACTION_BITS) - 1)

size_t observed_size(const struct observed_shape *shape)
{
    return shape->exponential ? 0 : (shape->n_bounds + 1) * sizeof(uint64_t);
}

void observed_init(struct observed *o, const struct observed_shape *shape)
{
    *o = (struct observed){ .scale = FINEST };
    if (shape->exponential)
        return;
    o->n = o->room = (uint32_t)shape->n_bounds + 1;
    o->buckets = mem_zalloc(o->room * sizeof(*o->buckets));
}

void observed_free(struct observed *o, const struct observed_shape *shape)
{
    if (shape->exponential)
        budget_give(shape->budget, o->room * sizeof(*o->buckets));
    free(o->buckets);
    o->buckets = NULL;
}

void observed_reset(struct observed *o, const struct observed_shape *shape)
{
    uint64_t *buckets = o->buckets;
    uint32_t room = o->room;

    if (room > 0)
        memset(buckets, 0, room * sizeof(*buckets));
    *o = (struct observed){ .scale = FINEST, .buckets = buckets, .room = room };
    o->n = shape->exponential ? 0 : room;
}

/* ---- exponential ---- */

static int32_t shift_down(int32_t index, unsigned shift)
{
    return index >= 0 ? index >> shift : ~(~index >> shift);
}

/* The bucket whose lower bound the value is above, at most at its upper one. */
static int32_t index_of(double value, int32_t scale)
{
    uint64_t bits = pb_bits(value);
    int32_t exponent = (int32_t)(bits >> FRACTION_BITS & 0x7ff) - 1023;

    if ((bits & FRACTION) == 0)
        return scale > 0 ? (int32_t)(exponent * (1 << scale)) - 1 : shift_down(exponent - 1, (unsigned)-scale);
    if (scale <= 0)
        return shift_down(exponent, (unsigned)-scale);
    return (int32_t)floor(log(value) * ldexp(M_LOG2E, scale));
}

static void downscale_buckets(struct observed *o, unsigned shift)
{
    int32_t first = shift_down(o->first, shift);
    uint32_t n = 0;

    for (uint32_t i = 0; i < o->n; i++) {
        uint64_t count = o->buckets[i];
        uint32_t to = (uint32_t)(shift_down(o->first + (int32_t)i, shift) - first);

        o->buckets[i] = 0;
        o->buckets[to] += count;
        n = to + 1;
    }
    o->first = first;
    o->n = n;
    o->scale -= (int32_t)shift;
}

/* Room for n buckets, the ones in use `ahead` further up. */
static void make_room(struct observed *o, const struct observed_shape *shape, uint32_t n, uint32_t ahead)
{
    uint32_t room = o->room > 0 ? o->room : 4;

    while (room < n)
        room *= 2;
    if (room > o->room) {
        budget_charge(shape->budget, (room - o->room) * sizeof(*o->buckets));
        o->buckets = mem_realloc(o->buckets, room * sizeof(*o->buckets));
        memset(o->buckets + o->room, 0, (room - o->room) * sizeof(*o->buckets));
        o->room = room;
    }
    if (ahead == 0)
        return;
    memmove(o->buckets + ahead, o->buckets, o->n * sizeof(*o->buckets));
    memset(o->buckets, 0, ahead * sizeof(*o->buckets));
}

/* As many times as the span of indices must be halved. */
static unsigned shift_for(int32_t low, int32_t high, uint32_t most)
{
    unsigned shift = 0;

    while ((uint32_t)(shift_down(high, shift) - shift_down(low, shift)) >= most)
        shift++;
    return shift;
}

static void count_exponential(struct observed *o, const struct observed_shape *shape, double value, uint64_t n)
{
    int32_t index = index_of(value, o->scale), last;
    unsigned shift;

    if (o->n == 0)
        o->first = index;
    last = o->first + (int32_t)o->n - (o->n > 0);
    shift = shift_for(index < o->first ? index : o->first, index > last ? index : last, shape->max_buckets);
    if (shift > 0) {
        downscale_buckets(o, shift);
        index = index_of(value, o->scale);
    }
    if (index < o->first) {
        uint32_t ahead = (uint32_t)(o->first - index);

        make_room(o, shape, o->n + ahead, ahead);
        o->n += ahead;
        o->first = index;
    } else if ((uint32_t)(index - o->first) >= o->n) {
        make_room(o, shape, (uint32_t)(index - o->first) + 1, 0);
        o->n = (uint32_t)(index - o->first) + 1;
    }
    o->buckets[index - o->first] += n;
}

/* ---- both ---- */

void observed_add(struct observed *o, const struct observed_shape *shape, double value, uint64_t n)
{
    size_t i = 0;

    o->min = o->count == 0 || value < o->min ? value : o->min;
    o->max = o->count == 0 || value > o->max ? value : o->max;
    o->count += n;
    o->sum += value * (double)n;
    if (!shape->exponential) {
        while (i < shape->n_bounds && shape->bounds[i] < value)
            i++;
        o->buckets[i] += n;
    } else if (value == 0) {
        o->zeros += n;
    } else {
        count_exponential(o, shape, value, n);
    }
}

static void put_fixed(struct buf *out, uint32_t number, const void *values, size_t n)
{
    if (n > 0)
        pb_put_bytes(out, number, bytes_of(values, n * sizeof(uint64_t)));
}

static void put_exponential(struct buf *out, const struct observed *o)
{
    size_t side, counts;

    pb_put_uint(out, OTLP_EXPONENTIAL_SCALE, pb_zigzag(o->count == o->zeros ? 0 : o->scale));
    pb_put_fixed64(out, OTLP_EXPONENTIAL_ZERO_COUNT, o->zeros);
    side = pb_begin(out, OTLP_EXPONENTIAL_POSITIVE);
    pb_put_uint(out, OTLP_BUCKETS_OFFSET, pb_zigzag(o->n > 0 ? o->first : 0));
    if (o->n > 0) {
        counts = pb_begin(out, OTLP_BUCKETS_COUNTS);
        for (uint32_t i = 0; i < o->n; i++)
            pb_put_varint(out, o->buckets[i]);
        pb_end(out, counts);
    }
    pb_end(out, side);
    if (o->count > 0) {
        pb_put_double(out, OTLP_EXPONENTIAL_MIN, o->min);
        pb_put_double(out, OTLP_EXPONENTIAL_MAX, o->max);
    }
}

void observed_put(struct buf *out, const struct observed *o, const struct observed_shape *shape)
{
    _Static_assert((int)OTLP_HISTOGRAM_COUNT == (int)OTLP_EXPONENTIAL_COUNT &&
                       (int)OTLP_HISTOGRAM_SUM == (int)OTLP_EXPONENTIAL_SUM,
                   "one number for both");
    pb_put_fixed64(out, OTLP_HISTOGRAM_COUNT, o->count);
    pb_put_double(out, OTLP_HISTOGRAM_SUM, o->sum);
    if (shape->exponential) {
        put_exponential(out, o);
        return;
    }
    put_fixed(out, OTLP_HISTOGRAM_BUCKETS, o->buckets, shape->n_bounds + 1);
    put_fixed(out, OTLP_HISTOGRAM_BOUNDS, shape->bounds, shape->n_bounds);
}

bool observed_bounds(double *bounds, const char *const *texts, size_t n, double unit, size_t *bad)
{
    int64_t ns;

    for (*bad = 0; *bad < n; ++*bad) {
        if (!duration_parse(texts[*bad], &ns))
            return false;
        bounds[*bad] = (double)ns / unit;
    }
    return true;
}

void observed_check_bounds(const struct strings *texts, const char *path, struct check *ck)
{
    double *bounds = mem_zalloc((texts->n + 1) * sizeof(*bounds));
    size_t bad;
    char at[64];

    if (!observed_bounds(bounds, texts->v, texts->n, 1, &bad)) {
        snprintf(at, sizeof(at), "%s::%zu", path, bad);
        check_fail(ck, at, "\"%s\" is no duration: write 100ms or 1.5s", texts->v[bad]);
    } else {
        for (size_t i = 1; i < texts->n; i++)
            if (bounds[i] <= bounds[i - 1]) {
                snprintf(at, sizeof(at), "%s::%zu", path, i);
                check_fail(ck, at, "bounds rise: %s does not come after %s", texts->v[i], texts->v[i - 1]);
            }
    }
    free(bounds);
}
