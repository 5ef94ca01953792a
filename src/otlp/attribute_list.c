/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/attribute_list.h"

#include "codec/pb.h"

/* Two runs that touch are one. */
static void add_run(struct bytes *last, struct bytes run)
{
    *last = bytes_of(last->data, last->len + run.len);
}

#define ADD_RUN(list, run)                                                                                             \
    do {                                                                                                               \
        if ((list)->n > 0 && bytes_end((list)->v[(list)->n - 1]) == (run).data)                                        \
            add_run(&(list)->v[(list)->n - 1], run);                                                                   \
        else                                                                                                           \
            *vec_push(list) = (run);                                                                                   \
    } while (0)

/* The usual form, key and value once each with lengths below 128, without a cursor's generality. */
static bool read_short(struct bytes kv, struct listed *a)
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

static void read_attribute(struct bytes kv, struct listed *a)
{
    struct attribute any;

    if (read_short(kv, a))
        return;
    any = attribute_of(kv);
    a->key = any.key;
    a->value = any.value;
}

void attribute_list_read(struct attribute_list *l, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);

    l->all.n = l->before.n = l->after.n = 0;
    l->number = number;
    l->changed = false;
    if (l->arena.total > 0)
        arena_reset(&l->arena);
    for (struct pb_field f; pb_next(&r, &f);) {
        struct bytes whole = bytes_of(f.start, (size_t)(r.p - f.start));

        if (f.number == number && f.wire == PB_LEN) {
            struct listed *a = vec_push(&l->all);

            a->field = whole;
            read_attribute(f.bytes, a);
        } else if (l->all.n == 0) {
            ADD_RUN(&l->before, whole);
        } else {
            ADD_RUN(&l->after, whole);
        }
    }
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
    *vec_push(&l->all) = (struct listed){ .key = key, .value = value };
    l->changed = true;
}

static uint8_t *put_run(uint8_t *at, uint32_t number, struct bytes run)
{
    at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
    at += pb_put_varint_at(at, run.len);
    if (run.len > 0)
        memcpy(at, run.data, run.len);
    return at + run.len;
}

static struct bytes encode(struct attribute_list *l, const struct listed *a)
{
    size_t key = 1 + pb_varint_len(a->key.len) + a->key.len, value = 1 + pb_varint_len(a->value.len) + a->value.len;
    uint8_t *start = arena_alloc(&l->arena, 20 + key + value), *at = start;

    at += pb_put_varint_at(at, PB_TAG(l->number, PB_LEN));
    at += pb_put_varint_at(at, key + value);
    at = put_run(at, 1, a->key);
    at = put_run(at, 2, a->value);
    return bytes_of(start, (size_t)(at - start));
}

void attribute_list_write_attributes(struct attribute_list *l, struct pieces *out)
{
    for (size_t i = 0; i < l->all.n; i++) {
        const struct listed *a = &l->all.v[i];
        struct bytes field = a->field.data != NULL ? a->field : encode(l, a);

        if (out->n > 0 && bytes_end(out->v[out->n - 1]) == field.data) {
            add_run(&out->v[out->n - 1], field);
            out->len += field.len;
        } else {
            pieces_add(out, field);
        }
    }
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
