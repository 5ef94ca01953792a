/* SPDX-License-Identifier: Apache-2.0 */
/* A node whose series have a limit (prom/series/series_limit.h) fails while new ones are refused: in HEALTH_LIMIT. */
#ifndef PIPELINE_LIMIT_HEALTH_H
#define PIPELINE_LIMIT_HEALTH_H

#include "pipeline/component.h"
#include "prom/series/series_limit.h"

struct limit_health {
    struct series_limit_watch watch;
    struct node *node;
};

/* The watch for series_limit_tell(). Both stay where they are, and outlive the limit. */
struct series_limit_watch *limit_health_init(struct limit_health *h, struct node *node);

#endif
