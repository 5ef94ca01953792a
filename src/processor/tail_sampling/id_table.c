/* SPDX-License-Identifier: Apache-2.0 */
/* A chain in each slot; the slots double when there are as many members. They do not become fewer, for what was needed
 * once is needed again. */
#include "processor/tail_sampling/id_table.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define LEAST_SLOTS 256u

void id_table_init(struct id_table *t)
{
    t->n = 0;
    t->n_slots = LEAST_SLOTS;
    t->slots = mem_zalloc(t->n_slots * sizeof(struct id_member *));
}

void id_table_free(struct id_table *t)
{
    assert(t->n == 0);
    free(t->slots);
    t->slots = NULL;
}

uint64_t id_hash(const uint8_t id[TRACE_ID_SIZE])
{
    return bytes_hash(bytes_of(id, TRACE_ID_SIZE));
}

static struct id_member **slot_of(const struct id_table *t, uint64_t hash)
{
    return &t->slots[hash & (t->n_slots - 1)];
}

static void put_member(struct id_table *t, struct id_member *m)
{
    struct id_member **slot = slot_of(t, m->hash);

    m->next = *slot;
    *slot = m;
}

static void grow_table(struct id_table *t)
{
    struct id_member **old = t->slots;
    size_t n_old = t->n_slots;

    t->n_slots *= 2;
    t->slots = mem_zalloc(t->n_slots * sizeof(struct id_member *));
    for (size_t i = 0; i < n_old; i++)
        for (struct id_member *m = old[i], *next; m != NULL; m = next) {
            next = m->next;
            put_member(t, m);
        }
    free(old);
}

struct id_member *id_table_find(const struct id_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash)
{
    for (struct id_member *m = *slot_of(t, hash); m != NULL; m = m->next)
        if (m->hash == hash && memcmp(m->id, id, TRACE_ID_SIZE) == 0)
            return m;
    return NULL;
}

void id_table_add(struct id_table *t, struct id_member *m, const uint8_t id[TRACE_ID_SIZE], uint64_t hash)
{
    if (t->n == t->n_slots)
        grow_table(t);
    memcpy(m->id, id, TRACE_ID_SIZE);
    m->hash = hash;
    put_member(t, m);
    t->n++;
}

void id_table_remove(struct id_table *t, struct id_member *m)
{
    struct id_member **at = slot_of(t, m->hash);

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    t->n--;
}
