/* SPDX-License-Identifier: Apache-2.0 */
/* The byte budget: one ledger of the memory that strangers' data pins.
 *
 * Request bodies, batches, queues and series are charged here when they are allocated and given back when
 * they are freed. budget_take() refuses past the limit: that is where back-pressure begins. Whoever was
 * refused may wait; waiters are called once each, in order, from the turn queue (never from inside
 * budget_give), when use has fallen below 7/8 of the limit. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "base/turn.h"

#include <stdbool.h>
#include <stdint.h>

struct budget_waiter {
    struct budget_waiter *next, *prev;
    void (*on_room)(struct budget_waiter *w);
    bool waiting;
};

struct budget {
    uint64_t limit; /* bytes; UINT64_MAX = none */
    uint64_t used;
    uint64_t peak;
    uint64_t refusals; /* times budget_take said no */
    struct budget_waiter waiters;
    struct turn *turn;
    struct turn_task wake;
};

void budget_init(struct budget *b, uint64_t limit, struct turn *turn);

/* Charge n bytes if they fit. */
bool budget_take(struct budget *b, uint64_t n);

/* Charge n bytes whatever the limit says: for what is already in memory or must not fail. */
void budget_charge(struct budget *b, uint64_t n);

void budget_give(struct budget *b, uint64_t n);

/* Wait for room; a waiter that waits already keeps its place. Cancel before the waiter's memory goes. */
void budget_wait(struct budget *b, struct budget_waiter *w, void (*on_room)(struct budget_waiter *));
void budget_cancel(struct budget *b, struct budget_waiter *w);

#endif
