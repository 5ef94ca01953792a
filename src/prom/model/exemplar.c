/* SPDX-License-Identifier: Apache-2.0 */
/* Which fit, and the newest of those that lie in a bucket. */
#include "prom/model/exemplar.h"

#include "prom/model/labels.h"

#define CHARACTERS_MAX 128 /* OpenMetrics 1.0 */

bool exemplar_fits(const struct exemplar *x)
{
    return x->labels.len > 0 && labels_count_characters(x->labels) <= CHARACTERS_MAX;
}

const struct exemplar *exemplar_between(const struct sample_extra *x, double low, double high)
{
    const struct exemplar *best = NULL;

    for (size_t i = 0; x != NULL && i < x->n_exemplars; i++) {
        const struct exemplar *e = &x->exemplars[i];

        if (e->value > low && e->value <= high && (best == NULL || e->time_ns > best->time_ns) && exemplar_fits(e))
            best = e;
    }
    return best;
}
