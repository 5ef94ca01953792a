/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter's form `normal`: one line for each resource, scope and item. A batch is walked from resource to
 * scope to item, and each writes what tells it apart (a span its name and ids, a point its metric's name and value) and
 * then its attributes as k=v.
 *
 * What can go wrong: a histogram may have fewer bounds than buckets; a bucket without a bound is written as its count
 * alone. A text grows up to DEBUG_TEXT_MAX; then no further item is begun. */
#include "exporter/debug/debug_text.h"

#include "base/vec.h"

static const char *const resource_titles[SIGNAL_COUNT] = { "ResourceTraces", "ResourceMetrics", "ResourceLog",
                                                           "ResourceProfiles" };
static const char *const scope_titles[SIGNAL_COUNT] = { "ScopeTraces", "ScopeMetrics", "ScopeLog", "ScopeProfiles" };

static void put_pair(struct buf *out, struct bytes key, struct bytes any)
{
    buf_putc(out, ' ');
    debug_put(out, key);
    buf_putc(out, '=');
    debug_value(out, any);
}

/* " k=v k=v": the attributes at that field number of the message. */
static void put_attributes(struct buf *out, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        put_pair(out, a.key, a.value);
}

static void put_schema(struct buf *out, struct bytes url)
{
    if (url.len == 0)
        return;
    buf_puts(out, " [");
    debug_put(out, url);
    buf_putc(out, ']');
}

static void put_span(struct buf *out, struct bytes span, struct bytes dictionary)
{
    struct span_view s = span_view(span);

    (void)dictionary;
    debug_put(out, s.name);
    buf_putc(out, ' ');
    debug_hex(out, s.trace_id);
    buf_putc(out, ' ');
    debug_hex(out, s.span_id);
    put_attributes(out, span, OTLP_SPAN_ATTRIBUTES);
    buf_putc(out, '\n');
}

/* The attributes follow the body after one blank, which stands there even without any. */
static void put_log(struct buf *out, struct bytes log, struct bytes dictionary)
{
    size_t before;

    (void)dictionary;
    debug_value(out, log_view(log).body);
    before = out->len;
    put_attributes(out, log, OTLP_LOG_ATTRIBUTES);
    if (out->len == before)
        buf_putc(out, ' ');
    buf_putc(out, '\n');
}

/* --- metrics --- */

static void put_point_head(struct buf *out, struct bytes name, struct bytes point, uint32_t attributes)
{
    struct pb_reader r = pb_reader(point);
    bool first = true;

    debug_put(out, name);
    buf_putc(out, '{');
    for (struct attribute a; attribute_next(&r, attributes, &a); first = false) {
        if (!first)
            buf_putc(out, ',');
        debug_put(out, a.key);
        buf_putc(out, '=');
        debug_value(out, a.value);
    }
    buf_puts(out, "}");
}

static void put_number_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct number_view v = number_view(point);

    put_point_head(out, name, point, OTLP_NUMBER_ATTRIBUTES);
    buf_putc(out, ' ');
    if (v.view.which == OTLP_NUMBER_INT)
        buf_printf(out, "%lld", (long long)v.integer);
    else if (v.view.which == OTLP_NUMBER_DOUBLE)
        debug_shortest(out, v.number);
    buf_putc(out, '\n');
}

/* One that tells "not there" from 0. */
struct optional {
    const char *word;
    bool is_there;
    double value;
};

static void put_summary(struct buf *out, uint64_t count, const struct optional rest[3])
{
    buf_printf(out, " count=%llu", (unsigned long long)count);
    for (size_t i = 0; i < 3; i++) {
        if (!rest[i].is_there)
            continue;
        buf_printf(out, " %s=", rest[i].word);
        debug_shortest(out, rest[i].value);
    }
}

struct bound_list {
    VEC(double) bounds;
    struct buf *out;
};

static void add_bound(void *arg, size_t i, uint64_t v)
{
    struct bound_list *l = arg;

    (void)i;
    *vec_push(&l->bounds) = pb_double(v);
}

static void put_bucket(void *arg, size_t i, uint64_t count)
{
    struct bound_list *l = arg;

    if (i < l->bounds.n) {
        buf_puts(l->out, " le");
        debug_shortest(l->out, l->bounds.v[i]);
        buf_printf(l->out, "=%llu", (unsigned long long)count);
    } else {
        buf_printf(l->out, " %llu", (unsigned long long)count);
    }
}

static void put_histogram_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct bound_list l = { .out = out };
    struct histogram_view h = histogram_view(point);

    put_point_head(out, name, point, OTLP_HISTOGRAM_ATTRIBUTES);
    put_summary(out, h.count,
                (struct optional[]){ { "sum", view_has(&h.view, OTLP_HISTOGRAM_SUM), h.sum },
                                     { "min", view_has(&h.view, OTLP_HISTOGRAM_MIN), h.min },
                                     { "max", view_has(&h.view, OTLP_HISTOGRAM_MAX), h.max } });
    debug_fixed64s(point, OTLP_HISTOGRAM_BOUNDS, add_bound, &l);
    debug_fixed64s(point, OTLP_HISTOGRAM_BUCKETS, put_bucket, &l);
    vec_free(&l.bounds);
    buf_putc(out, '\n');
}

struct count_list {
    VEC(uint64_t) counts;
};

static void add_count(void *arg, size_t i, uint64_t v)
{
    struct count_list *l = arg;

    (void)i;
    *vec_push(&l->counts) = v;
}

static void put_exponential_bucket(struct buf *out, double le, uint64_t count)
{
    buf_puts(out, " le");
    debug_shortest(out, le);
    buf_printf(out, "=%llu", (unsigned long long)count);
}

/* Buckets of the negative range come first, the farthest from zero first. */
static void put_exponential_side(struct buf *out, struct bytes buckets, int64_t scale, bool negative)
{
    struct count_list l = { 0 };
    int64_t offset = buckets_view(buckets).offset;

    debug_numbers(buckets, OTLP_BUCKETS_COUNTS, add_count, &l);
    for (size_t i = 0; !negative && i < l.counts.n; i++)
        put_exponential_bucket(out, debug_exponential_bound(offset + (int64_t)i + 1, scale), l.counts.v[i]);
    for (size_t i = l.counts.n; negative && i-- > 0;)
        put_exponential_bucket(out, -debug_exponential_bound(offset + (int64_t)i, scale), l.counts.v[i]);
    vec_free(&l.counts);
}

static void put_exponential_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct exponential_view x = exponential_view(point);

    put_point_head(out, name, point, OTLP_EXPONENTIAL_ATTRIBUTES);
    put_summary(out, x.count,
                (struct optional[]){ { "sum", view_has(&x.view, OTLP_EXPONENTIAL_SUM), x.sum },
                                     { "min", view_has(&x.view, OTLP_EXPONENTIAL_MIN), x.min },
                                     { "max", view_has(&x.view, OTLP_EXPONENTIAL_MAX), x.max } });
    put_exponential_side(out, x.negative, x.scale, true);
    if (x.zero_count > 0)
        buf_printf(out, " zero=%llu", (unsigned long long)x.zero_count);
    put_exponential_side(out, x.positive, x.scale, false);
    buf_putc(out, '\n');
}

static void put_summary_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct pb_reader r = pb_reader(point);
    struct summary_view s = summary_view(point);
    struct bytes quantile;

    put_point_head(out, name, point, OTLP_SUMMARY_ATTRIBUTES);
    buf_printf(out, " count=%llu sum=", (unsigned long long)s.count);
    debug_fixed(out, s.sum);
    while (message_next(&r, OTLP_SUMMARY_QUANTILES, &quantile)) {
        struct quantile_view q = quantile_view(quantile);

        buf_puts(out, " q");
        debug_shortest(out, q.quantile);
        buf_putc(out, '=');
        debug_shortest(out, q.value);
    }
    buf_putc(out, '\n');
}

static void put_metric(struct buf *out, struct bytes metric, struct bytes dictionary)
{
    static void (*const put_point[])(struct buf *, struct bytes, struct bytes) = {
        [OTLP_METRIC_GAUGE] = put_number_point,        [OTLP_METRIC_SUM] = put_number_point,
        [OTLP_METRIC_HISTOGRAM] = put_histogram_point, [OTLP_METRIC_EXPONENTIAL] = put_exponential_point,
        [OTLP_METRIC_SUMMARY] = put_summary_point,
    };
    struct metric_view m = metric_view(metric);
    struct pb_reader r = pb_reader(m.data);
    struct bytes point;

    (void)dictionary;
    while (message_next(&r, OTLP_DATA_POINTS, &point))
        put_point[m.view.which](out, m.name, point);
}

/* --- profiles --- */

static void put_profile_attribute(void *arg, struct bytes key, struct bytes any)
{
    put_pair(arg, key, any);
}

static void put_profile(struct buf *out, struct bytes profile, struct bytes dictionary)
{
    struct debug_message m;

    debug_message_read(&m, profile);
    debug_hex(out, m.str[OTLP_PROFILE_ID]);
    buf_printf(out, " samples=%zu", debug_count(profile, 2));
    debug_profile_attributes(profile, OTLP_PROFILE_ATTRIBUTE_INDICES, dictionary, put_profile_attribute, out);
    buf_putc(out, '\n');
}

/* --- from the top --- */

static void put_item(struct buf *out, enum signal signal, size_t n, struct bytes item, struct bytes dictionary)
{
    static void (*const put[SIGNAL_COUNT])(struct buf *, struct bytes, struct bytes) = { put_span, put_metric, put_log,
                                                                                         put_profile };

    (void)n;
    put[signal](out, item, dictionary);
}

static void put_scope(struct buf *out, enum signal signal, size_t n, const struct scope_group_view *group)
{
    struct scope_view scope = scope_view(group->scope);

    buf_printf(out, "%s #%zu", scope_titles[signal], n);
    if (scope.name.len > 0 || scope.version.len > 0) {
        buf_putc(out, ' ');
        debug_put(out, scope.name);
        if (scope.version.len > 0) {
            buf_putc(out, '@');
            debug_put(out, scope.version);
        }
    }
    put_schema(out, group->schema_url);
    put_attributes(out, group->scope, OTLP_SCOPE_ATTRIBUTES);
    buf_putc(out, '\n');
}

static void put_resource(struct buf *out, enum signal signal, size_t n, const struct resource_group_view *group)
{
    buf_printf(out, "%s #%zu", resource_titles[signal], n);
    put_schema(out, group->schema_url);
    put_attributes(out, group->resource, OTLP_RESOURCE_ATTRIBUTES);
    buf_putc(out, '\n');
}

void debug_normal(struct debug_text *text, const struct batch *b)
{
    static const struct debug_form form = { NULL, put_resource, put_scope, put_item };

    debug_batch(&text->buf, b, &form);
}
