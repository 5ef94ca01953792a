/* SPDX-License-Identifier: Apache-2.0 */
/* Anything a batch can be handed to: a ledger's tap, processor, fan-out, queue, exporter, connector.
 * consume() takes over the caller's reference to the batch and one obligation of the ack. It may settle the ack
 * before it returns; on_settled comes later all the same. */
#ifndef PIPELINE_CONSUMER_H
#define PIPELINE_CONSUMER_H

#include "otlp/batch.h"
#include "pipeline/ack.h"

struct consumer {
    void (*consume)(struct consumer *self, struct batch *batch, struct ack *ack);
};

static inline void consumer_send(struct consumer *to, struct batch *batch, struct ack *ack)
{
    to->consume(to, batch, ack);
}

#endif
