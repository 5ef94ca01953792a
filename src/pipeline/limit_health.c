/* SPDX-License-Identifier: Apache-2.0 */
/* The watch hears each second that new series are refused, and each is one more failure; that it is over makes the node
 * well again. The causes of its peer and its disk are untouched. */
#include "pipeline/limit_health.h"

static void on_turned(struct series_limit_watch *watch, bool refuses)
{
    struct node *node = container_of(watch, struct limit_health, watch)->node;
    uint64_t now = clock_mono(&node->host->loop->clock);

    if (refuses)
        health_fail(&node->health[HEALTH_LIMIT], now, HEALTH_RECOVERABLE,
                    SERIES_LIMIT ": there are as many series as there may be, and new ones are refused");
    else
        health_ok(&node->health[HEALTH_LIMIT], now);
}

struct series_limit_watch *limit_health_init(struct limit_health *h, struct node *node)
{
    *h = (struct limit_health){ .watch = { on_turned }, .node = node };
    return &h->watch;
}
