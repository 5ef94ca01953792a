/* SPDX-License-Identifier: Apache-2.0 */
/* How long a configuration lives: until whoever loaded it, and each who has asked for it besides, has let it go. What
 * its components have of their own stays for those nodes that a reload has kept. */
#include "service/config.h"

#include "base/mem.h"

#include <stdlib.h>

struct config_memory *config_memory_ref(struct config_memory *m)
{
    if (m != NULL)
        m->refs++;
    return m;
}

void config_memory_unref(struct config_memory *m)
{
    if (m == NULL || --m->refs > 0)
        return;
    arena_free(&m->arena);
    free(m);
}

struct config *config_ref(struct config *c)
{
    c->refs++;
    return c;
}

void config_free(struct config *c)
{
    if (c->refs > 0) {
        c->refs--;
        return;
    }
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < c->components[kind].n; i++)
            config_memory_unref(c->components[kind].v[i].memory);
    faults_free(&c->faults);
    arena_free(&c->arena);
    free(c);
}
