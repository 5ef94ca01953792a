/* SPDX-License-Identifier: Apache-2.0 */
/* First metrics are drawn, from the shape; then each resource and scope has points of some of them. Names bring along
 * the suffixes that the translation would add, so that they come back as they are; attributes are in order. */
#include "support/random_metrics.h"

#include "support/random_message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define METRICS_MOST 6u

enum kind { GAUGE, COUNTER, EXPLICIT, SUMMARY, EXPONENTIAL, KINDS };

struct drawn {
    enum kind kind;
    char name[80], help[40];
    const char *unit;
    unsigned n_bounds, n_quantiles;
    double bounds[8];
};

static unsigned shape(struct random_metrics *m, unsigned n)
{
    return (unsigned)random_below(&m->shape, n);
}

static unsigned value(struct random_metrics *m, unsigned n)
{
    return (unsigned)random_below(&m->values, n);
}

static bool may_have(const struct random_metrics *m, enum kind k)
{
    switch (k) {
    case EXPLICIT:
    case SUMMARY:
        return m->classic;
    case EXPONENTIAL:
        return m->native;
    default:
        return true;
    }
}

static void draw_metric(struct random_metrics *m, struct drawn *d, unsigned i)
{
    static const struct {
        const char *unit, *suffix;
    } units[] = { { "", "" }, { "s", "_seconds" }, { "By", "_bytes" }, { "ms", "_milliseconds" }, { "d", "_days" } };
    static const char *const tame[] = { "m", "http:requests", "up1", "go_gc", "A9" };
    static const char *const any[] = {
        "m.a", "né", "a b", "q\\\"", "back\\\\n", "1st", "new\\nline", "{x}", "#", ",="
    };
    static const char *const helps[] = { "", "Plain.", "A \\\"word\\\"", "\\\\ and \\n.", "  blanks ", "é" };
    unsigned u = m->units ? shape(m, 5) : 0;

    do
        d->kind = (enum kind)shape(m, KINDS);
    while (!may_have(m, d->kind));
    snprintf(d->name, sizeof(d->name), "%s%u%s%s", m->any_names ? any[shape(m, 10)] : tame[shape(m, 5)], i,
             units[u].suffix, d->kind == COUNTER ? "_total" : "");
    snprintf(d->help, sizeof(d->help), "%s", helps[m->helps ? shape(m, 6) : 0]);
    d->unit = units[u].unit;
    d->n_bounds = shape(m, 6);
    d->n_quantiles = shape(m, 4);
    for (unsigned b = 0; b < d->n_bounds; b++)
        d->bounds[b] = (b > 0 ? d->bounds[b - 1] : -0.5) + (double)(1 + shape(m, 1000)) / 128;
}

/* ---- points ---- */

static void put_double(struct random_metrics *m, struct buf *b)
{
    static const char *const special[] = {
        "0", "-0.0", "'NaN'", "'Infinity'", "'-Infinity'", "1e300", "5e-324", "0.1"
    };
    uint64_t bits = random_message_next(&m->values);
    double v;

    memcpy(&v, &bits, sizeof(v));
    switch (value(m, 4)) {
    case 0:
        buf_puts(b, special[value(m, 8)]);
        break;
    case 1:
        buf_printf(b, "%.17g", isfinite(v) ? v : 1);
        break;
    default:
        buf_printf(b, "%u.%u", value(m, 100000), value(m, 1000));
    }
}

static void put_finite(struct random_metrics *m, struct buf *b)
{
    buf_printf(b, "%s%u.%u", value(m, 4) == 0 ? "-" : "", value(m, 1000), value(m, 1000));
}

static void put_attribute(struct buf *b, bool first, const char *key, const char *text)
{
    buf_printf(b, "%s{'key':'%s','value':{'stringValue':'%s'}}", first ? "" : ",", key, text);
}

/* By name: upper case, underscore, lower case, what is not ASCII. */
static void put_attributes(struct random_metrics *m, struct buf *b, unsigned i)
{
    static const char *const tame[] = { "Z", "_u", "code", "path", "x9" };
    static const char *const any[] = { "A b", "\\\"q", "http.path", "x{", "é" };
    static const char *const texts[] = {
        "x", "a b", "q\\\\u", "\\\"", "\\n", "é", "1,2={}", " ", "\\\\n", "\\ttab\\r"
    };
    char number[24];

    snprintf(number, sizeof(number), "%u", i);
    buf_puts(b, "'attributes':[");
    put_attribute(b, true, m->any_names ? " #" : "A0", number);
    for (unsigned k = 0; k < 5; k++)
        if (shape(m, 3) == 0)
            put_attribute(b, false, m->any_names ? any[k] : tame[k], texts[shape(m, 10)]);
    buf_puts(b, "]");
}

static bool begin_point(struct random_metrics *m, struct buf *b, const struct drawn *d, unsigned i)
{
    uint64_t time = m->time_ms + (m->any_times ? value(m, 120000) : 0);
    bool ended = m->ended && value(m, 6) == 0;

    buf_printf(b, "%s{'timeUnixNano':'%llu000000',", i > 0 ? "," : "", (unsigned long long)time);
    if (m->starts && d->kind != GAUGE && shape(m, 2))
        buf_printf(b, "'startTimeUnixNano':'%u000000',", 1600000000 + shape(m, 1000));
    put_attributes(m, b, i);
    if (ended)
        buf_puts(b, ",'flags':1}");
    return !ended;
}

static void put_exemplar(struct random_metrics *m, struct buf *b, bool first, double v)
{
    unsigned parts = 1 + value(m, 7); /* bits: without any it would not be shown */

    buf_printf(b, "%s{'timeUnixNano':'%llu000000','asDouble':%.17g", first ? "" : ",",
               (unsigned long long)(m->time_ms - 1 - value(m, 5000)), v);
    if (parts & 1)
        buf_printf(b, ",'traceId':'%016llx%016llx'", (unsigned long long)random_message_next(&m->values) | 1,
                   (unsigned long long)random_message_next(&m->values));
    if (parts & 2)
        buf_printf(b, ",'spanId':'%016llx'", (unsigned long long)random_message_next(&m->values) | 1);
    if (parts & 4)
        buf_printf(b, ",'filteredAttributes':[{'key':'user','value':{'stringValue':'%u\\\"é'}}]", value(m, 9));
    buf_puts(b, "}");
}

static void put_number(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    buf_puts(b, ",'asDouble':");
    if (d->kind == COUNTER)
        buf_printf(b, "%u.5", value(m, 1u << 30));
    else
        put_double(m, b);
    if (d->kind != COUNTER || !m->exemplars || value(m, 2))
        return;
    buf_puts(b, ",'exemplars':[");
    put_exemplar(m, b, true, value(m, 100));
    buf_puts(b, "]");
}

/* One in each bucket, if any. */
static void put_bucket_exemplars(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    bool first = true;

    buf_puts(b, ",'exemplars':[");
    for (unsigned i = 0; i <= d->n_bounds; i++) {
        if (value(m, 3) > 0)
            continue;
        put_exemplar(m, b, first, i < d->n_bounds ? d->bounds[i] : d->n_bounds > 0 ? d->bounds[i - 1] + 1 : 3);
        first = false;
    }
    buf_puts(b, "]");
}

static void put_explicit(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    unsigned counts[9], total = 0;

    for (unsigned i = 0; i <= d->n_bounds; i++)
        total += counts[i] = value(m, 3) ? value(m, 1000) : 0;
    buf_printf(b, ",'count':'%u','sum':", total);
    put_finite(m, b);
    buf_puts(b, ",'bucketCounts':[");
    for (unsigned i = 0; i <= d->n_bounds; i++)
        buf_printf(b, "%s'%u'", i > 0 ? "," : "", counts[i]);
    buf_puts(b, "],'explicitBounds':[");
    for (unsigned i = 0; i < d->n_bounds; i++)
        buf_printf(b, "%s%.17g", i > 0 ? "," : "", d->bounds[i]);
    buf_puts(b, "]");
    if (m->exemplars)
        put_bucket_exemplars(m, b, d);
}

static void put_summary(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    buf_printf(b, ",'count':'%u','sum':", value(m, 1000));
    put_finite(m, b);
    buf_puts(b, ",'quantileValues':[");
    for (unsigned i = 0; i < d->n_quantiles; i++) {
        buf_printf(b, "%s{'quantile':%.17g,'value':", i > 0 ? "," : "", (double)(i + 1) / 3);
        put_double(m, b);
        buf_puts(b, "}");
    }
    buf_puts(b, "]");
}

/* Returns how many are in it. */
static unsigned put_side(struct random_metrics *m, struct buf *b, const char *side)
{
    unsigned n = value(m, 6), total = 0;

    if (n == 0)
        return 0;
    buf_printf(b, ",'%s':{'offset':%d,'bucketCounts':[", side, (int)value(m, 200) - 100);
    for (unsigned i = 0; i < n; i++) {
        unsigned count = i == 0 || i + 1 == n ? 1 + value(m, 100) : value(m, 3);

        buf_printf(b, "%s'%u'", i > 0 ? "," : "", count);
        total += count;
    }
    buf_puts(b, "]}");
    return total;
}

static void put_exponential(struct random_metrics *m, struct buf *b)
{
    unsigned zero = value(m, 3), total = zero + put_side(m, b, "positive") + put_side(m, b, "negative");

    buf_printf(b, ",'count':'%u','zeroCount':'%u','zeroThreshold':%s,'scale':%d,'sum':", total, zero,
               value(m, 2) ? "0.001" : "1e-128", (int)value(m, 13) - 4);
    put_finite(m, b);
    if (!m->exemplars)
        return;
    buf_puts(b, ",'exemplars':[");
    for (unsigned i = 0, n = value(m, 4); i < n; i++)
        put_exemplar(m, b, i == 0, 1 + value(m, 100));
    buf_puts(b, "]");
}

static void put_points(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    for (unsigned i = 0, n = 1 + shape(m, 4); i < n; i++) {
        if (!begin_point(m, b, d, i))
            continue;
        if (d->kind == EXPLICIT)
            put_explicit(m, b, d);
        else if (d->kind == SUMMARY)
            put_summary(m, b, d);
        else if (d->kind == EXPONENTIAL)
            put_exponential(m, b);
        else
            put_number(m, b, d);
        buf_puts(b, "}");
    }
}

/* ---- groups ---- */

static void put_metric(struct random_metrics *m, struct buf *b, const struct drawn *d)
{
    static const char *const fields[KINDS] = {
        [GAUGE] = "'gauge':{",
        [COUNTER] = "'sum':{'aggregationTemporality':2,'isMonotonic':true,",
        [EXPLICIT] = "'histogram':{'aggregationTemporality':2,",
        [SUMMARY] = "'summary':{",
        [EXPONENTIAL] = "'exponentialHistogram':{'aggregationTemporality':2,",
    };

    buf_printf(b, "{'name':'%s','description':'%s','unit':'%s',%s'dataPoints':[", d->name, d->help, d->unit,
               fields[d->kind]);
    put_points(m, b, d);
    buf_puts(b, "]}}");
}

static void put_scope(struct random_metrics *m, struct buf *b, unsigned i, const struct drawn *all, unsigned n)
{
    bool first = true;

    buf_printf(b, "{'scope':{'name':'lib%u','version':'%u'", i, shape(m, 3) + 1);
    if (shape(m, 2))
        buf_printf(b, ",'attributes':[{'key':'%s','value':{'stringValue':'a\\\\b'}}]",
                   m->any_names ? "short.name" : "short_name");
    buf_printf(b, "}%s,'metrics':[", shape(m, 3) == 0 ? ",'schemaUrl':'https://s/1'" : "");
    for (unsigned k = 0; k < n; k++) {
        if (shape(m, 3) == 0)
            continue;
        buf_puts(b, first ? "" : ",");
        put_metric(m, b, &all[k]);
        first = false;
    }
    buf_puts(b, "]}");
}

static void put_resource(struct random_metrics *m, struct buf *b, unsigned i, const struct drawn *all, unsigned n)
{
    buf_printf(b,
               "{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'svc %u'}},"
               "{'key':'service.instance.id','value':{'stringValue':'host%u:80'}}",
               i, i);
    if (shape(m, 2))
        put_attribute(b, false, m->any_names ? "host.name" : "host_name", "h\\\"");
    if (shape(m, 2))
        put_attribute(b, false, "region", "eu");
    buf_puts(b, "]},'scopeMetrics':[");
    for (unsigned k = 0, scopes = 1 + shape(m, 2); k < scopes; k++) {
        buf_puts(b, k > 0 ? "," : "");
        put_scope(m, b, k, all, n);
    }
    buf_puts(b, "]}");
}

void random_metrics_put(struct random_metrics *m, struct buf *out)
{
    struct drawn all[METRICS_MOST];
    uint64_t before = m->shape;
    unsigned n = 1 + shape(m, METRICS_MOST);

    for (unsigned i = 0; i < n; i++)
        draw_metric(m, &all[i], i);
    buf_puts(out, "{'resourceMetrics':[");
    for (unsigned i = 0, resources = 1 + shape(m, 3); i < resources; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_resource(m, out, i, all, n);
    }
    buf_puts(out, "]}");
    m->shape = before;
}
