/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/debug/debug_text.h"

#include "base/decimal.h"
#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void debug_message_read(struct debug_message *m, struct bytes raw)
{
    struct pb_reader r = pb_reader(raw);
    struct pb_field f;

    memset(m, 0, sizeof(*m));
    m->raw = raw;
    while (pb_next(&r, &f)) {
        if (f.number >= DEBUG_FIELDS)
            continue;
        m->has |= 1u << f.number;
        m->last = f.number;
        if (f.wire == PB_LEN)
            m->str[f.number] = f.bytes;
        else
            m->num[f.number] = f.u64;
    }
}

bool debug_each(struct pb_reader *r, uint32_t number, struct bytes *field)
{
    struct pb_field f;

    while (pb_next(r, &f)) {
        if (f.number == number && f.wire == PB_LEN) {
            *field = f.bytes;
            return true;
        }
    }
    return false;
}

/* Of repeated numbers only fixed64, doubles and varints are asked for: packed runs of 8 bytes or of varints. */
static void each_packed(struct bytes run, bool fixed, size_t *i, void (*each)(void *arg, size_t i, uint64_t v),
                        void *arg)
{
    const uint8_t *p = run.data, *end = run.data + run.len;
    uint64_t v;

    while (p < end) {
        if (fixed) {
            if (end - p < 8)
                return;
            v = pb_load64(p);
            p += 8;
        } else if (!pb_varint(&p, end, &v)) {
            return;
        }
        each(arg, (*i)++, v);
    }
}

static void each_number(struct bytes message, uint32_t number, bool fixed,
                        void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    size_t i = 0;

    while (pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (f.wire == PB_LEN)
            each_packed(f.bytes, fixed, &i, each, arg);
        else
            each(arg, i++, f.u64);
    }
}

void debug_numbers(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    each_number(message, number, false, each, arg);
}

void debug_fixed64s(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    each_number(message, number, true, each, arg);
}

size_t debug_count(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    size_t n = 0;

    while (pb_next(&r, &f))
        n += f.number == number;
    return n;
}

static uint64_t count_metrics(struct bytes resource_metrics)
{
    struct pb_reader r = pb_reader(resource_metrics);
    struct bytes scope;
    uint64_t n = 0;

    while (debug_each(&r, 2, &scope))
        n += debug_count(scope, 2);
    return n;
}

struct debug_counts debug_count_batch(const struct batch *b)
{
    struct debug_counts c = { .items = b->items };

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(b->segments[i].data, b->segments[i].len));
        struct bytes resource;

        while (debug_each(&r, 1, &resource)) {
            c.resources++;
            if (b->signal == SIGNAL_METRICS)
                c.metrics += count_metrics(resource);
        }
    }
    return c;
}

/* --- numbers --- */

static bool put_special(struct buf *out, double v, const char *positive, const char *negative)
{
    if (isnan(v))
        buf_puts(out, "NaN");
    else if (isinf(v))
        buf_puts(out, v > 0 ? positive : negative);
    else
        return false;
    return true;
}

void debug_fixed(struct buf *out, double v)
{
    if (!put_special(out, v, "+Inf", "-Inf"))
        buf_printf(out, "%.6f", v);
}

/* The shortest digits, with an exponent when the decimal one is below `low` or at least `high`. */
static void put_shortest(struct buf *out, double v, int low, int high, int exponent_digits)
{
    char digits[24];
    struct decimal d;
    int n, exponent;

    if (signbit(v))
        buf_putc(out, '-');
    v = fabs(v);
    if (v == 0) {
        buf_putc(out, '0');
        return;
    }
    d = decimal_shortest(v);
    n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)d.digits);
    exponent = d.exponent + n - 1;
    if (exponent < low || exponent >= high) {
        buf_putc(out, digits[0]);
        if (n > 1)
            buf_printf(out, ".%s", digits + 1);
        buf_printf(out, "e%c%0*d", exponent < 0 ? '-' : '+', exponent_digits, abs(exponent));
    } else if (exponent < 0) {
        buf_printf(out, "0.%.*s%s", -exponent - 1, "0000000000", digits);
    } else if (n <= exponent + 1) {
        buf_printf(out, "%s%.*s", digits, exponent + 1 - n, "00000000000000000000000");
    } else {
        buf_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
}

void debug_shortest(struct buf *out, double v)
{
    if (!put_special(out, v, "+Inf", "-Inf"))
        put_shortest(out, v, -4, 6, 2);
}

double debug_exponential_bound(int64_t index, int64_t scale)
{
    return exp((double)index * ldexp(0.693147180559945309417232121458, (int)-scale));
}

void debug_time(struct buf *out, uint64_t unix_ns)
{
    int64_t sec = (int64_t)unix_ns / 1000000000, ns = (int64_t)unix_ns % 1000000000;
    time_t t;
    struct tm tm;

    if (ns < 0) {
        ns += 1000000000;
        sec--;
    }
    t = (time_t)sec;
    gmtime_r(&t, &tm);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
    if (ns != 0) {
        buf_printf(out, ".%09lld", (long long)ns);
        while (out->data[out->len - 1] == '0')
            out->len--;
    }
    buf_puts(out, " +0000 UTC");
}

void debug_hex(struct buf *out, struct bytes id)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < id.len; i++) {
        buf_putc(out, digits[id.data[i] >> 4]);
        buf_putc(out, digits[id.data[i] & 15]);
    }
}

/* --- values --- */

enum { VALUE_STRING = 1, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_ARRAY, VALUE_MAP, VALUE_BYTES };

/* Validation has bounded how deep values nest. */
static bool put_json(struct buf *out, struct bytes any);

static void put_base64(struct buf *out, struct bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < b.len; i += 3) {
        uint32_t v = (uint32_t)b.data[i] << 16;

        if (i + 1 < b.len)
            v |= (uint32_t)b.data[i + 1] << 8;
        if (i + 2 < b.len)
            v |= b.data[i + 2];
        buf_putc(out, digits[v >> 18]);
        buf_putc(out, digits[v >> 12 & 63]);
        buf_putc(out, i + 1 < b.len ? digits[v >> 6 & 63] : '=');
        buf_putc(out, i + 2 < b.len ? digits[v & 63] : '=');
    }
}

static void put_json_char(struct buf *out, uint8_t c)
{
    static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";

    for (size_t i = 0; i < sizeof(shorts) - 1; i += 2) {
        if ((uint8_t)shorts[i] == c) {
            buf_putc(out, '\\');
            buf_putc(out, shorts[i + 1]);
            return;
        }
    }
    if (c < 0x20)
        buf_printf(out, "\\u%04x", c);
    else
        buf_putc(out, (char)c);
}

static void put_json_string(struct buf *out, struct bytes s)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        /* U+2028 and U+2029, which old JavaScript would trip over */
        if (s.len - i >= 3 && s.data[i] == 0xe2 && s.data[i + 1] == 0x80 && (s.data[i + 2] & 0xfe) == 0xa8) {
            buf_printf(out, "\\u202%d", 8 + (s.data[i + 2] & 1));
            i += 2;
        } else {
            put_json_char(out, s.data[i]);
        }
    }
    buf_putc(out, '"');
}

static bool put_json_array(struct buf *out, struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    struct bytes value;
    bool first = true;

    buf_putc(out, '[');
    while (debug_each(&r, 1, &value)) {
        if (!first)
            buf_putc(out, ',');
        first = false;
        if (!put_json(out, value))
            return false;
    }
    buf_putc(out, ']');
    return true;
}

struct pair {
    struct bytes key, value;
    size_t place;
};

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = bytes_compare(x->key, y->key);

    return order != 0 ? order : x->place < y->place ? -1 : 1;
}

/* Sorted by key; of equal keys the last. */
static bool put_json_map(struct buf *out, struct bytes map)
{
    VEC(struct pair) pairs = { 0 };
    struct pb_reader r = pb_reader(map);
    struct bytes kv;
    bool first = true, good = true;

    while (debug_each(&r, 1, &kv)) {
        struct debug_message m;

        debug_message_read(&m, kv);
        *vec_push(&pairs) = (struct pair){ m.str[1], m.str[2], pairs.n };
    }
    if (pairs.n > 0)
        qsort(pairs.v, pairs.n, sizeof(*pairs.v), by_key);
    buf_putc(out, '{');
    for (size_t i = 0; good && i < pairs.n; i++) {
        if (i + 1 < pairs.n && bytes_equal(pairs.v[i].key, pairs.v[i + 1].key))
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        put_json_string(out, pairs.v[i].key);
        buf_putc(out, ':');
        good = put_json(out, pairs.v[i].value);
    }
    buf_putc(out, '}');
    vec_free(&pairs);
    return good;
}

static void put_double(struct buf *out, double v)
{
    if (!put_special(out, v, "Infinity", "-Infinity"))
        put_shortest(out, v, -6, 21, 1);
}

/* False for what JSON has no word for (NaN): the whole value is then empty, as in the Go collector. */
static bool put_json(struct buf *out, struct bytes any)
{
    struct debug_message m;

    debug_message_read(&m, any);
    switch (m.last) {
    case VALUE_STRING:
        put_json_string(out, m.str[VALUE_STRING]);
        return true;
    case VALUE_BYTES:
        buf_putc(out, '"');
        put_base64(out, m.str[VALUE_BYTES]);
        buf_putc(out, '"');
        return true;
    case VALUE_ARRAY:
        return put_json_array(out, m.str[VALUE_ARRAY]);
    case VALUE_MAP:
        return put_json_map(out, m.str[VALUE_MAP]);
    case VALUE_DOUBLE:
        if (!isfinite(pb_double(m.num[VALUE_DOUBLE])))
            return false;
        put_double(out, pb_double(m.num[VALUE_DOUBLE]));
        return true;
    case VALUE_BOOL:
        buf_puts(out, m.num[VALUE_BOOL] ? "true" : "false");
        return true;
    case VALUE_INT:
        buf_printf(out, "%lld", (long long)m.num[VALUE_INT]);
        return true;
    default:
        buf_puts(out, "null");
        return true;
    }
}

void debug_value(struct buf *out, struct bytes any)
{
    struct debug_message m;
    size_t start = out->len;

    debug_message_read(&m, any);
    switch (m.last) {
    case VALUE_STRING:
        buf_put(out, m.str[VALUE_STRING]);
        break;
    case VALUE_BYTES:
        put_base64(out, m.str[VALUE_BYTES]);
        break;
    case VALUE_DOUBLE:
        put_double(out, pb_double(m.num[VALUE_DOUBLE]));
        break;
    case VALUE_ARRAY:
    case VALUE_MAP:
    case VALUE_BOOL:
    case VALUE_INT:
        if (!put_json(out, any))
            out->len = start;
        break;
    default:
        break;
    }
}

void debug_typed_value(struct buf *out, struct bytes any)
{
    static const char *const names[] = { "Empty", "Str", "Bool", "Int", "Double", "Slice", "Map", "Bytes" };
    struct debug_message m;

    debug_message_read(&m, any);
    buf_printf(out, "%s(", names[m.last <= VALUE_BYTES ? m.last : 0]);
    debug_value(out, any);
    buf_putc(out, ')');
}

void debug_batch(struct buf *out, const struct batch *b,
                 void (*put_dictionary)(struct buf *out, struct bytes dictionary),
                 void (*put_resource)(struct buf *out, enum signal signal, size_t n, struct bytes resource,
                                      struct bytes dictionary))
{
    size_t n = 0;

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct bytes bytes = bytes_of(b->segments[i].data, b->segments[i].len), resource;
        struct pb_reader r = pb_reader(bytes);
        struct debug_message request;

        debug_message_read(&request, bytes);
        if (put_dictionary != NULL)
            put_dictionary(out, request.str[2]);
        while (out->len < DEBUG_TEXT_MAX && debug_each(&r, 1, &resource))
            put_resource(out, b->signal, n++, resource, request.str[2]);
    }
    if (out->len >= DEBUG_TEXT_MAX)
        buf_puts(out, DEBUG_TEXT_CUT);
}
