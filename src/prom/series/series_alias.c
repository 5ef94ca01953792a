/* SPDX-License-Identifier: Apache-2.0 */
/* A series is found by the bytes that made it, and by up to ALIASES_MAX others. Each alias has a writer: the stream of
 * OTLP that its bytes are (prom/series/stream_identity.h). Writers of one series are a short list; the first is that of
 * the series' own bytes, and owns it at first.
 *
 * When the owner writes, a round of the series begins. Who else writes collides when the point is not newer than what
 * is there, when it has written before and the owner too since then, or while the series is contested. A new writer
 * whose point is newer may be the successor of one that went (a restart changes a process id among the resource's
 * attributes): when it comes again and the owner has been silent, the series is its own from then on. */
#include "prom/series/series_alias.h"

#include "base/mem.h"

#include <stdlib.h>

#define ALIASES_MAX 16 /* of one series; the oldest goes for a further one */

struct alias {
    struct cached_series cached;
    struct series *series;
    struct alias *next;
    struct series_writer *writer;
};

struct series *series_of(struct cached_series *k)
{
    return cached_series_kind(k) == ALIAS ? ((struct alias *)k)->series : (struct series *)k;
}

static void charge_store(struct series_store *s, size_t size)
{
    budget_charge(s->budget, size);
    s->bytes += size;
}

static void give_back(struct series_store *s, size_t size)
{
    budget_give(s->budget, size);
    s->bytes -= size;
}

/* ---- writers ---- */

static struct stream_member member_of(const struct cached_series *k)
{
    return (struct stream_member){ cached_series_stream(k), identity_raw(&k->id) };
}

/* The writer that these bytes are of, made when there is none. */
static struct series_writer *writer_for(struct series_store *s, struct series_extra *e, const struct cached_series *k)
{
    struct stream_member member = member_of(k);
    uint64_t identity = stream_member_identity(&member);
    struct series_writer **end = &e->writers, *w;

    for (; (w = *end) != NULL; end = &w->next)
        if (w->identity == identity)
            return w;
    charge_store(s, sizeof(*w));
    w = *end = mem_zalloc(sizeof(*w));
    w->identity = identity;
    w->member = k;
    return w;
}

static void drop_writer(struct series_store *s, struct series_extra *e, struct series_writer *w)
{
    struct series_writer **at = &e->writers;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (e->owner == w)
        e->owner = e->writers;
    give_back(s, sizeof(*w));
    free(w);
}

/* An alias of its goes. Another one stands for it, or it goes too. The first stays: the series' own bytes are its. */
static void leave_writer(struct series_store *s, struct series_extra *e, const struct alias *gone)
{
    struct series_writer *w = gone->writer;

    if (w == e->writers)
        return;
    for (const struct alias *a = e->aliases; a != NULL; a = a->next)
        if (a->writer == w) {
            w->member = &a->cached;
            return;
        }
    drop_writer(s, e, w);
}

struct series_writer *series_writer_of(const struct series *x, const struct cached_series *k)
{
    if (x->extra == NULL || x->extra->writers == NULL)
        return NULL;
    return cached_series_kind(k) == ALIAS ? ((const struct alias *)k)->writer : x->extra->writers;
}

static bool judge_writer(struct series_extra *e, struct series_writer *w, bool newer)
{
    bool again = w->wrote, silent = w->round == e->round;

    w->wrote = true;
    w->round = e->round;
    if (newer && again && silent) {
        e->owner = w;
        e->contested = false;
        e->round++;
        return false;
    }
    if (newer && !again && !e->contested)
        return false;
    e->contested = true;
    return true;
}

bool series_collides(struct series_store *s, struct series *x, struct series_writer *w, uint64_t time)
{
    struct series_extra *e = x->extra;
    struct stream_member owner, newcomer;

    if (w == e->owner) {
        e->round++;
        return false;
    }
    owner = member_of(e->owner->member);
    if (!judge_writer(e, w, time > x->time))
        return false;
    newcomer = member_of(w->member);
    if (s->collisions != NULL)
        collisions_add(s->collisions, &owner, &newcomer);
    return true;
}

/* ---- aliases ---- */

static void unlink_alias(struct series *x, const struct alias *a)
{
    struct alias **at = &x->extra->aliases;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    x->extra->n_aliases--;
}

static void drop_alias(struct series_store *s, struct series *x, struct alias *a)
{
    unlink_alias(x, a);
    leave_writer(s, x->extra, a);
    streams_drop(&s->streams, &a->cached);
}

static void drop_oldest(struct series_store *s, struct series *x)
{
    struct alias *a = x->extra->aliases;

    while (a->next != NULL)
        a = a->next;
    drop_alias(s, x, a);
}

static struct series_extra *extra_of(struct series_store *s, struct series *x)
{
    struct series_extra *e = x->extra;

    if (e == NULL) {
        charge_store(s, sizeof(*e));
        e = x->extra = mem_zalloc(sizeof(*e));
    }
    if (e->writers == NULL) {
        e->owner = writer_for(s, e, &x->cached);
        e->owner->time = x->time;
        e->owner->wrote = true;
    }
    return e;
}

struct cached_series *series_add_alias(struct series_store *s, struct stream *stream, const struct identity_key *key,
                                       struct series *x)
{
    struct bytes none = { NULL, 0 };
    struct alias *a = (struct alias *)streams_add(&s->streams, stream, key, ALIAS, sizeof(*a), none, false);
    struct series_extra *e;

    if (a == NULL)
        return NULL;
    e = extra_of(s, x);
    a->series = x;
    a->writer = writer_for(s, e, &a->cached);
    a->next = e->aliases;
    e->aliases = a;
    if (++e->n_aliases > ALIASES_MAX)
        drop_oldest(s, x);
    return &a->cached;
}

void series_drop_aliases(struct series_store *s, struct series *x)
{
    struct series_extra *e = x->extra;

    while (e->aliases != NULL)
        drop_alias(s, x, e->aliases);
    while (e->writers != NULL)
        drop_writer(s, e, e->writers);
}
