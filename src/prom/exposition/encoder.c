/* SPDX-License-Identifier: Apache-2.0 */
/* encoder_family_begin() settles name, type and unit as the format wants them and writes the head; each call for a
 * series then writes its lines, the name and labels copied as they are. `again` is for a family that goes on in a new
 * slice. Protobuf goes to encoder_protobuf.c.
 *
 * What a format cannot say is left out or bent so that readers do not fail the scrape over it: a unit that is not the
 * end of the name, `_total` that OpenMetrics adds itself, exemplars where none may stand, native histograms in text. */
#include "prom/exposition/encoder.h"

#include "base/decimal.h"
#include "prom/model/exemplar.h"
#include "prom/exposition/encoder_protobuf.h"
#include "prom/model/number.h"

#include <assert.h>
#include <math.h>

static const char *const text_types[] = {
    [FAMILY_COUNTER] = "counter", [FAMILY_GAUGE] = "gauge",     [FAMILY_HISTOGRAM] = "histogram",
    [FAMILY_SUMMARY] = "summary", [FAMILY_UNKNOWN] = "untyped", [FAMILY_INFO] = "gauge",
    [FAMILY_STATESET] = "gauge",
};

void encoder_init(struct encoder *e, enum encoder_format format, enum name_escaping escaping, struct buf *out)
{
    *e = (struct encoder){ .format = format, .escaping = escaping, .out = out };
}

void encoder_free(struct encoder *e)
{
    buf_free(&e->name);
    buf_free(&e->scratch);
}

static bool ends_with(struct bytes s, const char *end)
{
    size_t n = strlen(end);

    return s.len > n && memcmp(s.data + s.len - n, end, n) == 0;
}

/* The name that stands in HELP, TYPE and UNIT; OpenMetrics takes off what the type adds to its samples. */
static struct bytes family_name(const struct encoder *e)
{
    struct bytes name = buf_bytes(&e->name);

    if (e->format != ENCODER_OPENMETRICS)
        return name;
    if (e->type == FAMILY_COUNTER && ends_with(name, "_total"))
        name.len -= strlen("_total");
    else if (e->type == FAMILY_INFO && ends_with(name, "_info"))
        name.len -= strlen("_info");
    return name;
}

static const char *type_name(const struct encoder *e)
{
    struct bytes name = buf_bytes(&e->name);

    if (e->format != ENCODER_OPENMETRICS)
        return text_types[e->type];
    if (e->type == FAMILY_UNKNOWN || (e->type == FAMILY_COUNTER && !ends_with(name, "_total")))
        return "unknown";
    if (e->type == FAMILY_INFO && ends_with(name, "_info"))
        return "info";
    return text_types[e->type];
}

/* Readers fail the scrape over a unit that is not the last word of the family's name. */
static bool unit_fits(struct bytes family, struct bytes unit)
{
    return unit.len > 0 && family.len > unit.len + 1 && family.data[family.len - unit.len - 1] == '_' &&
           memcmp(family.data + family.len - unit.len, unit.data, unit.len) == 0;
}

static void put_metadata(struct encoder *e, const char *keyword, struct bytes family)
{
    const char *quote = e->quoted ? "\"" : "";

    buf_puts(e->out, keyword);
    buf_puts(e->out, quote);
    buf_put(e->out, family);
    buf_puts(e->out, quote);
    buf_putc(e->out, ' ');
}

/* 0.0.4 leaves quotes in help texts alone. */
static void put_help(struct encoder *e, struct bytes help)
{
    const uint8_t *quote;

    while (e->format == ENCODER_TEXT && help.len > 0 && (quote = memchr(help.data, '"', help.len)) != NULL) {
        size_t n = (size_t)(quote - help.data);

        labels_put_escaped(e->out, bytes_of(help.data, n));
        buf_putc(e->out, '"');
        help = bytes_of(quote + 1, help.len - n - 1);
    }
    labels_put_escaped(e->out, help);
}

static void set_name(struct encoder *e, struct bytes name)
{
    struct bytes escaped;

    e->scratch.len = 0;
    name_escape_metric(&e->scratch, e->escaping, name);
    escaped = buf_bytes(&e->scratch);
    e->quoted = e->format != ENCODER_PROTOBUF && !name_is_legacy_metric(escaped);
    e->name.len = 0;
    if (e->quoted)
        labels_put_escaped(&e->name, escaped);
    else
        buf_put(&e->name, escaped);
}

/* The family as protobuf and UNIT see it: without `_total`. */
static struct bytes without_total(const struct encoder *e)
{
    struct bytes name = buf_bytes(&e->name);

    if (e->type == FAMILY_COUNTER && ends_with(name, "_total"))
        name.len -= strlen("_total");
    return name;
}

void encoder_family_begin(struct encoder *e, struct bytes name, enum family_type type, struct bytes help,
                          struct bytes unit, bool again)
{
    struct bytes family;

    e->type = type;
    set_name(e, name);
    if (type == FAMILY_INFO || !unit_fits(without_total(e), unit))
        unit.len = 0;
    if (e->format == ENCODER_PROTOBUF) {
        protobuf_family_begin(e, buf_bytes(&e->name), help, unit);
        return;
    }
    if (again)
        return;
    family = family_name(e);
    put_metadata(e, "# HELP ", family);
    put_help(e, help);
    put_metadata(e, "\n# TYPE ", family);
    buf_puts(e->out, type_name(e));
    if (e->format == ENCODER_OPENMETRICS && unit.len > 0) {
        put_metadata(e, "\n# UNIT ", family);
        labels_put_escaped(e->out, unit);
    }
    buf_putc(e->out, '\n');
}

void encoder_family_end(struct encoder *e)
{
    if (e->format == ENCODER_PROTOBUF)
        protobuf_family_end(e);
}

static uint8_t *put_copy(uint8_t *p, const void *from, size_t len)
{
    memcpy(p, from, len);
    return p + len;
}

/* The series up to the blank before its value: name, suffix, labels, and one label more, which comes rendered. */
static void put_series(struct encoder *e, struct bytes suffix, struct bytes labels, struct bytes more)
{
    uint8_t *p = buf_reserve(e->out, e->name.len + suffix.len + labels.len + more.len + 8);
    bool braces = e->quoted || labels.len > 0 || more.len > 0;

    if (e->quoted) {
        *p++ = '{';
        *p++ = '"';
    }
    p = put_copy(p, e->name.data, e->name.len);
    p = put_copy(p, suffix.data, suffix.len);
    if (e->quoted) {
        *p++ = '"';
        if (labels.len > 0)
            *p++ = ',';
    } else if (braces) {
        *p++ = '{';
    }
    if (labels.len > 0)
        p = put_copy(p, labels.data, labels.len);
    if (more.len > 0) {
        if (e->quoted || labels.len > 0)
            *p++ = ',';
        p = put_copy(p, more.data, more.len);
    }
    if (braces)
        *p++ = '}';
    *p++ = ' ';
    e->out->len = (size_t)(p - e->out->data);
}

static void put_number(struct encoder *e, double v)
{
    char *at = (char *)buf_reserve(e->out, NUMBER_MAX);

    e->out->len += e->format == ENCODER_TEXT ? number_put(at, v) : number_put_om(at, v);
}

/* OpenMetrics writes counts as integers; 0.0.4 has floats only. */
static void put_count(struct encoder *e, uint64_t n)
{
    char *at = (char *)buf_reserve(e->out, NUMBER_MAX);

    e->out->len += e->format == ENCODER_TEXT ? number_put(at, (double)n) : decimal_put_uint(at, n);
}

static void put_seconds(struct encoder *e, uint64_t ns)
{
    buf_putc(e->out, ' ');
    e->out->len += number_put_seconds((char *)buf_reserve(e->out, NUMBER_MAX), ns);
}

static void put_exemplar(struct encoder *e, const struct exemplar *x)
{
    struct buf for_peer = { 0 };

    buf_puts(e->out, " # {");
    buf_put(e->out, labels_for_peer(&for_peer, e->escaping, x->labels));
    buf_puts(e->out, "} ");
    put_number(e, x->value);
    if (x->time_ns != 0)
        put_seconds(e, x->time_ns);
    buf_free(&for_peer);
}

/* What follows the value. */
static void finish_line(struct encoder *e, const struct sample_extra *x, const struct exemplar *exemplar)
{
    if (x != NULL && x->timestamp_ms != 0 && e->format == ENCODER_OPENMETRICS)
        put_seconds(e, x->timestamp_ms * 1000000);
    else if (x != NULL && x->timestamp_ms != 0)
        buf_printf(e->out, " %llu", (unsigned long long)x->timestamp_ms);
    if (exemplar != NULL && e->format == ENCODER_OPENMETRICS)
        put_exemplar(e, exemplar);
    buf_putc(e->out, '\n');
}

static const struct bytes nothing = BYTES_LIT("");
static const struct bytes suffix_bucket = BYTES_LIT("_bucket");
static const struct bytes suffix_count = BYTES_LIT("_count");
static const struct bytes suffix_sum = BYTES_LIT("_sum");

static void put_sum(struct encoder *e, struct bytes labels, double sum, const struct sample_extra *x)
{
    put_series(e, suffix_sum, labels, nothing);
    put_number(e, sum);
    finish_line(e, x, NULL);
}

static void put_total_count(struct encoder *e, struct bytes labels, uint64_t count, const struct sample_extra *x)
{
    put_series(e, suffix_count, labels, nothing);
    put_count(e, count);
    finish_line(e, x, NULL);
}

/* A number as the value of a label, `le="0.5"`. Returns what it wrote into `at`. */
static struct bytes number_label(const struct encoder *e, char *at, const char *name, double v)
{
    size_t n = strlen(name);

    memcpy(at, name, n);
    n += e->format == ENCODER_TEXT ? number_put(at + n, v) : number_put_om(at + n, v);
    at[n++] = '"';
    return bytes_of(at, n);
}

void encoder_value(struct encoder *e, struct bytes labels, double value, const struct sample_extra *x)
{
    const struct exemplar *exemplar = NULL;

    labels = labels_for_peer(&e->scratch, e->escaping, labels);
    if (e->format == ENCODER_PROTOBUF) {
        protobuf_value(e, labels, value, x);
        return;
    }
    if (e->format == ENCODER_OPENMETRICS && e->type == FAMILY_COUNTER && x != NULL && x->n_exemplars > 0 &&
        ends_with(buf_bytes(&e->name), "_total") && exemplar_fits(&x->exemplars[0]))
        exemplar = &x->exemplars[0];
    put_series(e, nothing, labels, nothing);
    put_number(e, value);
    finish_line(e, x, exemplar);
}

static void put_bucket(struct encoder *e, struct bytes labels, double low, double bound, uint64_t count,
                       const struct sample_extra *x)
{
    char le[NUMBER_MAX + 8];

    put_series(e, suffix_bucket, labels, number_label(e, le, "le=\"", bound));
    put_count(e, count);
    finish_line(e, x, e->format == ENCODER_OPENMETRICS ? exemplar_between(x, low, bound) : NULL);
}

void encoder_histogram(struct encoder *e, struct bytes labels, const struct classic_histogram *h,
                       const struct sample_extra *x)
{
    double low = -INFINITY;

    labels = labels_for_peer(&e->scratch, e->escaping, labels);
    if (e->format == ENCODER_PROTOBUF) {
        protobuf_histogram(e, labels, h, x);
        return;
    }
    for (size_t i = 0; i < h->n; low = h->bounds[i++])
        put_bucket(e, labels, low, h->bounds[i], h->counts[i], x);
    put_bucket(e, labels, low, INFINITY, h->count, x);
    if (h->has_sum)
        put_sum(e, labels, h->sum, x);
    if (h->has_sum || e->format == ENCODER_TEXT) /* OpenMetrics wants both or neither; +Inf tells the count */
        put_total_count(e, labels, h->count, x);
}

void encoder_native(struct encoder *e, struct bytes labels, const struct native_histogram *h,
                    const struct sample_extra *x)
{
    struct classic_histogram classic = { .count = h->count, .sum = h->sum, .has_sum = true };

    if (e->format != ENCODER_PROTOBUF)
        encoder_histogram(e, labels, &classic, x);
    else
        protobuf_native(e, labels_for_peer(&e->scratch, e->escaping, labels), h, x);
}

void encoder_summary(struct encoder *e, struct bytes labels, const struct quantile *q, size_t n, uint64_t count,
                     double sum, const struct sample_extra *x)
{
    char quantile[NUMBER_MAX + 16];

    labels = labels_for_peer(&e->scratch, e->escaping, labels);
    if (e->format == ENCODER_PROTOBUF) {
        protobuf_summary(e, labels, q, n, count, sum, x);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put_series(e, nothing, labels, number_label(e, quantile, "quantile=\"", q[i].quantile));
        put_number(e, q[i].value);
        finish_line(e, x, NULL);
    }
    put_sum(e, labels, sum, x);
    put_total_count(e, labels, count, x);
}

void encoder_end(struct encoder *e)
{
    if (e->format == ENCODER_OPENMETRICS)
        buf_puts(e->out, "# EOF\n");
}
