/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/any_value.h"

#include "base/decimal.h"
#include "base/vec.h"
#include "codec/base64.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Fields of AnyValue. */
enum { NONE = 0, STRING = 1, BOOL = 2, INT = 3, DOUBLE = 4, ARRAY = 5, PAIRS = 6, BYTES = 7 };

struct attribute attribute_of(struct bytes key_value)
{
    struct attribute a = { { NULL, 0 }, { NULL, 0 } };
    struct pb_reader r = pb_reader(key_value);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == 1 && f.wire == PB_LEN)
            a.key = f.bytes;
        else if (f.number == 2 && f.wire == PB_LEN)
            a.value = f.bytes;
    }
    return a;
}

/* The member of the oneof that is set: the last one on the wire. */
static struct pb_field set_member(struct bytes any_value)
{
    static const enum pb_wire wires[] = {
        [STRING] = PB_LEN, [BOOL] = PB_VARINT, [INT] = PB_VARINT, [DOUBLE] = PB_FIXED64,
        [ARRAY] = PB_LEN,  [PAIRS] = PB_LEN,   [BYTES] = PB_LEN
    };
    struct pb_reader r = pb_reader(any_value);
    struct pb_field set = { .number = NONE };

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number >= STRING && f.number <= BYTES && f.wire == wires[f.number])
            set = f;
    return set;
}

/* As JSON has them: the shortest digits, with an exponent below 1e-6 and from 1e21 on. */
static void put_digits(struct buf *out, double v)
{
    struct decimal d = decimal_shortest(v);
    char digits[DECIMAL_UINT_MAX];
    int n = (int)decimal_put_uint(digits, d.digits), point = n + d.exponent;

    if (point > 21 || point < -5) {
        buf_append(out, digits, 1);
        if (n > 1)
            buf_printf(out, ".%.*s", n - 1, digits + 1);
        buf_printf(out, "e%+d", point - 1);
    } else if (point <= 0) {
        buf_printf(out, "0.%.*s%.*s", -point, "00000", n, digits);
    } else if (point >= n) {
        buf_printf(out, "%.*s%.*s", n, digits, point - n, "000000000000000000000");
    } else {
        buf_printf(out, "%.*s.%.*s", point, digits, n - point, digits + point);
    }
}

static void put_double(struct buf *out, double v)
{
    if (isnan(v)) {
        buf_puts(out, "NaN");
        return;
    }
    if (signbit(v))
        buf_putc(out, '-');
    v = fabs(v);
    if (isinf(v))
        buf_puts(out, "Infinity");
    else if (v == 0)
        buf_putc(out, '0');
    else
        put_digits(out, v);
}

/* U+2028 and U+2029, which end a line in JavaScript. */
static bool is_separator(struct bytes s, size_t i)
{
    return i + 2 < s.len && s.data[i] == 0xe2 && s.data[i + 1] == 0x80 && (s.data[i + 2] | 1) == 0xa9;
}

static void put_quoted(struct buf *out, struct bytes s)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];

        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        if (is_separator(s, i)) {
            buf_puts(out, s.data[i + 2] == 0xa8 ? "\\u2028" : "\\u2029");
            i += 2;
        } else if (c >= 0x20)
            buf_putc(out, (char)c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c == '\r')
            buf_puts(out, "\\r");
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_putc(out, '"');
}

static void put_json(struct buf *out, struct bytes any_value);

static void put_array(struct buf *out, struct bytes values)
{
    struct pb_reader r = pb_reader(values);
    char before = '[';

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != 1 || f.wire != PB_LEN)
            continue;
        buf_putc(out, before);
        put_json(out, f.bytes);
        before = ',';
    }
    buf_puts(out, before == '[' ? "[]" : "]");
}

static int by_key(const void *a, const void *b)
{
    const struct attribute *x = a, *y = b;
    int c = bytes_compare(x->key, y->key);

    return c != 0 ? c : x->value.data < y->value.data ? -1 : 1;
}

/* By key; of one key the last counts. */
static void put_pairs(struct buf *out, struct bytes pairs)
{
    struct pb_reader r = pb_reader(pairs);
    VEC(struct attribute) all = { 0 };
    char before = '{';

    for (struct attribute a; attribute_next(&r, 1, &a);)
        *vec_push(&all) = a;
    if (all.n > 1)
        qsort(all.v, all.n, sizeof(*all.v), by_key);
    for (size_t i = 0; i < all.n; i++) {
        if (i + 1 < all.n && bytes_equal(all.v[i].key, all.v[i + 1].key))
            continue;
        buf_putc(out, before);
        put_quoted(out, all.v[i].key);
        buf_putc(out, ':');
        put_json(out, all.v[i].value);
        before = ',';
    }
    buf_puts(out, before == '{' ? "{}" : "}");
    vec_free(&all);
}

/* Nesting is as deep as otlp/validate allows. */
static void put_json(struct buf *out, struct bytes any_value)
{
    struct pb_field f = set_member(any_value);
    bool quoted = f.number == BYTES || (f.number == DOUBLE && !isfinite(pb_double(f.u64)));

    if (f.number == NONE) {
        buf_puts(out, "null");
    } else if (f.number == STRING) {
        put_quoted(out, f.bytes);
    } else {
        if (quoted)
            buf_putc(out, '"');
        any_value_put(out, any_value);
        if (quoted)
            buf_putc(out, '"');
    }
}

void any_value_put(struct buf *out, struct bytes any_value)
{
    struct pb_field f = set_member(any_value);

    switch (f.number) {
    case STRING:
        buf_put(out, f.bytes);
        break;
    case BOOL:
        buf_puts(out, f.u64 != 0 ? "true" : "false");
        break;
    case INT:
        buf_printf(out, "%" PRId64, (int64_t)f.u64);
        break;
    case DOUBLE:
        put_double(out, pb_double(f.u64));
        break;
    case ARRAY:
        put_array(out, f.bytes);
        break;
    case PAIRS:
        put_pairs(out, f.bytes);
        break;
    case BYTES:
        base64_encode(f.bytes, true, out);
        break;
    default:
        break;
    }
}
