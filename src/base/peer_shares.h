/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a budget one of many peers may hold, of whom nobody knows how many there are, and who of them is greedy.
 *
 * A peer may take n bytes while all that it then holds is no more than what is then left. So nothing has to be
 * configured, and no peer counted: who is alone gets half of the room, two who want all get a third each, and there is
 * always as much left as the greediest of them holds. Whoever comes next finds room, however long the others stay
 * (the dynamic threshold of switches whose ports share one buffer). A little is free of this.
 *
 * What is shared out is what a peer can keep for as long as it likes, such as bodies that have not come to their end.
 */
#ifndef BASE_PEER_SHARES_H
#define BASE_PEER_SHARES_H

#include "base/budget.h"

#define PEER_KEY 16             /* bytes that tell peers apart: an IPv6 address, say */
#define PEER_FREE (64ul * 1024) /* bytes that a peer may hold without regard to what is left */

struct peer_share {
    struct peer_share *next; /* in its slot */
    uint8_t key[PEER_KEY];
    uint64_t held;
    uint64_t refs;
};

struct peer_shares {
    struct peer_share **slots; /* chained; peers that hold nothing are not here */
    size_t mask;               /* slots - 1 */
    size_t n;
    struct peer_share *spare; /* a few of those that have left, for the next */
    size_t n_spare;
    uint64_t seed; /* keys are strangers' choice */
};

void peer_shares_init(struct peer_shares *p);
void peer_shares_free(struct peer_shares *p); /* every share has been closed */

/* The share of the peer with that key, made if it has none. Each open is ended by a close. */
struct peer_share *peer_share_open(struct peer_shares *p, const uint8_t key[PEER_KEY]);
void peer_share_close(struct peer_shares *p, struct peer_share *share);

enum peer_verdict {
    PEER_TAKEN,
    PEER_FULL,   /* the budget has no room; it is not this peer's doing */
    PEER_GREEDY, /* the peer holds more than its share, and a good part of the budget */
};

/* May this peer take n bytes more? */
enum peer_verdict peer_share_ask(const struct peer_share *share, const struct budget *budget, uint64_t n);
/* How much room there must be for that: what to wait for when the budget is full. */
uint64_t peer_share_need(const struct peer_share *share, uint64_t n);

/* Charge n bytes to the peer and to the budget, if peer_share_ask() allows it. */
enum peer_verdict peer_share_take(struct peer_share *share, struct budget *budget, uint64_t n);
/* The same, whatever the limits say. */
void peer_share_charge(struct peer_share *share, struct budget *budget, uint64_t n);
void peer_share_give(struct peer_share *share, struct budget *budget, uint64_t n);

#endif
