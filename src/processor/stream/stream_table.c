/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table (base/table.h), and a list by age: who is seen goes to its end, but not again for a 32nd of the time
 * after which entries go, so that a busy stream does not touch its neighbours with each point. A timer takes old ones
 * off the front, some at a time. */
#include "processor/stream/stream_table.h"

#include "base/mem.h"

#include <stdlib.h>

#define ENTRY_COST 16u   /* of the allocator */
#define SWEEP_MOST 2000u /* entries that go in one turn */

static uint64_t hash_of(const void *entry)
{
    return ((const struct stream_entry *)entry)->id.lo;
}

static bool has_id(const void *entry, const void *id)
{
    return digest_equal(&((const struct stream_entry *)entry)->id, id);
}

void stream_table_init(struct stream_table *t, struct clock *clock, struct budget *budget, size_t size)
{
    *t = (struct stream_table){ .clock = clock, .budget = budget, .size = size };
    table_init(&t->table, hash_of, budget);
    list_init(&t->by_age);
}

void stream_table_limit(struct stream_table *t, uint64_t stale, uint64_t most)
{
    t->stale = stale;
    t->grain = stale / 32;
    t->most = most;
}

static void drop_stream(struct stream_table *t, struct stream_entry *s)
{
    table_remove(&t->table, s, hash_of(s));
    list_remove(&s->link);
    if (t->on_gone != NULL)
        t->on_gone(t, s);
    budget_give(t->budget, t->size + ENTRY_COST);
    free(s);
    t->n--;
}

static struct stream_entry *oldest_entry(const struct stream_table *t)
{
    return list_empty(&t->by_age) ? NULL : container_of(t->by_age.next, struct stream_entry, link);
}

static void on_sweep(struct clock_timer *timer);

static void arm_sweep(struct stream_table *t, uint64_t delay)
{
    clock_start(t->clock, &t->sweep, delay, on_sweep);
}

static uint64_t sweep_pause(const struct stream_table *t)
{
    return t->grain > NS_PER_S ? t->grain : NS_PER_S;
}

static void on_sweep(struct clock_timer *timer)
{
    struct stream_table *t = container_of(timer, struct stream_table, sweep);
    uint64_t now = clock_mono(t->clock);
    struct stream_entry *s;

    table_settle(&t->table, SWEEP_MOST);
    for (unsigned i = 0; (s = oldest_entry(t)) != NULL && s->last_seen + t->stale + t->grain < now; i++) {
        if (i == SWEEP_MOST) {
            arm_sweep(t, NS_PER_MS);
            return;
        }
        drop_stream(t, s);
    }
    if (t->n > 0 || !table_is_settled(&t->table))
        arm_sweep(t, sweep_pause(t));
}

void stream_table_free(struct stream_table *t)
{
    clock_stop(t->clock, &t->sweep);
    for (struct stream_entry *s; (s = oldest_entry(t)) != NULL;)
        drop_stream(t, s);
    table_free(&t->table);
}

struct stream_entry *stream_table_find(struct stream_table *t, const struct digest *id)
{
    struct stream_entry *s = table_find(&t->table, id->lo, has_id, id);
    uint64_t now;

    if (s == NULL || t->stale == 0)
        return s;
    now = clock_mono(t->clock);
    if (now - s->last_seen > t->grain) {
        s->last_seen = now;
        list_remove(&s->link);
        list_push(&t->by_age, &s->link);
    }
    return s;
}

struct stream_entry *stream_table_add(struct stream_table *t, const struct digest *id)
{
    struct stream_entry *s;

    if ((t->most > 0 && t->n >= t->most) || !budget_take(t->budget, t->size + ENTRY_COST))
        return NULL;
    s = mem_zalloc(t->size);
    s->id = *id;
    s->last_seen = clock_mono(t->clock);
    if (!table_insert(&t->table, s, hash_of(s))) {
        budget_give(t->budget, t->size + ENTRY_COST);
        free(s);
        return NULL;
    }
    list_push(&t->by_age, &s->link);
    t->n++;
    if (t->stale > 0 && !clock_armed(&t->sweep))
        arm_sweep(t, sweep_pause(t));
    return s;
}
