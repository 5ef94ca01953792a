/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are big-endian; what has a length is preceded by it. What can go wrong: there is less than is said, a type is
 * none, a length is negative, structs are nested deeper than anybody means it. An element has a byte at least, so that
 * a number of them that is a lie ends with the bytes. */
#include "codec/thrift.h"

#define DEEPEST 32

struct thrift_reader thrift_reader(struct bytes text)
{
    return (struct thrift_reader){ text.data, bytes_end(text), false };
}

/* The next n bytes; NULL: there are not so many. */
static const uint8_t *take_bytes(struct thrift_reader *r, size_t n)
{
    const uint8_t *at = r->p;

    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    return at;
}

static uint64_t take_number(struct thrift_reader *r, size_t n)
{
    const uint8_t *at = take_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = 0; at != NULL && i < n; i++)
        v = v << 8 | at[i];
    return v;
}

bool thrift_next(struct thrift_reader *r, struct thrift_field *f)
{
    f->type = (uint8_t)take_number(r, 1);
    if (r->bad || f->type == THRIFT_STOP)
        return false;
    f->id = (int16_t)take_number(r, 2);
    return !r->bad;
}

/* Of what has one size; 0: it has not. */
static size_t size_of(uint8_t type)
{
    switch (type) {
    case THRIFT_BOOL:
    case THRIFT_BYTE:
        return 1;
    case THRIFT_I16:
        return 2;
    case THRIFT_I32:
        return 4;
    case THRIFT_I64:
    case THRIFT_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

int64_t thrift_int(struct thrift_reader *r, uint8_t type)
{
    size_t size = size_of(type);
    uint64_t v = take_number(r, size);

    switch (size) {
    case 1:
        return (int8_t)v;
    case 2:
        return (int16_t)v;
    case 4:
        return (int32_t)v;
    default:
        return (int64_t)v;
    }
}

static uint32_t take_length(struct thrift_reader *r)
{
    uint64_t n = take_number(r, 4);

    if (n > INT32_MAX)
        r->bad = true;
    return r->bad ? 0 : (uint32_t)n;
}

struct bytes thrift_string(struct thrift_reader *r)
{
    uint32_t n = take_length(r);
    const uint8_t *at = take_bytes(r, n);

    return at != NULL ? bytes_of(at, n) : bytes_of(NULL, 0);
}

uint32_t thrift_list(struct thrift_reader *r, uint8_t *type)
{
    *type = (uint8_t)take_number(r, 1);
    return take_length(r);
}

static void skip_value(struct thrift_reader *r, uint8_t type, int depth);

static void skip_struct(struct thrift_reader *r, int depth)
{
    for (struct thrift_field f; thrift_next(r, &f);)
        skip_value(r, f.type, depth);
}

static void skip_elements(struct thrift_reader *r, bool map, int depth)
{
    uint8_t key = map ? (uint8_t)take_number(r, 1) : THRIFT_STOP, type;

    for (uint32_t n = thrift_list(r, &type); n > 0 && !r->bad; n--) {
        if (map)
            skip_value(r, key, depth);
        skip_value(r, type, depth);
    }
}

static void skip_value(struct thrift_reader *r, uint8_t type, int depth)
{
    bool deeper = depth < DEEPEST;

    if (type == THRIFT_STRING)
        (void)thrift_string(r);
    else if (type == THRIFT_STRUCT && deeper)
        skip_struct(r, depth + 1);
    else if ((type == THRIFT_LIST || type == THRIFT_SET || type == THRIFT_MAP) && deeper)
        skip_elements(r, type == THRIFT_MAP, depth + 1);
    else if (size_of(type) > 0)
        (void)take_bytes(r, size_of(type));
    else
        r->bad = true;
}

void thrift_skip(struct thrift_reader *r, uint8_t type)
{
    skip_value(r, type, 0);
}
