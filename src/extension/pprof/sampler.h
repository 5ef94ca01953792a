/* SPDX-License-Identifier: Apache-2.0 */
/* Where the processor's time goes: a hundred times in each second that a thread computes, its stack is counted.
 *
 * Each thread has a timer of its own processor time, whose signal (SIGPROF) goes to that thread; so a sample is of the
 * code that ran, and a thread that waits costs nothing. The handler walks the stack by the unwind tables and counts it
 * in a table that was made before: it neither waits nor allocates. What finds no slot there is counted as lost.
 *
 * There is one sampler in a process. */
#ifndef EXTENSION_SAMPLER_H
#define EXTENSION_SAMPLER_H

#include "base/budget.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLER_HZ 100u
#define SAMPLER_FRAMES 48u /* of a stack, from the innermost */
#define SAMPLER_STACKS 4096u

struct sampler_stack {
    uint64_t hash;
    uint32_t count; /* 0: the slot is free */
    uint32_t n;
    uintptr_t frames[SAMPLER_FRAMES]; /* an address inside the instruction that runs, or that called */
};

struct sampler_counts {
    const struct sampler_stack *stacks; /* SAMPLER_STACKS slots */
    uint64_t lost;                      /* samples that are in none */
};

/* 0; UV_EBUSY: it runs already; UV_ENOMEM: the budget has no room for the table; or a code of the system. */
int sampler_start(struct budget *budget, struct error *err);

/* Threads that were made since: call it every while. */
void sampler_look_for_threads(void);

/* No more samples are taken. What was counted stays until sampler_free(). */
struct sampler_counts sampler_stop(void);
void sampler_free(void);

#endif
