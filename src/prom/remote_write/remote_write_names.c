/* SPDX-License-Identifier: Apache-2.0 */
/* Names of series that metrics of different shapes have in common: a gauge `h_sum` beside a histogram `h`.
 *
 * Series of one shape are told apart by remote_write_twins.c. Between shapes that cannot be known point by point, so
 * each stream counts itself under the names of the series that it makes. While a name has streams of two shapes,
 * batches with one of them are encoded the long way (remote_write_sorted.c), and each series of theirs is claimed
 * before it is written: one that is in the request already, or in the batch with the same time, is left out. */
#include "prom/remote_write/remote_write_inside.h"

#include <stdlib.h>

struct series_name {
    uint64_t hash;
    uint32_t n[SERIES_SHAPES]; /* streams */
};

static uint64_t hash_of_name(const void *entry)
{
    return ((const struct series_name *)entry)->hash;
}

static bool same_name(const void *entry, const void *key)
{
    return ((const struct series_name *)entry)->hash == *(const uint64_t *)key;
}

static struct series_name *add_name(struct remote_write *rw, struct bytes name, const char *suffix,
                                    enum series_shape shape)
{
    struct buf whole = { 0 };
    struct series_name *x;
    uint64_t hash;

    buf_put(&whole, name);
    buf_puts(&whole, suffix);
    hash = identity_hash(rw->streams.seed, buf_bytes(&whole));
    buf_free(&whole);
    x = table_find(&rw->by_name, hash, same_name, &hash);
    if (x == NULL) {
        x = mem_zalloc(sizeof(*x));
        x->hash = hash;
        if (!table_insert(&rw->by_name, x, hash)) {
            free(x);
            return NULL;
        }
        budget_charge(rw->options.budget, sizeof(*x));
    }
    x->n[shape]++;
    return x;
}

static void remove_name(struct remote_write *rw, struct series_name *x, enum series_shape shape)
{
    x->n[shape]--;
    for (size_t i = 0; i < SERIES_SHAPES; i++)
        if (x->n[i] > 0)
            return;
    table_remove(&rw->by_name, x, x->hash);
    budget_give(rw->options.budget, sizeof(*x));
    free(x);
}

void remote_write_names_add(struct remote_write *rw, const struct stream *stream, struct stream_labels *l)
{
    static const char *const suffixes[SERIES_SHAPES][SERIES_NAMES] = {
        [SHAPE_PLAIN] = { "" },
        [SHAPE_HISTOGRAM] = { "", "_bucket", "_sum", "_count" },
        [SHAPE_SUMMARY] = { "", "_sum", "_count" },
    };

    l->shape = stream_shape(stream);
    for (size_t i = 0; i < SERIES_NAMES && suffixes[l->shape][i] != NULL; i++)
        l->names[i] = add_name(rw, stream_name(stream), suffixes[l->shape][i], l->shape);
}

void remote_write_names_remove(struct remote_write *rw, struct stream_labels *l)
{
    for (size_t i = 0; i < SERIES_NAMES; i++)
        if (l->names[i] != NULL)
            remove_name(rw, l->names[i], l->shape);
}

static bool is_mixed(const struct series_name *x)
{
    uint32_t shapes = 0;

    for (size_t i = 0; x != NULL && i < SERIES_SHAPES; i++)
        shapes += x->n[i] > 0;
    return shapes > 1;
}

bool remote_write_names_mixed(const struct stream_labels *l)
{
    for (size_t i = 0; i < SERIES_NAMES; i++)
        if (is_mixed(l->names[i]))
            return true;
    return false;
}

void remote_write_names_init(struct remote_write *rw)
{
    table_init(&rw->by_name, hash_of_name, rw->options.budget);
    name_target_info(&rw->suffixed, rw->options.translation->strategy, rw->options.translation->ns);
    rw->target_name = add_name(rw, buf_bytes(&rw->suffixed), "", SHAPE_TARGET);
}

void remote_write_names_free(struct remote_write *rw)
{
    if (rw->target_name != NULL)
        remove_name(rw, rw->target_name, SHAPE_TARGET);
    table_free(&rw->by_name);
    vec_free(&rw->claims);
}

/* ---- claims ---- */

static bool put_claim(struct remote_write *rw, uint64_t key)
{
    size_t mask = rw->claims.n - 1, at = key & mask;

    while (rw->claims.v[at] != 0 && rw->claims.v[at] != key)
        at = (at + 1) & mask;
    if (rw->claims.v[at] == key)
        return false;
    rw->claims.v[at] = key;
    return true;
}

static void grow_claims(struct remote_write *rw)
{
    uint64_t *before = rw->claims.v;
    size_t n = rw->claims.n;

    rw->claims.n = rw->claims.cap = n == 0 ? 1024 : n * 2;
    rw->claims.v = mem_zalloc(rw->claims.n * sizeof(*before));
    for (size_t i = 0; i < n; i++)
        if (before[i] != 0)
            (void)put_claim(rw, before[i]);
    free(before);
}

void remote_write_forget_claims(struct remote_write *rw)
{
    rw->n_claims = 0;
    vec_free(&rw->claims);
}

bool remote_write_claim(struct remote_write *rw, const label_field_list *labels, int64_t time)
{
    uint64_t hash = remote_write_hash(rw, labels);
    uint64_t in_request = identity_hash(hash, bytes_of(&rw->round, sizeof(rw->round)));
    uint64_t at_time = identity_hash(hash, bytes_of(&time, sizeof(time)));

    if ((rw->n_claims + 2) * 2 > rw->claims.n)
        grow_claims(rw);
    rw->n_claims += 2;
    return put_claim(rw, in_request | 1) && put_claim(rw, at_time | 1);
}
