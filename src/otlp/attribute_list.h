/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of one message, to be read, changed and put back in their place.
 *
 * The message is a row of slots: attributes, and runs of everything else. Reading only points into it; a new value is
 * kept in an arena until the next reading. Of a key that comes twice the first counts; removing and setting it take the
 * others out. Who asks for few keys says so with attribute_list_only(): the attributes that cannot be meant stay in the
 * runs. */
#ifndef OTLP_ATTRIBUTE_LIST_H
#define OTLP_ATTRIBUTE_LIST_H

#include "base/arena.h"
#include "otlp/any_value.h"
#include "otlp/rewrite.h"

struct attribute_slot {
    struct bytes key;   /* no data: a run of what is no attribute, or none that is asked for; equal to no key */
    struct bytes value; /* the content of an AnyValue */
    struct bytes field; /* whole, tag included */
};

struct attribute_list {
    VEC(struct attribute_slot) slots;
    struct arena arena;
    unsigned number; /* of the attributes' field */
    bool changed;
    bool ordered;     /* to be set before a reading: the message's fields are in the order of their numbers */
    uint64_t skipped; /* bit n: nobody asks for a key of n bytes. Longer ones are always read */
};

#define ATTRIBUTE_NONE SIZE_MAX

static inline bool slot_is_attribute(const struct attribute_slot *p)
{
    return p->key.data != NULL;
}

/* Before the first reading: this key is asked for, and others only if there are more such calls. Without one all are.
 */
void attribute_list_only(struct attribute_list *l, struct bytes key);

/* Begin with this message; what it held before is forgotten. */
void attribute_list_read(struct attribute_list *l, struct bytes message, unsigned number);

/* Its index among the slots, or ATTRIBUTE_NONE. */
static inline size_t attribute_list_find(const struct attribute_list *l, struct bytes key)
{
    for (size_t i = 0; i < l->slots.n; i++)
        if (bytes_equal(l->slots.v[i].key, key))
            return i;
    return ATTRIBUTE_NONE;
}

/* Add it, or change its value. Key and value are copied. */
void attribute_list_set(struct attribute_list *l, struct bytes key, struct bytes value);

/* The same for one that is known not to be there. */
void attribute_list_add(struct attribute_list *l, struct bytes key, struct bytes value);

/* The same for one that is encoded, for this field number; its bytes stay where they are until the list was written. */
void attribute_list_add_slot(struct attribute_list *l, const struct attribute_slot *a);

/* Change the value of one that is there, by its index; others of its key go. */
void attribute_list_change(struct attribute_list *l, size_t at, struct bytes value);
/* The same, and others stay: for who changes them too. */
void attribute_list_change_one(struct attribute_list *l, size_t at, struct bytes value);

/* A string as the content of an AnyValue, copied into the arena. */
struct bytes attribute_list_keep(struct attribute_list *l, struct bytes text);

/* False: there was none. */
bool attribute_list_remove(struct attribute_list *l, struct bytes key);
/* Those whose key the function wants. */
void attribute_list_remove_if(struct attribute_list *l, bool (*wanted)(void *arg, struct bytes key), void *arg);

/* The whole message with the attributes as they are now. */
void attribute_list_write(const struct attribute_list *l, struct pieces *out);

void attribute_list_free(struct attribute_list *l);

#endif
