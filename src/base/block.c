/* SPDX-License-Identifier: Apache-2.0 */
/* A block is one allocation, head and bytes, whose charge goes with it until the last reference. block_new() and
 * block_grow() without force may be refused by the budget or the system, and then nothing has changed; whoever cannot
 * be refused forces, and the budget is overdrawn instead. */
#include "base/block.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t charge_of(size_t cap)
{
    return sizeof(struct block) + cap;
}

static struct block *fill_head(struct block *b, struct budget *budget, size_t cap)
{
    b->refs = 1;
    b->cap = cap;
    b->budget = budget;
    return b;
}

struct block *block_new(struct budget *budget, size_t cap)
{
    struct block *b;

    if (cap > SIZE_MAX / 2)
        return NULL;
    if (budget != NULL && !budget_take(budget, charge_of(cap)))
        return NULL;
    b = malloc(sizeof(*b) + cap);
    if (b == NULL) {
        if (budget != NULL)
            budget_give(budget, charge_of(cap));
        return NULL;
    }
    return fill_head(b, budget, cap);
}

struct block *block_force(struct budget *budget, size_t cap)
{
    if (budget != NULL)
        budget_charge(budget, charge_of(cap));
    return fill_head(mem_alloc(sizeof(struct block) + cap), budget, cap);
}

void block_unref(struct block *b)
{
    assert(b->refs > 0);
    if (--b->refs > 0)
        return;
    if (b->budget != NULL)
        budget_give(b->budget, charge_of(b->cap));
    free(b);
}

void block_adopt(struct block *b, struct budget *budget)
{
    assert(b->refs == 1 && b->budget == NULL);
    budget_charge(budget, charge_of(b->cap));
    b->budget = budget;
}

struct block *block_shrink(struct block *b, size_t len)
{
    assert(b->refs == 1 && len <= b->cap);
    if (b->budget != NULL)
        budget_give(b->budget, b->cap - len);
    b->cap = len;
    return mem_realloc(b, sizeof(*b) + len);
}

struct block *block_grow(struct block *b, size_t cap, bool force)
{
    size_t more = cap - b->cap;
    struct block *grown;

    assert(b->refs == 1 && cap >= b->cap);
    if (!force && (cap > SIZE_MAX / 2 || (b->budget != NULL && !budget_take(b->budget, more))))
        return NULL;
    if (force && b->budget != NULL)
        budget_charge(b->budget, more);
    grown = force ? mem_realloc(b, sizeof(*b) + cap) : realloc(b, sizeof(*b) + cap);
    if (grown == NULL) {
        if (b->budget != NULL)
            budget_give(b->budget, more);
        return NULL;
    }
    grown->cap = cap;
    return grown;
}
