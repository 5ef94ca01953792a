/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of a span of another format: keys with values, in the order they came; of a key that comes twice the last value
 * counts. They are found by a hash, for a stranger's span may have very many. A zeroed struct has none. Keys and
 * values stay where they are, and have to live as long. */
#ifndef SPANS_TAGS_H
#define SPANS_TAGS_H

#include "base/vec.h"
#include "otlp/any_value.h"

struct tag {
    struct bytes key;
    struct value value;
    bool taken; /* it is none any more */
};

struct tags {
    VEC(struct tag) list;
    uint32_t *slots;        /* position in the list + 1; 0: free */
    size_t n_slots;         /* a power of two */
    VEC(struct tag) marked; /* what the list was at the mark; empty: there is none */
};

void tags_clear(struct tags *t);
void tags_free(struct tags *t);

/* Remembers what there is; tags_rewind() goes back to that, as often as is wanted, until they are cleared. */
void tags_mark(struct tags *t);
void tags_rewind(struct tags *t);

void tags_put(struct tags *t, struct bytes key, struct value value);
void tags_put_text(struct tags *t, struct bytes key, struct bytes text);

/* Good until the next is put; NULL: there is none. */
struct tag *tags_find(const struct tags *t, const char *key);
/* The same, and it is none any more. */
const struct tag *tags_take(struct tags *t, const char *key);
/* Its text where it is a string (else empty), and it is none any more. False: there was none. */
bool tags_take_text(struct tags *t, const char *key, struct bytes *text);

/* What is left, as attributes in field `number`. */
void tags_write(const struct tags *t, uint32_t number, struct buf *out);
/* The span's status; nothing where it says nothing. */
void status_write(struct buf *out, uint64_t code, struct bytes message);
/* One attribute. */
void attribute_write(struct buf *out, uint32_t number, struct bytes key, const struct value *value);
void attribute_write_text(struct buf *out, uint32_t number, const char *key, struct bytes text);

#define tags_each(tag_, tags_)                                                                                         \
    for (const struct tag *tag_ = (tags_)->list.v, *end_ = tag_ != NULL ? tag_ + (tags_)->list.n : NULL; tag_ != end_; \
         tag_++)                                                                                                       \
        if (!(tag_)->taken)

#endif
