/* SPDX-License-Identifier: Apache-2.0 */
/* Who looks at items with patterns counts those that had no steps left for all of them (codec/regex_steps.h), and says
 * so in the log, with back-off. */
#ifndef PROCESSOR_SEARCH_LIMIT_H
#define PROCESSOR_SEARCH_LIMIT_H

#include "base/log.h"
#include "codec/regex_steps.h"
#include "pipeline/component.h"

struct search_limit {
    struct metric *items;
    struct node *node;
    struct complaint complaint;
};

extern const struct metric_row search_limit_row; /* for the processor's own list */

void search_limit_init(struct search_limit *l, struct node *node);

/* An item is done with: count it if its meter is over. */
void search_limit_note(struct search_limit *l, const struct regex_meter *m);

#endif
