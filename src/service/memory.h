/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of the process, and the budget that is taken from it. */
#ifndef SERVICE_MEMORY_H
#define SERVICE_MEMORY_H

#include "base/budget.h"
#include "service/config.h"

/* Blocks of request size come from the heap, not from a mapping each, and stay there for the next request. */
void memory_tune(void);

/* The budget's limit as the configuration wants it; each signal that has a pipeline has its reserve. */
void memory_divide(struct budget *budget, struct budget shares[SIGNAL_COUNT], const struct config *c);

#endif
