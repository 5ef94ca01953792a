/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with linear probing. A member that leaves is followed by those that stood where they are because of it:
 * they move up, so that no slot has to remember that something was there. The bytes that are hashed come from
 * strangers; bytes_hash() is seeded, and its owners bound how many members there are. */
#include "otlp/metadata_table.h"

#include "base/mem.h"
#include "base/unconst.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 16

void metadata_table_init(struct metadata_table *t, const struct strings *keys)
{
    *t = (struct metadata_table){ .keys = keys };
    list_init(&t->members);
}

void metadata_table_free(struct metadata_table *t)
{
    assert(t->n == 0);
    free(t->slots);
    buf_free(&t->key);
}

/* Where a member of that key is, or would stand. */
static size_t find_slot(const struct metadata_table *t, struct bytes key, uint64_t hash)
{
    size_t mask = t->n_slots - 1, at = hash & mask;

    while (t->slots[at] != NULL && (t->slots[at]->hash != hash || !bytes_equal(t->slots[at]->key, key)))
        at = (at + 1) & mask;
    return at;
}

static void place_member(struct metadata_table *t, struct metadata_member *member)
{
    t->slots[find_slot(t, member->key, member->hash)] = member;
}

static void grow_slots(struct metadata_table *t)
{
    free(t->slots);
    t->n_slots = t->n_slots > 0 ? 2 * t->n_slots : FIRST_SLOTS;
    t->slots = mem_zalloc(t->n_slots * sizeof(struct metadata_member *));
    list_each (struct metadata_member, member, &t->members, link)
        place_member(t, member);
}

struct metadata_member *metadata_table_find(struct metadata_table *t, const struct metadata *m)
{
    metadata_key(&t->key, t->keys, m);
    if (t->n == 0)
        return NULL;
    return t->slots[find_slot(t, buf_bytes(&t->key), bytes_hash(buf_bytes(&t->key)))];
}

void metadata_table_add(struct metadata_table *t, struct metadata_member *member, const struct metadata *m)
{
    size_t len = t->key.len;
    uint8_t *key = mem_alloc(len);

    if (len > 0)
        memcpy(key, t->key.data, len);
    member->key = bytes_of(key, len);
    member->hash = bytes_hash(member->key);
    member->metadata = metadata_choose(t->keys, m);
    if (2 * t->n >= t->n_slots)
        grow_slots(t);
    place_member(t, member);
    list_push(&t->members, &member->link);
    t->n++;
}

void metadata_table_remove(struct metadata_table *t, struct metadata_member *member)
{
    size_t mask = t->n_slots - 1, at = find_slot(t, member->key, member->hash);

    assert(t->slots[at] == member);
    t->slots[at] = NULL;
    for (at = (at + 1) & mask; t->slots[at] != NULL; at = (at + 1) & mask) {
        struct metadata_member *moved = t->slots[at];

        t->slots[at] = NULL;
        place_member(t, moved);
    }
    list_remove(&member->link);
    t->n--;
    metadata_unref(member->metadata);
    free_const(member->key.data);
}
