/* SPDX-License-Identifier: Apache-2.0 */
/* A run of failures begins with the first and keeps its beginning, whatever follows, until something works. An error
 * that was there before moves to the front; a new one takes the place of the one that has not come for longest. */
#include "pipeline/health.h"

#include <stdio.h>
#include <string.h>

static void remember_error(struct health *h)
{
    struct health_error e = { .first = h->last };
    size_t at = 0, behind;

    while (at < h->n_errors && strcmp(h->errors[at].reason, h->reason) != 0)
        at++;
    if (at < h->n_errors)
        e = h->errors[at];
    else
        memcpy(e.reason, h->reason, sizeof(e.reason));
    behind = at < HEALTH_ERRORS ? at : HEALTH_ERRORS - 1; /* that many make room */
    h->n_errors += at == h->n_errors && at < HEALTH_ERRORS;
    memmove(&h->errors[1], &h->errors[0], behind * sizeof(e));
    e.last = h->last;
    e.state = h->state;
    e.times++;
    h->errors[0] = e;
}

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
    remember_error(h);
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
        if (causes[i].state > worst->state ||
            (causes[i].state == worst->state && i != HEALTH_LIMIT && causes[i].since < worst->since))
            worst = &causes[i];
    return worst;
}

size_t health_errors(const struct health causes[HEALTH_CAUSES],
                     const struct health_error *out[HEALTH_CAUSES * HEALTH_ERRORS])
{
    size_t n = 0;

    for (size_t c = 0; c < HEALTH_CAUSES; c++)
        for (size_t i = 0; i < causes[c].n_errors; i++) {
            size_t at = n++;

            for (; at > 0 && out[at - 1]->last < causes[c].errors[i].last; at--)
                out[at] = out[at - 1];
            out[at] = &causes[c].errors[i];
        }
    return n;
}
