/* SPDX-License-Identifier: Apache-2.0 */
/* table_insert() puts the entry into the first free slot of at most TABLE_PROBES. Before it is too full the next
 * array's pages are touched one by one (fetch_some); then the arrays change places, and with each insertion some
 * entries move over (move_some). Until all have, both are looked at.
 *
 * What can go wrong: the probes find no slot, or entries are left in the old array when the new one is full too:
 * somebody crowds one spot, and the insertion is refused. A slot whose entry went says so (REMOVED), since others stand
 * behind it. */
#include "base/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SMALLEST 512u /* a page */
#define MOVES 8u /* old slots moved with each insertion: done when an eighth of what the new array takes has come */
#define REMOVED 1u

/* Zeroed, page by page as they are used: a large array costs nothing when it is made. */
static uint64_t *new_array(struct table *t, uint64_t size)
{
    size_t bytes = size * sizeof(uint64_t);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        abort();
    }
    budget_charge(t->budget, bytes);
    return p;
}

void table_init(struct table *t, uint64_t (*hash_of)(const void *), struct budget *budget)
{
    *t = (struct table){ .mask = SMALLEST - 1, .hash_of = hash_of, .budget = budget };
    t->slots = new_array(t, SMALLEST);
}

static void drop_array(struct table *t, uint64_t *slots, uint64_t mask)
{
    if (slots == NULL)
        return;
    budget_give(t->budget, (mask + 1) * sizeof(*slots));
    munmap(slots, (mask + 1) * sizeof(*slots));
}

void table_free(struct table *t)
{
    drop_array(t, t->slots, t->mask);
    drop_array(t, t->old, t->old_mask);
    drop_array(t, t->next, t->next_mask);
    t->slots = t->old = t->next = NULL;
}

static bool put_entry(struct table *t, void *entry, uint64_t hash)
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

        if (slot > REMOVED && put_entry(t, table_entry(slot), t->hash_of(table_entry(slot)))) {
            t->old[t->moved] = REMOVED;
            t->old_n--;
        }
    }
    if (t->old_n == 0) {
        drop_array(t, t->old, t->old_mask);
        t->old = NULL;
    }
}

#define PAGE_SLOTS 512u /* of a page of memory */

static bool fuller_than(const struct table *t, uint64_t eighths)
{
    return 8 * (t->n_used + 1) > eighths * (t->mask + 1);
}

/* Half full at most when it takes over, were all of this one's slots used until then live ones. */
static void make_next(struct table *t)
{
    uint64_t size = SMALLEST;

    while (size < 2 * t->n + (t->mask + 1) / 4)
        size *= 2;
    t->next = new_array(t, size);
    t->next_mask = size - 1;
    t->fetched = 0;
}

/* The system hands out memory page by page as it is first written: not all at once, when entries scatter over it. */
static void fetch_some(struct table *t)
{
    if (t->next == NULL)
        make_next(t);
    if (t->n_used % 16 == 0 && t->fetched <= t->next_mask) {
        *(volatile uint64_t *)&t->next[t->fetched] = 0;
        t->fetched += PAGE_SLOTS;
    }
}

static void change_arrays(struct table *t)
{
    t->old = t->slots;
    t->old_mask = t->mask;
    t->old_n = t->n;
    t->moved = 0;
    t->slots = t->next;
    t->mask = t->next_mask;
    t->n_used = 0;
    t->next = NULL;
}

static void begin_growth(struct table *t)
{
    if (t->next == NULL)
        make_next(t);
    change_arrays(t);
}

/* To half its size, of which at most an eighth is taken then: all have moved before it could be full. */
static void begin_shrinking(struct table *t)
{
    drop_array(t, t->next, t->next_mask);
    t->next_mask = t->mask / 2;
    t->next = new_array(t, t->next_mask + 1);
    change_arrays(t);
}

void table_settle(struct table *t, uint64_t n)
{
    if (t->old == NULL && t->mask >= SMALLEST && t->n < (t->mask + 1) / 16)
        begin_shrinking(t);
    if (t->old != NULL)
        move_some(t, n);
}

bool table_insert(struct table *t, void *entry, uint64_t hash)
{
    if (t->old != NULL)
        move_some(t, MOVES);
    if (fuller_than(t, 6)) {
        if (t->old != NULL) /* what is left there found no room in the new array: somebody crowds the table */
            return false;
        begin_growth(t);
    } else if (t->old == NULL && fuller_than(t, 5)) {
        fetch_some(t);
    }
    if (!put_entry(t, entry, hash))
        return false;
    t->n++;
    return true;
}

static uint64_t *slot_of(uint64_t *slots, uint64_t mask, const void *entry, uint64_t hash)
{
    uint64_t at = hash & mask;

    for (unsigned i = 0; i < TABLE_PROBES && slots[at] != 0; i++, at = (at + 1) & mask)
        if (table_entry(slots[at]) == entry)
            return &slots[at];
    return NULL;
}

static bool remove_from(uint64_t *slots, uint64_t mask, const void *entry, uint64_t hash)
{
    uint64_t *slot = slot_of(slots, mask, entry, hash);

    if (slot != NULL)
        *slot = REMOVED;
    return slot != NULL;
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

void table_replace(struct table *t, const void *entry, void *other, uint64_t hash)
{
    uint64_t *slot = slot_of(t->slots, t->mask, entry, hash);

    if (slot == NULL && t->old != NULL)
        slot = slot_of(t->old, t->old_mask, entry, hash);
    assert(slot != NULL);
    *slot = table_tag(hash) | (uint64_t)(uintptr_t)other;
}
