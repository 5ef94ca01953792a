/* SPDX-License-Identifier: Apache-2.0 */
/* The request is gone through once for a number, which most have not; then it is written anew: resources and scopes
 * field by field, profiles and the dictionary as they are. Few numbers may stand for much text, so what is written has
 * a limit; and a text of the dictionary may have no byte, so has the number of those that are remembered: both by the
 * length of the request, so that it is known before what this may take. */
#include "otlp/profile_strings.h"

#include "base/vec.h"
#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/view.h"

#include <stdlib.h>

enum {
    PROFILES_RESOURCES = 1,
    PROFILES_DICTIONARY = 2,
    GROUP_HEAD = 1, /* the resource of a group, the scope of one */
    GROUP_SCOPES = 2,
    HEAD_ATTRIBUTES_OF_RESOURCE = 1,
    HEAD_ATTRIBUTES_OF_SCOPE = 3,
    DICTIONARY_STRINGS = 5,
    KEY_STRINDEX = 3,
    VALUE_STRINDEX = 8,
};

#define STRINGS_LEAST 65536u /* so many are remembered of any request */
#define STRING_BYTES 16u     /* of a longer one, one for so many bytes */
#define GROWTH_LEAST 65536u

struct resolving {
    VEC(struct bytes) strings; /* empty: it is only asked whether there are numbers */
    size_t n_strings, most_strings;
    struct buf *out;
    size_t most;
    bool found;
};

static size_t most_strings(uint64_t len)
{
    return len / STRING_BYTES > STRINGS_LEAST ? (size_t)(len / STRING_BYTES) : STRINGS_LEAST;
}

static uint64_t most_bytes(uint64_t len)
{
    return 2 * len + GROWTH_LEAST;
}

/* Buffers grow by doubling. */
uint64_t profile_strings_memory(uint64_t len)
{
    return 2 * most_strings(len) * sizeof(struct bytes) + 3 * most_bytes(len);
}

static void copy_field(struct resolving *r, const struct pb_field *f, const uint8_t *end)
{
    buf_append(r->out, f->start, (size_t)(end - f->start));
}

/* The text that a number stands for, as this field; one that is not there stays. */
static void put_string(struct resolving *r, uint32_t number, const struct pb_field *f, const uint8_t *end)
{
    if (f->wire != PB_VARINT || f->u64 == 0 || f->u64 >= r->n_strings) {
        copy_field(r, f, end);
        return;
    }
    r->found = true;
    if (r->strings.n > 0 && r->out->len <= r->most)
        pb_put_bytes(r->out, number, r->strings.v[f->u64]);
}

static void put_value(struct resolving *r, struct bytes any);

static void put_pair(struct resolving *r, struct bytes pair) // NOLINT(misc-no-recursion): validation bounds the depth
{
    struct pb_reader reader = pb_reader(pair);

    for (struct pb_field f; pb_next(&reader, &f);)
        if (f.number == KEY_STRINDEX) {
            put_string(r, OTLP_KEY_VALUE_KEY, &f, reader.p);
        } else if (f.number == OTLP_KEY_VALUE_VALUE && f.wire == PB_LEN) {
            size_t mark = pb_begin(r->out, OTLP_KEY_VALUE_VALUE);

            put_value(r, f.bytes);
            pb_end(r->out, mark);
        } else {
            copy_field(r, &f, reader.p);
        }
}

static void put_members(struct resolving *r, const struct pb_field *list) // NOLINT(misc-no-recursion)
{
    size_t whole = pb_begin(r->out, list->number);
    struct pb_reader reader = pb_reader(list->bytes);

    for (struct pb_field f; pb_next(&reader, &f);) {
        size_t mark;

        if (f.number != OTLP_LIST_VALUES || f.wire != PB_LEN) {
            copy_field(r, &f, reader.p);
            continue;
        }
        mark = pb_begin(r->out, OTLP_LIST_VALUES);
        if (list->number == OTLP_ANY_MAP)
            put_pair(r, f.bytes);
        else
            put_value(r, f.bytes);
        pb_end(r->out, mark);
    }
    pb_end(r->out, whole);
}

static void put_value(struct resolving *r, struct bytes any) // NOLINT(misc-no-recursion)
{
    struct pb_reader reader = pb_reader(any);

    for (struct pb_field f; pb_next(&reader, &f);)
        if (f.number == VALUE_STRINDEX)
            put_string(r, OTLP_ANY_STRING, &f, reader.p);
        else if ((f.number == OTLP_ANY_ARRAY || f.number == OTLP_ANY_MAP) && f.wire == PB_LEN)
            put_members(r, &f);
        else
            copy_field(r, &f, reader.p);
}

/* A resource or scope, whose attributes are this field of it. */
static void put_head(struct resolving *r, struct bytes head, uint32_t attributes)
{
    struct pb_reader reader = pb_reader(head);
    size_t whole = pb_begin(r->out, GROUP_HEAD);

    for (struct pb_field f; pb_next(&reader, &f);)
        if (f.number == attributes && f.wire == PB_LEN) {
            size_t mark = pb_begin(r->out, attributes);

            put_pair(r, f.bytes);
            pb_end(r->out, mark);
        } else {
            copy_field(r, &f, reader.p);
        }
    pb_end(r->out, whole);
}

/* Of a scope what is in it is profiles, which stay. */
static void put_group(struct resolving *r, const struct pb_field *group, uint32_t attributes)
{
    struct pb_reader reader = pb_reader(group->bytes);
    size_t whole = pb_begin(r->out, group->number);

    for (struct pb_field f; pb_next(&reader, &f);)
        if (f.number == GROUP_HEAD && f.wire == PB_LEN)
            put_head(r, f.bytes, attributes);
        else if (attributes == HEAD_ATTRIBUTES_OF_RESOURCE && f.number == GROUP_SCOPES && f.wire == PB_LEN)
            put_group(r, &f, HEAD_ATTRIBUTES_OF_SCOPE); // NOLINT(misc-no-recursion): once
        else
            copy_field(r, &f, reader.p);
    pb_end(r->out, whole);
}

static void read_strings(struct resolving *r, struct bytes request, bool remember)
{
    struct pb_reader whole = pb_reader(request);

    for (struct pb_field f; pb_next(&whole, &f);) {
        struct pb_reader dictionary;

        if (f.number != PROFILES_DICTIONARY || f.wire != PB_LEN)
            continue;
        dictionary = pb_reader(f.bytes);
        for (struct pb_field s; r->n_strings < r->most_strings && pb_next(&dictionary, &s);) {
            if (s.number != DICTIONARY_STRINGS || s.wire != PB_LEN)
                continue;
            r->n_strings++;
            if (remember)
                *vec_push(&r->strings) = s.bytes;
        }
    }
}

/* Is there a number in a resource or scope? These are written for it, and thrown away. */
static bool has_numbers(struct bytes request, size_t most)
{
    struct buf scratch = { 0 };
    struct resolving r = { .out = &scratch, .most = most, .most_strings = most_strings(request.len) };
    struct pb_reader whole = pb_reader(request);

    read_strings(&r, request, false);
    for (struct bytes group, scope, head; r.n_strings > 0 && message_next(&whole, PROFILES_RESOURCES, &group);) {
        struct pb_reader heads = pb_reader(group), scopes = pb_reader(group);

        while (message_next(&heads, GROUP_HEAD, &head))
            put_head(&r, head, HEAD_ATTRIBUTES_OF_RESOURCE);
        while (message_next(&scopes, GROUP_SCOPES, &scope))
            for (heads = pb_reader(scope); message_next(&heads, GROUP_HEAD, &head);)
                put_head(&r, head, HEAD_ATTRIBUTES_OF_SCOPE);
        scratch.len = 0;
    }
    buf_free(&scratch);
    return r.found;
}

bool profile_strings_resolve(struct bytes request, size_t most, struct buf *out)
{
    struct resolving r = { .out = out, .most = most, .most_strings = most_strings(request.len) };
    struct pb_reader reader = pb_reader(request);

    if (r.most > most_bytes(request.len))
        r.most = most = (size_t)most_bytes(request.len);
    if (!has_numbers(request, most))
        return false;
    read_strings(&r, request, true);
    for (struct pb_field f; out->len <= most && pb_next(&reader, &f);)
        if (f.number == PROFILES_RESOURCES && f.wire == PB_LEN)
            put_group(&r, &f, HEAD_ATTRIBUTES_OF_RESOURCE);
        else
            copy_field(&r, &f, reader.p);
    vec_free(&r.strings);
    return r.found && out->len <= most;
}
