/* SPDX-License-Identifier: Apache-2.0 */
/* A table of slots; a series lies in one of WAYS that follow its place. When all of them are taken by others whose time
 * is not over, the table doubles, and when it may not, the oldest of them gives way. */
#include "exporter/prometheus_remote_write/remote_write_refused.h"

#include "base/loop/clock.h"
#include "base/mem.h"

#include <stdlib.h>

#define FIRST 256u
#define WAYS 8u

static struct refused_slot *slot_at(const struct refused_series *r, uint32_t series, uint32_t way)
{
    return &r->slots[(series + way) & (r->n_slots - 1)];
}

static bool is_over(const struct refused_slot *s, uint32_t now)
{
    return s->series == 0 || s->until <= now;
}

/* The slot that has the series, or may have it. NULL: others have them all, and *oldest is the one refused longest ago.
 */
static struct refused_slot *find_slot(const struct refused_series *r, uint32_t series, uint32_t now,
                                      struct refused_slot **oldest)
{
    struct refused_slot *room = NULL;

    *oldest = slot_at(r, series, 0);
    for (uint32_t i = 0; i < WAYS; i++) {
        struct refused_slot *s = slot_at(r, series, i);

        if (s->series == series)
            return s;
        if (room == NULL && is_over(s, now))
            room = s;
        if (s->until < (*oldest)->until)
            *oldest = s;
    }
    return room;
}

static void set_slots(struct refused_series *r, uint32_t n)
{
    r->slots = mem_zalloc(n * sizeof(*r->slots));
    r->n_slots = n;
    budget_charge(r->budget, n * sizeof(*r->slots));
}

static void put_series(struct refused_series *r, uint32_t series, uint32_t until, uint32_t now)
{
    struct refused_slot *oldest, *s = find_slot(r, series, now, &oldest);

    *(s != NULL ? s : oldest) = (struct refused_slot){ series, until };
}

static void grow_table(struct refused_series *r, uint32_t now)
{
    struct refused_series before = *r;

    set_slots(r, before.n_slots * 2);
    for (uint32_t i = 0; i < before.n_slots; i++)
        if (!is_over(&before.slots[i], now))
            put_series(r, before.slots[i].series, before.slots[i].until, now);
    refused_series_free(&before);
}

void refused_series_add(struct refused_series *r, uint32_t series, uint64_t now)
{
    uint32_t s = (uint32_t)(now / NS_PER_S);
    struct refused_slot *oldest;

    if (r->n_slots == 0)
        set_slots(r, FIRST);
    while (find_slot(r, series, s, &oldest) == NULL && r->n_slots < REFUSED_MAX)
        grow_table(r, s);
    put_series(r, series, s + (uint32_t)(REFUSED_FOR / NS_PER_S), s);
}

bool refused_series_has(const struct refused_series *r, uint32_t series, uint64_t now)
{
    for (uint32_t i = 0; r->n_slots > 0 && series != 0 && i < WAYS; i++)
        if (slot_at(r, series, i)->series == series)
            return !is_over(slot_at(r, series, i), (uint32_t)(now / NS_PER_S));
    return false;
}

struct question {
    const struct refused_series *refused;
    uint64_t now;
};

static bool was_refused(const struct remote_write_unit *unit, void *arg)
{
    const struct question *q = arg;

    return refused_series_has(q->refused, unit->series, q->now);
}

static bool was_not_refused(const struct remote_write_unit *unit, void *arg)
{
    return !was_refused(unit, arg);
}

struct remote_write_request *refused_series_split(const struct refused_series *r, struct remote_write_request **message,
                                                  uint64_t now)
{
    struct question q = { r, now };
    struct remote_write_request *all = *message, *refused, *rest;

    if (r->n_slots == 0)
        return NULL;
    refused = remote_write_select(all, was_refused, &q);
    if (refused == NULL)
        return NULL;
    rest = remote_write_select(all, was_not_refused, &q);
    if (rest == NULL) {
        remote_write_request_free(refused);
        return NULL;
    }
    remote_write_request_free(all);
    *message = rest;
    return refused;
}

void refused_series_free(struct refused_series *r)
{
    if (r->slots != NULL)
        budget_give(r->budget, r->n_slots * sizeof(*r->slots));
    free(r->slots);
    r->slots = NULL;
    r->n_slots = 0;
}
