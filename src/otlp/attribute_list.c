/* SPDX-License-Identifier: Apache-2.0 */
/* Reading cuts the message into slots: each attribute that is asked for, and the runs in between. The usual form of
 * an attribute (one byte for each length) is recognised by its shape; any other goes through the reader of
 * codec/pb.h. Changes are encoded into an arena and put into their slot; writing hands out the slots in order, so
 * that what was not touched is the message's own bytes. An attribute without a key has the empty one; of a key that
 * comes twice the first slot is meant. */
#include "otlp/attribute_list.h"

#include "codec/pb.h"

#include <assert.h>

#define NO_KEY bytes_of(NULL, SIZE_MAX)

void attribute_list_only(struct attribute_list *l, struct bytes key)
{
    if (l->skipped == 0)
        l->skipped = ~0ull;
    if (key.len < 64)
        l->skipped &= ~(1ull << key.len);
}

static inline bool is_asked_for(const struct attribute_list *l, size_t key_len)
{
    return key_len >= 64 || (l->skipped >> key_len & 1) == 0;
}

/* An attribute in the usual form, key and value once each and every length below 128, without a cursor's generality:
 * how long its field is, 0 if it is of another form. */
static inline size_t usual_attribute(const uint8_t *p, const uint8_t *end, uint8_t tag, struct attribute_slot *a)
{
    const uint32_t mask = 0x80ff80ff, usual = tag | (uint32_t)PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN) << 16;
    size_t len, key, value;
    uint32_t head; /* tag, length, tag of the key, its length */

    if (end - p < 6)
        return 0;
    memcpy(&head, p, 4);
    len = p[1];
    key = p[3];
    if ((head & mask) != usual || key + 4 > len || (ptrdiff_t)len > end - p - 2)
        return 0;
    value = len - key - 4;
    if (p[key + 4] != PB_TAG(OTLP_KEY_VALUE_VALUE, PB_LEN) || p[key + 5] != value)
        return 0;
    a->key = bytes_of(p + 4, key);
    a->value = bytes_of(p + key + 6, value);
    a->field = bytes_of(p, len + 2);
    return len + 2;
}

/* Behind the field at p, whose tag is one byte and whose length or number another; NULL: it is of another form. */
static inline const uint8_t *short_field(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p), needs;

    if (left < 2 || p[0] >= 0x80)
        return NULL;
    switch (p[0] & 7) {
    case PB_LEN:
        needs = 2 + (size_t)p[1];
        break;
    case PB_VARINT:
        needs = 2;
        break;
    case PB_FIXED64:
        return left >= 9 ? p + 9 : NULL;
    case PB_FIXED32:
        return left >= 5 ? p + 5 : NULL;
    default:
        return NULL;
    }
    return p[1] < 0x80 && left >= needs ? p + needs : NULL;
}

/* One field of any form. False: it is no attribute. */
static bool unusual_attribute(const struct attribute_list *l, const uint8_t **p, const uint8_t *end,
                              struct attribute_slot *a)
{
    struct pb_reader r = pb_reader(bytes_of(*p, (size_t)(end - *p)));
    struct attribute any;
    struct pb_field f;
    bool found = pb_next(&r, &f);

    *p = found ? r.p : end;
    if (!found || f.number != l->number || f.wire != PB_LEN)
        return false;
    any = attribute_of(f.bytes);
    a->key = any.key.data != NULL ? any.key : bytes_str("");
    a->value = any.value;
    a->field = bytes_of(f.start, (size_t)(r.p - f.start));
    return true;
}

static inline void add_run(struct attribute_list *l, const uint8_t *from, const uint8_t *to)
{
    if (from != to)
        *vec_push(&l->slots) = (struct attribute_slot){ .key = NO_KEY, .field = bytes_of(from, (size_t)(to - from)) };
}

/* The next attribute that is asked for, or the end. */
static inline const uint8_t *find_next(const struct attribute_list *l, const uint8_t *p, const uint8_t *end,
                                       struct attribute_slot *a)
{
    uint8_t tag = (uint8_t)PB_TAG(l->number, PB_LEN);
    uint8_t last = l->ordered ? tag | 7 : 0x7f; /* the largest tag that is no sign of the end */

    while (p < end) {
        const uint8_t *start = p;
        size_t n = 0;

        if (*p == tag) {
            n = usual_attribute(p, end, tag, a);
        } else if (*p > last && *p < 0x80) {
            break;
        } else if ((p = short_field(p, end)) != NULL) {
            continue;
        }
        p = start + n;
        if (n > 0 ? is_asked_for(l, a->key.len) : unusual_attribute(l, &p, end, a))
            return start;
    }
    return end;
}

void attribute_list_read(struct attribute_list *l, struct bytes message, unsigned number)
{
    const uint8_t *run = message.data, *end = bytes_end(message);
    struct attribute_slot a;

    assert(number > 0 && number < 16);
    l->slots.n = 0;
    l->number = number;
    l->changed = false;
    if (l->arena.total > 0)
        arena_reset(&l->arena);
    while (run != end) {
        const uint8_t *at = find_next(l, run, end, &a);

        add_run(l, run, at);
        if (at == end)
            break;
        *vec_push(&l->slots) = a;
        run = bytes_end(a.field);
    }
}

/* Fields here have numbers below 16: their tag is one byte. */
static inline size_t field_len(size_t content)
{
    return 1 + (content < 0x80 ? 1 : pb_varint_len(content)) + content;
}

/* Keys and values are short: what a call of memcpy does for few bytes, without the call. */
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t n)
{
    uint64_t head, tail;

    if (n < 8 || n > 16) {
        memcpy(to, from, n);
        return;
    }
    memcpy(&head, from, 8);
    memcpy(&tail, from + n - 8, 8);
    memcpy(to, &head, 8);
    memcpy(to + n - 8, &tail, 8);
}

static inline uint8_t *put_run(uint8_t *at, uint32_t number, struct bytes run)
{
    at = pb_put_head_at(at, number, run.len);
    if (run.len > 0)
        copy_short(at, run.data, run.len);
    return at + run.len;
}

/* A new one, copied. */
static inline void encode_slot(struct attribute_list *l, struct attribute_slot *a, struct bytes key, struct bytes value)
{
    size_t len = field_len(key.len) + field_len(value.len);
    uint8_t *start = arena_alloc_bytes(&l->arena, field_len(len)), *at = pb_put_head_at(start, l->number, len);

    at = put_run(at, 1, key);
    a->key = bytes_of(at - key.len, key.len);
    at = put_run(at, 2, value);
    a->value = bytes_of(at - value.len, value.len);
    a->field = bytes_of(start, (size_t)(at - start));
    l->changed = true;
}

void attribute_list_remove_if(struct attribute_list *l, bool (*wanted)(void *arg, struct bytes key), void *arg)
{
    size_t to = 0;

    for (size_t i = 0; i < l->slots.n; i++)
        if (!slot_is_attribute(&l->slots.v[i]) || !wanted(arg, l->slots.v[i].key))
            l->slots.v[to++] = l->slots.v[i];
    l->changed |= to != l->slots.n;
    l->slots.n = to;
}

/* Those of that key from an index on. */
static void remove_from(struct attribute_list *l, size_t at, struct bytes key)
{
    size_t to = at;

    for (size_t i = at; i < l->slots.n; i++)
        if (!bytes_equal(l->slots.v[i].key, key))
            l->slots.v[to++] = l->slots.v[i];
    l->changed |= to != l->slots.n;
    l->slots.n = to;
}

bool attribute_list_remove(struct attribute_list *l, struct bytes key)
{
    size_t at = attribute_list_find(l, key);

    if (at == ATTRIBUTE_NONE)
        return false;
    remove_from(l, at, key);
    return true;
}

void attribute_list_change_one(struct attribute_list *l, size_t at, struct bytes value)
{
    encode_slot(l, &l->slots.v[at], l->slots.v[at].key, value);
}

void attribute_list_change(struct attribute_list *l, size_t at, struct bytes value)
{
    attribute_list_change_one(l, at, value);
    remove_from(l, at + 1, l->slots.v[at].key);
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
    encode_slot(l, vec_push(&l->slots), key, value);
}

void attribute_list_add_slot(struct attribute_list *l, const struct attribute_slot *a)
{
    *vec_push(&l->slots) = *a;
    l->changed = true;
}

struct bytes attribute_list_keep(struct attribute_list *l, struct bytes text)
{
    uint8_t *start = arena_alloc_bytes(&l->arena, field_len(text.len));

    return bytes_of(start, (size_t)(put_run(start, VALUE_STRING, text) - start));
}

void attribute_list_write(const struct attribute_list *l, struct pieces *out)
{
    for (size_t i = 0; i < l->slots.n; i++)
        pieces_add(out, l->slots.v[i].field);
}

void attribute_list_free(struct attribute_list *l)
{
    vec_free(&l->slots);
    arena_free(&l->arena);
}
