/* SPDX-License-Identifier: Apache-2.0 */
/* Something made of a batch is sent in its place, and the batch's sender hears how that went: verdict and reason, not
 * losses, which are of other items. */
#ifndef CONNECTOR_COUNT_RELAY_H
#define CONNECTOR_COUNT_RELAY_H

#include "base/list.h"
#include "pipeline/consumer.h"

struct relay {
    struct turn *turn;
    struct list out, unused; /* batches that are on their way, and memory of those that were */
};

void relay_init(struct relay *r, struct turn *turn);
void relay_free(struct relay *r); /* what is on its way is forgotten */

/* Takes over the batch's reference and the sender's ack. */
void relay_send(struct relay *r, struct consumer *to, struct batch *batch, struct ack *sender);

#endif
