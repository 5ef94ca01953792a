/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that are asked for by name: names have slots, and a message's attributes are read into the slots once,
 * whoever asks. */
#ifndef CONNECTOR_SLOTS_H
#define CONNECTOR_SLOTS_H

#include "codec/pb.h"
#include "otlp/digest.h"
#include "otlp/fields.h"

#define SLOTS_MOST 256u
#define SHORT_MOST 256u /* bytes of what stands in keys as it is */

/* Names, each once. */
struct slot_names {
    struct bytes v[SLOTS_MOST];
    size_t n;
    uint64_t lengths; /* bit n: one has n bytes; bit 63: one has 63 or more */
};

/* A message's attributes: of each name the AnyValue; no data: it has none. */
struct attribute_slots {
    struct bytes message;
    unsigned number; /* of its attributes' field */
    struct bytes v[SLOTS_MOST];
    struct digest digests[SLOTS_MOST]; /* of those that are not short */
};

/* What stands for the bytes in a key: one value may be that of many items, and is copied and hashed with each key. No
 * stranger knows a digest, so none is taken for it. */
static inline struct bytes short_part(struct bytes value, const struct digest *digest)
{
    return value.len <= SHORT_MOST ? value : bytes_of(digest, sizeof(*digest));
}

/* The digest is made if it is needed. */
static inline struct bytes short_part_new(struct bytes value, struct digest *digest)
{
    if (value.len > SHORT_MOST)
        *digest = digest_bytes((struct digest){ 0 }, value);
    return short_part(value, digest);
}

size_t slot_names_add(struct slot_names *names, struct bytes name);

/* Empty slots, for the message; then its attributes, one by one. Or both at once. */
static inline void slots_begin(struct attribute_slots *s, const struct slot_names *names, struct bytes message,
                               unsigned number)
{
    s->message = message;
    s->number = number;
    for (size_t i = 0; i < names->n; i++)
        s->v[i] = bytes_of(NULL, 0);
}

void slots_put(struct attribute_slots *s, const struct slot_names *names, struct bytes key_value);

/* False: no attribute with a key of that length is asked for. Most KeyValues begin with their key, and a key is short.
 */
static inline bool slots_want(const struct slot_names *names, struct bytes key_value)
{
    return key_value.len < 2 || key_value.data[0] != PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN) || key_value.data[1] > 62 ||
           (names->lengths >> key_value.data[1] & 1) != 0;
}

void slots_read(struct attribute_slots *s, const struct slot_names *names, struct bytes message, unsigned number);

#endif
