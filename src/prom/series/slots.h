/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered slots that entries keep. They lie in chunks, each twice as large as the one before, so that nothing moves
 * when there are more. */
#ifndef PROM_SLOTS_H
#define PROM_SLOTS_H

#include "base/vec.h"

#include <stdint.h>

/* A zeroed one is empty. */
struct slots {
    VEC(uint64_t *) chunks; /* of cells: a pointer, or 1 | next free slot << 1 */
    uint32_t end;           /* one behind the last slot */
    uint32_t free;          /* 1 + a free slot; 0 = none */
    uint32_t n;             /* taken */
};

#define SLOTS_FIRST 4u /* slots in the first chunk */

uint32_t slots_take(struct slots *p, void *entry);
void slots_give(struct slots *p, uint32_t slot);
void slots_free(struct slots *p);

static inline uint64_t *slots_cell(const struct slots *p, uint32_t slot)
{
    unsigned chunk = 31u - (unsigned)__builtin_clz(slot / SLOTS_FIRST + 1);

    return &p->chunks.v[chunk][slot - SLOTS_FIRST * ((1u << chunk) - 1)];
}

/* NULL when free. */
static inline void *slots_at(const struct slots *p, uint32_t slot)
{
    uint64_t cell = *slots_cell(p, slot);

    return cell & 1 ? NULL : (void *)(uintptr_t)cell; // NOLINT(performance-no-int-to-ptr)
}

#endif
