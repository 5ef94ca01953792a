/* SPDX-License-Identifier: Apache-2.0 */
/* An AnyValue is read by its set member, which is the last one of the oneof on the wire; what is known of its type
 * comes from that. As text it is what the Go collector's AsString() makes of it: JSON for lists and maps, with keys
 * sorted and of equal keys the last. What can go wrong has been found by the validator: nesting is bounded, strings
 * are UTF-8. A value without a member, or with one that is not known, is empty. */
#include "otlp/any_value.h"

#include "base/decimal.h"
#include "base/vec.h"
#include "codec/base64.h"
#include "otlp/fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define NONE 0u /* no member of the oneof */

_Static_assert((int)VALUE_STRING == (int)OTLP_ANY_STRING && (int)VALUE_BYTES == (int)OTLP_ANY_BYTES,
               "value_type follows the fields");

struct attribute attribute_of(struct bytes key_value)
{
    struct attribute a = { { NULL, 0 }, { NULL, 0 } };
    struct pb_reader r = pb_reader(key_value);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_KEY_VALUE_KEY && f.wire == PB_LEN)
            a.key = f.bytes;
        else if (f.number == OTLP_KEY_VALUE_VALUE && f.wire == PB_LEN)
            a.value = f.bytes;
    }
    return a;
}

bool attribute_find(struct bytes message, uint32_t number, struct bytes key, struct bytes *value)
{
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        if (bytes_equal(a.key, key)) {
            *value = a.value;
            return true;
        }
    return false;
}

/* An attribute as a whole field, and where it is among the others. */
struct keyed_field {
    struct bytes key, field;
    size_t position;
};

static int compare_positions(const void *a, const void *b)
{
    const struct keyed_field *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

static int compare_keys(const void *a, const void *b)
{
    const struct keyed_field *x = a, *y = b;
    int order = bytes_compare(x->key, y->key);

    return order != 0 ? order : compare_positions(a, b);
}

void attributes_keep_last(struct buf *fields)
{
    VEC(struct keyed_field) all = { 0 };
    struct pb_reader r = pb_reader(buf_bytes(fields));
    size_t kept = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        *vec_push(&all) =
            (struct keyed_field){ attribute_of(f.bytes).key, bytes_of(f.start, (size_t)(r.p - f.start)), all.n };
    if (all.n > 1)
        qsort(all.v, all.n, sizeof(*all.v), compare_keys);
    for (size_t i = 0; i < all.n; i++)
        if (i + 1 == all.n || !bytes_equal(all.v[i].key, all.v[i + 1].key))
            all.v[kept++] = all.v[i];
    if (kept < all.n) {
        qsort(all.v, kept, sizeof(*all.v), compare_positions);
        fields->len = 0;
        for (size_t i = 0; i < kept; i++) { /* none moves up */
            memmove(fields->data + fields->len, all.v[i].field.data, all.v[i].field.len);
            fields->len += all.v[i].field.len;
        }
    }
    vec_free(&all);
}

/* The member of the oneof that is set: the last one on the wire. */
static struct pb_field set_member(struct bytes any_value)
{
    static const enum pb_wire wires[] = {
        [OTLP_ANY_STRING] = PB_LEN,     [OTLP_ANY_BOOL] = PB_VARINT, [OTLP_ANY_INT] = PB_VARINT,
        [OTLP_ANY_DOUBLE] = PB_FIXED64, [OTLP_ANY_ARRAY] = PB_LEN,   [OTLP_ANY_MAP] = PB_LEN,
        [OTLP_ANY_BYTES] = PB_LEN
    };
    struct pb_reader r = pb_reader(any_value);
    struct pb_field set = { .number = NONE };

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number >= OTLP_ANY_STRING && f.number <= OTLP_ANY_BYTES && f.wire == wires[f.number])
            set = f;
    return set;
}

static void put_double(struct buf *out, double v)
{
    if (isinf(v))
        buf_puts(out, v > 0 ? "Infinity" : "-Infinity");
    else
        decimal_put(out, v, DECIMAL_JSON);
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
        else if (c == '\b')
            buf_puts(out, "\\b");
        else if (c == '\f')
            buf_puts(out, "\\f");
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
        if (f.number != OTLP_LIST_VALUES || f.wire != PB_LEN)
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

    for (struct attribute a; attribute_next(&r, OTLP_LIST_VALUES, &a);)
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
    bool quoted = f.number == OTLP_ANY_BYTES || (f.number == OTLP_ANY_DOUBLE && !isfinite(pb_double(f.u64)));

    if (f.number == NONE) {
        buf_puts(out, "null");
    } else if (f.number == OTLP_ANY_STRING) {
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
    case OTLP_ANY_STRING:
        buf_put(out, f.bytes);
        break;
    case OTLP_ANY_BOOL:
        buf_puts(out, f.u64 != 0 ? "true" : "false");
        break;
    case OTLP_ANY_INT:
        buf_printf(out, "%" PRId64, (int64_t)f.u64);
        break;
    case OTLP_ANY_DOUBLE:
        put_double(out, pb_double(f.u64));
        break;
    case OTLP_ANY_ARRAY:
        put_array(out, f.bytes);
        break;
    case OTLP_ANY_MAP:
        put_pairs(out, f.bytes);
        break;
    case OTLP_ANY_BYTES:
        base64_encode(f.bytes, true, out);
        break;
    default:
        break;
    }
}

struct value value_read(struct bytes any_value)
{
    struct pb_field f = set_member(any_value);
    struct value v = { .type = (enum value_type)f.number };

    switch (v.type) {
    case VALUE_BOOL:
        v.boolean = f.u64 != 0;
        break;
    case VALUE_INT:
        v.integer = (int64_t)f.u64;
        break;
    case VALUE_DOUBLE:
        v.number = pb_double(f.u64);
        break;
    case VALUE_EMPTY:
        break;
    default:
        v.bytes = f.bytes;
    }
    return v;
}

void value_put(struct buf *out, const struct value *v)
{
    switch (v->type) {
    case VALUE_EMPTY:
        break;
    case VALUE_BOOL:
        pb_put_uint(out, OTLP_ANY_BOOL, v->boolean);
        break;
    case VALUE_INT:
        pb_put_uint(out, OTLP_ANY_INT, (uint64_t)v->integer);
        break;
    case VALUE_DOUBLE:
        pb_put_double(out, OTLP_ANY_DOUBLE, v->number);
        break;
    default:
        pb_put_bytes(out, (uint32_t)v->type, v->bytes);
    }
}

static bool any_equal(struct bytes a, struct bytes b)
{
    struct value x = value_read(a), y = value_read(b);

    return value_equal(&x, &y);
}

static bool array_equal(struct bytes a, struct bytes b)
{
    struct pb_reader r = pb_reader(a), s = pb_reader(b);
    struct pb_field f, g;

    for (;;) {
        bool more = false, others = false;

        while (!more && pb_next(&r, &f))
            more = f.number == OTLP_LIST_VALUES && f.wire == PB_LEN;
        while (!others && pb_next(&s, &g))
            others = g.number == OTLP_LIST_VALUES && g.wire == PB_LEN;
        if (!more || !others)
            return more == others;
        if (!any_equal(f.bytes, g.bytes))
            return false;
    }
}

/* How many pairs both have; false: not the same number. Walked side by side, so that the shorter one is the work. */
static bool same_size(struct bytes a, struct bytes b, size_t *n)
{
    struct pb_reader r = pb_reader(a), s = pb_reader(b);
    struct attribute x, y;

    for (*n = 0;; ++*n) {
        bool more = attribute_next(&r, OTLP_LIST_VALUES, &x), others = attribute_next(&s, OTLP_LIST_VALUES, &y);

        if (!more || !others)
            return more == others;
    }
}

/* The first pair of that key among sorted ones. */
static const struct attribute *find_sorted(const struct attribute *v, size_t n, struct bytes key)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (bytes_compare(v[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && bytes_equal(v[low].key, key) ? &v[low] : NULL;
}

/* Of equal keys the first of `b` counts. Sorted, for both may come from strangers; all in all the work is that of
 * reading `a` and sorting it. */
static bool map_equal(struct bytes a, struct bytes b)
{
    struct pb_reader r = pb_reader(a), s = pb_reader(b);
    VEC(struct attribute) sorted = { 0 };
    struct attribute x;
    bool equal;
    size_t n;

    if (!same_size(a, b, &n))
        return false;
    while (attribute_next(&s, OTLP_LIST_VALUES, &x))
        *vec_push(&sorted) = x;
    if (sorted.n > 1)
        qsort(sorted.v, sorted.n, sizeof(*sorted.v), by_key);
    for (equal = true; equal && attribute_next(&r, OTLP_LIST_VALUES, &x);) {
        const struct attribute *y = find_sorted(sorted.v, sorted.n, x.key);

        equal = y != NULL && any_equal(x.value, y->value);
    }
    vec_free(&sorted);
    return equal;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_EMPTY:
        return true;
    case VALUE_BOOL:
        return a->boolean == b->boolean;
    case VALUE_INT:
        return a->integer == b->integer;
    case VALUE_DOUBLE:
        return a->number == b->number;
    case VALUE_ARRAY:
        return array_equal(a->bytes, b->bytes);
    case VALUE_MAP:
        return map_equal(a->bytes, b->bytes);
    default:
        return bytes_equal(a->bytes, b->bytes);
    }
}
