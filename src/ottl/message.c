/* SPDX-License-Identifier: Apache-2.0 */
/* A field is found by one walk over the message, in which the usual short fields are passed over by their shape. A
 * change copies the message into an arena, once, without the fields that go and with the new one where the first of
 * them was: what nobody names stays byte for byte. */
#include "ottl/message.h"

#include "otlp/fields.h"

/* Of a field by its wire type: how long it is when it is short, and which bits of its second byte make it longer, which
 * say that it is not short, and whether there is no such type. */
static const struct shape {
    uint8_t size, length, more, none;
} shapes[8] = {
    [PB_VARINT] = { 2, 0, 0x80, 0 }, [PB_FIXED64] = { 9, 0, 0, 0 }, [PB_LEN] = { 2, 0x7f, 0x80, 0 },
    [3] = { .none = 0x80 },          [4] = { .none = 0x80 },        [PB_FIXED32] = { 5, 0, 0, 0 },
    [6] = { .none = 0x80 },          [7] = { .none = 0x80 },
};

/* Behind a field whose tag is one byte and whose length or number another; NULL: it is of another form. Without
 * branches for each type: it is what finding a field comes to. */
static inline const uint8_t *pass_short(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    const struct shape *s;
    size_t needs;

    if (left < 2)
        return NULL;
    s = &shapes[p[0] & 7];
    needs = (size_t)s->size + (p[1] & s->length);
    return ((p[0] | (p[1] & s->more) | s->none) & 0x80) == 0 && left >= needs ? p + needs : NULL;
}

/* The field at *p, which is then behind it. */
static inline bool read_field(const uint8_t **p, const uint8_t *end, struct pb_field *f)
{
    struct pb_reader r = pb_reader(bytes_of(*p, (size_t)(end - *p)));
    bool whole = pb_next(&r, f);

    *p = r.p;
    return whole;
}

bool message_find(struct bytes message, uint32_t number, struct pb_field *field)
{
    const uint8_t *p = message.data, *end = bytes_end(message);
    bool found = false;

    while (p != end) {
        const uint8_t *next = p[0] >> 3 != number ? pass_short(p, end) : NULL;
        struct pb_field f;

        if (next != NULL) {
            p = next;
            continue;
        }
        if (!read_field(&p, end, &f))
            break;
        if (f.number == number) {
            *field = f;
            found = true;
        }
    }
    return found;
}

static void begin_index(struct message_index *index, struct bytes message)
{
    index->data = index->next = message.data;
    index->len = message.len;
    index->known = 0;
}

/* Up to the first field of a larger number. */
static void index_up_to(struct message_index *index, uint32_t most)
{
    const uint8_t *p = index->next, *end = index->data + index->len;

    while (p != end) {
        const uint8_t *next = pass_short(p, end);
        uint32_t number = p[0] >> 3;

        if (next == NULL) {
            struct pb_reader r = pb_reader(bytes_of(p, (size_t)(end - p)));
            struct pb_field f;

            if (!pb_next(&r, &f)) {
                p = end;
                break;
            }
            next = r.p;
            number = f.number;
        }
        if (number > most)
            break;
        if (number < INDEXED_FIELDS) {
            index->at[number] = (uint32_t)(p - index->data);
            index->known |= 1u << number;
        }
        p = next;
    }
    index->next = p;
}

static bool read_indexed(const struct message_index *index, uint32_t number, struct pb_field *field)
{
    struct pb_reader r;

    if ((index->known >> number & 1) == 0)
        return false;
    r = pb_reader(bytes_skip(bytes_of(index->data, index->len), index->at[number]));
    return pb_next(&r, field);
}

static bool is_index_of(const struct message_index *index, struct bytes message)
{
    return index->data == message.data && index->len == message.len;
}

bool message_find_indexed(struct message_index *index, struct bytes message, uint32_t number, struct pb_field *field)
{
    index->asked++;
    if (message.len == 0 || number >= INDEXED_FIELDS || message.len >= UINT32_MAX ||
        (index->asked == 1 && !index->worth))
        return message_find(message, number, field);
    if (!is_index_of(index, message))
        begin_index(index, message);
    index_up_to(index, UINT32_MAX);
    return read_indexed(index, number, field);
}

uint64_t message_number_found(struct message_index *index, struct bytes message, uint32_t number, bool ordered)
{
    struct pb_field f;
    uint64_t v;
    bool found;

    if (ordered && message.len > 0 && number < INDEXED_FIELDS && message.len < UINT32_MAX) {
        index->asked++;
        if (!is_index_of(index, message))
            begin_index(index, message);
        index_up_to(index, number);
        if (message_index_number(index, number, &v))
            return v;
        found = read_indexed(index, number, &f);
    } else {
        found = message_find_indexed(index, message, number, &f);
    }
    return found && f.wire != PB_LEN ? f.u64 : 0;
}

struct bytes message_bytes(struct bytes message, uint32_t number)
{
    struct pb_field f;

    return message_find(message, number, &f) && f.wire == PB_LEN ? f.bytes : bytes_of("", 0);
}

/* ---- the shape of attributes ---- */

/* Is the field at p, of the form that encoders write, an attribute with this key? Its value then. */
static inline bool is_usual_attribute(const uint8_t *p, size_t len, struct bytes key, struct bytes *value)
{
    /* tag, length, tag of the key, its length, key, tag of the value, its length, value */
    size_t rest;

    if (len < key.len + 6 || p[2] != PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN) || p[3] != key.len || key.len >= 0x80 ||
        (key.len > 0 && memcmp(p + 4, key.data, key.len) != 0))
        return false;
    rest = len - key.len - 6;
    if (p[key.len + 4] != PB_TAG(OTLP_KEY_VALUE_VALUE, PB_LEN) || p[key.len + 5] != rest)
        return false;
    *value = bytes_of(p + key.len + 6, rest);
    return true;
}

/* An attribute that was looked at whole by its shape alone and has another key: it is none. */
static inline bool is_other_usual(const uint8_t *p, size_t len, size_t key_len)
{
    return len >= 6 && p[2] == PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN) && p[3] < 0x80 && (size_t)p[3] + 6 <= len &&
           p[p[3] + 4] == PB_TAG(OTLP_KEY_VALUE_VALUE, PB_LEN) && p[p[3] + 5] == len - p[3] - 6 &&
           (p[3] != key_len || key_len < 0x80);
}

/* ---- changes ---- */

struct copy {
    uint8_t *at;
    const uint8_t *from; /* of the source; what is before is copied or left out */
};

static struct bytes begin_copy(struct arena *a, struct copy *c, struct bytes message, size_t more)
{
    uint8_t *start = arena_alloc_bytes(a, message.len + more + 1);

    *c = (struct copy){ .at = start, .from = message.data };
    return bytes_of(start, 0);
}

static void copy_to(struct copy *c, const uint8_t *to)
{
    size_t n = (size_t)(to - c->from);

    if (n > 0)
        memcpy(c->at, c->from, n);
    c->at += n;
    c->from = to;
}

static void copy_in(struct copy *c, struct bytes b)
{
    if (b.len > 0)
        memcpy(c->at, b.data, b.len);
    c->at += b.len;
}

static struct bytes end_copy(struct copy *c, struct bytes message, struct bytes made)
{
    copy_to(c, bytes_end(message));
    made.len = (size_t)(c->at - made.data);
    return made;
}

/* Behind the field at p, when its shape alone says that it is none of that number and key; else NULL. */
static inline const uint8_t *pass_other(const uint8_t *p, const uint8_t *end, uint32_t number, const struct bytes *key)
{
    const uint8_t *next = pass_short(p, end);
    struct bytes value;
    size_t len;

    if (next == NULL || p[0] >> 3 != number)
        return next;
    len = (size_t)(next - p);
    if (key == NULL || (p[0] & 7) != PB_LEN || is_usual_attribute(p, len, *key, &value) ||
        !is_other_usual(p, len, key->len))
        return NULL;
    return next;
}

/* `field` in the place of the first field of that number, and of that key where there is one; the others go. */
static struct bytes replace_fields(struct arena *a, struct bytes message, uint32_t number, const struct bytes *key,
                                   struct bytes field)
{
    const uint8_t *p = message.data, *end = bytes_end(message);
    bool placed = false;
    struct copy c;
    struct bytes made = begin_copy(a, &c, message, field.len);

    while (p != end) {
        const uint8_t *next = pass_other(p, end, number, key);
        struct pb_field f;

        if (next != NULL) {
            p = next;
            continue;
        }
        if (!read_field(&p, end, &f))
            break;
        if (f.number != number || (key != NULL && (f.wire != PB_LEN || !bytes_equal(attribute_of(f.bytes).key, *key))))
            continue;
        copy_to(&c, f.start);
        if (!placed)
            copy_in(&c, field);
        placed = true;
        c.from = p;
    }
    made = end_copy(&c, message, made);
    if (!placed) {
        copy_in(&c, field);
        made.len += field.len;
    }
    return made;
}

struct bytes message_replace(struct arena *a, struct bytes message, uint32_t number, struct bytes field)
{
    return replace_fields(a, message, number, NULL, field);
}

struct bytes message_replace_bytes(struct arena *a, struct bytes message, uint32_t number, struct bytes content)
{
    size_t n = field_len(number, content.len);
    uint8_t *field = arena_alloc_bytes(a, n);

    field_put(field, number, content);
    return message_replace(a, message, number, bytes_of(field, n));
}

/* ---- attributes ---- */

static inline bool find_attribute(struct bytes message, uint32_t number, struct bytes key, bool ordered,
                                  struct bytes *any_value)
{
    const uint8_t *p = message.data, *end = bytes_end(message);
    uint8_t tag = (uint8_t)PB_TAG(number, PB_LEN);

    while (p != end) {
        const uint8_t *next = pass_short(p, end);
        struct pb_reader r;
        struct pb_field f;
        struct attribute a;

        if (next != NULL && *p == tag && is_usual_attribute(p, (size_t)(next - p), key, any_value))
            return true;
        if (next != NULL && (*p != tag || is_other_usual(p, (size_t)(next - p), key.len))) {
            if (ordered && *p >> 3 > number)
                return false;
            p = next;
            continue;
        }
        r = pb_reader(bytes_of(p, (size_t)(end - p)));
        if (!pb_next(&r, &f) || (ordered && f.number > number))
            return false;
        p = r.p;
        if (f.number != number || f.wire != PB_LEN)
            continue;
        a = attribute_of(f.bytes);
        if (bytes_equal(a.key, key)) {
            *any_value = a.value;
            return true;
        }
    }
    return false;
}

bool message_attribute(struct bytes message, uint32_t number, struct bytes key, struct bytes *any_value)
{
    return find_attribute(message, number, key, false, any_value);
}

bool message_attribute_ordered(struct bytes message, uint32_t number, struct bytes key, struct bytes *any_value)
{
    return find_attribute(message, number, key, true, any_value);
}

struct bytes message_attribute_set(struct arena *a, struct bytes message, uint32_t number, struct bytes key,
                                   struct bytes any_value)
{
    size_t pair = field_len(OTLP_KEY_VALUE_KEY, key.len) + field_len(OTLP_KEY_VALUE_VALUE, any_value.len);
    size_t n = field_len(number, pair);
    uint8_t *field = arena_alloc_bytes(a, n), *at = field;

    at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
    at += pb_put_varint_at(at, pair);
    at = field_put(at, OTLP_KEY_VALUE_KEY, key);
    field_put(at, OTLP_KEY_VALUE_VALUE, any_value);
    return replace_fields(a, message, number, &key, bytes_of(field, n));
}

struct bytes message_attribute_delete(struct arena *a, struct bytes message, uint32_t number, struct bytes key)
{
    return replace_fields(a, message, number, &key, bytes_of(NULL, 0));
}

/* The fields of number `from` alone, as fields of number `to`: both are below 16, so their tags are one byte. */
static uint8_t *copy_fields(uint8_t *at, struct bytes message, uint32_t from, uint32_t to)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == from && f.wire == PB_LEN)
            at = field_put(at, to, f.bytes);
    return at;
}

struct bytes message_map(struct arena *a, struct bytes message, uint32_t number)
{
    uint8_t *start = arena_alloc_bytes(a, message.len + 1);

    return bytes_of(start, (size_t)(copy_fields(start, message, number, OTLP_LIST_VALUES) - start));
}

struct bytes message_map_set(struct arena *a, struct bytes message, uint32_t number, struct bytes map)
{
    uint8_t *start = arena_alloc_bytes(a, map.len + 1);

    return message_replace(a, message, number,
                           bytes_of(start, (size_t)(copy_fields(start, map, OTLP_LIST_VALUES, number) - start)));
}
