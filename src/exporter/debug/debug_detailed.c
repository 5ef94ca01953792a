/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter's form `detailed`: every field on a line of its own. */
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
    buf_put(out, text);
    buf_putc(out, '\n');
}

static bool is_zero(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] != 0)
            return false;
    return true;
}

/* An id of zeros is no id. */
static void put_hex_line(struct buf *out, const char *label, struct bytes id)
{
    buf_puts(out, label);
    if (!is_zero(id))
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
    struct bytes kv;

    for (bool first = true; debug_each(&r, number, &kv); first = false) {
        struct debug_message m;

        debug_message_read(&m, kv);
        if (first)
            buf_puts(out, title);
        buf_printf(out, "%s-> ", indent);
        buf_put(out, m.str[1]);
        buf_puts(out, ": ");
        debug_typed_value(out, m.str[2]);
        buf_putc(out, '\n');
    }
}

static const char *name_of(const char *const *names, size_t n, uint64_t v)
{
    return v < n ? names[v] : "";
}

/* --- traces --- */

static void put_events(struct buf *out, struct bytes span)
{
    struct pb_reader r = pb_reader(span);
    struct bytes event;

    for (size_t i = 0; debug_each(&r, 11, &event); i++) {
        struct debug_message m;

        debug_message_read(&m, event);
        if (i == 0)
            buf_puts(out, "Events:\n");
        buf_printf(out, "SpanEvent #%zu\n", i);
        put_line(out, "     -> Name: ", m.str[2]);
        put_time_line(out, "     -> Timestamp: ", m.num[1]);
        put_uint_line(out, "     -> DroppedAttributesCount: ", m.num[4]);
        put_attributes(out, "     -> Attributes::\n", "          ", event, 3);
    }
}

static void put_links(struct buf *out, struct bytes span)
{
    struct pb_reader r = pb_reader(span);
    struct bytes link;

    for (size_t i = 0; debug_each(&r, 13, &link); i++) {
        struct debug_message m;

        debug_message_read(&m, link);
        if (i == 0)
            buf_puts(out, "Links:\n");
        buf_printf(out, "SpanLink #%zu\n", i);
        put_hex_line(out, "     -> Trace ID: ", m.str[1]);
        put_hex_line(out, "     -> ID: ", m.str[2]);
        put_line(out, "     -> TraceState: ", m.str[3]);
        put_uint_line(out, "     -> DroppedAttributesCount: ", m.num[5]);
        put_attributes(out, "     -> Attributes::\n", "          ", link, 4);
    }
}

static void put_span_status(struct buf *out, const struct debug_message *span)
{
    static const char *const codes[] = { "Unset", "Ok", "Error" };
    struct debug_message m;

    debug_message_read(&m, span->str[15]);
    buf_printf(out, "    Status code    : %s\n", name_of(codes, ARRAY_LEN(codes), m.num[3]));
    put_line(out, "    Status message : ", m.str[2]);
}

static void put_span(struct buf *out, size_t n, struct bytes span, struct bytes dictionary)
{
    static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };
    struct debug_message m;

    (void)dictionary;
    debug_message_read(&m, span);
    buf_printf(out, "Span #%zu\n", n);
    put_hex_line(out, "    Trace ID       : ", m.str[1]);
    put_hex_line(out, "    Parent ID      : ", m.str[4]);
    put_hex_line(out, "    ID             : ", m.str[2]);
    put_line(out, "    Name           : ", m.str[5]);
    buf_printf(out, "    Kind           : %s\n", name_of(kinds, ARRAY_LEN(kinds), m.num[6]));
    if (m.str[3].len > 0)
        put_line(out, "    TraceState     : ", m.str[3]);
    put_time_line(out, "    Start time     : ", m.num[7]);
    put_time_line(out, "    End time       : ", m.num[8]);
    put_span_status(out, &m);
    put_uint_line(out, "    DroppedAttributesCount: ", m.num[10]);
    put_uint_line(out, "    DroppedEventsCount: ", m.num[12]);
    put_uint_line(out, "    DroppedLinksCount: ", m.num[14]);
    put_attributes(out, "Attributes:\n", "     ", span, 9);
    put_events(out, span);
    put_links(out, span);
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
    struct debug_message m;

    (void)dictionary;
    debug_message_read(&m, log);
    buf_printf(out, "LogRecord #%zu\n", n);
    put_time_line(out, "ObservedTimestamp: ", m.num[11]);
    put_time_line(out, "Timestamp: ", m.num[1]);
    put_line(out, "SeverityText: ", m.str[3]);
    put_severity(out, m.num[2]);
    if (m.str[12].len > 0)
        put_line(out, "EventName: ", m.str[12]);
    buf_puts(out, "Body: ");
    debug_typed_value(out, m.str[5]);
    buf_putc(out, '\n');
    put_attributes(out, "Attributes:\n", "     ", log, 6);
    put_hex_line(out, "Trace ID: ", m.str[9]);
    put_hex_line(out, "Span ID: ", m.str[10]);
    put_uint_line(out, "Flags: ", m.num[8]);
}

/* --- metrics --- */

static void put_exemplars(struct buf *out, struct bytes point, uint32_t number)
{
    struct pb_reader r = pb_reader(point);
    struct bytes exemplar;

    for (size_t i = 0; debug_each(&r, number, &exemplar); i++) {
        struct debug_message m;

        debug_message_read(&m, exemplar);
        if (i == 0)
            buf_puts(out, "Exemplars:\n");
        buf_printf(out, "Exemplar #%zu\n", i);
        put_hex_line(out, "     -> Trace ID: ", m.str[5]);
        put_hex_line(out, "     -> Span ID: ", m.str[4]);
        put_time_line(out, "     -> Timestamp: ", m.num[2]);
        if (debug_has(&m, 6))
            buf_printf(out, "     -> Value: %lld\n", (long long)m.num[6]);
        else if (debug_has(&m, 3))
            put_double_line(out, "     -> Value: ", pb_double(m.num[3]));
        put_attributes(out, "     -> FilteredAttributes:\n", "          ", exemplar, 7);
    }
}

static void put_point_head(struct buf *out, const char *title, size_t n, struct bytes point, uint32_t attributes,
                           const struct debug_message *m)
{
    buf_printf(out, "%s #%zu\n", title, n);
    put_attributes(out, "Data point attributes:\n", "     ", point, attributes);
    put_time_line(out, "StartTimestamp: ", m->num[2]);
    put_time_line(out, "Timestamp: ", m->num[3]);
}

static void put_number_point(struct buf *out, size_t n, struct bytes point)
{
    struct debug_message m;

    debug_message_read(&m, point);
    put_point_head(out, "NumberDataPoints", n, point, 7, &m);
    if (debug_has(&m, 6))
        buf_printf(out, "Value: %lld\n", (long long)m.num[6]);
    else if (debug_has(&m, 4))
        put_double_line(out, "Value: ", pb_double(m.num[4]));
    put_exemplars(out, point, 5);
}

static void put_optional(struct buf *out, const struct debug_message *m, uint32_t number, const char *label)
{
    if (debug_has(m, number))
        put_double_line(out, label, pb_double(m->num[number]));
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
    struct debug_message m;

    debug_message_read(&m, point);
    put_point_head(out, "HistogramDataPoints", n, point, 9, &m);
    put_uint_line(out, "Count: ", m.num[4]);
    put_optional(out, &m, 5, "Sum: ");
    put_optional(out, &m, 11, "Min: ");
    put_optional(out, &m, 12, "Max: ");
    debug_fixed64s(point, 7, put_bound, out);
    debug_fixed64s(point, 6, put_bucket, out);
    put_exemplars(out, point, 8);
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
    struct debug_message m;

    debug_message_read(&m, buckets);
    s.offset = pb_unzigzag(m.num[1]);
    debug_numbers(buckets, 2, add_count, &s);
    for (size_t i = 0; i < s.counts.n; i++)
        put_range(&s, negative ? s.counts.n - 1 - i : i, negative);
    vec_free(&s.counts);
}

static void put_exponential_point(struct buf *out, size_t n, struct bytes point)
{
    struct debug_message m;
    int64_t scale;

    debug_message_read(&m, point);
    scale = pb_unzigzag(m.num[6]);
    put_point_head(out, "ExponentialHistogramDataPoints", n, point, 1, &m);
    put_uint_line(out, "Count: ", m.num[4]);
    put_optional(out, &m, 5, "Sum: ");
    put_optional(out, &m, 12, "Min: ");
    put_optional(out, &m, 13, "Max: ");
    put_side(out, m.str[9], scale, true);
    if (m.num[7] > 0)
        put_uint_line(out, "Bucket [0, 0], Count: ", m.num[7]);
    put_side(out, m.str[8], scale, false);
    put_exemplars(out, point, 11);
}

static void put_summary_point(struct buf *out, size_t n, struct bytes point)
{
    struct pb_reader r = pb_reader(point);
    struct debug_message m;
    struct bytes quantile;

    debug_message_read(&m, point);
    put_point_head(out, "SummaryDataPoints", n, point, 7, &m);
    put_uint_line(out, "Count: ", m.num[4]);
    put_double_line(out, "Sum: ", pb_double(m.num[5]));
    for (size_t i = 0; debug_each(&r, 6, &quantile); i++) {
        struct debug_message q;

        debug_message_read(&q, quantile);
        buf_printf(out, "QuantileValue #%zu: Quantile ", i);
        debug_fixed(out, pb_double(q.num[1]));
        put_double_line(out, ", Value ", pb_double(q.num[2]));
    }
}

/* The kinds of metric by the number of their field. */
static const struct kind {
    const char *name;
    void (*put_point)(struct buf *out, size_t n, struct bytes point);
    bool has_temporality;
} kinds[] = {
    [5] = { "Gauge", put_number_point, false },       [7] = { "Sum", put_number_point, true },
    [9] = { "Histogram", put_histogram_point, true }, [10] = { "ExponentialHistogram", put_exponential_point, true },
    [11] = { "Summary", put_summary_point, false },
};

static void put_metric_data(struct buf *out, const struct kind *kind, struct bytes data)
{
    static const char *const temporalities[] = { "Unspecified", "Delta", "Cumulative" };
    struct pb_reader r = pb_reader(data);
    struct debug_message m;
    struct bytes point;

    debug_message_read(&m, data);
    if (kind == &kinds[7])
        buf_printf(out, "     -> IsMonotonic: %s\n", m.num[3] ? "true" : "false");
    if (kind->has_temporality)
        buf_printf(out, "     -> AggregationTemporality: %s\n",
                   name_of(temporalities, ARRAY_LEN(temporalities), m.num[2]));
    for (size_t i = 0; debug_each(&r, 1, &point); i++)
        kind->put_point(out, i, point);
}

static void put_metric(struct buf *out, size_t n, struct bytes metric, struct bytes dictionary)
{
    const struct kind *kind = NULL;
    struct debug_message m;
    uint32_t number;

    (void)dictionary;
    debug_message_read(&m, metric);
    for (number = 0; number < ARRAY_LEN(kinds); number++)
        if (kinds[number].name != NULL && debug_has(&m, number))
            break;
    if (number < ARRAY_LEN(kinds))
        kind = &kinds[number];
    buf_printf(out, "Metric #%zu\nDescriptor:\n", n);
    put_line(out, "     -> Name: ", m.str[1]);
    put_line(out, "     -> Description: ", m.str[2]);
    put_line(out, "     -> Unit: ", m.str[3]);
    buf_printf(out, "     -> DataType: %s\n", kind != NULL ? kind->name : "Empty");
    put_attributes(out, "     -> Metadata:\n", "          ", metric, 12);
    if (kind != NULL)
        put_metric_data(out, kind, m.str[number]);
}

/* --- from the top --- */

static void put_profile(struct buf *out, size_t n, struct bytes profile, struct bytes dictionary)
{
    debug_profile(out, n, profile, dictionary);
}

static put_item_function *const put_item[SIGNAL_COUNT] = { put_span, put_metric, put_log, put_profile };

static void put_scope(struct buf *out, enum signal signal, size_t n, struct bytes scope_items, struct bytes dictionary)
{
    struct pb_reader r = pb_reader(scope_items);
    struct debug_message m, scope;
    struct bytes item;

    debug_message_read(&m, scope_items);
    debug_message_read(&scope, m.str[1]);
    buf_printf(out, "%s #%zu\n%s SchemaURL: ", scope_titles[signal], n, scope_titles[signal]);
    put_line(out, "", m.str[3]);
    buf_puts(out, "InstrumentationScope ");
    buf_put(out, scope.str[1]);
    put_line(out, " ", scope.str[2]);
    put_attributes(out, "InstrumentationScope attributes:\n", "     ", scope.raw, 3);
    for (size_t i = 0; out->len < DEBUG_TEXT_MAX && debug_each(&r, 2, &item); i++)
        put_item[signal](out, i, item, dictionary);
}

static void put_resource(struct buf *out, enum signal signal, size_t n, struct bytes resource_items,
                         struct bytes dictionary)
{
    struct pb_reader r = pb_reader(resource_items);
    struct debug_message m;
    struct bytes scope;

    debug_message_read(&m, resource_items);
    buf_printf(out, "%s #%zu\n", resource_titles[signal], n);
    put_line(out, "Resource SchemaURL: ", m.str[3]);
    put_attributes(out, "Resource attributes:\n", "     ", m.str[1], 1);
    for (size_t i = 0; debug_each(&r, 2, &scope); i++)
        put_scope(out, signal, i, scope, dictionary);
}

void debug_detailed(struct buf *out, const struct batch *b)
{
    debug_batch(out, b, b->signal == SIGNAL_PROFILES ? debug_profiles_dictionary : NULL, put_resource);
}
