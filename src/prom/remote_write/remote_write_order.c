/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of a series are those that all of its stream have in common and its own, sorted by name. Which goes where
 * is the same for nearly all series of a stream, so it is worked out for one of them and remembered; each other gives
 * its values to the positions.
 *
 * A series whose own labels have other names, or whose stream has lost its entry to another, has it worked out anew;
 * one that has a great many is merged each time. */
#include "prom/remote_write/remote_write_inside.h"

#include <stdint.h>

static const label_field_list *common_of(const struct stream_labels *l, bool whole)
{
    return whole ? &l->only_name : &l->common;
}

void labels_join(label_field_list *out, const struct stream_labels *l, bool whole, const label_field_list *own)
{
    label_fields_merge(out, common_of(l, whole), own);
}

static struct label_order *order_of(struct remote_write *rw, const struct stream_labels *l)
{
    return &rw->orders[((uintptr_t)l >> 6) % ORDERS];
}

void labels_forget_order(struct remote_write *rw, const struct stream_labels *l)
{
    struct label_order *o = order_of(rw, l);

    if (o->of == l)
        o->of = NULL;
}

static struct own_label read_own(struct bytes packed, size_t i)
{
    struct own_label o;

    memcpy(&o, packed.data + i * sizeof(o), sizeof(o));
    return o;
}

static void set_own(const struct remote_write *rw, const struct remote_series *x, struct own_label o,
                    struct label_field *f)
{
    f->name = symbols_text(&rw->names, o.name);
    f->value = bytes_of((const uint8_t *)x + x->cached.id.raw_at + o.at, o.len);
    f->field = bytes_of(NULL, label_field_size(f->name.len, f->value.len));
}

/* False: a name is in both. */
static bool set_positions(const struct remote_write *rw, struct label_order *o, const label_field_list *common)
{
    size_t i = 0, j = 0;

    while (i < o->n_own || j < common->n) {
        struct bytes name = i < o->n_own ? symbols_text(&rw->names, o->names[i]) : bytes_of(NULL, 0);
        int order = i == o->n_own ? 1 : j == common->n ? -1 : bytes_compare(name, common->v[j].name);

        if (order == 0)
            return false;
        *(order < 0 ? &o->own_at[i] : &o->common_at[j]) = (uint8_t)(i + j);
        i += order < 0;
        j += order > 0;
    }
    return true;
}

static bool is_ordered(const struct label_order *o, const struct remote_series *x, const struct stream_labels *l,
                       struct bytes packed)
{
    bool same = o->of == l && o->whole == x->cached.whole && o->n_own == x->n_labels;

    for (size_t i = 0; same && i < o->n_own; i++)
        same = read_own(packed, i).name == o->names[i];
    return same;
}

/* False: there is none that can be remembered. */
static bool learn_order(struct remote_write *rw, struct label_order *o, const struct remote_series *x,
                        const struct stream_labels *l)
{
    const label_field_list *common = common_of(l, x->cached.whole);
    struct bytes packed = cached_series_labels(&x->cached);

    o->of = NULL;
    if (x->n_labels > ORDER_LABELS || common->n > ORDER_LABELS)
        return false;
    o->whole = x->cached.whole;
    o->n_own = (uint8_t)x->n_labels;
    o->n_common = (uint8_t)common->n;
    for (size_t i = 0; i < o->n_own; i++)
        o->names[i] = read_own(packed, i).name;
    if (!set_positions(rw, o, common))
        return false;
    o->of = l;
    return true;
}

static void merge_known(struct remote_write *rw, const struct remote_series *x, const struct stream_labels *l,
                        label_field_list *out)
{
    struct bytes packed = cached_series_labels(&x->cached);

    rw->twin_own.n = 0;
    for (size_t i = 0; i < x->n_labels; i++)
        set_own(rw, x, read_own(packed, i), vec_push(&rw->twin_own));
    labels_join(out, l, x->cached.whole, &rw->twin_own);
}

void labels_join_known(struct remote_write *rw, const struct remote_series *x, const struct stream_labels *l,
                       label_field_list *out)
{
    const label_field_list *common = common_of(l, x->cached.whole);
    struct bytes packed = cached_series_labels(&x->cached);
    struct label_order *o = order_of(rw, l);
    size_t n;

    if (!is_ordered(o, x, l, packed) && !learn_order(rw, o, x, l)) {
        merge_known(rw, x, l, out);
        return;
    }
    n = (size_t)o->n_own + o->n_common;
    while (out->cap < n) {
        out->n = out->cap;
        (void)vec_push(out);
    }
    out->n = n;
    for (size_t j = 0; j < o->n_common; j++)
        out->v[o->common_at[j]] = common->v[j];
    for (size_t i = 0; i < o->n_own; i++)
        set_own(rw, x, read_own(packed, i), &out->v[o->own_at[i]]);
}
