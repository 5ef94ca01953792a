/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table whose keys are trace ids. Members are parts of their owners' structs and stay where they are; the
 * strangers who choose the ids do not know the hash's seed. */
#ifndef PROCESSOR_TAIL_SAMPLING_ID_TABLE_H
#define PROCESSOR_TAIL_SAMPLING_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_ID_SIZE 16u

struct id_member {
    struct id_member *next; /* in its slot */
    uint64_t hash;
    uint8_t id[TRACE_ID_SIZE];
};

struct id_table {
    struct id_member **slots; /* a power of two */
    size_t n_slots, n;
};

void id_table_init(struct id_table *t);
void id_table_free(struct id_table *t); /* it is empty */

uint64_t id_hash(const uint8_t id[TRACE_ID_SIZE]);

/* NULL: not there. */
struct id_member *id_table_find(const struct id_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash);

/* Sets the member's id and hash, which must not be there yet. */
void id_table_add(struct id_table *t, struct id_member *m, const uint8_t id[TRACE_ID_SIZE], uint64_t hash);
void id_table_remove(struct id_table *t, struct id_member *m);

/* Bytes that the table takes beside its members. */
static inline uint64_t id_table_bytes(const struct id_table *t)
{
    return t->n_slots * sizeof(struct id_member *);
}

#endif
