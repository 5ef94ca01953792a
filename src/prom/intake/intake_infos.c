/* SPDX-License-Identifier: Apache-2.0 */
/* What target_info says becomes attributes of its resource when the page has ended: in each piece that has the
 * resource, its own attributes and those of target_info, of several with one key the last. */
#include "prom/intake/intake_inside.h"

#include "otlp/any_value.h"

/* The resource's own attributes and those of target_info; of several with one key the last. */
static struct bytes merge_infos(struct take *t, const struct out_resource *r)
{
    struct buf *b = &t->scratch;

    b->len = 0;
    buf_put(b, r->attributes);
    for (size_t i = 0; i < r->infos.n; i++)
        buf_put(b, point_attributes(r->infos.v[i]));
    attributes_keep_last(b);
    return assembly_keep(pieces_last(t), buf_bytes(b));
}

void infos_forget(struct take *t)
{
    for (size_t i = 0; i < t->informed.n; i++) {
        t->informed.v[i]->infos.n = 0;
        t->informed.v[i]->merged.len = 0;
    }
    t->informed.n = 0;
}

void infos_put(struct take *t)
{
    for (size_t i = 0; i < t->resources.n; i++) {
        struct out_resource *r = t->resources.v[i]->user;

        if (r->infos.n > 0 && r->merged.len == 0)
            r->merged = merge_infos(t, r);
        if (r->infos.n > 0)
            t->resources.v[i]->first->bytes = r->merged;
    }
    infos_forget(t);
}
