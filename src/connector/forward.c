/* SPDX-License-Identifier: Apache-2.0 */
/* The forward connector: what leaves pipelines on one side goes into those of the same signal on the other. */
#include "base/mem.h"
#include "pipeline/component.h"

static const struct option options[] = { OPT_END };

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct node *node = container_of(self, struct node, in);

    consumer_send(node->out[batch->signal], batch, ack);
}

extern const struct component forward_connector;
const struct component forward_connector = {
    COMPONENT_TYPE("forward", COMPONENT_CONNECTOR, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Hands on what leaves one pipeline to others of the same signal.",
    .options = options,
    COMPONENT_NODE(struct node, .consume = consume),
};
