/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/item_count.h"

const struct metric_row item_count_incoming = {
    .name = "otelcol_processor_incoming_items",
    .type = METRIC_COUNTER,
    .level = LEVEL_BASIC,
    .unit = "{items}",
    .help = "Number of items passed to the processor.",
};

const struct metric_row item_count_outgoing = {
    .name = "otelcol_processor_outgoing_items",
    .type = METRIC_COUNTER,
    .level = LEVEL_BASIC,
    .unit = "{items}",
    .help = "Number of items emitted from the processor.",
};

void item_count_init(struct item_count *c, struct node *node)
{
    const struct metric_label labels[] = { { "otel_signal", signal_table[node->signal].name },
                                           { "processor", node->id } };

    c->incoming = metrics_get(node->host->metrics, &item_count_incoming, labels, 2);
    c->outgoing = metrics_get(node->host->metrics, &item_count_outgoing, labels, 2);
}
