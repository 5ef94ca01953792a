/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of remote write messages, and the symbols that stand for them.
 *
 * Labels are merged as fields of a TimeSeries of version 1 (`0a len 0a name 12 value`), sorted by name;
 * version 1 copies them, version 2 looks their two strings up in the message's table of symbols. */
#ifndef PROM_REMOTE_WRITE_LABELS_H
#define PROM_REMOTE_WRITE_LABELS_H

#include "base/buf.h"
#include "base/vec.h"

/* Append the fields of rendered labels (prom/model/labels.h) to `out`; those without a value are left out. */
void label_fields_put(struct buf *out, struct bytes rendered);
void label_field_put(struct buf *out, struct bytes name, struct bytes value);

/* One field of such a list. Without .field.data it is put together from the two strings; .field.len is right anyway. */
struct label_field {
    struct bytes field, name, value;
};

size_t label_field_size(size_t name_len, size_t value_len);

/* Write one, that long, and return its end. */
uint8_t *label_field_write(uint8_t *p, struct bytes name, struct bytes value);

typedef VEC(struct label_field) label_field_list;

/* The first of *rest, which label_field_put wrote and nobody else. False at the end. */
bool label_field_next(struct bytes *rest, struct label_field *f);

/* All of them, behind what is in `out`. */
void label_fields_list(label_field_list *out, struct bytes fields);

/* `a` and `b` in one sorted list, which becomes *out; where a name is in both, b's stays. */
void label_fields_merge(label_field_list *out, const label_field_list *a, const label_field_list *b);

/* Strings by number. Zeroed at first. */
struct symbols {
    VEC(uint64_t) slots; /* hash's upper half << 32 | 1 + number; 0 = free; a power of two of them */
    VEC(uint32_t) ends;  /* of each string's field in `fields` */
    VEC(uint32_t) starts;
    struct buf fields; /* `22 len string`, as in the message */
};

void symbols_clear(struct symbols *s); /* only number 0, the empty string, is left */
void symbols_free(struct symbols *s);
uint32_t symbols_number(struct symbols *s, struct bytes string);
struct bytes symbols_text(const struct symbols *s, uint32_t number); /* valid until the next symbols_number */

#endif
