/* SPDX-License-Identifier: Apache-2.0 */
/* An id is added behind the newest of its list; the oldest makes room for it, and its struct is used again. */
#include "processor/tail_sampling/decided.h"

#include <stdlib.h>

#define MALLOC_COST 16 /* bytes beside each allocation */

static void charge_now(struct decided *d)
{
    uint64_t now = d->table.n * (sizeof(struct decided_trace) + MALLOC_COST) + id_table_bytes(&d->table);

    if (now > d->charged)
        budget_charge(d->budget, now - d->charged);
    else if (now < d->charged)
        budget_give(d->budget, d->charged - now);
    d->charged = now;
}

void decided_init(struct decided *d, uint64_t most_sampled, uint64_t most_not_sampled, struct budget *budget)
{
    *d = (struct decided){ .budget = budget };
    id_table_init(&d->table);
    d->lists[true].most = most_sampled;
    d->lists[false].most = most_not_sampled;
    for (int i = 0; i < 2; i++)
        list_init(&d->lists[i].members);
    charge_now(d);
}

static struct decided_trace *take_oldest(struct decided *d, struct decided_list *l)
{
    struct decided_trace *t = list_pop(&l->members, struct decided_trace, link);

    if (t == NULL)
        return NULL;
    id_table_remove(&d->table, &t->member);
    l->n--;
    return t;
}

void decided_free(struct decided *d)
{
    struct decided_trace *t;

    for (int i = 0; i < 2; i++)
        while ((t = take_oldest(d, &d->lists[i])) != NULL)
            free(t);
    id_table_free(&d->table);
    budget_give(d->budget, d->charged);
}

const struct decided_trace *decided_find(struct decided *d, const uint8_t id[TRACE_ID_SIZE], uint64_t hash)
{
    struct id_member *m = id_table_find(&d->table, id, hash);
    struct decided_trace *t;

    if (m == NULL)
        return NULL;
    t = container_of(m, struct decided_trace, member);
    list_remove(&t->link);
    list_push(&d->lists[t->sampled].members, &t->link);
    return t;
}

void decided_add(struct decided *d, const uint8_t id[TRACE_ID_SIZE], uint64_t hash, bool sampled, uint64_t now)
{
    struct decided_list *l = &d->lists[sampled];
    struct decided_trace *t = l->n >= l->most ? take_oldest(d, l) : NULL;

    if (t == NULL)
        t = mem_alloc(sizeof(*t));
    *t = (struct decided_trace){ .when = now, .sampled = sampled };
    id_table_add(&d->table, &t->member, id, hash);
    list_push(&l->members, &t->link);
    l->n++;
    charge_now(d);
}
