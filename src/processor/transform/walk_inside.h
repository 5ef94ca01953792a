/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the walk. */
#ifndef PROCESSOR_TRANSFORM_WALK_INSIDE_H
#define PROCESSOR_TRANSFORM_WALK_INSIDE_H

#include "processor/transform/walk.h"

/* An item with the resource and scope that it is in, as they are now. */
struct ottl_item transform_item_in(const struct transform_walk *w, const struct visit *at);

/* OTTL_CHANGED_ bits; and how the item is now, until the next one is run on. Resources and scopes above it are kept,
 * and metrics that were added. After a fault nothing is run. */
unsigned transform_run_item(struct transform_walk *w, const struct ottl_item *item, const struct ottl_item **now);

/* Each data point of the metric, or each exemplar, is run on. True: something has changed, and w->out is the metric. */
bool transform_walk_metric(struct transform_walk *w, const struct visit *at, struct bytes metric);
/* Each event of the span. True: something has changed, and w->item is the span: its message, and its events. */
bool transform_walk_span(struct transform_walk *w, const struct visit *at, struct bytes span);

/* For ottl_evaluation_aggregates(). */
void transform_aggregate(const struct ottl_aggregation *a, struct bytes metric, struct buf *out);

#endif
