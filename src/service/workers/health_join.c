/* SPDX-License-Identifier: Apache-2.0 */
/* What each of them has failed with stays, whoever is the worse now: each error is put at its place among those of the
 * other, and one that both had is one. */
#include "service/workers/health_join.h"

#include <string.h>

/* Out of the list and into `e`, if it is there. */
static void take_same(struct health *h, struct health_error *e)
{
    size_t i = 0;

    while (i < h->n_errors && strcmp(h->errors[i].reason, e->reason) != 0)
        i++;
    if (i == h->n_errors)
        return;
    e->times += h->errors[i].times;
    e->first = h->errors[i].first < e->first ? h->errors[i].first : e->first;
    if (h->errors[i].last > e->last) {
        e->last = h->errors[i].last;
        e->state = h->errors[i].state;
    }
    memmove(&h->errors[i], &h->errors[i + 1], (--h->n_errors - i) * sizeof(*e));
}

/* The newest first; of too many the oldest goes. */
static void put_error(struct health *h, struct health_error e)
{
    size_t at = 0, n;

    take_same(h, &e);
    while (at < h->n_errors && h->errors[at].last > e.last)
        at++;
    if (at == HEALTH_ERRORS)
        return;
    n = h->n_errors < HEALTH_ERRORS ? h->n_errors : HEALTH_ERRORS - 1;
    memmove(&h->errors[at + 1], &h->errors[at], (n - at) * sizeof(e));
    h->errors[at] = e;
    h->n_errors = (uint32_t)n + 1;
}

void health_join(struct health *to, const struct health *from)
{
    struct health both = *to;

    for (size_t i = 0; i < from->n_errors; i++)
        put_error(&both, from->errors[i]);
    if (from->state > to->state || (from->state == to->state && from->since != 0 && from->since < to->since))
        *to = *from;
    to->failures = both.failures + from->failures;
    memcpy(to->errors, both.errors, sizeof(to->errors));
    to->n_errors = both.n_errors;
}
