/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the process: how the heap behaves, and how much of it the budget is. Where neither the configuration
 * nor the machine says how much there is, a fixed amount. */
#include "service/memory.h"

#include "base/process.h"

#include <malloc.h>

#define MIB (1024ull * 1024)
#define HEAP_KEPT_MIN (64 * MIB)
#define HEAP_KEPT_MAX (256 * MIB)
#define FALLBACK_BUDGET (1024 * MIB)

void memory_tune(void)
{
    mallopt(M_MMAP_THRESHOLD, (int)(32 * MIB));
    mallopt(M_TRIM_THRESHOLD, (int)HEAP_KEPT_MIN);
    mallopt(M_TOP_PAD, (int)MIB);
    mallopt(M_ARENA_MAX, 2);
}

/* Where more than this is free at the end of the heap it goes back to the system. A queue that fills and empties would
 * have its pages from there anew each time, a fault each: the more memory there is, the more of it stays. */
static void size_heap(uint64_t limit)
{
    uint64_t kept = limit / 4;

    kept = kept < HEAP_KEPT_MIN ? HEAP_KEPT_MIN : kept > HEAP_KEPT_MAX ? HEAP_KEPT_MAX : kept;
    mallopt(M_TRIM_THRESHOLD, (int)kept);
}

static uint64_t limit_of(const struct service_config *c)
{
    uint64_t total = process_memory_total("");

    if (c->memory_budget_mib > 0)
        return c->memory_budget_mib * MIB;
    return total > 0 ? total / 10 * 6 : FALLBACK_BUDGET;
}

void memory_divide(struct budget *budget, struct budget shares[SIGNAL_COUNT], const struct config *c)
{
    uint32_t signals = 0;

    for (size_t i = 0; i < c->n_pipelines; i++)
        signals |= SIGNAL_BIT(c->pipelines[i].signal);
    budget_set_limit(budget, limit_of(c->service));
    size_heap(budget_limit(budget));
    for (int i = 0; i < SIGNAL_COUNT; i++)
        budget_keep(&shares[i], (signals & SIGNAL_BIT(i)) != 0);
}
