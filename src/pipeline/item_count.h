/* SPDX-License-Identifier: Apache-2.0 */
/* otelcol_processor_incoming_items and _outgoing_items: what every processor but the batching ones counts. */
#ifndef PIPELINE_ITEM_COUNT_H
#define PIPELINE_ITEM_COUNT_H

#include "pipeline/component.h"

struct item_count {
    struct metric *incoming, *outgoing;
};

/* For the processor's own list of rows. */
extern const struct metric_row item_count_incoming, item_count_outgoing;

void item_count_init(struct item_count *c, struct node *node);

#endif
