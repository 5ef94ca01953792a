/* SPDX-License-Identifier: Apache-2.0 */
/* A run of failures begins with the first and keeps its beginning, whatever follows, until something works. */
#include "pipeline/health.h"

#include <stddef.h>
#include <stdio.h>

void health_fail(struct health *h, uint64_t now, enum health_state state, const char *why)
{
    if (h->state == HEALTH_OK) {
        h->since = now;
        h->failures = 0;
    }
    h->state = state;
    h->last = now;
    h->failures++;
    snprintf(h->reason, sizeof(h->reason), "%s", why != NULL ? why : "");
}

void health_ok(struct health *h, uint64_t now)
{
    if (h->state == HEALTH_OK)
        return;
    h->state = HEALTH_OK;
    h->since = now;
    h->failures = 0;
}

const struct health *health_worst(const struct health causes[HEALTH_CAUSES])
{
    const struct health *worst = &causes[0];

    for (size_t i = 1; i < HEALTH_CAUSES; i++)
        if (causes[i].state > worst->state || (causes[i].state == worst->state && causes[i].since < worst->since))
            worst = &causes[i];
    return worst;
}
