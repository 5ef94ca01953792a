/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of one message, to be read, changed and put back in their place.
 *
 * Reading keeps places in the message; a new value is kept in an arena until the next reading. Of a key that comes
 * twice the first counts; removing and setting it take the others out. */
#ifndef OTLP_ATTRIBUTE_LIST_H
#define OTLP_ATTRIBUTE_LIST_H

#include "base/arena.h"
#include "otlp/any_value.h"
#include "otlp/rewrite.h"

struct listed {
    struct bytes key;
    struct bytes value; /* the content of an AnyValue */
    struct bytes field; /* as it stands in the message, tag included; no data: it is new */
};

struct attribute_list {
    VEC(struct listed) all;
    VEC(struct bytes) before, after; /* runs of the message's other fields, around the first attribute */
    struct arena arena;
    unsigned number; /* of the attributes' field */
    bool changed;
};

#define ATTRIBUTE_NONE SIZE_MAX

/* Begin with this message; what it held before is forgotten. */
void attribute_list_read(struct attribute_list *l, struct bytes message, unsigned number);

/* Its place, or ATTRIBUTE_NONE. */
static inline size_t attribute_list_find(const struct attribute_list *l, struct bytes key)
{
    for (size_t i = 0; i < l->all.n; i++)
        if (bytes_equal(l->all.v[i].key, key))
            return i;
    return ATTRIBUTE_NONE;
}

/* Add it, or change its value. The value's bytes must stay until the list is written or hold in the arena. */
void attribute_list_set(struct attribute_list *l, struct bytes key, struct bytes value);

/* The same for one that is known not to be there. */
void attribute_list_add(struct attribute_list *l, struct bytes key, struct bytes value);

/* Change the value of one that is there, by its place. */
void attribute_list_change(struct attribute_list *l, size_t at, struct bytes value);

/* A string as the content of an AnyValue, copied into the arena. */
struct bytes attribute_list_keep(struct attribute_list *l, struct bytes text);

/* False: there was none. */
bool attribute_list_remove(struct attribute_list *l, struct bytes key);
void attribute_list_remove_at(struct attribute_list *l, size_t at);

/* The whole message with the attributes as they are now. */
void attribute_list_write(struct attribute_list *l, struct pieces *out);
/* Only the attributes, each with its tag. */
void attribute_list_write_attributes(struct attribute_list *l, struct pieces *out);

void attribute_list_free(struct attribute_list *l);

#endif
