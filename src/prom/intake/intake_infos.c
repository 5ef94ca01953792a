/* SPDX-License-Identifier: Apache-2.0 */
/* What target_info says becomes attributes of its resource when the page has ended: in each piece that has the
 * resource, its own attributes and those of target_info, of several with one key the last. */
#include "prom/intake/intake_inside.h"

#include <stdlib.h>

/* Each attribute of `fields`, with its key, behind those that are there. */
static void collect_fields(struct take *t, struct bytes fields)
{
    struct pb_reader r = pb_reader(fields);

    for (struct pb_field f; pb_next(&r, &f);) {
        uint32_t n = (uint32_t)t->fields.n;

        *vec_push(&t->fields) = (struct keyed_field){ pb_find_bytes(f.bytes, OTLP_KEY_VALUE_KEY),
                                                      bytes_of(f.start, (size_t)(r.p - f.start)), n };
    }
}

static int by_key(const void *a, const void *b)
{
    const struct keyed_field *x = a, *y = b;
    int order = bytes_compare(x->key, y->key);

    return order != 0 ? order : (x->position > y->position) - (x->position < y->position);
}

static int by_position(const void *a, const void *b)
{
    const struct keyed_field *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

/* The resource's own attributes and those of target_info; of several with one key the last. */
static struct bytes merge_infos(struct take *t, const struct out_resource *r)
{
    struct buf *b = &t->scratch;
    struct keyed_field *v;

    t->fields.n = b->len = 0;
    collect_fields(t, r->attributes);
    for (size_t i = 0; i < r->infos.n; i++)
        collect_fields(t, point_attributes(r->infos.v[i]));
    v = t->fields.v;
    if (t->fields.n > 1)
        qsort(v, t->fields.n, sizeof(*v), by_key);
    for (size_t i = 1; i < t->fields.n; i++)
        if (bytes_equal(v[i].key, v[i - 1].key))
            v[i - 1].field.len = 0;
    if (t->fields.n > 1)
        qsort(v, t->fields.n, sizeof(*v), by_position);
    for (size_t i = 0; i < t->fields.n; i++)
        buf_put(b, v[i].field);
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
