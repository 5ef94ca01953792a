/* SPDX-License-Identifier: Apache-2.0 */
/* Editors of metrics: of another kind, with other values, and metrics made of parts of others.
 *
 * A metric is read as its fields; what an editor does not mean is copied as it stands. A new metric has the name with a
 * suffix, the description and the unit, and points with the times and attributes of the old ones; it is appended behind
 * the metrics of its scope. */
#include "ottl/function/metric/metric_make.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "ottl/message.h"

/* ---- one kind becomes another ---- */

static bool call_sum_to_gauge(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes metric = ottl_metric(c);
    struct buf data = { 0 }, out = { 0 };
    struct metric_view m = metric_view(metric);

    (void)result;
    if (m.view.which != OTLP_METRIC_SUM)
        return true;
    if (!ottl_spend(c, metric.len / 64))
        return false;
    metric_put_points(m.data, &data);
    metric_replace_data(metric, OTLP_METRIC_GAUGE, buf_bytes(&data), &out);
    buf_free(&data);
    return ottl_metric_set(c, ottl_take(c, &out));
}

static bool read_temporality(struct bytes text, uint64_t *temporality)
{
    *temporality = bytes_is(text, "delta") ? OTLP_TEMPORALITY_DELTA : OTLP_TEMPORALITY_CUMULATIVE;
    return bytes_is(text, "delta") || bytes_is(text, "cumulative");
}

static bool prepare_temporality(struct ottl_prepare *p)
{
    uint64_t temporality;

    if (ottl_known(p, 0) && !read_temporality(p->args[0].bytes, &temporality))
        return ottl_refuse(p, 0, "the temporality is \"delta\" or \"cumulative\"");
    return true;
}

static bool call_gauge_to_sum(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes metric = ottl_metric(c);
    struct metric_view m = metric_view(metric);
    struct buf data = { 0 }, out = { 0 };
    uint64_t temporality;

    (void)result;
    if (m.view.which != OTLP_METRIC_GAUGE)
        return true;
    if (!ottl_spend(c, metric.len / 64) || !read_temporality(c->args[0].bytes, &temporality))
        return false;
    metric_put_points(m.data, &data);
    pb_put_uint(&data, OTLP_DATA_TEMPORALITY, temporality);
    if (c->args[1].boolean)
        pb_put_uint(&data, OTLP_DATA_MONOTONIC, 1);
    metric_replace_data(metric, OTLP_METRIC_SUM, buf_bytes(&data), &out);
    buf_free(&data);
    return ottl_metric_set(c, ottl_take(c, &out));
}

/* ---- counts and sums of distributions ---- */

/* What a point of a histogram, exponential histogram or summary counts. */
struct distribution {
    struct metric_point point;
    uint64_t count;
    double sum;
    bool has_sum;
};

static bool read_distribution(uint32_t kind, struct bytes message, struct distribution *d)
{
    d->point = metric_point(kind, message);
    if (kind == OTLP_METRIC_HISTOGRAM) {
        struct histogram_view v = histogram_view(message);

        d->count = v.count;
        d->sum = v.sum;
        d->has_sum = view_has(&v.view, OTLP_HISTOGRAM_SUM);
    } else if (kind == OTLP_METRIC_EXPONENTIAL) {
        struct exponential_view v = exponential_view(message);

        d->count = v.count;
        d->sum = v.sum;
        d->has_sum = view_has(&v.view, OTLP_EXPONENTIAL_SUM);
    } else if (kind == OTLP_METRIC_SUMMARY) {
        struct summary_view v = summary_view(message);

        d->count = v.count;
        d->sum = v.sum;
        d->has_sum = true;
    } else {
        return false;
    }
    return true;
}

/* The points' counts or sums as the points of a Sum; how many. */
static size_t put_parts(const struct metric_view *m, bool sums, struct buf *data)
{
    struct pb_reader r = pb_reader(m->data);
    struct distribution d;
    struct bytes message;
    size_t n = 0;

    while (message_next(&r, OTLP_DATA_POINTS, &message)) {
        if (!read_distribution(m->view.which, message, &d) || (sums && !d.has_sum))
            continue;
        if (sums)
            metric_put_double(data, &d.point, d.sum);
        else
            metric_put_integer(data, &d.point, (int64_t)d.count);
        n++;
    }
    return n;
}

static bool append_parts(struct ottl_call *c, const struct metric_view *m, bool sums, uint64_t temporality,
                         bool monotonic, struct bytes suffix, struct bytes unit)
{
    struct buf data = { 0 }, out = { 0 };
    size_t n;

    if (!ottl_spend(c, m->data.len / 32))
        return false;
    n = put_parts(m, sums, &data);
    pb_put_uint(&data, OTLP_DATA_TEMPORALITY, temporality);
    if (monotonic)
        pb_put_uint(&data, OTLP_DATA_MONOTONIC, 1);
    metric_put_new(m, suffix, m->description, unit, OTLP_METRIC_SUM, buf_bytes(&data), &out);
    buf_free(&data);
    if (n == 0) {
        buf_free(&out);
        return true;
    }
    return ottl_metric_append(c, ottl_take(c, &out));
}

static bool extract_parts(struct ottl_call *c, bool sums)
{
    struct metric_view m = metric_view(ottl_metric(c));
    uint64_t temporality =
        m.view.which == OTLP_METRIC_SUMMARY ? OTLP_TEMPORALITY_CUMULATIVE : data_view(m.data).temporality;

    if (m.view.which != OTLP_METRIC_HISTOGRAM && m.view.which != OTLP_METRIC_EXPONENTIAL &&
        m.view.which != OTLP_METRIC_SUMMARY)
        return ottl_fail(c, "it needs a histogram, an exponential histogram or a summary");
    if (temporality == 0)
        return ottl_fail(c, "the metric has no temporality");
    return append_parts(c, &m, sums, temporality, c->args[0].boolean, ottl_text_or(c, 1, sums ? "_sum" : "_count"),
                        sums ? m.unit : bytes_str("1"));
}

static bool convert_summary(struct ottl_call *c, bool sums)
{
    struct metric_view m = metric_view(ottl_metric(c));
    uint64_t temporality;

    if (m.view.which != OTLP_METRIC_SUMMARY)
        return true;
    read_temporality(c->args[0].bytes, &temporality);
    return append_parts(c, &m, sums, temporality, c->args[1].boolean, ottl_text_or(c, 2, sums ? "_sum" : "_count"),
                        m.unit);
}

OTTL_CALLS(call_extract_count, extract_parts(c, false))
OTTL_CALLS(call_extract_sum, extract_parts(c, true))
OTTL_CALLS(call_summary_count, convert_summary(c, false))
OTTL_CALLS(call_summary_sum, convert_summary(c, true))

/* ---- quantiles of summaries ---- */

/* Each has all attributes of its summary, which its sender may have made many: each costs what it came to. */
static bool put_quantiles(struct ottl_call *c, struct bytes summary, struct bytes key, struct buf *data)
{
    struct metric_point point = metric_point(OTLP_METRIC_SUMMARY, summary);
    struct pb_reader r = pb_reader(summary);
    size_t before;

    for (struct bytes message; message_next(&r, OTLP_SUMMARY_QUANTILES, &message);) {
        struct quantile_view q = quantile_view(message);
        struct ottl_value v = ottl_double(q.quantile);

        point.extra_key = key;
        point.extra = &v;
        before = data->len;
        metric_put_double(data, &point, q.value);
        if (!ottl_spend(c, 1 + (data->len - before) / 64))
            return false;
    }
    return true;
}

static bool call_quantiles(struct ottl_call *c, struct ottl_value *result)
{
    struct metric_view m = metric_view(ottl_metric(c));
    struct pb_reader r = pb_reader(m.data);
    struct buf data = { 0 }, out = { 0 };

    (void)result;
    if (m.view.which != OTLP_METRIC_SUMMARY)
        return true;
    for (struct bytes message; message_next(&r, OTLP_DATA_POINTS, &message);) {
        if (!ottl_spend(c, 1 + message.len / 64) || !put_quantiles(c, message, ottl_text_or(c, 0, "quantile"), &data)) {
            buf_free(&data);
            return false;
        }
    }
    metric_put_new(&m, ottl_text_or(c, 1, ".quantiles"), m.description, m.unit, OTLP_METRIC_GAUGE, buf_bytes(&data),
                   &out);
    buf_free(&data);
    return ottl_metric_append(c, ottl_take(c, &out));
}

/* ---- copies ---- */

static bool call_copy(struct ottl_call *c, struct ottl_value *result)
{
    static const uint32_t fields[] = { OTLP_METRIC_NAME, OTLP_METRIC_DESCRIPTION, OTLP_METRIC_UNIT };
    struct bytes metric = ottl_metric(c);
    struct pb_reader r = pb_reader(metric);
    struct buf out = { 0 };

    (void)result;
    if (!ottl_spend(c, metric.len / 64))
        return false;
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number > 3 || !ottl_given(c, f.number - 1))
            buf_append(&out, f.start, (size_t)(r.p - f.start));
    for (unsigned i = 0; i < 3; i++)
        if (ottl_given(c, i) && c->args[i].bytes.len > 0)
            pb_put_bytes(&out, fields[i], c->args[i].bytes);
    return ottl_metric_append(c, ottl_take(c, &out));
}

/* ---- what data points have ---- */

/* Any of them: the attribute, and with `text` with that string. */
static bool find_attribute(struct ottl_call *c, const struct bytes *text, struct ottl_value *result)
{
    struct metric_view m = metric_view(ottl_metric(c));
    struct pb_reader r = pb_reader(m.data);
    bool found = false;

    if (m.view.which == 0)
        return ottl_fail(c, "the metric has no data");
    if (!ottl_spend(c, m.data.len / 64))
        return false;
    for (struct bytes message, any; !found && message_next(&r, OTLP_DATA_POINTS, &message);) {
        struct ottl_value v;

        if (!message_attribute(message, metric_point(m.view.which, message).attributes, c->args[0].bytes, &any))
            continue;
        v = ottl_value_read(any);
        found = text == NULL || (v.type == OTTL_STRING && bytes_equal(v.bytes, *text));
    }
    *result = ottl_bool(found);
    return true;
}

OTTL_CALLS(call_has_key, find_attribute(c, NULL, result))
OTTL_CALLS(call_has_attribute, find_attribute(c, &c->args[1].bytes, result))

/* What makes a Sum of a value. */
#define A_SUM LITERAL("string_agg_temp", STRING), LITERAL("monotonic", BOOL)

const struct ottl_function ottl_functions_metrics[] = {
    EDITOR_IN(METRIC, "convert_sum_to_gauge", call_sum_to_gauge, TAKES_NOTHING,
              "Makes a Sum a Gauge; other metrics stay."),
    EDITOR_IN(METRIC, "convert_gauge_to_sum", call_gauge_to_sum, TAKES(A_SUM),
              "Makes a Gauge a Sum of that temporality, \"delta\" or \"cumulative\"; other metrics stay.",
              .prepare = prepare_temporality),
    EDITOR_IN(METRIC, "extract_count_metric", call_extract_count,
              TAKES(LITERAL("monotonic", BOOL), OPTION("suffix", STRING)),
              "Adds a Sum of the counts of a histogram, exponential histogram or summary; its suffix is _count.",
              .appends = true),
    EDITOR_IN(METRIC, "extract_sum_metric", call_extract_sum,
              TAKES(LITERAL("monotonic", BOOL), OPTION("suffix", STRING)),
              "Adds a Sum of the sums of a histogram, exponential histogram or summary; its suffix is _sum.",
              .appends = true),
    EDITOR_IN(DATAPOINT, "convert_summary_count_val_to_sum", call_summary_count, TAKES(A_SUM, OPTION("suffix", STRING)),
              "Adds a Sum of the counts of a summary, once for each of its points; its suffix is _count.",
              .appends = true, .prepare = prepare_temporality),
    EDITOR_IN(DATAPOINT, "convert_summary_sum_val_to_sum", call_summary_sum, TAKES(A_SUM, OPTION("suffix", STRING)),
              "Adds a Sum of the sums of a summary, once for each of its points; its suffix is _sum.", .appends = true,
              .prepare = prepare_temporality),
    EDITOR_IN(METRIC, "convert_summary_quantile_val_to_gauge", call_quantiles,
              TAKES(OPTION("attribute_key", STRING), OPTION("suffix", STRING)),
              "Adds a Gauge of the quantiles of a summary, which an attribute (quantile) tells apart; its suffix is "
              ".quantiles.",
              .appends = true),
    EDITOR_IN(
        METRIC, "copy_metric", call_copy,
        TAKES(OPTIONAL("name", STRING), OPTIONAL("description", STRING), OPTIONAL("unit", STRING)),
        "Adds a copy of the metric, with another name, description or unit. Later statements see the copy too, so "
        "let `where` name the original.",
        .appends = true),
    CONVERTER_IN(METRIC, "HasAttrKeyOnDatapoint", call_has_key, "true or false", TAKES(LITERAL("key", STRING)),
                 "Whether a data point of the metric has an attribute of that key."),
    CONVERTER_IN(METRIC, "HasAttrOnDatapoint", call_has_attribute, "true or false",
                 TAKES(LITERAL("key", STRING), LITERAL("expected_val", STRING)),
                 "Whether a data point of the metric has an attribute of that key and that string."),
    { 0 },
};
