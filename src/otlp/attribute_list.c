/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/attribute_list.h"

#include "codec/pb.h"

#include <assert.h>

/* The usual form, key and value once each with lengths below 128, without a cursor's generality. */
static inline bool read_short(struct bytes kv, struct listed *a)
{
    const uint8_t *p = kv.data;
    size_t key;

    if (kv.len < 4 || p[0] != PB_TAG(1, PB_LEN) || p[1] >= 0x80)
        return false;
    key = p[1];
    if (key + 4 > kv.len || p[key + 2] != PB_TAG(2, PB_LEN) || p[key + 3] >= 0x80 || key + 4 + p[key + 3] != kv.len)
        return false;
    a->key = bytes_of(p + 2, key);
    a->value = bytes_of(p + key + 4, p[key + 3]);
    return true;
}

static inline void read_attribute(struct bytes kv, struct listed *a)
{
    struct attribute any;

    if (read_short(kv, a))
        return;
    any = attribute_of(kv);
    a->key = any.key;
    a->value = any.value;
}

static inline void add_run(struct attribute_list *l, const uint8_t *from, const uint8_t *to)
{
    if (from == to)
        return;
    if (l->all.n == 0)
        *vec_push(&l->before) = bytes_of(from, (size_t)(to - from));
    else
        *vec_push(&l->after) = bytes_of(from, (size_t)(to - from));
}

/* Behind the field at p, whose tag and length are one byte each; NULL: it is of another form. */
static inline const uint8_t *short_field(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);

    if (left < 2 || p[0] >= 0x80 || (p[0] & 7) != PB_LEN || p[1] >= 0x80 || p[1] > left - 2)
        return NULL;
    return p + 2 + p[1];
}

void attribute_list_read(struct attribute_list *l, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message.len > 0 ? message : bytes_str(""));
    uint8_t tag = (uint8_t)PB_TAG(number, PB_LEN);
    const uint8_t *run = r.p;
    struct pb_field f;

    l->all.n = l->before.n = l->after.n = 0;
    l->number = number;
    l->changed = false;
    if (l->arena.total > 0)
        arena_reset(&l->arena);
    while (r.p < r.end) {
        const uint8_t *start = r.p, *behind = short_field(start, r.end);
        struct bytes kv;
        struct listed *a;

        if (behind != NULL) {
            r.p = behind;
            if (*start != tag)
                continue;
            kv = bytes_of(start + 2, start[1]);
        } else {
            assert(r.p != NULL);
            if (!pb_next(&r, &f))
                break;
            if (f.number != number || f.wire != PB_LEN)
                continue;
            kv = f.bytes;
        }
        add_run(l, run, start);
        a = vec_push(&l->all);
        a->field = bytes_of(start, (size_t)(r.p - start));
        read_attribute(kv, a);
        run = r.p;
    }
    add_run(l, run, r.p);
}

void attribute_list_remove_at(struct attribute_list *l, size_t at)
{
    memmove(&l->all.v[at], &l->all.v[at + 1], (l->all.n - at - 1) * sizeof(l->all.v[0]));
    l->all.n--;
    l->changed = true;
}

/* Those of that key from a place on. */
static void remove_from(struct attribute_list *l, size_t at, struct bytes key)
{
    size_t to = at;

    for (size_t i = at; i < l->all.n; i++)
        if (!bytes_equal(l->all.v[i].key, key))
            l->all.v[to++] = l->all.v[i];
    l->changed |= to != l->all.n;
    l->all.n = to;
}

bool attribute_list_remove(struct attribute_list *l, struct bytes key)
{
    size_t at = attribute_list_find(l, key);

    if (at == ATTRIBUTE_NONE)
        return false;
    remove_from(l, at, key);
    return true;
}

void attribute_list_change(struct attribute_list *l, size_t at, struct bytes value)
{
    struct listed *a = &l->all.v[at];

    a->value = value;
    a->field = bytes_of(NULL, 0);
    l->changed = true;
    remove_from(l, at + 1, a->key);
}

void attribute_list_set(struct attribute_list *l, struct bytes key, struct bytes value)
{
    size_t at = attribute_list_find(l, key);

    if (at != ATTRIBUTE_NONE) {
        attribute_list_change(l, at, value);
        return;
    }
    attribute_list_add(l, key, value);
}

void attribute_list_add(struct attribute_list *l, struct bytes key, struct bytes value)
{
    *vec_push(&l->all) = (struct listed){ .key = key, .value = value };
    l->changed = true;
}

static inline uint8_t *put_head(uint8_t *at, uint32_t number, size_t len)
{
    if (len >= 0x80 || number >= 16) {
        at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
        return at + pb_put_varint_at(at, len);
    }
    at[0] = (uint8_t)PB_TAG(number, PB_LEN);
    at[1] = (uint8_t)len;
    return at + 2;
}

static inline uint8_t *put_run(uint8_t *at, uint32_t number, struct bytes run)
{
    at = put_head(at, number, run.len);
    if (run.len > 0)
        memcpy(at, run.data, run.len);
    return at + run.len;
}

static inline size_t run_len(struct bytes run)
{
    return 1 + (run.len < 0x80 ? 1 : pb_varint_len(run.len)) + run.len;
}

struct bytes attribute_list_keep(struct attribute_list *l, struct bytes text)
{
    uint8_t *start = arena_alloc(&l->arena, 12 + text.len);

    return bytes_of(start, (size_t)(put_run(start, VALUE_STRING, text) - start));
}

/* The new ones, one behind the other, so that those in a row are one piece. */
static void encode_new(struct attribute_list *l)
{
    size_t size = 0;
    uint8_t *at;

    for (size_t i = 0; i < l->all.n; i++)
        if (l->all.v[i].field.data == NULL)
            size += 16 + run_len(l->all.v[i].key) + run_len(l->all.v[i].value);
    at = size > 0 ? arena_alloc(&l->arena, size) : NULL;
    for (size_t i = 0; size > 0 && i < l->all.n; i++) {
        struct listed *a = &l->all.v[i];
        uint8_t *start = at;

        if (a->field.data != NULL)
            continue;
        at = put_head(at, l->number, run_len(a->key) + run_len(a->value));
        at = put_run(put_run(at, 1, a->key), 2, a->value);
        a->field = bytes_of(start, (size_t)(at - start));
    }
}

void attribute_list_write_attributes(struct attribute_list *l, struct pieces *out)
{
    struct bytes run = { NULL, 0 };

    encode_new(l);
    for (size_t i = 0; i < l->all.n; i++) {
        struct bytes field = l->all.v[i].field;

        if (run.len > 0 && run.data + run.len == field.data) {
            run.len += field.len;
        } else {
            pieces_add(out, run);
            run = field;
        }
    }
    pieces_add(out, run);
}

void attribute_list_write(struct attribute_list *l, struct pieces *out)
{
    for (size_t i = 0; i < l->before.n; i++)
        pieces_add(out, l->before.v[i]);
    attribute_list_write_attributes(l, out);
    for (size_t i = 0; i < l->after.n; i++)
        pieces_add(out, l->after.v[i]);
}

void attribute_list_free(struct attribute_list *l)
{
    vec_free(&l->all);
    vec_free(&l->before);
    vec_free(&l->after);
    arena_free(&l->arena);
}
