/* SPDX-License-Identifier: Apache-2.0 */
/* What a queue in memory held when its exporter was replaced, on its way to the one that takes its place.
 *
 * Items that were answered already are held in the old exporter's ledger until the new one is given them, and leave it
 * then as if they had never come: each item is counted by one of both. What the new one has no room for is tried again.
 */
#ifndef QUEUE_HANDOVER_H
#define QUEUE_HANDOVER_H

#include "base/loop/loop.h"
#include "pipeline/consumer.h"

struct handover;

/* `ledger`: the old exporter's. Both outlive it. Nobody takes anything yet. */
struct handover *handover_new(struct loop *loop, struct ledger *ledger);

/* Who takes it from now on; NULL: nobody any more, and what is not under way is dropped{shutdown}. */
void handover_lead(struct handover *h, struct consumer *to);

/* The batch's reference goes with it. Its items are those held under `from`, of that ledger. */
void handover_give(struct handover *h, struct batch *batch, struct ack *from);

/* The same with the sender's ack, who is told what the new exporter answers. */
void handover_give_waiting(struct handover *h, struct batch *batch, struct ack *waiter);

bool handover_is_busy(const struct handover *h); /* something has not been taken */

void handover_free(struct handover *h); /* NULL is none. Books nothing */

#endif
