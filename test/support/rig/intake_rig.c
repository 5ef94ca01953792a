/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/intake_rig.h"

#include "otlp/attribute_list.h"
#include "otlp/validate.h"
#include "otlp/view.h"
#include "prom/model/number.h"

#include <check.h>
#include <math.h>
#include <string.h>

#define STEP_MS 15000u

void intake_rig_init(struct intake_rig *r)
{
    *r = (struct intake_rig){ .rules = { .honor_timestamps = true, .max_schema = 8, .timeout_ns = 10000000000u },
                              .time_ms = INTAKE_RIG_TIME };
    rig_init(&r->rig, 1);
    label_set_copy(&r->target, bytes_str("job"), bytes_str("j"));
    label_set_copy(&r->target, bytes_str("instance"), bytes_str("host:80"));
    label_set_copy(&r->target, bytes_str("__address__"), bytes_str("host:80"));
    label_set_copy(&r->discovered, bytes_str("__scheme__"), bytes_str("http"));
}

static void open_rig(struct intake_rig *r)
{
    struct intake_store_options o = { .budget = &r->rig.budget, .max_series = r->max_series, .version = "1.2" };
    struct intake_target target = { &r->target, &r->discovered };

    if (r->store != NULL)
        return;
    r->store = intake_store_new(&o);
    r->intake = intake_new(r->store, &r->rules, &target);
}

void intake_rig_close(struct intake_rig *r)
{
    open_rig(r);
    intake_free(r->intake);
    intake_store_free(r->store);
    label_set_free(&r->target);
    label_set_free(&r->discovered);
    buf_free(&r->text);
    rig_close(&r->rig);
}

/* ---- showing ---- */

static void put_double(struct buf *b, double v)
{
    char text[NUMBER_MAX];

    buf_append(b, text, number_put(text, v));
}

static void put_attributes(struct buf *b, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);
    bool any = false;

    for (struct bytes kv; message_next(&r, number, &kv); any = true) {
        struct key_value_view v = key_value_view(kv);

        buf_printf(b, "%s%.*s=", any ? "," : "", (int)v.key.len, (const char *)v.key.data);
        buf_put(b, pb_find_bytes(v.value, OTLP_ANY_STRING));
    }
}

static void put_exemplars(struct buf *b, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);

    for (struct bytes x; message_next(&r, number, &x);) {
        struct exemplar_view v = exemplar_view(x);

        buf_puts(b, " {");
        for (size_t i = 0; i < v.trace_id.len; i++)
            buf_printf(b, "%02x", v.trace_id.data[i]);
        if (v.span_id.len > 0)
            buf_putc(b, '/');
        for (size_t i = 0; i < v.span_id.len; i++)
            buf_printf(b, "%02x", v.span_id.data[i]);
        put_attributes(b, x, OTLP_EXEMPLAR_ATTRIBUTES);
        buf_puts(b, "=");
        put_double(b, v.number);
        buf_printf(b, "@%llu}", (unsigned long long)(v.time / 1000000));
    }
}

static void put_times(const struct intake_rig *r, struct buf *b, uint64_t start, uint64_t time, uint64_t flags)
{
    if (time != r->time_ms * 1000000)
        buf_printf(b, " @%llu", (unsigned long long)(time / 1000000));
    if (start != 0)
        buf_printf(b, " from=%llu", (unsigned long long)start);
    if (flags != 0)
        buf_puts(b, " ended");
}

static void show_number(const struct intake_rig *r, struct buf *b, struct bytes point)
{
    struct number_view v = number_view(point);

    put_attributes(b, point, OTLP_NUMBER_ATTRIBUTES);
    buf_puts(b, "}");
    if (v.view.which == OTLP_NUMBER_DOUBLE) {
        buf_putc(b, ' ');
        put_double(b, v.number);
    }
    put_times(r, b, v.start, v.time, v.flags);
    put_exemplars(b, point, OTLP_NUMBER_EXEMPLARS);
}

static void put_total(struct buf *b, const struct view *view, uint64_t count, double sum)
{
    if (view_has(view, OTLP_HISTOGRAM_COUNT))
        buf_printf(b, " count=%llu", (unsigned long long)count);
    if (view_has(view, OTLP_HISTOGRAM_SUM)) {
        buf_puts(b, " sum=");
        put_double(b, sum);
    }
}

static void show_histogram(const struct intake_rig *r, struct buf *b, struct bytes point)
{
    struct histogram_view v = histogram_view(point);
    struct bytes counts = pb_find_bytes(point, OTLP_HISTOGRAM_BUCKETS),
                 bounds = pb_find_bytes(point, OTLP_HISTOGRAM_BOUNDS);

    put_attributes(b, point, OTLP_HISTOGRAM_ATTRIBUTES);
    buf_puts(b, "}");
    put_total(b, &v.view, v.count, v.sum);
    for (size_t i = 0; i < counts.len; i += 8) {
        buf_putc(b, ' ');
        put_double(b, i < bounds.len ? pb_double(pb_load64(bounds.data + i)) : (double)INFINITY);
        buf_printf(b, ":%llu", (unsigned long long)pb_load64(counts.data + i));
    }
    put_times(r, b, v.start, v.time, v.flags);
    put_exemplars(b, point, OTLP_HISTOGRAM_EXEMPLARS);
}

static void put_side(struct buf *b, char sign, struct bytes side)
{
    struct bytes counts = pb_find_bytes(side, OTLP_BUCKETS_COUNTS);
    const uint8_t *p = counts.data, *end = bytes_end(counts);
    uint64_t n;

    if (side.data == NULL)
        return;
    buf_printf(b, " %c%lld:", sign, (long long)buckets_view(side).offset);
    for (bool first = true; pb_varint(&p, end, &n); first = false)
        buf_printf(b, "%s%llu", first ? "" : ",", (unsigned long long)n);
}

static void show_exponential(const struct intake_rig *r, struct buf *b, struct bytes point)
{
    struct exponential_view v = exponential_view(point);

    put_attributes(b, point, OTLP_EXPONENTIAL_ATTRIBUTES);
    buf_puts(b, "}");
    put_total(b, &v.view, v.count, v.sum);
    if (v.flags == 0) {
        buf_printf(b, " scale=%lld zero=%llu(", (long long)v.scale, (unsigned long long)v.zero_count);
        put_double(b, v.zero_threshold);
        buf_puts(b, ")");
    }
    put_side(b, '+', v.positive);
    put_side(b, '-', v.negative);
    put_times(r, b, v.start, v.time, v.flags);
    put_exemplars(b, point, OTLP_EXPONENTIAL_EXEMPLARS);
}

static void show_summary(const struct intake_rig *r, struct buf *b, struct bytes point)
{
    struct summary_view v = summary_view(point);
    struct pb_reader quantiles = pb_reader(point);

    put_attributes(b, point, OTLP_SUMMARY_ATTRIBUTES);
    buf_puts(b, "}");
    put_total(b, &v.view, v.count, v.sum);
    for (struct bytes q; message_next(&quantiles, OTLP_SUMMARY_QUANTILES, &q);) {
        buf_puts(b, " q");
        put_double(b, quantile_view(q).quantile);
        buf_putc(b, ':');
        put_double(b, quantile_view(q).value);
    }
    put_times(r, b, v.start, v.time, v.flags);
}

static void show_point(const struct intake_rig *r, struct buf *b, uint32_t kind, struct bytes point)
{
    switch (kind) {
    case OTLP_METRIC_HISTOGRAM:
        show_histogram(r, b, point);
        break;
    case OTLP_METRIC_EXPONENTIAL:
        show_exponential(r, b, point);
        break;
    case OTLP_METRIC_SUMMARY:
        show_summary(r, b, point);
        break;
    default:
        show_number(r, b, point);
    }
}

static bool is_report(struct bytes name)
{
    return bytes_is(name, "up") || (name.len > 7 && memcmp(name.data, "scrape_", 7) == 0);
}

static void show_metric(const struct intake_rig *r, struct buf *b, struct bytes metric)
{
    struct metric_view m = metric_view(metric);
    struct data_view d = data_view(m.data);
    struct bytes type = pb_find_bytes(pb_find_bytes(metric, OTLP_METRIC_METADATA), OTLP_KEY_VALUE_VALUE);
    struct pb_reader points = pb_reader(m.data);

    if (is_report(m.name) && !r->with_reports)
        return;
    type = pb_find_bytes(type, OTLP_ANY_STRING);
    if (!bytes_is(type, "unknown") || m.unit.len > 0 || m.description.len > 0)
        buf_printf(b, "# %.*s%s%.*s %.*s%s: %.*s\n", (int)m.name.len, (const char *)m.name.data, m.unit.len ? " " : "",
                   (int)m.unit.len, (const char *)m.unit.data, (int)type.len, (const char *)type.data,
                   m.view.which == OTLP_METRIC_SUM && !d.monotonic ? " sum" : "", (int)m.description.len,
                   (const char *)m.description.data);
    for (struct bytes p; message_next(&points, OTLP_DATA_POINTS, &p);) {
        buf_printf(b, "%.*s{", (int)m.name.len, (const char *)m.name.data);
        show_point(r, b, m.view.which, p);
        buf_putc(b, '\n');
    }
}

static void show_scope(const struct intake_rig *r, struct buf *b, struct bytes group)
{
    struct scope_group_view g = scope_group_view(group);
    struct scope_view s = scope_view(g.scope);
    struct pb_reader metrics = pb_reader(group);

    if (!bytes_is(s.version, "1.2")) {
        buf_printf(b, "<%.*s %.*s %.*s", (int)s.name.len, (const char *)s.name.data, (int)s.version.len,
                   (const char *)s.version.data, (int)g.schema_url.len, (const char *)g.schema_url.data);
        put_attributes(b, g.scope, OTLP_SCOPE_ATTRIBUTES);
        buf_puts(b, ">\n");
    }
    for (struct bytes m; message_next(&metrics, OTLP_SCOPE_GROUP_ITEMS, &m);)
        show_metric(r, b, m);
}

static void show_batch(struct intake_rig *r, struct batch *batch)
{
    struct validation v;
    struct bytes request;
    struct pb_reader resources;

    request = bytes_of(batch->segments[0].data, batch->segments[0].len);
    ck_assert_msg(otlp_validate(SIGNAL_METRICS, request, &v), "%s", v.fault);
    ck_assert_uint_eq(v.items, batch->items);
    resources = pb_reader(request);
    for (struct bytes g; message_next(&resources, OTLP_REQUEST_RESOURCES, &g);) {
        struct pb_reader scopes = pb_reader(g);

        if (r->with_resources) {
            buf_putc(&r->text, '[');
            put_attributes(&r->text, resource_group_view(g).resource, OTLP_RESOURCE_ATTRIBUTES);
            buf_puts(&r->text, "]\n");
        }
        for (struct bytes s; message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &s);)
            show_scope(r, &r->text, s);
    }
    batch_unref(batch);
}

static const char *show(struct intake_rig *r)
{
    r->text.len = 0;
    for (r->n_batches = 0; r->result.points != NULL; r->n_batches++)
        show_batch(r, intake_points_next(&r->result.points));
    return buf_cstr(&r->text);
}

/* ---- pages ---- */

static struct intake_scrape next_scrape(struct intake_rig *r, int64_t size)
{
    if (r->store != NULL)
        r->time_ms += STEP_MS;
    open_rig(r);
    return (struct intake_scrape){ r->time_ms, 250000000u, size };
}

const char *intake_rig_take(struct intake_rig *r, enum intake_format format, struct bytes page)
{
    struct intake_scrape scrape = next_scrape(r, (int64_t)page.len);

    intake_take(r->intake, format, page, &scrape, &r->result);
    return show(r);
}

const char *intake_rig_text(struct intake_rig *r, const char *page)
{
    return intake_rig_take(r, INTAKE_TEXT, bytes_str(page));
}

const char *intake_rig_openmetrics(struct intake_rig *r, const char *page)
{
    return intake_rig_take(r, INTAKE_OPENMETRICS, bytes_str(page));
}

const char *intake_rig_fail(struct intake_rig *r)
{
    struct intake_scrape scrape = next_scrape(r, -1);

    intake_fail(r->intake, &scrape, &r->result);
    return show(r);
}

const char *intake_rig_end(struct intake_rig *r)
{
    struct intake_scrape scrape = next_scrape(r, 0);

    intake_end(r->intake, scrape.time_ms, &r->result);
    return show(r);
}
