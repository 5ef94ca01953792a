/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes are written down in the order of their keys, each key and value behind a byte that says what it is,
 * and hashed twice with XXH64, the second time with one byte more. Of a key that comes twice the first value counts. */
#include "exporter/map_hash.h"

#include "base/vec.h"
#include "otlp/any_value.h"
#include "otlp/view.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DEPTH_MOST 100u

/* What stands before each part, so that parts that meet are not taken for others. */
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
    int order = bytes_compare(x->a.key, y->a.key);

    return order != 0 ? order : x->at < y->at ? -1 : 1;
}

static void put_value(struct buf *out, struct bytes any_value, unsigned depth);

/* The fields of that number of a message. False: there are none. */
static bool put_map(struct buf *out, struct bytes message, uint32_t number, unsigned depth)
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
        put_value(out, all.v[i].a.value, depth);
    }
    any = all.n > 0;
    vec_free(&all);
    return any;
}

static void put_list(struct buf *out, struct bytes list, unsigned depth)
{
    struct pb_reader r = pb_reader(list);
    struct bytes value;

    put_mark(out, MARK_LIST);
    while (message_next(&r, OTLP_LIST_VALUES, &value))
        put_value(out, value, depth);
    put_mark(out, MARK_LIST_END);
}

static void put_word(struct buf *out, int mark, uint64_t word)
{
    put_mark(out, mark);
    for (unsigned i = 0; i < 8; i++)
        buf_putc(out, (char)(word >> 8 * i));
}

/* Validation has limited the depth; this is for whoever forgets it. */
static void put_value(struct buf *out, struct bytes any_value, unsigned depth)
{
    struct value v = value_read(any_value);

    switch (depth < DEPTH_MOST ? v.type : VALUE_EMPTY) {
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
        (void)put_map(out, v.bytes, OTLP_LIST_VALUES, depth + 1);
        put_mark(out, MARK_MAP_END);
        break;
    case VALUE_ARRAY:
        put_list(out, v.bytes, depth + 1);
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

void map_hash(struct bytes message, uint32_t number, uint8_t hash[MAP_HASH_SIZE])
{
    struct buf text = { 0 };

    memset(hash, 0, MAP_HASH_SIZE);
    if (put_map(&text, message, number, 0)) {
        put_sum(hash, &text);
        put_mark(&text, MARK_EXTRA);
        put_sum(hash + 8, &text);
    }
    buf_free(&text);
}
