/* SPDX-License-Identifier: Apache-2.0 */
/* ParseJSON(), ParseCSV() and ParseInt(). JSON is written to the wire as it is read, each value as the AnyValue that it
 * becomes; only an object is gathered apart first, since of a key that comes twice the last counts. A row of CSV is
 * taken field by field beside its header, an integer digit by digit.
 *
 * What can go wrong: text of a stranger is none of these. The call fails then and says at which byte, or in which way.
 * JSON and CSV cost steps by their length, so that a long text ends the statement and does not hold up the turn. */
#include "codec/json_scan.h"
#include "otlp/fields.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <stdio.h>

/* ---- JSON: values go straight to the wire; all numbers are doubles, as Go reads them ---- */

#define MAX_JSON_DEPTH 30 /* a message of OTLP may be nested 100 levels, and an object takes three */

struct json_reader {
    struct json_scan scan;
    struct ottl_call *call;
    struct buf out;
};

static bool read_value(struct json_reader *r, unsigned depth);

static bool set_fault(struct json_reader *r, const char *what)
{
    if (r->scan.fault == NULL)
        r->scan.fault = what;
    return false;
}

static bool read_array(struct json_reader *r, unsigned depth)
{
    r->scan.p++;
    if (json_peek(&r->scan) == ']')
        return json_expect(&r->scan, ']', "]");
    do {
        size_t mark = pb_begin(&r->out, OTLP_LIST_VALUES);

        if (!read_value(r, depth))
            return false;
        pb_end(&r->out, mark);
    } while (json_peek(&r->scan) == ',' && json_expect(&r->scan, ',', ","));
    return json_expect(&r->scan, ']', "a comma or ]");
}

/* The pairs of an object; of a key that comes twice the last counts. */
static bool read_pairs(struct json_reader *r, unsigned depth)
{
    r->scan.p++;
    if (json_peek(&r->scan) == '}')
        return json_expect(&r->scan, '}', "}");
    do {
        struct bytes key;
        size_t pair, mark;

        if (json_peek(&r->scan) != '"' || !json_string(&r->scan, &key))
            return set_fault(r, "a key in quotes");
        pair = pb_begin(&r->out, OTLP_LIST_VALUES);
        pb_put_bytes(&r->out, OTLP_KEY_VALUE_KEY, key);
        mark = pb_begin(&r->out, OTLP_KEY_VALUE_VALUE);
        if (!json_expect(&r->scan, ':', "a colon") || !read_value(r, depth))
            return false;
        pb_end(&r->out, mark);
        pb_end(&r->out, pair);
    } while (json_peek(&r->scan) == ',' && json_expect(&r->scan, ',', ","));
    return json_expect(&r->scan, '}', "a comma or }");
}

static bool read_object(struct json_reader *r, unsigned depth)
{
    struct buf outer = r->out, map;
    bool good;

    r->out = (struct buf){ 0 };
    good = read_pairs(r, depth);
    map = r->out;
    r->out = outer;
    if (good) {
        attributes_keep_last(&map);
        buf_put(&r->out, buf_bytes(&map));
    }
    buf_free(&map);
    return good;
}

static bool read_scalar(struct json_reader *r, uint8_t c)
{
    struct ottl_value v = ottl_bool(c == 't');
    struct bytes text;
    char number[400];

    if (c == '"') {
        if (!json_string(&r->scan, &text))
            return false;
        v = ottl_string(text);
    } else if (c == 't' || c == 'f') {
        if (!json_literal(&r->scan, c == 't' ? "true" : "false"))
            return false;
    } else if (c == 'n') {
        return json_literal(&r->scan, "null");
    } else {
        if (!json_number(&r->scan, &text))
            return false;
        if (text.len >= sizeof(number))
            return set_fault(r, "a shorter number");
        snprintf(number, sizeof(number), "%.*s", (int)text.len, (const char *)text.data);
        v = ottl_double(strtod(number, NULL));
        if (v.number - v.number != 0)
            return set_fault(r, "a number that fits a double");
    }
    ottl_value_put(&r->out, &v);
    return true;
}

/* The content of an AnyValue. */
static bool read_value(struct json_reader *r, unsigned depth)
{
    uint8_t c = json_peek(&r->scan);
    size_t mark;
    bool good;

    if (!ottl_spend(r->call, 1))
        return set_fault(r, "less of it");
    if (c != '{' && c != '[')
        return read_scalar(r, c);
    if (depth >= MAX_JSON_DEPTH)
        return set_fault(r, "fewer levels of nesting");
    mark = pb_begin(&r->out, c == '[' ? OTLP_ANY_ARRAY : OTLP_ANY_MAP);
    good = c == '[' ? read_array(r, depth + 1) : read_object(r, depth + 1);
    if (good)
        pb_end(&r->out, mark);
    return good;
}

static bool call_json(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes text = c->args[0].bytes;
    struct json_reader r = { .scan = { .p = text.data, .end = bytes_end(text) }, .call = c };
    uint8_t first = json_peek(&r.scan);
    bool good = first == '{' || first == '[';

    if (!ottl_spend(c, text.len / 16))
        return false;
    if (good)
        good = first == '[' ? read_array(&r, 1) : read_object(&r, 1);
    else
        r.scan.fault = "an object or a list";
    if (good && !json_is_over(&r.scan))
        good = set_fault(&r, "nothing more");
    buf_free(&r.scan.scratch);
    buf_free(&r.scan.mended);
    if (good)
        return ottl_give(c, &r.out, first == '[' ? OTTL_LIST : OTTL_MAP, result);
    buf_free(&r.out);
    return ottl_fail(c, "this is no JSON: at byte %zu there should be %s", text.len - (size_t)(r.scan.end - r.scan.p),
                     r.scan.fault != NULL ? r.scan.fault : "a value");
}

/* ---- CSV (RFC 4180) ---- */

enum csv_mode { CSV_STRICT, CSV_LAZY, CSV_IGNORE };

static enum csv_mode csv_mode(struct bytes name)
{
    return bytes_is(name, "lazyQuotes") ? CSV_LAZY : bytes_is(name, "ignoreQuotes") ? CSV_IGNORE : CSV_STRICT;
}

static bool prepare_csv(struct ottl_prepare *p)
{
    for (unsigned i = 2; i <= 3; i++)
        if (ottl_known(p, i) && p->args[i].bytes.len != 1)
            return ottl_refuse(p, i, "a delimiter is a single character of ASCII");
    if (ottl_known(p, 4) && !bytes_is(p->args[4].bytes, "strict") && csv_mode(p->args[4].bytes) == CSV_STRICT)
        return ottl_refuse(p, 4, "the mode is strict, lazyQuotes or ignoreQuotes");
    return true;
}

/* The next field of a row; *rest begins with its delimiter, or is empty at the end. NULL, or what is wrong. */
static const char *take_field(struct bytes *rest, uint8_t delimiter, enum csv_mode mode, struct buf *field)
{
    bool quoted = mode != CSV_IGNORE && rest->len > 0 && rest->data[0] == '"';
    size_t i = quoted;

    field->len = 0;
    for (; i < rest->len; i++) {
        uint8_t c = rest->data[i], next = i + 1 < rest->len ? rest->data[i + 1] : delimiter;

        if (quoted && c == '"' && next == '"' && i + 1 < rest->len) {
            i++;
        } else if (quoted && c == '"' && (next == delimiter || next == '\n' || next == '\r')) {
            *rest = bytes_skip(*rest, i + 1);
            return NULL;
        } else if (c == '"' && mode == CSV_STRICT) {
            return quoted ? "a quote in a field in quotes that is not doubled"
                          : "a quote in a field that is not in quotes";
        } else if (!quoted && c == delimiter) {
            break;
        } else if (!quoted && mode != CSV_IGNORE && (c == '\n' || c == '\r')) {
            return "more than one line";
        }
        buf_putc(field, (char)c);
    }
    *rest = bytes_skip(*rest, i);
    return quoted && mode == CSV_STRICT ? "a quote without an end" : NULL;
}

/* The part of the header up to the delimiter. */
static bool take_header(struct bytes *rest, uint8_t delimiter, struct bytes *name)
{
    const uint8_t *found;

    if (rest->data == NULL)
        return false;
    found = rest->len > 0 ? memchr(rest->data, delimiter, rest->len) : NULL;
    *name = bytes_of(rest->data, found != NULL ? (size_t)(found - rest->data) : rest->len);
    *rest = found != NULL ? bytes_skip(*rest, name->len + 1) : bytes_of(NULL, 0);
    return true;
}

static size_t count_headers(struct bytes header, uint8_t delimiter)
{
    size_t n = 1;

    for (size_t i = 0; i < header.len; i++)
        n += header.data[i] == delimiter;
    return n;
}

static bool read_row(struct ottl_call *c, struct bytes row, struct bytes header, struct buf *out)
{
    uint8_t delimiter = ottl_text_or(c, 2, ",").data[0];
    uint8_t of_header = ottl_given(c, 3) ? c->args[3].bytes.data[0] : delimiter;
    enum csv_mode mode = csv_mode(ottl_text_or(c, 4, "strict"));
    size_t wanted = count_headers(header, of_header), n = 0;
    struct bytes rest = row, name;
    struct buf field = { 0 };
    const char *wrong = NULL;
    bool more = true;

    while (more && wrong == NULL) {
        wrong = take_field(&rest, delimiter, mode, &field);
        n++;
        if (wrong == NULL && take_header(&header, of_header, &name))
            ottl_put_text_pair(out, name, buf_bytes(&field));
        more = rest.len > 0 && rest.data[0] == delimiter;
        if (more)
            rest = bytes_skip(rest, 1);
        else if (wrong == NULL && rest.len > 0 && rest.data[0] != '\n' && rest.data[0] != '\r')
            wrong = "text behind a field in quotes";
        else if (wrong == NULL && rest.len > 1 && !(rest.len == 2 && rest.data[0] == '\r'))
            wrong = "more than one line";
    }
    buf_free(&field);
    if (wrong != NULL)
        return ottl_fail(c, "the row has %s", wrong);
    return n == wanted || ottl_fail(c, "wrong number of fields: expected %zu, found %zu", wanted, n);
}

static bool call_csv(struct ottl_call *c, struct ottl_value *result)
{
    struct buf out = { 0 };

    if (c->args[0].bytes.len == 0)
        return ottl_fail(c, "no csv lines found");
    if (c->args[1].bytes.len == 0)
        return ottl_fail(c, "headers must not be an empty string");
    if (!ottl_spend(c, (c->args[0].bytes.len + c->args[1].bytes.len) / 8))
        return false;
    if (!read_row(c, c->args[0].bytes, c->args[1].bytes, &out)) {
        buf_free(&out);
        return false;
    }
    attributes_keep_last(&out);
    return ottl_give(c, &out, OTTL_MAP, result);
}

/* ---- integers, as strconv.ParseInt reads them ---- */

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Base 0: 0x, 0b, 0o or 0 in front, and underscores between digits. */
static int64_t take_base(struct bytes *s, int64_t base, bool *loose)
{
    *loose = base == 0;
    if (base != 0)
        return base;
    if (s->len < 2 || s->data[0] != '0')
        return 10;
    switch (s->data[1] | 0x20) {
    case 'x':
        *s = bytes_skip(*s, 2);
        return 16;
    case 'b':
        *s = bytes_skip(*s, 2);
        return 2;
    case 'o':
        *s = bytes_skip(*s, 2);
        return 8;
    default:
        *s = bytes_skip(*s, 1);
        return 8;
    }
}

static bool read_integer(struct bytes s, int64_t base, int64_t *v)
{
    bool negative = s.len > 0 && s.data[0] == '-', loose;
    uint64_t sum = 0;

    if (s.len > 0 && (s.data[0] == '-' || s.data[0] == '+'))
        s = bytes_skip(s, 1);
    base = take_base(&s, base, &loose);
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = digit_of(s.data[i]);

        if (loose && s.data[i] == '_' && i + 1 < s.len)
            continue;
        if (digit >= base || __builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit, &sum))
            return false;
    }
    if (sum > (uint64_t)INT64_MAX + negative)
        return false;
    *v = (int64_t)(negative ? -sum : sum);
    return true;
}

static bool call_int(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes;
    int64_t base = c->args[1].integer, v;

    if (base != 0 && (base < 2 || base > 36))
        return ottl_fail(c, "the base is 0 or 2 to 36, not %lld", (long long)base);
    if (s.len > 100 || !read_integer(s, base, &v))
        return ottl_fail(c, "\"%.*s\" is no integer of base %lld that fits 64 bits", (int)(s.len < 60 ? s.len : 60),
                         (const char *)s.data, (long long)base);
    *result = ottl_int(v);
    return true;
}

const struct ottl_function ottl_functions_parse[] = {
    CONVERTER("ParseJSON", call_json, "a map or list", TAKES(ARGUMENT("target", STRING)),
              "The JSON object or list that the string is. Its numbers are doubles."),
    CONVERTER("ParseCSV", call_csv, "a map of strings",
              TAKES(ARGUMENT("target", STRING), ARGUMENT("header", STRING), OPTION("delimiter", STRING),
                    OPTION("header_delimiter", STRING), OPTION("mode", STRING)),
              "The row of CSV that the string is, by the names of the header. The mode is strict, lazyQuotes or "
              "ignoreQuotes.",
              .prepare = prepare_csv),
    CONVERTER("ParseInt", call_int, "an integer", TAKES(ARGUMENT("target", STRING), ARGUMENT("base", INT)),
              "The integer that the string is in that base, 2 to 36; 0 goes by its first letters: 0x, 0b, 0o."),
    { 0 },
};
