/* SPDX-License-Identifier: Apache-2.0 */
/* Members that are written in the configuration: found at the start, and never again. */
#include "exporter/load_balancing/load_balancing.h"

#include <stdlib.h>

struct static_source {
    struct member_source base;
    const struct static_resolver_config *config;
};

void endpoint_list_free(endpoint_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    vec_free(l);
}

static void start(struct member_source *base)
{
    const struct static_resolver_config *c = container_of(base, struct static_source, base)->config;
    endpoint_list found = { 0 };

    for (size_t i = 0; i < c->hostnames.n; i++)
        *vec_push(&found) = mem_strdup(c->hostnames.v[i]);
    base->found(base->node, &found);
}

static void free_source(struct member_source *base)
{
    free(container_of(base, struct static_source, base));
}

struct member_source *static_source_new(const struct static_resolver_config *c)
{
    static const struct member_source_ops ops = { "static", start, free_source };
    struct static_source *s = mem_zalloc(sizeof(*s));

    s->base.ops = &ops;
    s->config = c;
    return &s->base;
}
