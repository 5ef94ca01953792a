/* SPDX-License-Identifier: Apache-2.0 */
/* The nop exporter: takes everything and keeps nothing. For measurements, and for pipelines whose work is done by a
 * connector or a processor. */
#include "pipeline/component.h"

static const struct option options[] = { OPT_END };

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    (void)self;
    batch_unref(batch);
    ack_safe(ack);
}

static int create(struct node *node, const void *config, struct error *err)
{
    (void)config;
    (void)err;
    node->in.consume = consume;
    return 0;
}

extern const struct component nop_exporter;
const struct component nop_exporter = {
    COMPONENT_TYPE("nop", COMPONENT_EXPORTER, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Takes everything and keeps nothing.",
    .safe = "Safe means discarded, at once.",
    .options = options,
    COMPONENT_NODE(struct node, .create = create),
};
