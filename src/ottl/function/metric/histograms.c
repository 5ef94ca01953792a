/* SPDX-License-Identifier: Apache-2.0 */
/* Editors of distributions: exponential histograms become histograms with bounds, and buckets of a histogram one.
 *
 * convert_exponential_histogram_to_histogram() takes each bucket as the range that it is and gives its count to those
 * of the new ones that the range lies in, by the rule that is named; zeros and negative values have their places among
 * them, so that all that was counted is in some bucket. */
#include "ottl/function/make.h"
#include "ottl/function/metric/metric_make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "base/random.h"

#include <math.h>

enum rule { RULE_UPPER, RULE_MIDPOINT, RULE_UNIFORM, RULE_RANDOM, RULES };

struct conversion {
    struct ottl_call *c;
    enum rule rule;
    const struct ottl_value *bounds;
    size_t n; /* bounds; there is one bucket more */
    uint64_t *counts;
    struct random random;
};

/* The bucket that a value lies in: up to its bound, with it. */
static size_t bucket_of(const struct conversion *v, double value)
{
    size_t from = 0, to = v->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (value <= v->bounds[middle].number)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

static double max_of(double a, double b)
{
    return a > b ? a : b;
}

/* How much of the range lies in a bucket, of 1. */
static double share_of(const struct conversion *v, size_t bucket, double lower, double upper)
{
    double from = bucket == 0 ? lower : max_of(lower, v->bounds[bucket - 1].number);
    double to = bucket == v->n || upper < v->bounds[bucket].number ? upper : v->bounds[bucket].number;

    return to > from ? (to - from) / (upper - lower) : 0;
}

/* By chance, each bucket up to what its share of the range is; what is left evenly, beginning anywhere. Of a range
 * without end no share is known (NaN): it gets no more than the others. */
static void spread_randomly(struct conversion *v, uint64_t count, double lower, double upper, size_t first, size_t last)
{
    uint64_t left = count, n = last - first + 1, begin;

    for (size_t i = first; i <= last; i++) {
        double share = (double)count * share_of(v, i, lower, upper) * random_share(&v->random);
        uint64_t given = share >= (double)left ? left : share > 0 ? (uint64_t)share : 0;

        v->counts[i] += given;
        left -= given;
    }
    begin = random_next(&v->random) % n;
    for (size_t i = 0; i < n; i++)
        v->counts[first + (begin + i) % n] += left / n + (i < left % n);
}

static void spread_evenly(struct conversion *v, uint64_t count, size_t first, size_t last)
{
    uint64_t n = last - first + 1;

    for (size_t i = 0; i < n; i++)
        v->counts[first + i] += count / n + (i < count % n);
}

/* So many values above `lower` and up to `upper`. */
static bool spread_values(struct conversion *v, uint64_t count, double lower, double upper)
{
    size_t last = bucket_of(v, upper), first;

    if (v->rule == RULE_UPPER || v->rule == RULE_MIDPOINT) {
        v->counts[v->rule == RULE_UPPER ? last : bucket_of(v, lower + (upper - lower) / 2)] += count;
        return ottl_spend(v->c, 1);
    }
    first = bucket_of(v, nextafter(lower, INFINITY));
    first = first > last ? last : first;
    if (first == last)
        v->counts[first] += count;
    else if (v->rule == RULE_UNIFORM)
        spread_evenly(v, count, first, last);
    else
        spread_randomly(v, count, lower, upper, first, last);
    return ottl_spend(v->c, 1 + (last - first) / 4);
}

static bool spread_side(struct conversion *v, struct bytes buckets, int64_t scale, bool negative)
{
    struct metric_numbers counts = metric_numbers(v->c->arena, buckets, OTLP_BUCKETS_COUNTS, true);
    int64_t offset = buckets_view(buckets).offset;

    for (size_t i = 0; i < counts.n; i++) {
        double lower = metric_power_bound(offset + (int64_t)i, scale);
        double upper = metric_power_bound(offset + (int64_t)i + 1, scale);

        if (counts.v[i] == 0)
            continue;
        if (!spread_values(v, counts.v[i], negative ? -upper : lower, negative ? -lower : upper))
            return false;
    }
    return true;
}

static void put_fields(struct buf *out, struct bytes message)
{
    static const uint8_t numbers[16] = {
        [OTLP_EXPONENTIAL_ATTRIBUTES] = OTLP_HISTOGRAM_ATTRIBUTES,
        [OTLP_POINT_START] = OTLP_POINT_START,
        [OTLP_POINT_TIME] = OTLP_POINT_TIME,
        [OTLP_EXPONENTIAL_COUNT] = OTLP_HISTOGRAM_COUNT,
        [OTLP_EXPONENTIAL_SUM] = OTLP_HISTOGRAM_SUM,
        [OTLP_EXPONENTIAL_FLAGS] = OTLP_HISTOGRAM_FLAGS,
        [OTLP_EXPONENTIAL_EXEMPLARS] = OTLP_HISTOGRAM_EXEMPLARS,
        [OTLP_EXPONENTIAL_MIN] = OTLP_HISTOGRAM_MIN,
        [OTLP_EXPONENTIAL_MAX] = OTLP_HISTOGRAM_MAX,
    };
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);) {
        uint32_t number = f.number < 16 ? numbers[f.number] : 0;

        if (number == 0)
            continue;
        if (f.wire == PB_LEN)
            pb_put_bytes(out, number, f.bytes);
        else if (f.wire == PB_FIXED64)
            pb_put_fixed64(out, number, f.u64);
        else if (f.wire == PB_VARINT)
            pb_put_uint(out, number, f.u64);
    }
}

static bool convert_point(struct conversion *v, struct bytes message, struct buf *out)
{
    struct exponential_view e = exponential_view(message);
    size_t size = (v->n + 1) * sizeof(*v->counts), packed;

    if (!ottl_spend(v->c, 1 + message.len / 32 + v->n / 8))
        return false;
    v->counts = arena_zalloc(v->c->arena, size);
    v->counts[bucket_of(v, 0)] += e.zero_count;
    if (!spread_side(v, e.positive, e.scale, false) || !spread_side(v, e.negative, e.scale, true))
        return false;
    put_fields(out, message);
    packed = pb_begin(out, OTLP_HISTOGRAM_BUCKETS);
    buf_append(out, v->counts, size); /* little-endian, as pb.c has checked */
    pb_end(out, packed);
    packed = pb_begin(out, OTLP_HISTOGRAM_BOUNDS);
    for (size_t i = 0; i < v->n; i++) {
        uint64_t bits = pb_bits(v->bounds[i].number);

        buf_append(out, &bits, sizeof(bits));
    }
    pb_end(out, packed);
    return true;
}

static bool convert_points(struct conversion *v, struct bytes data, struct buf *out)
{
    struct pb_reader r = pb_reader(data);
    bool good = true;

    for (struct pb_field f; good && pb_next(&r, &f);) {
        size_t point;

        if (f.number != OTLP_DATA_POINTS || f.wire != PB_LEN) {
            buf_append(out, f.start, (size_t)(r.p - f.start));
            continue;
        }
        point = pb_begin(out, OTLP_DATA_POINTS);
        good = convert_point(v, f.bytes, out);
        pb_end(out, point);
    }
    return good;
}

static enum rule rule_of(struct bytes name)
{
    static const char *const names[RULES] = { "upper", "midpoint", "uniform", "random" };
    unsigned i = 0;

    if (name.len == 0)
        return RULE_RANDOM;
    while (i < RULES && !bytes_is(name, names[i]))
        i++;
    return (enum rule)i;
}

static bool call_convert(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes metric = ottl_metric(c);
    struct metric_view m = metric_view(metric);
    struct conversion v = { .c = c, .rule = rule_of(c->args[0].bytes), .bounds = c->args[1].values, .n = c->args[1].n };
    struct buf data = { 0 }, out = { 0 };
    bool good;

    (void)result;
    if (m.view.which != OTLP_METRIC_EXPONENTIAL)
        return true;
    if (v.rule == RULE_RANDOM)
        random_seed(&v.random);
    good = convert_points(&v, m.data, &data);
    if (good) {
        metric_replace_data(metric, OTLP_METRIC_HISTOGRAM, buf_bytes(&data), &out);
        good = ottl_metric_set(c, ottl_take(c, &out));
    }
    buf_free(&data);
    return good;
}

static bool prepare_convert(struct ottl_prepare *p)
{
    if (ottl_known(p, 0) && rule_of(p->args[0].bytes) == RULES)
        return ottl_refuse(p, 0, "the distribution is \"upper\", \"midpoint\", \"uniform\" or \"random\"");
    if (!ottl_known(p, 1))
        return true;
    if (p->args[1].n == 0)
        return ottl_refuse(p, 1, "it needs at least one bound");
    for (size_t i = 1; i < p->args[1].n; i++)
        if (!(p->args[1].values[i].number > p->args[1].values[i - 1].number))
            return ottl_refuse(p, 1, "each bound must be greater than the one before");
    return true;
}

/* ---- merge_histogram_buckets ---- */

struct buckets {
    struct metric_numbers counts, bounds;
};

/* The point with other buckets. */
static bool set_buckets(struct ottl_call *c, struct bytes message, const struct buckets *b)
{
    struct pb_reader r = pb_reader(message);
    struct buf out = { 0 };

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != OTLP_HISTOGRAM_BUCKETS && f.number != OTLP_HISTOGRAM_BOUNDS)
            buf_append(&out, f.start, (size_t)(r.p - f.start));
    pb_put_bytes(&out, OTLP_HISTOGRAM_BUCKETS, bytes_of(b->counts.v, b->counts.n * 8));
    if (b->bounds.n > 0)
        pb_put_bytes(&out, OTLP_HISTOGRAM_BOUNDS, bytes_of(b->bounds.v, b->bounds.n * 8));
    return ottl_message_set(c, ottl_take(c, &out));
}

/* False: there is no such bound. */
static bool remove_bound(struct buckets *b, double bound)
{
    size_t at = 0;

    while (at < b->bounds.n && !(fabs(pb_double(b->bounds.v[at]) - bound) < 1e-12))
        at++;
    if (at == b->bounds.n)
        return false;
    b->counts.v[at + 1] += b->counts.v[at];
    b->bounds.n--;
    b->counts.n--;
    memmove(&b->bounds.v[at], &b->bounds.v[at + 1], (b->bounds.n - at) * 8);
    memmove(&b->counts.v[at], &b->counts.v[at + 1], (b->counts.n - at) * 8);
    return true;
}

/* So many neighbours each become one that at most `most` are left. False: they are few enough, or in no order. */
static bool limit_buckets(struct buckets *b, double most)
{
    size_t each, n = 0;

    if ((double)b->counts.n <= most || b->counts.n <= 1)
        return false;
    for (size_t i = 1; i < b->bounds.n; i++)
        if (!(pb_double(b->bounds.v[i]) > pb_double(b->bounds.v[i - 1])))
            return false;
    each = (b->counts.n - 1) / (size_t)most + 1;
    for (size_t i = 0; i < b->counts.n; i++) {
        if (i % each == 0)
            b->counts.v[n++] = b->counts.v[i];
        else
            b->counts.v[n - 1] += b->counts.v[i];
        if (i % each == each - 1 && i < b->bounds.n)
            b->bounds.v[i / each] = b->bounds.v[i];
    }
    b->counts.n = n;
    b->bounds.n = n - 1;
    return true;
}

static bool is_limit(double most)
{
    return most >= 1 && most <= 0x1p63 && trunc(most) == most;
}

static bool call_merge_buckets(struct ottl_call *c, struct ottl_value *result)
{
    bool limits = bytes_is(ottl_text_or(c, 1, ""), "limit_buckets");
    struct bytes message = ottl_message(c);
    struct buckets b;

    (void)result;
    if (ottl_message_data(c) != OTLP_METRIC_HISTOGRAM)
        return true;
    if (c->args[0].type == OTTL_NIL)
        return ottl_fail(c, "target_value is nil");
    if (limits && !is_limit(c->args[0].number))
        return ottl_fail(c, "the limit is no positive integer");
    if (!ottl_spend(c, 1 + message.len / 32))
        return false;
    b.counts = metric_numbers(c->arena, message, OTLP_HISTOGRAM_BUCKETS, false);
    b.bounds = metric_numbers(c->arena, message, OTLP_HISTOGRAM_BOUNDS, false);
    if (b.counts.n != b.bounds.n + 1 || b.counts.n == 1)
        return true;
    if (!(limits ? limit_buckets(&b, c->args[0].number) : remove_bound(&b, c->args[0].number)))
        return true;
    return set_buckets(c, message, &b);
}

static bool prepare_merge_buckets(struct ottl_prepare *p)
{
    struct bytes method = p->args[1].bytes;

    if (!ottl_known(p, 1))
        return true;
    if (!bytes_is(method, "limit_buckets") && !bytes_is(method, "remove_explicit_bound"))
        return ottl_refuse(p, 1, "the method is \"remove_explicit_bound\" or \"limit_buckets\"");
    if (ottl_known(p, 0) && bytes_is(method, "limit_buckets") &&
        !is_limit(p->args[0].type == OTTL_INT ? (double)p->args[0].integer : p->args[0].number))
        return ottl_refuse(p, 0, "the limit must be a positive integer");
    return true;
}

const struct ottl_function ottl_functions_histograms[] = {
    EDITOR_IN(
        METRIC, "convert_exponential_histogram_to_histogram", call_convert,
        TAKES(LITERAL("distribution_fn", STRING), LIST_LITERAL("explicit_bounds", DOUBLE)),
        "Makes an exponential histogram a histogram with these bounds; what a bucket counts goes where its upper bound "
        "or its midpoint lies (upper, midpoint), evenly to all that it lies in (uniform), or by chance (random).",
        .prepare = prepare_convert),
    EDITOR_IN(DATAPOINT, "merge_histogram_buckets", call_merge_buckets,
              TAKES(ARGUMENT("target_value", DOUBLE_LIKE), OPTION("method", STRING)),
              "Takes a bound out of a histogram's point, whose bucket joins the next one (remove_explicit_bound), or "
              "joins neighbours until there are at most so many (limit_buckets).",
              .prepare = prepare_merge_buckets),
    { 0 },
};
