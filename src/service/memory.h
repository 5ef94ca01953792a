/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of the process, and the budget that is taken from it. */
#ifndef SERVICE_MEMORY_H
#define SERVICE_MEMORY_H

#include "base/budget.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "service/config.h"

/* Blocks of request size come from the heap, not from a mapping each, and stay there for the next request. */
void memory_tune(void);

/* The bytes that data may take, in all workers: as the configuration says, or a part of the memory there is. */
uint64_t memory_limit(const struct service_config *c);

/* The budget's limit as the configuration wants it, this process's part of it; each signal that has a pipeline has its
 * reserve. */
void memory_divide(struct budget *budget, struct budget shares[SIGNAL_COUNT], const struct config *c);

/* What has been freed goes back to the system when the budget has been far below its peak for some seconds: what lies
 * above it in the heap keeps it there otherwise. */
struct memory_keeper {
    struct loop *loop;
    const struct budget *budget;
    const struct logger *log;
    struct clock_timer timer;
    uint64_t seen; /* budget->peak of the last look */
    uint64_t high; /* most that was used since memory was given back */
    bool low;      /* it was far below that at the last look, too */
};

void memory_keeper_start(struct memory_keeper *k, struct loop *loop, const struct budget *budget,
                         const struct logger *log);
void memory_keeper_stop(struct memory_keeper *k);

#endif
