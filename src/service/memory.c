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
#define LOOK (5 * NS_PER_S)
#define LEAST (32 * MIB) /* a peak below it is not worth it */
#define FAR 4            /* the budget is far below its peak when it is this part of it */

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

uint64_t memory_limit(const struct service_config *c)
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
        signals |= c->pipelines[i].own ? 0 : SIGNAL_BIT(c->pipelines[i].signal);
    budget_set_limit(budget, memory_limit(c->service) / c->service->workers);
    size_heap(budget_limit(budget));
    for (int i = 0; i < SIGNAL_COUNT; i++)
        budget_keep(&shares[i], (signals & SIGNAL_BIT(i)) != 0);
}

static void give_back(struct memory_keeper *k)
{
    uint64_t before = process_rss(), began = uv_hrtime();

    malloc_trim(0);
    log_info(k->log, "Gave memory back to the system", F_UINT("rss_before_mib", before / MIB),
             F_UINT("rss_mib", process_rss() / MIB), F_DOUBLE("seconds", (double)(uv_hrtime() - began) / 1e9));
    k->high = k->budget->used;
}

static void on_look(struct clock_timer *timer)
{
    struct memory_keeper *k = container_of(timer, struct memory_keeper, timer);
    uint64_t used = k->budget->used, high = k->budget->peak > k->seen ? k->budget->peak : used;
    bool low;

    k->high = high > k->high ? high : k->high;
    k->seen = k->budget->peak;
    low = k->high >= LEAST && used <= k->high / FAR;
    if (low && k->low)
        give_back(k);
    k->low = low;
    clock_start(&k->loop->clock, &k->timer, LOOK, on_look);
}

void memory_keeper_start(struct memory_keeper *k, struct loop *loop, const struct budget *budget,
                         const struct logger *log)
{
    *k = (struct memory_keeper){ .loop = loop, .budget = budget, .log = log };
    clock_start(&loop->clock, &k->timer, LOOK, on_look);
}

void memory_keeper_stop(struct memory_keeper *k)
{
    clock_stop(&k->loop->clock, &k->timer);
}
