/* SPDX-License-Identifier: Apache-2.0 */
#include "support/metric_lines.h"

#include "base/mem.h"
#include "otlp/metrics_service.pb-c.h"
#include "prom/model/number.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* What a line begins with. */
struct head {
    const Otlp__ResourceMetrics *resource;
    const Otlp__ScopeMetrics *scope;
    const Otlp__Metric *metric;
    const char *kind;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_double(struct buf *b, double v)
{
    char text[NUMBER_MAX];

    buf_append(b, text, number_put(text, v));
}

static bool is_added(const char *key)
{
    return strcmp(key, "server.address") == 0 || strcmp(key, "server.port") == 0 || strcmp(key, "url.scheme") == 0;
}

/* Sorted, each as key=value. */
static void put_attributes(struct buf *b, Otlp__KeyValue *const *v, size_t n)
{
    struct metric_lines lines = { 0 };

    for (size_t i = 0; i < n; i++)
        if (!is_added(v[i]->key))
            *vec_push(&lines.all) = mem_printf("%s=%s", v[i]->key, v[i]->value->string_value);
    if (lines.all.n > 1)
        qsort(lines.all.v, lines.all.n, sizeof(*lines.all.v), by_text);
    buf_putc(b, '{');
    for (size_t i = 0; i < lines.all.n; i++)
        buf_printf(b, "%s%s", i > 0 ? "," : "", lines.all.v[i]);
    buf_putc(b, '}');
    metric_lines_free(&lines);
}

static void put_head(struct buf *b, const struct head *h, Otlp__KeyValue *const *attributes, size_t n)
{
    const Otlp__InstrumentationScope *scope = h->scope->scope;
    const Otlp__Resource *resource = h->resource->resource;

    if (resource != NULL)
        put_attributes(b, resource->attributes, resource->n_attributes);
    if (scope != NULL && strstr(scope->name, "prometheusreceiver") == NULL) {
        buf_printf(b, " <%s %s %s ", scope->name, scope->version, h->scope->schema_url);
        put_attributes(b, scope->attributes, scope->n_attributes);
        buf_puts(b, ">");
    }
    buf_printf(b, " %s [%s] %s '%s' ", h->metric->name, h->metric->unit, h->kind, h->metric->description);
    put_attributes(b, attributes, n);
}

static void put_times(struct buf *b, uint64_t time, uint64_t start)
{
    buf_printf(b, " @%llu", (unsigned long long)time);
    if (start != 0)
        buf_printf(b, " from %llu", (unsigned long long)start);
}

static void put_bytes(struct buf *b, ProtobufCBinaryData bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(b, "%02x", bytes.data[i]);
    buf_putc(b, ' ');
}

static void put_exemplars(struct buf *b, Otlp__Exemplar *const *v, size_t n)
{
    struct metric_lines lines = { 0 };
    struct buf one = { 0 };

    for (size_t i = 0; i < n; i++) {
        one.len = 0;
        put_bytes(&one, v[i]->trace_id);
        put_bytes(&one, v[i]->span_id);
        put_attributes(&one, v[i]->filtered_attributes, v[i]->n_filtered_attributes);
        put_double(&one, v[i]->as_double);
        put_times(&one, v[i]->time_unix_nano, 0);
        *vec_push(&lines.all) = mem_strdup(buf_cstr(&one));
    }
    if (lines.all.n > 1)
        qsort(lines.all.v, lines.all.n, sizeof(*lines.all.v), by_text);
    for (size_t i = 0; i < lines.all.n; i++)
        buf_printf(b, " (%s)", lines.all.v[i]);
    metric_lines_free(&lines);
    buf_free(&one);
}

static void put_number(struct buf *b, const Otlp__NumberDataPoint *p)
{
    buf_putc(b, ' ');
    put_double(b, p->value_case == OTLP__NUMBER_DATA_POINT__VALUE_AS_INT ? (double)p->as_int : p->as_double);
    put_times(b, p->time_unix_nano, p->start_time_unix_nano);
    put_exemplars(b, p->exemplars, p->n_exemplars);
}

static void put_total(struct buf *b, uint64_t count, double sum)
{
    buf_printf(b, " count=%llu sum=", (unsigned long long)count);
    put_double(b, sum);
}

static void put_explicit(struct buf *b, const Otlp__HistogramDataPoint *p)
{
    put_total(b, p->count, p->sum);
    for (size_t i = 0; i < p->n_bucket_counts; i++) {
        buf_printf(b, " %llu", (unsigned long long)p->bucket_counts[i]);
        if (i >= p->n_explicit_bounds)
            continue;
        buf_puts(b, " |");
        put_double(b, p->explicit_bounds[i]);
    }
    put_times(b, p->time_unix_nano, p->start_time_unix_nano);
    put_exemplars(b, p->exemplars, p->n_exemplars);
}

/* Those with something in them, however they are written. */
static void put_side(struct buf *b, const char *side, const Otlp__ExponentialHistogramDataPoint__Buckets *v)
{
    buf_puts(b, side);
    for (size_t i = 0; v != NULL && i < v->n_bucket_counts; i++)
        if (v->bucket_counts[i] != 0)
            buf_printf(b, " %lld:%llu", (long long)v->offset + (long long)i, (unsigned long long)v->bucket_counts[i]);
}

static void put_exponential(struct buf *b, const Otlp__ExponentialHistogramDataPoint *p)
{
    put_total(b, p->count, p->sum);
    buf_printf(b, " scale=%d zero=%llu(", (int)p->scale, (unsigned long long)p->zero_count);
    put_double(b, p->zero_threshold);
    buf_puts(b, ")");
    put_side(b, " +", p->positive);
    put_side(b, " -", p->negative);
    put_times(b, p->time_unix_nano, p->start_time_unix_nano);
    put_exemplars(b, p->exemplars, p->n_exemplars);
}

static void put_summary(struct buf *b, const Otlp__SummaryDataPoint *p)
{
    put_total(b, p->count, p->sum);
    for (size_t i = 0; i < p->n_quantile_values; i++) {
        buf_puts(b, " q");
        put_double(b, p->quantile_values[i]->quantile);
        buf_putc(b, ':');
        put_double(b, p->quantile_values[i]->value);
    }
    put_times(b, p->time_unix_nano, p->start_time_unix_nano);
}

/* Each point of one kind is a line: what it is of, and what it says, unless it says that the series has ended. */
#define TAKE_POINTS(l, h, data, put_)                                                                                  \
    for (size_t i_ = 0; i_ < (data)->n_data_points; i_++) {                                                            \
        struct buf line_ = { 0 };                                                                                      \
                                                                                                                       \
        put_head(&line_, h, (data)->data_points[i_]->attributes, (data)->data_points[i_]->n_attributes);               \
        if ((data)->data_points[i_]->flags != 0)                                                                       \
            buf_puts(&line_, " ended");                                                                                \
        else                                                                                                           \
            put_(&line_, (data)->data_points[i_]);                                                                     \
        *vec_push(&(l)->all) = mem_strdup(buf_cstr(&line_));                                                           \
        buf_free(&line_);                                                                                              \
    }

static void take_metric(struct metric_lines *l, struct head *h)
{
    const Otlp__Metric *m = h->metric;

    switch (m->data_case) {
    case OTLP__METRIC__DATA_GAUGE:
        h->kind = "gauge";
        TAKE_POINTS(l, h, m->gauge, put_number);
        break;
    case OTLP__METRIC__DATA_SUM:
        h->kind = m->sum->is_monotonic ? "counter" : "gauge";
        TAKE_POINTS(l, h, m->sum, put_number);
        break;
    case OTLP__METRIC__DATA_HISTOGRAM:
        h->kind = "histogram";
        TAKE_POINTS(l, h, m->histogram, put_explicit);
        break;
    case OTLP__METRIC__DATA_EXPONENTIAL_HISTOGRAM:
        h->kind = "native";
        TAKE_POINTS(l, h, m->exponential_histogram, put_exponential);
        break;
    case OTLP__METRIC__DATA_SUMMARY:
        h->kind = "summary";
        TAKE_POINTS(l, h, m->summary, put_summary);
        break;
    default:
        ck_abort_msg("a metric without data");
    }
}

void metric_lines_take(struct metric_lines *l, const struct batch *batch)
{
    Otlp__ExportMetricsServiceRequest *request;
    struct head h;

    ck_assert_uint_eq(batch->n_segments, 1);
    request = otlp__export_metrics_service_request__unpack(NULL, batch->segments[0].len, batch->segments[0].data);
    ck_assert_ptr_nonnull(request);
    for (size_t r = 0; r < request->n_resource_metrics; r++) {
        h.resource = request->resource_metrics[r];
        for (size_t s = 0; s < h.resource->n_scope_metrics; s++) {
            h.scope = h.resource->scope_metrics[s];
            for (size_t m = 0; m < h.scope->n_metrics; m++) {
                h.metric = h.scope->metrics[m];
                take_metric(l, &h);
            }
        }
    }
    otlp__export_metrics_service_request__free_unpacked(request, NULL);
}

const char *metric_lines_text(struct metric_lines *l, struct buf *out)
{
    if (l->all.n > 1)
        qsort(l->all.v, l->all.n, sizeof(*l->all.v), by_text);
    out->len = 0;
    for (size_t i = 0; i < l->all.n; i++)
        buf_printf(out, "%s\n", l->all.v[i]);
    return buf_cstr(out);
}

void metric_lines_free(struct metric_lines *l)
{
    for (size_t i = 0; i < l->all.n; i++)
        free(l->all.v[i]);
    vec_free(&l->all);
}
