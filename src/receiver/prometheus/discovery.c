/* SPDX-License-Identifier: Apache-2.0 */
/* What all sources of targets have: lists under names, each charged to the budget with its memory, and the owner who is
 * told when one of them is another (discovery_set(), discovery_remove()). The static source is here, too: it tells once
 * what the configuration has.
 *
 * What can go wrong: a source cannot be asked. It says so by discovery_fail(), which is a line in the log with
 * back-off, and what was found before stays. */
#include "receiver/prometheus/discovery.h"

#include <stdlib.h>

/* In the list's memory: to give back that of a hundred thousand targets, one by one, takes eight milliseconds. */
void target_list_add(struct target_list *l, const struct label_set *labels)
{
    size_t n = labels->list.n, size = n * sizeof(*labels->list.v);
    struct label_set *s = vec_push(&l->targets);

    *s = (struct label_set){ 0 };
    if (n == 0)
        return;
    s->list.v = memcpy(arena_alloc(&l->memory, size), labels->list.v, size);
    s->list.n = n;
    l->n_pairs += n;
}

void target_list_free(struct target_list *l)
{
    vec_free(&l->targets);
    arena_free(&l->memory);
    l->n_pairs = 0;
}

uint64_t target_list_size(const struct target_list *l)
{
    return l->memory.total + l->targets.cap * sizeof(*l->targets.v);
}

static struct budget *budget_of(const struct discovery *d)
{
    return host_budget(d->node->host, SIGNAL_METRICS);
}

static void free_list(struct discovery *d, struct discovery_list *l)
{
    budget_give(budget_of(d), l->charged);
    target_list_free(&l->found);
    free(l->name);
}

struct discovery_list *discovery_find(struct discovery *d, const char *name)
{
    for (size_t i = 0; i < d->lists.n; i++)
        if (strcmp(d->lists.v[i].name, name) == 0)
            return &d->lists.v[i];
    return NULL;
}

void discovery_set(struct discovery *d, const char *name, struct target_list *found)
{
    struct discovery_list *l = discovery_find(d, name);

    if (l == NULL) {
        l = vec_push(&d->lists);
        *l = (struct discovery_list){ .name = mem_strdup(name) };
    }
    target_list_free(&l->found);
    budget_give(budget_of(d), l->charged);
    l->found = *found;
    l->charged = target_list_size(found);
    budget_charge(budget_of(d), l->charged);
    *found = (struct target_list){ 0 };
    l->seen = true;
    complaint_over(&d->complaint);
    d->changed(d->owner);
}

void discovery_remove(struct discovery *d, size_t i)
{
    free_list(d, &d->lists.v[i]);
    d->lists.v[i] = d->lists.v[--d->lists.n];
    d->changed(d->owner);
}

void discovery_fail(struct discovery *d, const char *kind, const char *where, const char *why)
{
    if (complaint_due_to(&d->complaint, &d->node->host->loop->clock, why))
        log_error(&d->node->log, "Unable to refresh target groups: what was found before stays",
                  F_STR("discovery", kind), F_STR("from", where), F_STR("error", why),
                  F_UINT("times", complaint_taken(&d->complaint)));
}

void discovery_close(struct discovery *d)
{
    for (size_t i = 0; i < d->lists.n; i++)
        free_list(d, &d->lists.v[i]);
    vec_free(&d->lists);
}

/* ---- static_configs ---- */

struct static_discovery {
    struct discovery base;
    const struct option_list *groups;
};

static void start(struct discovery *d)
{
    struct target_list found = { 0 };

    target_list_static(container_of(d, struct static_discovery, base)->groups, &found);
    discovery_set(d, "static", &found);
}

static void free_static(struct discovery *d)
{
    discovery_close(d);
    free(container_of(d, struct static_discovery, base));
}

static const struct discovery_ops static_ops = { .start = start, .free = free_static };

struct discovery *static_discovery_new(const struct node *node, const struct option_list *groups)
{
    struct static_discovery *s = mem_zalloc(sizeof(*s));

    s->base.ops = &static_ops;
    s->base.node = node;
    s->groups = groups;
    return &s->base;
}
