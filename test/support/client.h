/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends a batch and hears of it, once: for tests that look at answers. */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include "support/rig/rig.h"

struct client {
    struct ack ack;
    uint64_t items;
    bool settled;
    struct outcome outcome;
};

/* Begins the client anew: what it has heard is forgotten. `batch` goes with the call. */
void client_send(struct client *c, struct rig *r, struct consumer *to, struct batch *batch);

/* Asserts that the records of a batch of rig_logs(), cut and joined as it may be, are numbered from `first` on; how
 * many there are. */
uint64_t client_logs_follow(const struct batch *b, unsigned first);

#endif
