/* SPDX-License-Identifier: Apache-2.0 */
/* service::workers: each component says whether it can be in several processes at once (pipeline/component.h). One that
 * cannot is refused, with its reason and what to write instead. */
#include "service/config_inside.h"

#include <inttypes.h>

static void refuse_component(struct loader *l, const struct config_component *cc)
{
    const struct component *c = cc->component;

    fault_add(faults_of(l), cc->location, config_path(l, config_sections[c->kind], cc->id), false,
              "cannot be in %" PRIu64
              " processes at once (service::workers): %s; write workers: 1, or give it an otelcd of its own with one "
              "worker, behind this one",
              l->config->service->workers, c->alone != NULL ? c->alone : "it is one for all");
}

void config_check_spread(struct loader *l)
{
    const struct service_config *s = l->config->service;

    for (int kind = 0; s != NULL && s->workers > 1 && kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++) {
            const struct config_component *cc = &l->config->components[kind].v[i];

            if (cc->used && cc->component != NULL && cc->component->spread == SPREAD_ALONE)
                refuse_component(l, cc);
        }
}
