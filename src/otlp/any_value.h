/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of OTLP, read in place, and their values as the text of a label. */
#ifndef OTLP_ANY_VALUE_H
#define OTLP_ANY_VALUE_H

#include "base/buf.h"
#include "codec/pb.h"

/* A KeyValue: its key and the bytes of its AnyValue (empty when there is none). */
struct attribute {
    struct bytes key;
    struct bytes value;
};

/* Of the bytes of one KeyValue. */
struct attribute attribute_of(struct bytes key_value);

/* The next field `number` of `r`, which is a KeyValue; other fields are passed over. */
static inline bool attribute_next(struct pb_reader *r, uint32_t number, struct attribute *a)
{
    for (struct pb_field f; pb_next(r, &f);)
        if (f.number == number && f.wire == PB_LEN) {
            *a = attribute_of(f.bytes);
            return true;
        }
    return false;
}

/* The value of the first attribute with that key, among the fields `number` of a message. */
bool attribute_find(struct bytes message, uint32_t number, struct bytes key, struct bytes *value);

/* KeyValues put end to end, each with the head of its field: of those with one key only the last stays, where it is. */
void attributes_keep_last(struct buf *fields);

/* A value by its type. */
enum value_type { VALUE_EMPTY, VALUE_STRING, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_ARRAY, VALUE_MAP, VALUE_BYTES };

struct value {
    enum value_type type;
    union {
        struct bytes bytes; /* STRING, BYTES; ARRAY, MAP: the content of the ArrayValue or KeyValueList */
        bool boolean;
        int64_t integer;
        double number;
    };
};

struct value value_read(struct bytes any_value);

/* Append the content of an AnyValue; ARRAY and MAP as value_read() gives them. */
void value_put(struct buf *out, const struct value *v);

struct json_node; /* codec/json_tree.h */
enum json_numbers {
    JSON_NUMBERS_DOUBLE, /* all of them */
    JSON_NUMBERS_WHOLE,  /* those without a fraction are integers */
};

/* The same of a JSON value; null is an empty one. It goes as deep as the tree, whose rules bound that. */
void any_value_put_json(struct buf *out, const struct json_node *n, enum json_numbers numbers);

/* The same type and the same content; maps whatever their order. Doubles as IEEE compares them. */
bool value_equal(const struct value *a, const struct value *b);

/* Append the text of an AnyValue: strings as they are, numbers in decimal, bytes as base64, arrays and lists of pairs
 * as JSON; nothing for an empty value. */
void any_value_put(struct buf *out, struct bytes any_value);

#endif
