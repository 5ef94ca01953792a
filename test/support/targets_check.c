/* SPDX-License-Identifier: Apache-2.0 */
#include "support/targets_check.h"

#include <stdlib.h>

void targets_check(const struct target_list *found)
{
    for (size_t i = 0; i < found->targets.n; i++) {
        const struct label_set *s = &found->targets.v[i];

        for (size_t k = 0; k < s->list.n; k++)
            if (s->list.v[k].name.len == 0 || s->list.v[k].value.len == 0 ||
                (k > 0 && bytes_compare(s->list.v[k - 1].name, s->list.v[k].name) >= 0))
                abort();
    }
    if (found->targets.n > DISCOVERY_MAX_TARGETS || found->n_pairs > DISCOVERY_MAX_PAIRS)
        abort();
}
