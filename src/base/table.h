/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of entries that its holder owns: tagged pointers, 8 bytes a slot, open addressing.
 *
 * It grows in slices: the new array's pages are fetched one by one before it is needed, and with each insertion a few
 * slots of the old array move to it, so that no single insertion takes long. Probes are bounded: where strangers have
 * crowded one spot, insertion refuses. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/budget.h"
#include "base/bytes.h"

struct table {
    uint64_t *slots; /* tag << 48 | pointer; 0 = free, 1 = was one */
    uint64_t mask;   /* slots - 1 */
    uint64_t *old;   /* the array before this one, while it is moved; else NULL */
    uint64_t old_mask;
    uint64_t old_n; /* entries that are still in it */
    uint64_t moved; /* how many of its slots are done */
    uint64_t *next; /* the array after this one, while its pages are fetched; else NULL */
    uint64_t next_mask;
    uint64_t fetched; /* of its slots */
    uint64_t n;       /* entries */
    uint64_t n_used;  /* slots of the newest array that are not free */
    uint64_t (*hash_of)(const void *entry);
    struct budget *budget; /* charged whatever its limit says */
};

#define TABLE_PROBES 512

void table_init(struct table *t, uint64_t (*hash_of)(const void *), struct budget *budget);
void table_free(struct table *t); /* the entries stay */

/* False when there are too many near its slot. The entry is not there already. */
bool table_insert(struct table *t, void *entry, uint64_t hash);
void table_remove(struct table *t, const void *entry, uint64_t hash);

/* Now and then, from who sweeps: move what is in up to n slots that a change of size has left behind (insertions do it
 * too, but there may be none), and begin to halve a table of which less than a sixteenth is taken. */
void table_settle(struct table *t, uint64_t n);

/* There is nothing more for table_settle() to move. */
static inline bool table_is_settled(const struct table *t)
{
    return t->old == NULL || t->moved > t->old_mask;
}

/* `entry` is there; `other`, of the same hash, is not and takes its place. */
void table_replace(struct table *t, const void *entry, void *other, uint64_t hash);

/* Bytes of its arrays. */
static inline uint64_t table_size(const struct table *t)
{
    uint64_t n = t->mask + 1;

    n += t->old != NULL ? t->old_mask + 1 : 0;
    n += t->next != NULL ? t->next_mask + 1 : 0;
    return n * sizeof(*t->slots);
}

static inline void *table_entry(uint64_t slot)
{
    return (void *)(uintptr_t)(slot & 0xffffffffffffull); // NOLINT(performance-no-int-to-ptr)
}

static inline uint64_t table_tag(uint64_t hash)
{
    return hash >> 48 << 48;
}

static inline void table_prefetch(const struct table *t, uint64_t hash)
{
    __builtin_prefetch(&t->slots[hash & t->mask]);
}

static inline void *table_find_in(const uint64_t *slots, uint64_t mask, uint64_t hash,
                                  bool (*same)(const void *entry, const void *key), const void *key)
{
    uint64_t at = hash & mask;

    for (unsigned i = 0; i < TABLE_PROBES && slots[at] != 0; i++, at = (at + 1) & mask)
        if (((slots[at] ^ hash) >> 48) == 0 && table_entry(slots[at]) > (void *)1 && same(table_entry(slots[at]), key))
            return table_entry(slots[at]);
    return NULL;
}

/* The entry that same() says it is, or NULL. */
static inline void *table_find(const struct table *t, uint64_t hash, bool (*same)(const void *entry, const void *key),
                               const void *key)
{
    void *found = table_find_in(t->slots, t->mask, hash, same, key);

    return found != NULL || t->old == NULL ? found : table_find_in(t->old, t->old_mask, hash, same, key);
}

/* The first entry that may be the one looked for, unseen: for prefetching it. */
static inline const void *table_guess(const struct table *t, uint64_t hash)
{
    uint64_t at = hash & t->mask;

    for (unsigned i = 0; i < 8 && t->slots[at] != 0; i++, at = (at + 1) & t->mask)
        if (((t->slots[at] ^ hash) >> 48) == 0)
            return table_entry(t->slots[at]);
    return NULL;
}

#endif
