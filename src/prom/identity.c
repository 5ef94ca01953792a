/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/identity.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SMALLEST 256u
#define MOVES 16u /* old slots moved with each insertion: they are done long before the next growth */
#define REMOVED 1u

void table_init(struct table *t, uint64_t (*hash_of)(const void *), struct budget *budget)
{
    *t = (struct table){ .mask = SMALLEST - 1, .hash_of = hash_of, .budget = budget };
    t->slots = mem_zalloc(SMALLEST * sizeof(*t->slots));
    budget_charge(budget, SMALLEST * sizeof(*t->slots));
}

static void drop_array(struct table *t, uint64_t *slots, uint64_t mask)
{
    if (slots == NULL)
        return;
    budget_give(t->budget, (mask + 1) * sizeof(*slots));
    free(slots);
}

void table_free(struct table *t)
{
    drop_array(t, t->slots, t->mask);
    drop_array(t, t->old, t->old_mask);
    t->slots = t->old = NULL;
}

static bool put(struct table *t, void *entry, uint64_t hash)
{
    uint64_t at = hash & t->mask;

    for (unsigned i = 0; i < TABLE_PROBES; i++, at = (at + 1) & t->mask) {
        if (t->slots[at] > REMOVED)
            continue;
        t->n_used += t->slots[at] == 0;
        t->slots[at] = table_tag(hash) | (uint64_t)(uintptr_t)entry;
        return true;
    }
    return false;
}

static void move_some(struct table *t, uint64_t n)
{
    for (; n > 0 && t->moved <= t->old_mask; n--, t->moved++) {
        uint64_t slot = t->old[t->moved];

        if (slot > REMOVED && put(t, table_entry(slot), t->hash_of(table_entry(slot)))) {
            t->old[t->moved] = REMOVED;
            t->old_n--;
        }
    }
    if (t->old_n == 0) {
        drop_array(t, t->old, t->old_mask);
        t->old = NULL;
    }
}

static void begin_growth(struct table *t)
{
    uint64_t size = SMALLEST;

    while (size < 2 * t->n)
        size *= 2;
    t->old = t->slots;
    t->old_mask = t->mask;
    t->old_n = t->n;
    t->moved = 0;
    t->mask = size - 1;
    t->n_used = 0;
    t->slots = calloc(size, sizeof(*t->slots));
    assert(t->slots != NULL);
    budget_charge(t->budget, size * sizeof(*t->slots));
}

bool table_insert(struct table *t, void *entry, uint64_t hash)
{
    if (t->old != NULL)
        move_some(t, MOVES);
    if (4 * (t->n_used + 1) > 3 * (t->mask + 1)) {
        if (t->old != NULL) /* what is left there found no room in the new array: somebody crowds the table */
            return false;
        begin_growth(t);
    }
    if (!put(t, entry, hash))
        return false;
    t->n++;
    return true;
}

static bool remove_from(uint64_t *slots, uint64_t mask, const void *entry, uint64_t hash)
{
    uint64_t at = hash & mask;

    for (unsigned i = 0; i < TABLE_PROBES && slots[at] != 0; i++, at = (at + 1) & mask)
        if (table_entry(slots[at]) == entry) {
            slots[at] = REMOVED;
            return true;
        }
    return false;
}

void table_remove(struct table *t, const void *entry, uint64_t hash)
{
    if (!remove_from(t->slots, t->mask, entry, hash)) {
        bool found = t->old != NULL && remove_from(t->old, t->old_mask, entry, hash);

        assert(found);
        t->old_n -= found;
    }
    t->n--;
}

uint64_t identity_hash(uint64_t seed, struct bytes raw)
{
    return XXH3_64bits_withSeed(raw.data, raw.len, seed);
}

uint64_t identity_hash_of(const void *entry)
{
    return ((const struct identity *)entry)->hash;
}
