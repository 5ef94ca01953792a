/* SPDX-License-Identifier: Apache-2.0 */
/* Single fields of a message, read where they are and changed in a copy. */
#ifndef OTTL_MESSAGE_H
#define OTTL_MESSAGE_H

#include "base/arena.h"
#include "otlp/any_value.h"

/* How long a field of bytes is, tag and all, and how it is written where there is room; returns what follows. */
static inline size_t field_len(uint32_t number, size_t content)
{
    return pb_varint_len(PB_TAG(number, PB_LEN)) + pb_varint_len(content) + content;
}

static inline uint8_t *field_put(uint8_t *at, uint32_t number, struct bytes content)
{
    at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
    at += pb_put_varint_at(at, content.len);
    if (content.len > 0)
        memcpy(at, content.data, content.len);
    return at + content.len;
}

/* The last field of that number. */
bool message_find(struct bytes message, uint32_t number, struct pb_field *field);
/* Where the last field of each small number begins, for a message that is asked again and again. */
#define INDEXED_FIELDS 24u
struct message_index {
    const uint8_t *data; /* of the message that it is of; NULL: of none */
    size_t len;
    const uint8_t *next; /* what is from here on is not in it yet: of a message in order, as far as it was asked for */
    uint32_t asked;      /* how often since it began */
    uint32_t known;      /* bit n: there is a field n, and at[n] is its offset */
    bool worth; /* the one before was asked more than once: then an index is less work than to look each time */
    uint32_t at[INDEXED_FIELDS];
};

/* The next item: the index is of no message. */
static inline void message_index_begin(struct message_index *index)
{
    index->worth = index->asked > 1;
    index->asked = 0;
    index->data = NULL;
}

/* The same as message_find(). The index becomes that of the message when it is another's. */
bool message_find_indexed(struct message_index *index, struct bytes message, uint32_t number, struct pb_field *field);

/* The number that is in the index, where it is small. */
static inline bool message_index_number(const struct message_index *index, uint32_t number, uint64_t *v)
{
    const uint8_t *p;

    if (number >= 16 || (index->known >> number & 1) == 0)
        return false;
    p = index->data + index->at[number];
    *v = p[1]; /* of a varint there is at least a byte */
    return p[0] == PB_TAG(number, PB_VARINT) && p[1] < 0x80;
}

/* The rest of message_number_indexed(). */
uint64_t message_number_found(struct message_index *index, struct bytes message, uint32_t number, bool ordered);

/* The value of a field that is a number, below INDEXED_FIELDS; 0 where it is missing. Of a message whose fields are in
 * the order of their numbers (`ordered`) those behind it are not looked at. */
static inline uint64_t message_number_indexed(struct message_index *index, struct bytes message, uint32_t number,
                                              bool ordered)
{
    uint64_t v;

    if (index->data == message.data && index->len == message.len && message_index_number(index, number, &v)) {
        index->asked++;
        return v;
    }
    return message_number_found(index, message, number, ordered);
}

/* The content of a field that is bytes; none where it is missing. */
struct bytes message_bytes(struct bytes message, uint32_t number);

/* The message with `field`, tag and all or nothing, in the place of all fields of that number; at the end when there
 * was none. In the arena. */
struct bytes message_replace(struct arena *a, struct bytes message, uint32_t number, struct bytes field);
/* The same, with the content of a field that is bytes. */
struct bytes message_replace_bytes(struct arena *a, struct bytes message, uint32_t number, struct bytes content);

/* The value of an attribute, the content of an AnyValue; false: there is none of that key. */
bool message_attribute(struct bytes message, uint32_t number, struct bytes key, struct bytes *any_value);
/* The same of a message whose fields are in the order of their numbers. */
bool message_attribute_ordered(struct bytes message, uint32_t number, struct bytes key, struct bytes *any_value);
/* The message with that value of the attribute, others of its key gone; or without it. */
struct bytes message_attribute_set(struct arena *a, struct bytes message, uint32_t number, struct bytes key,
                                   struct bytes any_value);
struct bytes message_attribute_delete(struct arena *a, struct bytes message, uint32_t number, struct bytes key);

/* All attributes as the content of a KeyValueList, and back. */
struct bytes message_map(struct arena *a, struct bytes message, uint32_t number);
struct bytes message_map_set(struct arena *a, struct bytes message, uint32_t number, struct bytes map);

#endif
