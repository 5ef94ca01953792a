/* SPDX-License-Identifier: Apache-2.0 */
/* The byte budget: one ledger of the memory that strangers' data pins.
 *
 * Request bodies, batches, queues and series are charged here when they are allocated and given back when
 * they are freed. budget_take() refuses past the limit: that is where back-pressure begins. Whoever was
 * refused may wait; waiters are called once each, in order, from the turn queue (never from inside
 * budget_give), when there is room for an eighth of the limit (in a share: for half of its reserve) and for what they
 * need.
 *
 * A budget may be divided into shares, which are budgets too: what a share is charged with, the whole is. A part of the
 * whole, the reserve, is kept for each share, so that one never finds nothing left because of the others:
 *
 *     the whole   |== used by all ==|-- free for all --|-- kept: what shares have not used of their reserves --|
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "base/list.h"
#include "base/loop/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_RESERVE 16 /* the reserve of a share that has one is this part of the limit */

struct budget_waiter {
    struct list link;
    void (*on_room)(struct budget_waiter *w);
    uint64_t need; /* it is not called before that much can be taken; 0: any room will do */
};

struct budget {
    struct budget *whole;  /* shares: what they are a share of; else NULL */
    struct budget *shares; /* an array that the caller owns; of the whole */
    size_t n_shares;
    uint64_t limit; /* of the whole, bytes; UINT64_MAX = none. Set it by budget_set_limit() */
    uint64_t used;
    uint64_t peak;
    uint64_t refusals; /* times budget_take said no */
    uint64_t reserve;  /* of a share */
    uint64_t kept;     /* of the whole: the sum of what shares use less than their reserves */
    size_t n_waiting;  /* of the whole: for it and for its shares */
    struct list waiters;
    struct turn *turn;
    struct turn_task wake;
};

void budget_init(struct budget *b, uint64_t limit, struct turn *turn);

/* Make `n` budgets at `shares` the shares of `b`; with no reserve yet. */
void budget_divide(struct budget *b, struct budget *shares, size_t n);

/* Keep a part of the whole for this share, or no more. */
void budget_keep(struct budget *share, bool on);

/* The limit of the whole, and with it the reserves. */
void budget_set_limit(struct budget *b, uint64_t limit);

/* What the whole may take in all: also of a share. */
static inline uint64_t budget_limit(const struct budget *b)
{
    return b->whole != NULL ? b->whole->limit : b->limit;
}

/* The most that there can be room for: when nothing is used, and others keep their reserves. */
uint64_t budget_most(const struct budget *b);

/* How much budget_take() would give now. */
uint64_t budget_room(const struct budget *b);

/* Charge n bytes if they fit. */
bool budget_take(struct budget *b, uint64_t n);

/* Count a refusal: for who asks budget_room() himself. */
void budget_refuse(struct budget *b);

/* Charge n bytes whatever the limit says: for what is already in memory or must not fail. */
void budget_charge(struct budget *b, uint64_t n);

void budget_give(struct budget *b, uint64_t n);

/* Wait for room; a waiter that waits already keeps its place. Cancel before the waiter's memory goes. */
void budget_wait(struct budget *b, struct budget_waiter *w, void (*on_room)(struct budget_waiter *));
void budget_cancel(struct budget *b, struct budget_waiter *w);

#endif
