/* SPDX-License-Identifier: Apache-2.0 */
/* A new series is held against the newest one of its metric that is remembered; the label in which they differ is
 * counted together with the metric.
 *
 * What can go wrong: more pairs than slots: then all lose one, so that the heavy ones stay. */
#include "prom/series/series_growth.h"

#include "codec/utf8.h"
#include "prom/model/labels.h"
#include "prom/series/identity.h"

#include <string.h>

void growth_sketch_free(struct growth_sketch *g)
{
    for (size_t i = 0; i < GROWTH_SEEN; i++)
        buf_free(&g->seen[i].labels);
}

static size_t cut_length(struct bytes name)
{
    return utf8_cut(name, GROWTH_NAME_MAX - 1).len;
}

static bool is_name(const char *kept, struct bytes name)
{
    size_t n = cut_length(name);

    return strlen(kept) == n && memcmp(kept, name.data, n) == 0;
}

static void keep_name(char *kept, struct bytes name)
{
    size_t n = cut_length(name);

    if (n > 0)
        memcpy(kept, name.data, n);
    kept[n] = '\0';
}

/* One more of the pair: its slot, a free one, or all others lose one. */
static void count_pair(struct growth_sketch *g, struct bytes metric, struct bytes label)
{
    struct growth *free_slot = NULL;

    for (size_t i = 0; i < GROWTH_SLOTS; i++) {
        struct growth *x = &g->slots[i];

        if (x->n == 0) {
            free_slot = free_slot != NULL ? free_slot : x;
        } else if (is_name(x->metric, metric) && is_name(x->label, label)) {
            x->n++;
            return;
        }
    }
    if (free_slot == NULL) {
        for (size_t i = 0; i < GROWTH_SLOTS; i++)
            g->slots[i].n--;
        return;
    }
    keep_name(free_slot->metric, metric);
    keep_name(free_slot->label, label);
    free_slot->n = 1;
}

static bool has_same(struct bytes labels, const struct label *wanted)
{
    for (struct label l; labels_next(&labels, &l);)
        if (bytes_equal(l.name, wanted->name))
            return bytes_equal(l.value, wanted->value);
    return false;
}

void growth_sketch_add(struct growth_sketch *g, struct bytes metric, struct bytes labels)
{
    uint64_t hash = identity_hash(0, metric);
    size_t at = hash % GROWTH_SEEN;
    struct bytes before = buf_bytes(&g->seen[at].labels), rest = labels;
    bool told = false;

    for (struct label l; g->seen[at].hash == hash && labels_next(&rest, &l);)
        if (!has_same(before, &l)) {
            count_pair(g, metric, l.name);
            told = true;
        }
    if (!told)
        count_pair(g, metric, bytes_of("", 0));
    g->seen[at].hash = hash;
    g->seen[at].labels.len = 0;
    buf_put(&g->seen[at].labels, labels);
}

const struct growth *growth_sketch_top(const struct growth_sketch *g)
{
    const struct growth *top = &g->slots[0];

    for (size_t i = 1; i < GROWTH_SLOTS; i++)
        if (g->slots[i].n > top->n || (g->slots[i].n == top->n && top->label[0] == '\0'))
            top = &g->slots[i];
    return top;
}

void growth_sketch_fade(struct growth_sketch *g)
{
    for (size_t i = 0; i < GROWTH_SLOTS; i++)
        g->slots[i].n /= 2;
}
