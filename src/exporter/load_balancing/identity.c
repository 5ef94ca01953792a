/* SPDX-License-Identifier: Apache-2.0 */
/* A set of attributes is written down in the order of its keys, each key and value behind a byte that says what it is,
 * and hashed twice with XXH64, the second time with one byte more: 128 bits. These go into the FNV-1a of what has them,
 * beside names, units and kinds. Of a key that comes twice the first value counts. Values are as deep as the validator
 * lets them be. */
#include "exporter/load_balancing/identity.h"

#include "base/vec.h"
#include "otlp/any_value.h"
#include "otlp/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    MARK_EXTRA = 0xf3,
    MARK_KEY,
    MARK_EMPTY,
    MARK_BYTES,
    MARK_STRING,
    MARK_TRUE,
    MARK_FALSE,
    MARK_INT,
    MARK_DOUBLE,
    MARK_MAP,
    MARK_MAP_END,
    MARK_LIST,
    MARK_LIST_END,
};

struct keyed {
    struct attribute a;
    size_t at;
};

static void put_mark(struct buf *out, int mark)
{
    buf_putc(out, (char)mark);
}

static int compare_keys(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    size_t n = x->a.key.len < y->a.key.len ? x->a.key.len : y->a.key.len;
    int order = n > 0 ? memcmp(x->a.key.data, y->a.key.data, n) : 0;

    if (order != 0)
        return order;
    if (x->a.key.len != y->a.key.len)
        return x->a.key.len < y->a.key.len ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static void put_value(struct buf *out, struct bytes any_value);

/* The fields of that number of a message. False: there are none. */
static bool put_map(struct buf *out, struct bytes message, uint32_t number)
{
    VEC(struct keyed) all = { 0 };
    struct pb_reader r = pb_reader(message);
    struct attribute a;
    bool any;

    while (attribute_next(&r, number, &a))
        *vec_push(&all) = (struct keyed){ a, all.n };
    if (all.n > 1)
        qsort(all.v, all.n, sizeof(*all.v), compare_keys);
    for (size_t i = 0; i < all.n; i++) {
        bool again = i > 0 && bytes_equal(all.v[i].a.key, all.v[i - 1].a.key);

        if (again) /* its value is the first one's */
            all.v[i].a.value = all.v[i - 1].a.value;
        put_mark(out, MARK_KEY);
        buf_put(out, all.v[i].a.key);
        put_value(out, all.v[i].a.value);
    }
    any = all.n > 0;
    vec_free(&all);
    return any;
}

static void put_list(struct buf *out, struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    struct bytes value;

    put_mark(out, MARK_LIST);
    while (message_next(&r, OTLP_LIST_VALUES, &value))
        put_value(out, value);
    put_mark(out, MARK_LIST_END);
}

static void put_word(struct buf *out, int mark, uint64_t word)
{
    put_mark(out, mark);
    for (unsigned i = 0; i < 8; i++)
        buf_putc(out, (char)(word >> 8 * i));
}

/* Recursive, as deep as the value is. */
static void put_value(struct buf *out, struct bytes any_value)
{
    struct value v = value_read(any_value);

    switch (v.type) {
    case VALUE_STRING:
    case VALUE_BYTES:
        put_mark(out, v.type == VALUE_STRING ? MARK_STRING : MARK_BYTES);
        buf_put(out, v.bytes);
        break;
    case VALUE_BOOL:
        put_mark(out, v.boolean ? MARK_TRUE : MARK_FALSE);
        break;
    case VALUE_INT:
        put_word(out, MARK_INT, (uint64_t)v.integer);
        break;
    case VALUE_DOUBLE:
        put_word(out, MARK_DOUBLE, pb_bits(v.number));
        break;
    case VALUE_MAP:
        put_mark(out, MARK_MAP);
        (void)put_map(out, v.bytes, OTLP_LIST_VALUES);
        put_mark(out, MARK_MAP_END);
        break;
    case VALUE_ARRAY:
        put_list(out, v.bytes);
        break;
    default:
        put_mark(out, MARK_EMPTY);
        break;
    }
}

static void put_sum(uint8_t *at, const struct buf *text)
{
    uint64_t sum = XXH64(text->data, text->len, 0);

    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(sum >> 8 * i);
}

/* Without attributes 16 zero bytes. */
static uint64_t add_attributes(uint64_t hash, struct bytes message, uint32_t number)
{
    uint8_t sum[16] = { 0 };
    struct buf text = { 0 };

    if (put_map(&text, message, number)) {
        put_sum(sum, &text);
        put_mark(&text, MARK_EXTRA);
        put_sum(sum + 8, &text);
    }
    buf_free(&text);
    return bytes_fnv1a(hash, bytes_of(sum, sizeof(sum)));
}

uint64_t identity_resource(struct bytes resource)
{
    return add_attributes(BYTES_FNV1A, resource, OTLP_RESOURCE_ATTRIBUTES);
}

uint64_t identity_scope(uint64_t resource, struct bytes scope)
{
    struct scope_view v = scope_view(scope);

    return add_attributes(bytes_fnv1a(bytes_fnv1a(resource, v.name), v.version), scope, OTLP_SCOPE_ATTRIBUTES);
}

uint64_t identity_metric(uint64_t scope, struct bytes metric, uint32_t data)
{
    struct metric_view m = metric_view(metric);
    struct data_view d = data_view(m.data);
    bool summed = data == OTLP_METRIC_SUM;
    bool histogram = data == OTLP_METRIC_HISTOGRAM || data == OTLP_METRIC_EXPONENTIAL;
    uint8_t kind[3] = { 0 };

    kind[0] = data == OTLP_METRIC_GAUGE         ? 1
              : data == OTLP_METRIC_SUM         ? 2
              : data == OTLP_METRIC_HISTOGRAM   ? 3
              : data == OTLP_METRIC_EXPONENTIAL ? 4
                                                : 5;
    kind[1] = histogram || (summed && d.monotonic != 0);
    kind[2] = summed || histogram ? (uint8_t)d.temporality : 0;
    return bytes_fnv1a(bytes_fnv1a(bytes_fnv1a(scope, m.name), m.unit), bytes_of(kind, sizeof(kind)));
}

uint64_t identity_stream(uint64_t metric, struct bytes point, uint32_t data)
{
    return add_attributes(metric, point, identity_point_attributes(data));
}

void identity_put(struct buf *out, const char *kind, uint64_t identity)
{
    buf_printf(out, "%s/%" PRIx64, kind, identity);
}

uint32_t identity_point_attributes(uint32_t data)
{
    return data == OTLP_METRIC_HISTOGRAM     ? OTLP_HISTOGRAM_ATTRIBUTES
           : data == OTLP_METRIC_EXPONENTIAL ? OTLP_EXPONENTIAL_ATTRIBUTES
           : data == OTLP_METRIC_SUMMARY     ? OTLP_SUMMARY_ATTRIBUTES
                                             : OTLP_NUMBER_ATTRIBUTES;
}
