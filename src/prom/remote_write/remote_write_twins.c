/* SPDX-License-Identifier: Apache-2.0 */
/* Cached series by their labels: which of them, though OTLP tells them apart, are one series to Prometheus.
 *
 * A series that is new to the cache is looked up by its labels. Mostly nobody has them, and it is written down under
 * them. Else the two become twins: they share one label_set, which says whether any of them was in the batch already.
 * A point of a series without twins costs nothing for it but to see that there is none.
 *
 * The index holds one of the twins; when that one is dropped, the next takes its place. A series for which the index
 * has no room is not kept at all. */
#include "prom/remote_write/remote_write_inside.h"

#include <assert.h>
#include <stdlib.h>

struct labels_key {
    struct remote_write *rw;
    uint32_t hash;
    enum series_shape shape;
};

static uint64_t spread_hash(uint32_t hash)
{
    return hash * 0x9e3779b97f4a7c15ull;
}

static uint64_t hash_of_series(const void *entry)
{
    return spread_hash(((const struct remote_series *)entry)->label_hash);
}

static bool lists_equal(const label_field_list *a, const label_field_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!bytes_equal(a->v[i].name, b->v[i].name) || !bytes_equal(a->v[i].value, b->v[i].value))
            return false;
    return true;
}

static bool same_labels(const void *entry, const void *key)
{
    const struct remote_series *x = entry;
    const struct labels_key *k = key;

    if (x->label_hash != k->hash || stream_shape(cached_series_stream(&x->cached)) != k->shape)
        return false;
    remote_write_cached_labels(k->rw, x, &k->rw->twin_labels);
    return lists_equal(&k->rw->twin_labels, &k->rw->labels);
}

static struct twin *new_twin(struct remote_write *rw, struct remote_series *x, struct twin_set *set)
{
    struct twin *t = mem_zalloc(sizeof(*t));

    budget_charge(rw->options.budget, sizeof(*t));
    t->next = t->prev = t;
    t->series = x;
    t->set = set;
    x->twin = t;
    set->n++;
    return t;
}

static void free_twin(struct remote_write *rw, struct twin *t)
{
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->series->twin = NULL;
    if (--t->set->n == 0) {
        budget_give(rw->options.budget, sizeof(*t->set));
        free(t->set);
    }
    budget_give(rw->options.budget, sizeof(*t));
    free(t);
}

/* `x` is new, `other` has the same labels. */
static void join_twins(struct remote_write *rw, struct remote_series *x, struct remote_series *other)
{
    struct twin *t = other->twin, *more;

    if (t == NULL) {
        struct twin_set *set = mem_zalloc(sizeof(*set));

        budget_charge(rw->options.budget, sizeof(*set));
        set->batch = other->batch;
        set->indexed = other;
        t = new_twin(rw, other, set);
    }
    more = new_twin(rw, x, t->set);
    more->next = t->next;
    more->prev = t;
    t->next->prev = more;
    t->next = more;
}

bool remote_write_index(struct remote_write *rw, struct remote_series *x)
{
    struct labels_key key = { rw, x->label_hash, stream_shape(cached_series_stream(&x->cached)) };
    struct remote_series *other = table_find(&rw->by_labels, spread_hash(key.hash), same_labels, &key);

    if (other == NULL)
        return table_insert(&rw->by_labels, x, spread_hash(key.hash));
    join_twins(rw, x, other);
    return true;
}

void remote_write_unindex(struct remote_write *rw, struct remote_series *x)
{
    uint64_t hash = spread_hash(x->label_hash);
    struct twin *t = x->twin, *next;

    if (t == NULL) {
        table_remove(&rw->by_labels, x, hash);
        return;
    }
    next = t->next;
    assert(next != t);
    if (t->set->indexed == x) {
        table_replace(&rw->by_labels, x, next->series, hash);
        t->set->indexed = next->series;
    }
    free_twin(rw, t);
    if (next->next == next) {
        next->series->batch = next->set->batch;
        free_twin(rw, next);
    }
}

void remote_write_index_init(struct remote_write *rw)
{
    table_init(&rw->by_labels, hash_of_series, rw->options.budget);
}
