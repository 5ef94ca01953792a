/* SPDX-License-Identifier: Apache-2.0 */
/* A slot that was given back is the first to be taken again: the free ones are chained through their cells. */
#include "prom/series/slots.h"

#include "base/mem.h"

#include <stdlib.h>

static uint32_t new_slot(struct slots *p)
{
    uint32_t chunk = 31u - (uint32_t)__builtin_clz(p->end / SLOTS_FIRST + 1);

    if (chunk == p->chunks.n)
        *vec_push(&p->chunks) = mem_alloc((SLOTS_FIRST << chunk) * sizeof(uint64_t));
    return p->end++;
}

uint32_t slots_take(struct slots *p, void *entry)
{
    uint32_t slot = p->free > 0 ? p->free - 1 : new_slot(p);
    uint64_t *cell = slots_cell(p, slot);

    if (p->free > 0)
        p->free = (uint32_t)(*cell >> 1);
    *cell = (uint64_t)(uintptr_t)entry;
    p->n++;
    return slot;
}

void slots_give(struct slots *p, uint32_t slot)
{
    *slots_cell(p, slot) = (uint64_t)p->free << 1 | 1;
    p->free = slot + 1;
    p->n--;
}

void slots_free(struct slots *p)
{
    for (size_t i = 0; i < p->chunks.n; i++)
        free(p->chunks.v[i]);
    vec_free(&p->chunks);
}
