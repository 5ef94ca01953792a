/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter's form `detailed`: every field on a line of its own, as the Go collector's has it. A batch is
 * walked from resource to scope to item with the views of otlp/view.h, and each message writes itself under a title
 * with its number; of a metric the kind chooses how its points are written.
 *
 * What can go wrong: an enum of a later OTLP has no name here and is written as nothing. A text grows up to
 * DEBUG_TEXT_MAX; then no further item is begun. */
#include "exporter/debug/debug_text.h"

#include "base/vec.h"

#include <stdio.h>

static const char *const resource_titles[SIGNAL_COUNT] = { "ResourceSpans", "ResourceMetrics", "ResourceLog",
                                                           "ResourceProfiles" };
static const char *const scope_titles[SIGNAL_COUNT] = { "ScopeSpans", "ScopeMetrics", "ScopeLogs", "ScopeProfiles" };

typedef void put_item_function(struct buf *out, size_t n, struct bytes item, struct bytes dictionary);

static void put_line(struct buf *out, const char *label, struct bytes text)
{
    buf_puts(out, label);
    debug_put(out, text);
    buf_putc(out, '\n');
}

/* An id of zeros is no id. */
static void put_hex_line(struct buf *out, const char *label, struct bytes id)
{
    buf_puts(out, label);
    if (!bytes_is_zero(id))
        debug_hex(out, id);
    buf_putc(out, '\n');
}

static void put_time_line(struct buf *out, const char *label, uint64_t t)
{
    buf_puts(out, label);
    debug_time(out, t);
    buf_putc(out, '\n');
}

static void put_uint_line(struct buf *out, const char *label, uint64_t v)
{
    buf_printf(out, "%s%llu\n", label, (unsigned long long)v);
}

static void put_double_line(struct buf *out, const char *label, double v)
{
    buf_puts(out, label);
    debug_fixed(out, v);
    buf_putc(out, '\n');
}

/* The title, then a line for each; nothing at all where there are none. */
static void put_attributes(struct buf *out, const char *title, const char *indent, struct bytes message,
                           uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct attribute a;

    for (bool first = true; attribute_next(&r, number, &a); first = false) {
        if (first)
            buf_puts(out, title);
        buf_printf(out, "%s-> ", indent);
        debug_put(out, a.key);
        buf_puts(out, ": ");
        debug_typed_value(out, a.value);
        buf_putc(out, '\n');
    }
}

static const char *name_of(const char *const *names, size_t n, uint64_t v)
{
    return v < n ? names[v] : "";
}

/* --- traces --- */

static void put_event(struct buf *out, size_t i, struct bytes event)
{
    struct event_view v = event_view(event);

    if (i == 0)
        buf_puts(out, "Events:\n");
    buf_printf(out, "SpanEvent #%zu\n", i);
    put_line(out, "     -> Name: ", v.name);
    put_time_line(out, "     -> Timestamp: ", v.time);
    put_uint_line(out, "     -> DroppedAttributesCount: ", v.dropped_attributes);
    put_attributes(out, "     -> Attributes::\n", "          ", event, OTLP_EVENT_ATTRIBUTES);
}

static void put_link(struct buf *out, size_t i, struct bytes link)
{
    struct link_view v = link_view(link);

    if (i == 0)
        buf_puts(out, "Links:\n");
    buf_printf(out, "SpanLink #%zu\n", i);
    put_hex_line(out, "     -> Trace ID: ", v.trace_id);
    put_hex_line(out, "     -> ID: ", v.span_id);
    put_line(out, "     -> TraceState: ", v.trace_state);
    put_uint_line(out, "     -> DroppedAttributesCount: ", v.dropped_attributes);
    put_attributes(out, "     -> Attributes::\n", "          ", link, OTLP_LINK_ATTRIBUTES);
}

static void put_span_status(struct buf *out, struct bytes status)
{
    static const char *const codes[] = { "Unset", "Ok", "Error" };
    struct status_view v = status_view(status);

    buf_printf(out, "    Status code    : %s\n", name_of(codes, ARRAY_LEN(codes), v.code));
    put_line(out, "    Status message : ", v.message);
}

static void put_span(struct buf *out, size_t n, struct bytes span, struct bytes dictionary)
{
    static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };
    struct span_view v = span_view(span);

    (void)dictionary;
    buf_printf(out, "Span #%zu\n", n);
    put_hex_line(out, "    Trace ID       : ", v.trace_id);
    put_hex_line(out, "    Parent ID      : ", v.parent_id);
    put_hex_line(out, "    ID             : ", v.span_id);
    put_line(out, "    Name           : ", v.name);
    buf_printf(out, "    Kind           : %s\n", name_of(kinds, ARRAY_LEN(kinds), v.kind));
    if (v.trace_state.len > 0)
        put_line(out, "    TraceState     : ", v.trace_state);
    put_time_line(out, "    Start time     : ", v.start);
    put_time_line(out, "    End time       : ", v.end);
    put_span_status(out, v.status);
    put_uint_line(out, "    DroppedAttributesCount: ", v.dropped_attributes);
    put_uint_line(out, "    DroppedEventsCount: ", v.dropped_events);
    put_uint_line(out, "    DroppedLinksCount: ", v.dropped_links);
    put_attributes(out, "Attributes:\n", "     ", span, OTLP_SPAN_ATTRIBUTES);
    debug_each(out, span, OTLP_SPAN_EVENTS, put_event);
    debug_each(out, span, OTLP_SPAN_LINKS, put_link);
}

/* --- logs --- */

static void put_severity(struct buf *out, uint64_t number)
{
    static const char *const names[] = { "Trace", "Debug", "Info", "Warn", "Error", "Fatal" };

    buf_puts(out, "SeverityNumber: ");
    if (number == 0)
        buf_puts(out, "Unspecified");
    else if (number <= 24)
        buf_puts(out, names[(number - 1) / 4]);
    if (number > 0 && number <= 24 && (number - 1) % 4 > 0)
        buf_printf(out, "%d", (int)((number - 1) % 4) + 1);
    buf_printf(out, "(%d)\n", (int32_t)number);
}

static void put_log(struct buf *out, size_t n, struct bytes log, struct bytes dictionary)
{
    struct log_view v = log_view(log);

    (void)dictionary;
    buf_printf(out, "LogRecord #%zu\n", n);
    put_time_line(out, "ObservedTimestamp: ", v.observed_time);
    put_time_line(out, "Timestamp: ", v.time);
    put_line(out, "SeverityText: ", v.severity_text);
    put_severity(out, v.severity_number);
    if (v.event_name.len > 0)
        put_line(out, "EventName: ", v.event_name);
    buf_puts(out, "Body: ");
    debug_typed_value(out, v.body);
    buf_putc(out, '\n');
    put_attributes(out, "Attributes:\n", "     ", log, OTLP_LOG_ATTRIBUTES);
    put_hex_line(out, "Trace ID: ", v.trace_id);
    put_hex_line(out, "Span ID: ", v.span_id);
    put_uint_line(out, "Flags: ", v.flags);
}

/* --- metrics --- */

static void put_exemplar(struct buf *out, size_t i, struct bytes exemplar)
{
    struct exemplar_view v = exemplar_view(exemplar);

    if (i == 0)
        buf_puts(out, "Exemplars:\n");
    buf_printf(out, "Exemplar #%zu\n", i);
    put_hex_line(out, "     -> Trace ID: ", v.trace_id);
    put_hex_line(out, "     -> Span ID: ", v.span_id);
    put_time_line(out, "     -> Timestamp: ", v.time);
    if (v.view.which == OTLP_EXEMPLAR_INT)
        buf_printf(out, "     -> Value: %lld\n", (long long)v.integer);
    else if (v.view.which == OTLP_EXEMPLAR_DOUBLE)
        put_double_line(out, "     -> Value: ", v.number);
    put_attributes(out, "     -> FilteredAttributes:\n", "          ", exemplar, OTLP_EXEMPLAR_ATTRIBUTES);
}

struct point_times {
    uint64_t start, time;
};

static void put_point_head(struct buf *out, const char *title, size_t n, struct bytes point, uint32_t attributes,
                           struct point_times t)
{
    buf_printf(out, "%s #%zu\n", title, n);
    put_attributes(out, "Data point attributes:\n", "     ", point, attributes);
    put_time_line(out, "StartTimestamp: ", t.start);
    put_time_line(out, "Timestamp: ", t.time);
}

static void put_number_point(struct buf *out, size_t n, struct bytes point)
{
    struct number_view v = number_view(point);

    put_point_head(out, "NumberDataPoints", n, point, OTLP_NUMBER_ATTRIBUTES, (struct point_times){ v.start, v.time });
    if (v.view.which == OTLP_NUMBER_INT)
        buf_printf(out, "Value: %lld\n", (long long)v.integer);
    else if (v.view.which == OTLP_NUMBER_DOUBLE)
        put_double_line(out, "Value: ", v.number);
    debug_each(out, point, OTLP_NUMBER_EXEMPLARS, put_exemplar);
}

/* One that tells "not there" from 0. */
static void put_optional(struct buf *out, const struct view *v, uint32_t number, const char *label, double value)
{
    if (view_has(v, number))
        put_double_line(out, label, value);
}

static void put_bound(void *arg, size_t i, uint64_t v)
{
    buf_printf(arg, "ExplicitBounds #%zu: ", i);
    put_double_line(arg, "", pb_double(v));
}

static void put_bucket(void *arg, size_t i, uint64_t v)
{
    buf_printf(arg, "Buckets #%zu, Count: %llu\n", i, (unsigned long long)v);
}

static void put_histogram_point(struct buf *out, size_t n, struct bytes point)
{
    struct histogram_view h = histogram_view(point);

    put_point_head(out, "HistogramDataPoints", n, point, OTLP_HISTOGRAM_ATTRIBUTES,
                   (struct point_times){ h.start, h.time });
    put_uint_line(out, "Count: ", h.count);
    put_optional(out, &h.view, OTLP_HISTOGRAM_SUM, "Sum: ", h.sum);
    put_optional(out, &h.view, OTLP_HISTOGRAM_MIN, "Min: ", h.min);
    put_optional(out, &h.view, OTLP_HISTOGRAM_MAX, "Max: ", h.max);
    debug_fixed64s(point, OTLP_HISTOGRAM_BOUNDS, put_bound, out);
    debug_fixed64s(point, OTLP_HISTOGRAM_BUCKETS, put_bucket, out);
    debug_each(out, point, OTLP_HISTOGRAM_EXEMPLARS, put_exemplar);
}

struct side {
    struct buf *out;
    int64_t offset, scale;
    VEC(uint64_t) counts;
};

static void add_count(void *arg, size_t i, uint64_t v)
{
    struct side *s = arg;

    (void)i;
    *vec_push(&s->counts) = v;
}

static void put_range(const struct side *s, size_t i, bool negative)
{
    double low = debug_exponential_bound(s->offset + (int64_t)i, s->scale);
    double high = debug_exponential_bound(s->offset + (int64_t)i + 1, s->scale);

    buf_puts(s->out, negative ? "Bucket [" : "Bucket (");
    debug_fixed(s->out, negative ? -high : low);
    buf_puts(s->out, ", ");
    debug_fixed(s->out, negative ? -low : high);
    buf_printf(s->out, negative ? "), Count: %llu\n" : "], Count: %llu\n", (unsigned long long)s->counts.v[i]);
}

/* The negative range comes first, the farthest from zero first. */
static void put_side(struct buf *out, struct bytes buckets, int64_t scale, bool negative)
{
    struct side s = { .out = out, .scale = scale };

    s.offset = buckets_view(buckets).offset;
    debug_numbers(buckets, OTLP_BUCKETS_COUNTS, add_count, &s);
    for (size_t i = 0; i < s.counts.n; i++)
        put_range(&s, negative ? s.counts.n - 1 - i : i, negative);
    vec_free(&s.counts);
}

static void put_exponential_point(struct buf *out, size_t n, struct bytes point)
{
    struct exponential_view x = exponential_view(point);

    put_point_head(out, "ExponentialHistogramDataPoints", n, point, OTLP_EXPONENTIAL_ATTRIBUTES,
                   (struct point_times){ x.start, x.time });
    put_uint_line(out, "Count: ", x.count);
    put_optional(out, &x.view, OTLP_EXPONENTIAL_SUM, "Sum: ", x.sum);
    put_optional(out, &x.view, OTLP_EXPONENTIAL_MIN, "Min: ", x.min);
    put_optional(out, &x.view, OTLP_EXPONENTIAL_MAX, "Max: ", x.max);
    put_side(out, x.negative, x.scale, true);
    if (x.zero_count > 0)
        put_uint_line(out, "Bucket [0, 0], Count: ", x.zero_count);
    put_side(out, x.positive, x.scale, false);
    debug_each(out, point, OTLP_EXPONENTIAL_EXEMPLARS, put_exemplar);
}

static void put_quantile(struct buf *out, size_t i, struct bytes quantile)
{
    struct quantile_view q = quantile_view(quantile);

    buf_printf(out, "QuantileValue #%zu: Quantile ", i);
    debug_fixed(out, q.quantile);
    put_double_line(out, ", Value ", q.value);
}

static void put_summary_point(struct buf *out, size_t n, struct bytes point)
{
    struct summary_view s = summary_view(point);

    put_point_head(out, "SummaryDataPoints", n, point, OTLP_SUMMARY_ATTRIBUTES,
                   (struct point_times){ s.start, s.time });
    put_uint_line(out, "Count: ", s.count);
    put_double_line(out, "Sum: ", s.sum);
    debug_each(out, point, OTLP_SUMMARY_QUANTILES, put_quantile);
}

/* The kinds of metric by the number of their field. */
static const struct kind {
    const char *name;
    void (*put_point)(struct buf *out, size_t n, struct bytes point);
    bool has_temporality;
} kinds[] = {
    [0] = { "Empty", NULL, false },
    [OTLP_METRIC_GAUGE] = { "Gauge", put_number_point, false },
    [OTLP_METRIC_SUM] = { "Sum", put_number_point, true },
    [OTLP_METRIC_HISTOGRAM] = { "Histogram", put_histogram_point, true },
    [OTLP_METRIC_EXPONENTIAL] = { "ExponentialHistogram", put_exponential_point, true },
    [OTLP_METRIC_SUMMARY] = { "Summary", put_summary_point, false },
};

static void put_metric_data(struct buf *out, const struct kind *kind, struct bytes data)
{
    static const char *const temporalities[] = { "Unspecified", "Delta", "Cumulative" };
    struct data_view v = data_view(data);

    if (kind == &kinds[OTLP_METRIC_SUM])
        buf_printf(out, "     -> IsMonotonic: %s\n", v.monotonic != 0 ? "true" : "false");
    if (kind->has_temporality)
        buf_printf(out, "     -> AggregationTemporality: %s\n",
                   name_of(temporalities, ARRAY_LEN(temporalities), v.temporality));
    debug_each(out, data, OTLP_DATA_POINTS, kind->put_point);
}

static void put_metric(struct buf *out, size_t n, struct bytes metric, struct bytes dictionary)
{
    struct metric_view m = metric_view(metric);
    const struct kind *kind = &kinds[m.view.which];

    (void)dictionary;
    buf_printf(out, "Metric #%zu\nDescriptor:\n", n);
    put_line(out, "     -> Name: ", m.name);
    put_line(out, "     -> Description: ", m.description);
    put_line(out, "     -> Unit: ", m.unit);
    buf_printf(out, "     -> DataType: %s\n", kind->name);
    put_attributes(out, "     -> Metadata:\n", "          ", metric, OTLP_METRIC_METADATA);
    if (kind->put_point != NULL)
        put_metric_data(out, kind, m.data);
}

/* --- from the top --- */

static void put_profile(struct buf *out, size_t n, struct bytes profile, struct bytes dictionary)
{
    debug_profile(out, n, profile, dictionary);
}

static void put_item(struct buf *out, enum signal signal, size_t n, struct bytes item, struct bytes dictionary)
{
    static put_item_function *const put[SIGNAL_COUNT] = { put_span, put_metric, put_log, put_profile };

    put[signal](out, n, item, dictionary);
}

static void put_scope(struct buf *out, enum signal signal, size_t n, const struct scope_group_view *group)
{
    struct scope_view scope = scope_view(group->scope);

    buf_printf(out, "%s #%zu\n%s SchemaURL: ", scope_titles[signal], n, scope_titles[signal]);
    put_line(out, "", group->schema_url);
    buf_puts(out, "InstrumentationScope ");
    debug_put(out, scope.name);
    put_line(out, " ", scope.version);
    put_attributes(out, "InstrumentationScope attributes:\n", "     ", group->scope, OTLP_SCOPE_ATTRIBUTES);
}

static void put_resource(struct buf *out, enum signal signal, size_t n, const struct resource_group_view *group)
{
    buf_printf(out, "%s #%zu\n", resource_titles[signal], n);
    put_line(out, "Resource SchemaURL: ", group->schema_url);
    put_attributes(out, "Resource attributes:\n", "     ", group->resource, OTLP_RESOURCE_ATTRIBUTES);
}

void debug_detailed(struct debug_text *text, const struct batch *b)
{
    const struct debug_form form = { .put_dictionary = b->signal == SIGNAL_PROFILES ? debug_profiles_dictionary : NULL,
                                     .put_resource = put_resource,
                                     .put_scope = put_scope,
                                     .put_item = put_item };

    debug_batch(&text->buf, b, &form);
}
