/* SPDX-License-Identifier: Apache-2.0 */
/* otelcol_processor_incoming_items, _outgoing_items and _internal_duration: what every processor but the batching ones
 * measures. */
#ifndef PIPELINE_ITEM_COUNT_H
#define PIPELINE_ITEM_COUNT_H

#include "pipeline/component.h"

struct item_count {
    struct metric *incoming, *outgoing;
    struct metric *duration; /* NULL below level detailed */
};

extern const struct metric_row item_count_incoming, item_count_outgoing, item_count_duration;
/* For the processor's own list of rows. */
#define ITEM_COUNT_ROWS &item_count_incoming, &item_count_outgoing, &item_count_duration

void item_count_init(struct item_count *c, struct node *node);

/* Around the processor's own work on a batch. */
uint64_t item_count_begin(const struct item_count *c);
void item_count_end(const struct item_count *c, uint64_t begun);

#endif
