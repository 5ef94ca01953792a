/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that a walk over pipelines has met: one in several is shown once. A zeroed struct is ready. */
#ifndef PAGE_NODE_SET_H
#define PAGE_NODE_SET_H

#include "base/vec.h"
#include "pipeline/component.h"

struct node_set {
    VEC(const struct node *) nodes;
};

/* False: it is in it already. */
static inline bool node_set_add(struct node_set *s, const struct node *node)
{
    for (size_t i = 0; i < s->nodes.n; i++)
        if (s->nodes.v[i] == node)
            return false;
    *vec_push(&s->nodes) = node;
    return true;
}

static inline void node_set_free(struct node_set *s)
{
    vec_free(&s->nodes);
}

#endif
