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

extern const struct component nop_exporter;
const struct component nop_exporter = {
    COMPONENT_TYPE("nop", COMPONENT_EXPORTER, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Takes everything and keeps nothing.",
    .safe = "Safe means discarded, at once.",
    .options = options,
    COMPONENT_NODE(struct node, .consume = consume),
};
