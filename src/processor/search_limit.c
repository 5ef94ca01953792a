/* SPDX-License-Identifier: Apache-2.0 */
/* The metric is made when it has something to count. */
#include "processor/search_limit.h"

#include "base/mem.h"

const struct metric_row search_limit_row =
    METRIC_ROW("otelcd_processor_search_limit", METRIC_COUNTER, "{items}",
               "Items, or traces, that had no steps left for all patterns that look at them.");

void search_limit_init(struct search_limit *l, struct node *node)
{
    l->node = node;
}

void search_limit_note(struct search_limit *l, const struct regex_meter *m)
{
    const struct metric_label labels[] = { { "processor", l->node->id } };

    if (!m->over)
        return;
    if (l->items == NULL)
        l->items = metrics_get(l->node->host->metrics, &search_limit_row, labels, ARRAY_LEN(labels));
    metric_add(l->items, 1);
    if (complaint_due(&l->complaint, &l->node->host->loop->clock))
        log_warn(&l->node->log, "The patterns of this processor may take more steps than an item has; shorten them",
                 F_UINT("steps", REGEX_ITEM_STEPS), F_UINT("repeated", complaint_taken(&l->complaint)));
}
