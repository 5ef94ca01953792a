/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are kept as the fields they are sent as, so that merging two sorted lists copies pointers and writing version
 * 1 copies bytes. Symbols are a hash table of numbers over the message's own text; it is emptied, not freed, between
 * messages.
 *
 * All that is read here was written here: there is nothing to check. */
#include "prom/remote_write/remote_write_labels.h"

#include "codec/pb.h"
#include "prom/model/labels.h"
#include "prom/model/remote_write_fields.h"

#include <stdlib.h>

/* ---- labels ---- */

size_t label_field_size(size_t name_len, size_t value_len)
{
    if (name_len + value_len < 0x80 - 4)
        return 6 + name_len + value_len; /* each length is one byte */
    return pb_len_size(pb_len_size(name_len) + pb_len_size(value_len));
}

/* Names and values are short: a call would cost more than the copy. */
static inline uint8_t *put_short(uint8_t *p, struct bytes s)
{
    uint64_t first, last;

    if (s.len < 8 || s.len > 16) {
        if (s.len > 0)
            memcpy(p, s.data, s.len);
        return p + s.len;
    }
    memcpy(&first, s.data, 8);
    memcpy(&last, s.data + s.len - 8, 8);
    memcpy(p, &first, 8);
    memcpy(p + s.len - 8, &last, 8);
    return p + s.len;
}

static inline uint8_t *put_length(uint8_t *p, size_t len)
{
    if (len < 0x80) {
        *p = (uint8_t)len;
        return p + 1;
    }
    return p + pb_put_varint_at(p, len);
}

static inline uint8_t *put_string(uint8_t *p, uint8_t tag, struct bytes s)
{
    *p++ = tag;
    return put_short(put_length(p, s.len), s);
}

uint8_t *label_field_write(uint8_t *p, struct bytes name, struct bytes value)
{
    *p++ = PB_TAG(V1_LABELS, PB_LEN);
    p = put_length(p, pb_len_size(name.len) + pb_len_size(value.len));
    p = put_string(p, PB_TAG(LABEL_NAME, PB_LEN), name);
    return put_string(p, PB_TAG(LABEL_VALUE, PB_LEN), value);
}

void label_field_put(struct buf *out, struct bytes name, struct bytes value)
{
    uint8_t *p = buf_reserve(out, label_field_size(name.len, value.len));

    out->len = (size_t)(label_field_write(p, name, value) - out->data);
}

void label_fields_put(struct buf *out, struct bytes rendered)
{
    struct buf name = { 0 }, value = { 0 };

    for (struct label l; labels_next(&rendered, &l);) {
        name.len = value.len = 0;
        labels_put_unescaped(&name, l.name);
        labels_put_unescaped(&value, l.value);
        if (value.len > 0)
            label_field_put(out, buf_bytes(&name), buf_bytes(&value));
    }
    buf_free(&name);
    buf_free(&value);
}

/* A field of our own writing, the tag left out. */
static const uint8_t *read_string(const uint8_t *p, struct bytes *s)
{
    uint64_t len = *p++;

    if (len >= 0x80) {
        p--;
        (void)pb_varint(&p, p + 10, &len);
    }
    *s = bytes_of(p, (size_t)len);
    return p + len;
}

bool label_field_next(struct bytes *rest, struct label_field *f)
{
    const uint8_t *p = rest->data, *end;
    struct bytes label;

    if (rest->len == 0)
        return false;
    end = read_string(p + 1, &label);
    read_string(read_string(label.data + 1, &f->name) + 1, &f->value);
    f->field = bytes_of(p, (size_t)(end - p));
    *rest = bytes_of(end, rest->len - (size_t)(end - p));
    return true;
}

void label_fields_list(label_field_list *out, struct bytes fields)
{
    for (struct label_field f; label_field_next(&fields, &f);)
        *vec_push(out) = f;
}

void label_fields_merge(label_field_list *out, const label_field_list *a, const label_field_list *b)
{
    size_t i = 0, j = 0;

    out->n = 0;
    while (i < a->n && j < b->n) {
        int order = bytes_compare(a->v[i].name, b->v[j].name);

        *vec_push(out) = order < 0 ? a->v[i] : b->v[j];
        i += order <= 0;
        j += order >= 0;
    }
    while (i < a->n)
        *vec_push(out) = a->v[i++];
    while (j < b->n)
        *vec_push(out) = b->v[j++];
}

/* ---- symbols ---- */

#define SYMBOLS_FIRST 1024

static void put_slot(struct symbols *s, uint64_t hash, uint32_t number)
{
    size_t mask = s->slots.n - 1, at = hash & mask;

    while (s->slots.v[at] != 0)
        at = (at + 1) & mask;
    s->slots.v[at] = (hash >> 32 << 32) | (number + 1);
}

struct bytes symbols_text(const struct symbols *s, uint32_t number)
{
    return bytes_of(s->fields.data + s->starts.v[number], s->ends.v[number] - s->starts.v[number]);
}

static void set_slots(struct symbols *s, size_t n)
{
    free(s->slots.v);
    s->slots.v = mem_zalloc(n * sizeof(*s->slots.v));
    s->slots.n = s->slots.cap = n;
    for (uint32_t i = 0; i < s->ends.n; i++)
        put_slot(s, bytes_hash(symbols_text(s, i)), i);
}

static uint32_t add_symbol(struct symbols *s, uint64_t hash, struct bytes string)
{
    uint32_t number = (uint32_t)s->ends.n;

    if (s->ends.n * 2 >= s->slots.n)
        set_slots(s, s->slots.n * 2);
    pb_put_tag(&s->fields, V2_SYMBOLS, PB_LEN);
    pb_put_varint(&s->fields, string.len);
    *vec_push(&s->starts) = (uint32_t)s->fields.len;
    buf_put(&s->fields, string);
    *vec_push(&s->ends) = (uint32_t)s->fields.len;
    put_slot(s, hash, number);
    return number;
}

void symbols_clear(struct symbols *s)
{
    s->fields.len = 0;
    s->starts.n = s->ends.n = 0;
    if (s->slots.n == 0)
        set_slots(s, SYMBOLS_FIRST);
    else
        memset(s->slots.v, 0, s->slots.n * sizeof(*s->slots.v));
    add_symbol(s, bytes_hash(bytes_of("", 0)), bytes_of("", 0));
}

void symbols_free(struct symbols *s)
{
    vec_free(&s->slots);
    vec_free(&s->starts);
    vec_free(&s->ends);
    buf_free(&s->fields);
}

uint32_t symbols_number(struct symbols *s, struct bytes string)
{
    uint64_t hash = bytes_hash(string);
    size_t mask = s->slots.n - 1;

    for (size_t at = hash & mask; s->slots.v[at] != 0; at = (at + 1) & mask)
        if (s->slots.v[at] >> 32 == hash >> 32 && bytes_equal(symbols_text(s, (uint32_t)s->slots.v[at] - 1), string))
            return (uint32_t)s->slots.v[at] - 1;
    return add_symbol(s, hash, string);
}
