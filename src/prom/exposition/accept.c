/* SPDX-License-Identifier: Apache-2.0 */
/* The header is cut into clauses and sorted by weight (parse_header); then the first that names a format we have is
 * taken, noting escapings on the way. Nothing is malformed: a clause that cannot be read names no format, a weight that
 * is no number is a refusal, and more than CLAUSES_MAX clauses are not looked at. */
#include "prom/exposition/accept.h"

#include "base/mem.h"

#define CLAUSES_MAX 32 /* what stands behind them in the header is not read */

struct clause {
    struct bytes value; /* `text/plain`, `gzip` */
    struct bytes params;
    unsigned q; /* thousandths; 0 = refused */
};

/* Cut *rest at the next `separator` that stands in no quotes. False when *rest was used up before. */
static bool split_next(struct bytes *rest, char separator, struct bytes *part)
{
    bool quoted = false;
    size_t i = 0;

    if (rest->data == NULL)
        return false;
    for (; i < rest->len && (quoted || rest->data[i] != (uint8_t)separator); i++)
        if (rest->data[i] == '"')
            quoted = !quoted;
    *part = bytes_trim(bytes_of(rest->data, i));
    *rest = i < rest->len ? bytes_of(rest->data + i + 1, rest->len - i - 1) : bytes_of(NULL, 0);
    return true;
}

/* The next `name=value` of a clause; the value without quotes. */
static bool next_param(struct bytes *params, struct bytes *name, struct bytes *value)
{
    struct bytes part;

    while (split_next(params, ';', &part)) {
        if (!split_next(&part, '=', name) || part.data == NULL)
            continue;
        *value = bytes_trim(part);
        if (value->len >= 2 && value->data[0] == '"' && value->data[value->len - 1] == '"')
            *value = bytes_of(value->data + 1, value->len - 2);
        return true;
    }
    return false;
}

/* `0.75` in thousandths; what is no number is a refusal. */
static unsigned parse_q(struct bytes s)
{
    unsigned q = 0, place = 100;

    if (s.len == 0 || s.data[0] < '0' || s.data[0] > '9')
        return 0;
    if (s.data[0] != '0')
        return 1000;
    for (size_t i = 2; i < s.len && s.data[1] == '.'; i++, place /= 10) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return 0;
        q += (unsigned)(s.data[i] - '0') * place;
    }
    return q;
}

static struct clause parse_clause(struct bytes text)
{
    struct clause c = { .q = 1000 };
    struct bytes params, name, value;

    (void)split_next(&text, ';', &c.value);
    c.params = params = text;
    while (next_param(&params, &name, &value))
        if (bytes_equal_nocase(name, bytes_str("q")))
            c.q = parse_q(value);
    return c;
}

/* The clauses, the most wanted first, those of one weight in their order. */
static size_t parse_header(struct bytes header, struct clause *clauses)
{
    struct bytes part;
    size_t n = 0;

    while (n < CLAUSES_MAX && split_next(&header, ',', &part)) {
        struct clause c = parse_clause(part);
        size_t at = n++;

        for (; at > 0 && clauses[at - 1].q < c.q; at--)
            clauses[at] = clauses[at - 1];
        clauses[at] = c;
    }
    return n;
}

static struct bytes find_param(const struct clause *c, const char *wanted)
{
    struct bytes params = c->params, name, value;

    while (next_param(&params, &name, &value))
        if (bytes_equal_nocase(name, bytes_str(wanted)))
            return value;
    return bytes_of(NULL, 0);
}

static const char *const escapings[] = {
    [NAME_ESCAPE_UNDERSCORES] = "underscores",
    [NAME_ESCAPE_NONE] = "allow-utf-8",
    [NAME_ESCAPE_DOTS] = "dots",
    [NAME_ESCAPE_VALUES] = "values",
};

static void note_escaping(struct accept *a, const struct clause *c)
{
    struct bytes wanted = find_param(c, "escaping");

    for (size_t i = 0; i < ARRAY_LEN(escapings); i++)
        if (bytes_equal_nocase(wanted, bytes_str(escapings[i])))
            a->escaping = (enum name_escaping)i;
}

static bool is_protobuf(const struct clause *c)
{
    return bytes_equal_nocase(c->value, bytes_str("application/vnd.google.protobuf")) &&
           bytes_is(find_param(c, "proto"), "io.prometheus.client.MetricFamily") &&
           bytes_equal_nocase(find_param(c, "encoding"), bytes_str("delimited"));
}

static bool choose_format(struct accept *a, const struct clause *c, bool open_metrics)
{
    struct bytes version = find_param(c, "version");

    if (is_protobuf(c)) {
        a->format = ENCODER_PROTOBUF;
        return true;
    }
    if (bytes_equal_nocase(c->value, bytes_str("text/plain")))
        return version.len == 0 || bytes_is(version, "0.0.4");
    if (!open_metrics || !bytes_equal_nocase(c->value, bytes_str("application/openmetrics-text")))
        return false;
    a->openmetrics_0_0_1 = version.len == 0 || bytes_is(version, "0.0.1");
    if (!a->openmetrics_0_0_1 && !bytes_is(version, "1.0.0"))
        return false;
    a->format = ENCODER_OPENMETRICS;
    return true;
}

struct accept accept_negotiate(struct bytes header, bool open_metrics)
{
    struct accept a = { .format = ENCODER_TEXT, .escaping = NAME_ESCAPE_UNDERSCORES };
    struct clause clauses[CLAUSES_MAX];
    size_t n = parse_header(header, clauses);

    for (size_t i = 0; i < n && clauses[i].q > 0; i++) {
        note_escaping(&a, &clauses[i]);
        if (choose_format(&a, &clauses[i], open_metrics))
            break;
    }
    return a;
}

void accept_content_type(const struct accept *a, struct buf *out)
{
    static const char *const types[] = {
        [ENCODER_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
        [ENCODER_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [ENCODER_PROTOBUF] =
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    };

    if (a->format == ENCODER_OPENMETRICS && a->openmetrics_0_0_1)
        buf_puts(out, "application/openmetrics-text; version=0.0.1; charset=utf-8");
    else
        buf_puts(out, types[a->format]);
    buf_puts(out, "; escaping=");
    buf_puts(out, escapings[a->escaping]);
}

/* How much a coding is wanted: by its own name, else by `*`, else `otherwise`. */
static unsigned coding_weight(const struct clause *clauses, size_t n, const char *coding, unsigned otherwise)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_nocase(clauses[i].value, bytes_str(coding)))
            return clauses[i].q;
    for (size_t i = 0; i < n; i++)
        if (bytes_is(clauses[i].value, "*"))
            return clauses[i].q;
    return otherwise;
}

bool accept_gzip(struct bytes header)
{
    struct clause clauses[CLAUSES_MAX];
    size_t n = parse_header(header, clauses);

    return coding_weight(clauses, n, "gzip", 0) > coding_weight(clauses, n, "identity", 0);
}
