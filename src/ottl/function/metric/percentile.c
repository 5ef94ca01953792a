/* SPDX-License-Identifier: Apache-2.0 */
/* extract_percentile_metric(): a Gauge of what a percentile of each point of a histogram or exponential histogram is,
 * as near as its buckets tell. Within a bucket values are taken to lie evenly, in an exponential one evenly by their
 * logarithm. Points without counts are passed over; one whose buckets contradict its count fails the statement. */
#include "ottl/function/make.h"
#include "ottl/function/metric/metric_make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum found { FOUND, FOUND_NOTHING, FOUND_FAULT };

static enum found fail_call(struct ottl_call *c, const char *why)
{
    ottl_fail(c, "%s", why);
    return FOUND_FAULT;
}

static uint64_t target_of(uint64_t count, double percentile)
{
    double target = ceil((double)count * (percentile / 100));

    return target >= 0x1p64 ? UINT64_MAX : (uint64_t)target;
}

static enum found value_between(struct ottl_call *c, double lower, double upper, double ratio, double *v)
{
    if (!(ratio >= 0 && ratio <= 1))
        return fail_call(c, "the buckets of a data point contradict its count");
    *v = lower + ratio * (upper - lower);
    return FOUND;
}

static enum found between_powers(struct ottl_call *c, double lower, double upper, double ratio, double *v)
{
    if (!(ratio >= 0 && ratio <= 1) || !(lower > 0) || !(upper > 0))
        return fail_call(c, "the buckets of a data point contradict its count or scale");
    *v = exp2(log2(lower) + (log2(upper) - log2(lower)) * ratio);
    return FOUND;
}

/* ---- histograms ---- */

struct explicit_buckets {
    struct histogram_view view;
    struct metric_numbers counts, bounds;
};

static double bound_at(const struct explicit_buckets *b, size_t i)
{
    return pb_double(b->bounds.v[i]);
}

/* The bucket that the target falls into, of which `before` is the count of all below. */
static enum found find_in_bucket(struct ottl_call *c, const struct explicit_buckets *b, size_t i, uint64_t target,
                                 uint64_t before, double *v)
{
    bool has_min = view_has(&b->view.view, OTLP_HISTOGRAM_MIN), has_max = view_has(&b->view.view, OTLP_HISTOGRAM_MAX);
    double lower, upper;

    if (i == 0) {
        upper = *v = bound_at(b, 0);
        lower = has_min && b->view.min < upper ? b->view.min : 0;
        if (lower > upper)
            return FOUND;
    } else {
        lower = *v = bound_at(b, i - 1);
        if (i == b->bounds.n && (!has_max || b->view.max <= lower))
            return FOUND;
        upper = i < b->bounds.n ? bound_at(b, i) : b->view.max;
    }
    return value_between(c, lower, upper, (double)(target - before) / (double)b->counts.v[i], v);
}

static enum found find_in_histogram(struct ottl_call *c, struct bytes message, double percentile, double *v)
{
    struct explicit_buckets b = { .view = histogram_view(message) };
    uint64_t target = target_of(b.view.count, percentile), sum = 0;

    b.counts = metric_numbers(c->arena, message, OTLP_HISTOGRAM_BUCKETS, false);
    b.bounds = metric_numbers(c->arena, message, OTLP_HISTOGRAM_BOUNDS, false);
    if (b.view.count == 0 || b.counts.n == 0)
        return FOUND_NOTHING;
    if (b.counts.n != b.bounds.n + 1)
        return fail_call(c, "a data point has not one bucket more than it has bounds");
    if (b.bounds.n == 0) {
        if (!view_has(&b.view.view, OTLP_HISTOGRAM_MIN) || !view_has(&b.view.view, OTLP_HISTOGRAM_MAX))
            return FOUND_NOTHING;
        return value_between(c, b.view.min, b.view.max, (double)target / (double)b.counts.v[0], v);
    }
    for (size_t i = 0; i < b.counts.n; i++) {
        uint64_t before = sum;

        sum += b.counts.v[i];
        if (sum >= target)
            return find_in_bucket(c, &b, i, target, before, v);
    }
    return fail_call(c, "the buckets of a data point count less than the data point");
}

/* ---- exponential histograms ---- */

struct power_buckets {
    struct exponential_view view;
    struct metric_numbers positive, negative;
    int64_t positive_offset, negative_offset;
};

static enum found find_in_zeros(struct ottl_call *c, const struct power_buckets *b, uint64_t rank, double *v)
{
    double lower = -b->view.zero_threshold, upper = b->view.zero_threshold;

    if (b->negative.n == 0 && b->positive.n > 0)
        lower = 0;
    else if (b->positive.n == 0 && b->negative.n > 0)
        upper = 0;
    return value_between(c, lower, upper, (double)rank / (double)b->view.zero_count, v);
}

static enum found find_in_negatives(struct ottl_call *c, const struct power_buckets *b, size_t i, uint64_t rank,
                                    double *v)
{
    int64_t index = b->negative_offset + (int64_t)i;
    double ratio = (double)rank / (double)b->negative.v[i];
    enum found found = between_powers(c, metric_power_bound(index, b->view.scale),
                                      metric_power_bound(index + 1, b->view.scale), 1 - ratio, v);

    *v = -*v;
    return found;
}

static enum found find_in_powers(struct ottl_call *c, struct bytes message, double percentile, double *v)
{
    struct power_buckets b = { .view = exponential_view(message) };
    uint64_t target = target_of(b.view.count, percentile), sum = 0, before;

    b.positive = metric_numbers(c->arena, b.view.positive, OTLP_BUCKETS_COUNTS, true);
    b.negative = metric_numbers(c->arena, b.view.negative, OTLP_BUCKETS_COUNTS, true);
    b.positive_offset = buckets_view(b.view.positive).offset;
    b.negative_offset = buckets_view(b.view.negative).offset;
    if (b.view.count == 0 || (b.positive.n == 0 && b.negative.n == 0 && b.view.zero_count == 0))
        return FOUND_NOTHING;
    for (size_t i = b.negative.n; i-- > 0;) {
        before = sum;
        sum += b.negative.v[i];
        if (sum >= target)
            return find_in_negatives(c, &b, i, target - before, v);
    }
    before = sum;
    sum += b.view.zero_count;
    if (sum >= target)
        return find_in_zeros(c, &b, target - before, v);
    for (size_t i = 0; i < b.positive.n; i++) {
        int64_t index = b.positive_offset + (int64_t)i;

        before = sum;
        sum += b.positive.v[i];
        if (sum >= target)
            return between_powers(c, metric_power_bound(index, b.view.scale),
                                  metric_power_bound(index + 1, b.view.scale),
                                  (double)(target - before) / (double)b.positive.v[i], v);
    }
    return fail_call(c, "the buckets of a data point count less than the data point");
}

/* ---- the metric ---- */

/* As short as it is the same number: 99.9. */
static void put_percentile(struct buf *out, double percentile)
{
    char text[40] = "";

    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, percentile);
        if (strtod(text, NULL) == percentile)
            break;
    }
    buf_puts(out, text);
}

/* False: the statement has failed. */
static bool put_points(struct ottl_call *c, const struct metric_view *m, double percentile, struct buf *data)
{
    struct pb_reader r = pb_reader(m->data);

    for (struct bytes message; message_next(&r, OTLP_DATA_POINTS, &message);) {
        struct metric_point point = metric_point(m->view.which, message);
        enum found found;
        double v = 0;

        if (!ottl_spend(c, 1 + message.len / 8))
            return false;
        found = m->view.which == OTLP_METRIC_HISTOGRAM ? find_in_histogram(c, message, percentile, &v)
                                                       : find_in_powers(c, message, percentile, &v);
        if (found == FOUND_FAULT)
            return false;
        if (found == FOUND)
            metric_put_double(data, &point, v);
    }
    return true;
}

static bool append_gauge(struct ottl_call *c, const struct metric_view *m, struct bytes data)
{
    struct buf suffix = { 0 }, description = { 0 }, out = { 0 };
    double percentile = c->args[0].number;

    if (ottl_given(c, 1) && c->args[1].bytes.len > 0) {
        buf_put(&suffix, c->args[1].bytes);
    } else {
        buf_puts(&suffix, "_p");
        put_percentile(&suffix, percentile);
    }
    buf_put(&description, m->description);
    buf_puts(&description, m->description.len > 0 ? " (p" : "p");
    put_percentile(&description, percentile);
    buf_puts(&description, m->description.len > 0 ? ")" : "");
    metric_put_new(m, buf_bytes(&suffix), buf_bytes(&description), m->unit, OTLP_METRIC_GAUGE, data, &out);
    buf_free(&suffix);
    buf_free(&description);
    return ottl_metric_append(c, ottl_take(c, &out));
}

static bool call_percentile(struct ottl_call *c, struct ottl_value *result)
{
    struct metric_view m = metric_view(ottl_metric(c));
    struct buf data = { 0 };
    bool good;

    (void)result;
    if (m.view.which != OTLP_METRIC_HISTOGRAM && m.view.which != OTLP_METRIC_EXPONENTIAL)
        return true;
    good = put_points(c, &m, c->args[0].number, &data);
    if (good && data.len > 0)
        good = append_gauge(c, &m, buf_bytes(&data));
    buf_free(&data);
    return good;
}

static bool prepare_percentile(struct ottl_prepare *p)
{
    if (ottl_known(p, 0) && !(p->args[0].number > 0 && p->args[0].number < 100))
        return ottl_refuse(p, 0, "the percentile must be greater than 0 and less than 100");
    return true;
}

const struct ottl_function ottl_functions_percentile[] = {
    EDITOR_IN(
        METRIC, "extract_percentile_metric", call_percentile,
        TAKES(LITERAL("percentile", DOUBLE), OPTION("suffix", STRING)),
        "Adds a Gauge of what a percentile of a histogram or exponential histogram is by its buckets; its suffix is "
        "_p and the percentile.",
        .appends = true, .prepare = prepare_percentile),
    { 0 },
};
