/* SPDX-License-Identifier: Apache-2.0 */
/* A request put together anew from parts of others: who groups items differently, or makes some of his own, builds it
 * here.
 *
 * It is a tree of messages. A message is a row of parts in the order they were put: whole fields, the content of one
 * field that is a message, or messages that grow in their turn. Parts are not copied: their bytes stay where they are
 * until the batch is made, or are kept (assembly_keep) in the assembly's own memory. Messages are found again by a
 * digest that their maker gave them. */
#ifndef OTLP_ASSEMBLY_H
#define OTLP_ASSEMBLY_H

#include "base/arena.h"
#include "base/vec.h"
#include "otlp/batch.h"
#include "otlp/digest.h"

struct message;

/* One part; who keeps the pointer may give it other bytes (of a field's content) until the batch is made. */
struct message_part {
    struct message_part *next;
    struct bytes bytes;
    struct message *child; /* NULL: bytes */
    uint32_t number;       /* the field whose content the bytes are; 0: they are whole fields */
};

struct message {
    struct message_part *first, **last;
    struct digest key; /* for its maker */
    uint32_t number;
    uint32_t n_parts;
    size_t len; /* while the batch is made */
    void *user;
};

struct known_message {
    struct digest key;
    struct message *message; /* NULL: a free slot */
};

struct assembly {
    struct arena arena;
    struct message *root;        /* the request */
    struct known_message *known; /* by digest: open addressing, a power of two of slots */
    size_t n_known, n_slots;     /* taken, in all */
};

void assembly_init(struct assembly *a);
void assembly_free(struct assembly *a);
void assembly_clear(struct assembly *a); /* back to an empty request; some memory is kept */

/* Bytes of memory that it has now: for who charges a budget. */
size_t assembly_size(const struct assembly *a);

/* A message that is in none yet; and put it into one, in the field that it was made for. */
struct message *assembly_new(struct assembly *a, uint32_t number);
void assembly_join(struct assembly *a, struct message *parent, struct message *m);

/* A message in field `number` of `parent`. */
struct message *assembly_add(struct assembly *a, struct message *parent, uint32_t number);
/* The one that was made for this key, or a new one (*made), empty. The key tells the parent too. */
struct message *assembly_find(struct assembly *a, struct message *parent, uint32_t number, const struct digest *key,
                              bool *made);

/* The one that is known by that key, or NULL; and another key for one that is not known by it. */
struct message *assembly_known(const struct assembly *a, const struct digest *key);
void assembly_know(struct assembly *a, const struct digest *key, struct message *m);

void assembly_put(struct assembly *a, struct message *m, struct bytes fields);
struct message_part *assembly_put_field(struct assembly *a, struct message *m, uint32_t number, struct bytes content);

/* A copy that lives as long as the assembly is not cleared. */
struct bytes assembly_keep(struct assembly *a, struct bytes b);

/* The request as a batch in one block, which is charged whatever the budget's limit. The assembly stays as it is. */
struct batch *assembly_batch(struct assembly *a, enum signal signal, struct budget *budget, uint64_t items,
                             uint64_t arrival);

#define ASSEMBLY_DEEPEST 12 /* messages in messages */

/* The same in steps, where a request is so large that it would hold others up. Nothing is put into the assembly from
 * the beginning to the end. */
struct assembly_making {
    struct {
        struct message *message;
        const struct message_part *next;
    } stack[ASSEMBLY_DEEPEST];
    unsigned depth;
    struct block *block; /* NULL: lengths are still added up */
    uint8_t *at;
};

void assembly_make_begin(struct assembly *a, struct assembly_making *k);
/* `most` is in bytes, more or less. True: it is made, and assembly_make_end() follows. */
bool assembly_make_some(struct assembly *a, struct assembly_making *k, struct budget *budget, size_t most);
struct batch *assembly_make_end(struct assembly_making *k, enum signal signal, uint64_t items, uint64_t arrival);
void assembly_make_cancel(struct assembly_making *k); /* instead; no effect on one that has ended, or is zeroed */

#endif
