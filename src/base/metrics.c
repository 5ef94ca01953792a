/* SPDX-License-Identifier: Apache-2.0 */
/* Families stand sorted by name and are found by halving; the instruments of one are few, and compared one by one. That
 * is paid when an instrument is had, not when something is counted. Two rows of one name are a mistake of ours:
 * asserted. */
#include "base/metrics.h"

#include "base/mem.h"
#include "base/unconst.h"

#include <assert.h>
#include <string.h>

static void metric_free(struct metric *x)
{
    for (size_t i = 0; i < x->n_labels; i++)
        free_const(x->labels[i].value);
    free(x->labels);
    free(x->buckets);
    free(x);
}

static bool labels_equal(const struct metric *x, const struct metric_label *labels, size_t n)
{
    if (x->n_labels != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(x->labels[i].name, labels[i].name) != 0 || strcmp(x->labels[i].value, labels[i].value) != 0)
            return false;
    return true;
}

/* Index of the family of that name, or where it would stand. */
static size_t find_family(const struct metrics *m, const char *name)
{
    size_t lo = 0, hi = m->families.n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (strcmp(m->families.v[mid]->row->name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct metric_family *family_get(struct metrics *m, const struct metric_row *row)
{
    size_t at = find_family(m, row->name);
    struct metric_family *f;

    if (at < m->families.n && strcmp(m->families.v[at]->row->name, row->name) == 0) {
        assert(m->families.v[at]->row == row);
        return m->families.v[at];
    }
    f = mem_zalloc(sizeof(*f));
    f->row = row;
    (void)vec_push(&m->families);
    memmove(&m->families.v[at + 1], &m->families.v[at], (m->families.n - 1 - at) * sizeof(f));
    m->families.v[at] = f;
    return f;
}

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){ 0 };
}

void metrics_free(struct metrics *m)
{
    for (size_t i = 0; i < m->families.n; i++) {
        struct metric_family *f = m->families.v[i];

        for (size_t j = 0; j < f->members.n; j++)
            metric_free(f->members.v[j]);
        vec_free(&f->members);
        free(f);
    }
    vec_free(&m->families);
}

struct metric *metrics_get(struct metrics *m, const struct metric_row *row, const struct metric_label *labels,
                           size_t n_labels)
{
    struct metric_family *f = family_get(m, row);
    struct metric *x;

    for (size_t i = 0; i < f->members.n; i++)
        if (labels_equal(f->members.v[i], labels, n_labels))
            return f->members.v[i];
    x = mem_zalloc(sizeof(*x));
    x->row = row;
    x->n_labels = n_labels;
    x->labels = mem_zalloc(n_labels * sizeof(*labels));
    for (size_t i = 0; i < n_labels; i++)
        x->labels[i] = (struct metric_label){ labels[i].name, mem_strdup(labels[i].value) };
    if (row->type == METRIC_HISTOGRAM)
        x->buckets = mem_zalloc((row->n_bounds + 1) * sizeof(uint64_t));
    *vec_push(&f->members) = x;
    return x;
}

void metrics_hook(struct metrics *m, struct metric_hook *hook)
{
    struct metric_hook **at = &m->hooks;

    while (*at != NULL)
        at = &(*at)->next;
    hook->next = NULL;
    *at = hook;
}

void metrics_unhook(struct metrics *m, struct metric_hook *hook)
{
    for (struct metric_hook **at = &m->hooks; *at != NULL; at = &(*at)->next) {
        if (*at == hook) {
            *at = hook->next;
            return;
        }
    }
}

void metrics_collect(struct metrics *m)
{
    for (struct metric_hook *h = m->hooks; h != NULL; h = h->next)
        h->collect(h);
}

void metric_observe(struct metric *x, double v)
{
    size_t i = 0;

    while (i < x->row->n_bounds && v > x->row->bounds[i])
        i++;
    x->buckets[i]++;
    x->count++;
    x->value += v;
    x->touched = true;
}
