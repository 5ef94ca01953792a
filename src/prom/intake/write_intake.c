/* SPDX-License-Identifier: Apache-2.0 */
/* Families and targets are texts that are known by a name; series are known by a digest alone, for nothing is to be
 * made of them: they are only counted. Each kind is a list in the order in which it was asked for.
 *
 * What can go wrong: there is no room. Beyond a number, and a share of the budget, a family or a target takes the place
 * of the oldest; where the budget is full it is not remembered (points have no description then, or a resource no more
 * attributes than job and instance); a series is refused as the limit says. A series for which nothing has come for a
 * while is no longer one. */
#include "base/mem.h"
#include "prom/intake/write_inside.h"
#include "prom/model/labels.h"

#include <assert.h>
#include <stdlib.h>

#define FAMILIES_MOST 20000u
#define TARGETS_MOST 10000u
#define TEXTS_SHARE 16u               /* this part of the budget may be taken by those of a kind */
#define SERIES_AGE 600u               /* s */
#define SERIES_LOOK (SERIES_AGE / 10) /* one that is in use is looked at so often */
#define EXPIRED_AT_ONCE 4u            /* with each series that is new */
#define EXPIRED_WITH_REQUEST 1000u
#define EXPIRED_NOW_AND_THEN 20000u
#define RENDER_AT 0.4 /* of the limit: below that nobody looks at who grows */

enum { OF_FAMILY = 1, OF_TARGET };

struct known_text {
    struct identity id; /* raw: its name */
    struct list link;
    enum page_type type;
    uint32_t first_len, second_len; /* of what lies behind the name */
    uint8_t raw[];
};

struct known_series {
    struct list link;
    struct digest key;
    struct series_sender *sender;
    uint32_t placed, used; /* mono s: when it was put into the list, or looked at; when asked for */
    uint32_t name_len;
    uint8_t name[]; /* of its metric */
};

/* ---- texts ---- */

static struct bytes text_first(const struct known_text *k)
{
    return bytes_of(k->raw + k->id.raw_len, k->first_len);
}

static struct bytes text_second(const struct known_text *k)
{
    return bytes_of(k->raw + k->id.raw_len + k->first_len, k->second_len);
}

static size_t text_size(const struct known_text *k)
{
    return sizeof(*k) + k->id.raw_len + k->first_len + k->second_len;
}

static uint64_t *bytes_of_kind(struct write_intake *w, unsigned kind)
{
    return kind == OF_FAMILY ? &w->family_bytes : &w->target_bytes;
}

static struct list *list_of(struct write_intake *w, unsigned kind, uint64_t **n)
{
    *n = kind == OF_FAMILY ? &w->n_families : &w->n_targets;
    return kind == OF_FAMILY ? &w->families : &w->targets;
}

static struct known_text *find_text(struct write_intake *w, unsigned kind, struct bytes name)
{
    struct identity_key k = { .raw = name, .hash = identity_hash(kind, name) };
    struct identity *id = identity_find(&w->known, &k);

    return id != NULL && id->kind == kind ? container_of(id, struct known_text, id) : NULL;
}

static void drop_text(struct write_intake *w, struct known_text *k)
{
    uint64_t *n;

    (void)list_of(w, k->id.kind, &n);
    (*n)--;
    *bytes_of_kind(w, k->id.kind) -= text_size(k);
    list_remove(&k->link);
    table_remove(&w->known, &k->id, k->id.hash);
    budget_give(w->budget, text_size(k));
    free(k);
}

/* The oldest of that kind make way for one of `size`. False: there is no room all the same. */
static bool make_way(struct write_intake *w, unsigned kind, size_t size)
{
    uint64_t *n, share = budget_limit(w->budget) / TEXTS_SHARE, most = kind == OF_FAMILY ? FAMILIES_MOST : TARGETS_MOST;
    struct list *list = list_of(w, kind, &n);
    struct known_text *oldest;

    if (size > TEXT_MOST || size > share)
        return false;
    while ((oldest = list_first(list, struct known_text, link)) != NULL &&
           (*n >= most || *bytes_of_kind(w, kind) > share - size))
        drop_text(w, oldest);
    return budget_room(w->budget) >= 2 * size;
}

static void put_text(struct write_intake *w, unsigned kind, struct bytes name, const struct write_family *f)
{
    size_t size = sizeof(struct known_text) + name.len + f->help.len + f->unit.len;
    struct known_text *k;
    struct list *list;
    uint64_t *n;

    if (!make_way(w, kind, size))
        return;
    list = list_of(w, kind, &n);
    k = mem_alloc(size);
    *k = (struct known_text){ .id = { .hash = identity_hash(kind, name),
                                      .raw_len = (uint32_t)name.len,
                                      .raw_at = offsetof(struct known_text, raw),
                                      .kind = (uint16_t)kind },
                              .type = f->type,
                              .first_len = (uint32_t)f->help.len,
                              .second_len = (uint32_t)f->unit.len };
    memcpy(k->raw, name.data, name.len);
    if (f->help.len > 0)
        memcpy(k->raw + name.len, f->help.data, f->help.len);
    if (f->unit.len > 0)
        memcpy(k->raw + name.len + f->help.len, f->unit.data, f->unit.len);
    if (!table_insert(&w->known, &k->id, k->id.hash)) {
        free(k);
        return;
    }
    budget_charge(w->budget, size);
    *bytes_of_kind(w, kind) += size;
    list_push(list, &k->link);
    (*n)++;
}

static void touch_link(struct list *list, struct list *link)
{
    list_remove(link);
    list_push(list, link);
}

static void remember_family(struct write_intake *w, unsigned kind, struct bytes name, const struct write_family *f)
{
    struct known_text *k = name.len > 0 ? find_text(w, kind, name) : NULL;
    uint64_t *n;

    if (name.len == 0)
        return;
    if (k != NULL && k->type == f->type && bytes_equal(text_first(k), f->help) &&
        bytes_equal(text_second(k), f->unit)) {
        touch_link(list_of(w, kind, &n), &k->link);
        return;
    }
    if (k != NULL)
        drop_text(w, k);
    put_text(w, kind, name, f);
}

/* ---- families ---- */

void families_remember(struct write_intake *w, struct bytes name, const struct write_family *f)
{
    w->taught++;
    remember_family(w, OF_FAMILY, name, f);
}

static bool view_family(struct write_intake *w, struct bytes name, struct write_family *f)
{
    struct known_text *k = find_text(w, OF_FAMILY, name);

    if (k == NULL)
        return false;
    *f = (struct write_family){ k->type, text_first(k), text_second(k) };
    return true;
}

/* By its name, or by that without one suffix: what is said of a histogram is said of its parts. */
void families_find(struct write_intake *w, struct bytes name, struct write_family *f)
{
    static const char *const suffixes[] = { "_total", "_bucket", "_count", "_sum", "_created", "_info" };

    if (w->n_families == 0 || view_family(w, name, f))
        return;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);

        if (name.len > n && memcmp(name.data + name.len - n, suffixes[i], n) == 0) {
            (void)view_family(w, bytes_of(name.data, name.len - n), f);
            return;
        }
    }
}

/* ---- targets ---- */

/* Into the scratch: job and instance, which may hold any bytes. */
static struct bytes target_key(struct write_intake *w, const struct write_labels *l)
{
    w->key.len = 0;
    pb_put_bytes(&w->key, 1, l->job);
    pb_put_bytes(&w->key, 2, l->instance);
    return buf_bytes(&w->key);
}

void targets_remember(struct write_intake *w, const struct write_labels *l, struct bytes attributes)
{
    const struct write_family what = { .help = attributes };
    struct bytes key = target_key(w, l);
    struct known_text *k;

    if (attributes.len > 0) {
        remember_family(w, OF_TARGET, key, &what);
        return;
    }
    k = find_text(w, OF_TARGET, key);
    if (k != NULL)
        drop_text(w, k);
}

struct bytes targets_find(struct write_intake *w, const struct write_labels *l)
{
    struct known_text *k = w->n_targets == 0 ? NULL : find_text(w, OF_TARGET, target_key(w, l));

    if (k == NULL)
        return bytes_of(NULL, 0);
    touch_link(&w->targets, &k->link);
    return text_first(k);
}

/* ---- series ---- */

static uint64_t series_hash(const void *entry)
{
    const struct known_series *s = entry;

    return s->key.lo;
}

static bool same_series(const void *entry, const void *key)
{
    const struct known_series *s = entry;

    return digest_equal(&s->key, key);
}

static size_t series_size(const struct known_series *s)
{
    return sizeof(*s) + s->name_len;
}

static void drop_series(struct write_intake *w, struct known_series *s)
{
    series_top_gone(w->limit.top, bytes_of(s->name, s->name_len));
    list_remove(&s->link);
    table_remove(&w->seen, s, s->key.lo);
    series_limit_uncount(&w->limit, s->sender, series_size(s));
    series_sender_release(&w->limit, s->sender);
    budget_give(w->budget, series_size(s));
    free(s);
}

static uint32_t now_s(const struct write_intake *w)
{
    return (uint32_t)(clock_mono(w->clock) / NS_PER_S);
}

/* A series that is asked for keeps its place in the list, for to move it would cost more than the question; it goes to
 * the end when it is looked at. So the first is the one that was looked at longest ago. */
static void expire_series(struct write_intake *w, uint32_t now, unsigned most)
{
    struct known_series *oldest;

    while (most-- > 0 && (oldest = list_first(&w->series, struct known_series, link)) != NULL &&
           now - oldest->placed > SERIES_LOOK) {
        if (now - oldest->used > SERIES_AGE) {
            drop_series(w, oldest);
        } else {
            oldest->placed = now;
            touch_link(&w->series, &oldest->link);
        }
    }
}

static void render_labels(struct write_intake *w, const struct write_labels *l)
{
    w->key.len = 0;
    if (series_limit_fill(&w->limit) >= RENDER_AT)
        for (size_t i = 0; i < l->pairs.all.n; i++)
            if (!bytes_is(l->pairs.all.v[i].name, "__name__"))
                labels_put(&w->key, l->pairs.all.v[i].name, l->pairs.all.v[i].value);
}

static void count_top(struct write_intake *w, const struct write_labels *l)
{
    struct series_top *top = w->limit.top;

    series_top_made(top, l->name);
    for (size_t i = 0; top != NULL && i < l->pairs.all.n; i++)
        if (!bytes_is(l->pairs.all.v[i].name, "__name__"))
            series_top_label(top, l->pairs.all.v[i].name, l->pairs.all.v[i].value);
}

static bool make_series(struct write_intake *w, const struct digest *key, const struct write_labels *l, uint32_t now)
{
    struct series_sender *sender = series_sender_hold(&w->limit, bytes_hash(l->job), l->job);
    struct known_series *s;

    if (sender == NULL)
        return false;
    render_labels(w, l);
    if (!series_limit_admits(&w->limit, sender, l->name, buf_bytes(&w->key))) {
        series_sender_release(&w->limit, sender);
        return false;
    }
    s = mem_alloc(sizeof(*s) + l->name.len);
    *s = (struct known_series){
        .key = *key, .sender = sender, .placed = now, .used = now, .name_len = (uint32_t)l->name.len
    };
    memcpy(s->name, l->name.data, l->name.len);
    if (!table_insert(&w->seen, s, key->lo)) {
        series_sender_release(&w->limit, sender);
        free(s);
        return false;
    }
    list_push(&w->series, &s->link);
    w->made++;
    series_limit_count(&w->limit, sender, series_size(s));
    budget_charge(w->budget, series_size(s));
    count_top(w, l);
    return true;
}

static void set_others(struct write_intake *w)
{
    w->limit.others = table_size(&w->seen) + table_size(&w->known);
}

bool series_admit(struct write_intake *w, const struct digest *series, const struct write_labels *l)
{
    struct known_series *s = table_find(&w->seen, series->lo, same_series, series);
    uint32_t now = now_s(w);

    if (s != NULL) {
        s->used = now;
        return true;
    }
    expire_series(w, now, EXPIRED_AT_ONCE);
    set_others(w);
    return make_series(w, series, l, now);
}

void series_expire(struct write_intake *w)
{
    expire_series(w, now_s(w), EXPIRED_WITH_REQUEST);
}

/* ---- life ---- */

struct write_intake *write_intake_new(const struct write_intake_options *o)
{
    struct write_intake *w = mem_zalloc(sizeof(*w));

    w->budget = o->budget;
    w->clock = o->clock;
    series_limit_init(&w->limit, o->budget);
    w->limit.max = o->max_series;
    if (o->metrics != NULL)
        series_limit_tell(&w->limit, o->metrics, (struct metric_label){ "receiver", o->receiver }, o->log, o->clock,
                          o->watch);
    table_init(&w->known, identity_hash_of, o->budget);
    table_init(&w->seen, series_hash, o->budget);
    list_init(&w->families);
    list_init(&w->targets);
    list_init(&w->series);
    return w;
}

static void drop_texts(struct write_intake *w, struct list *list)
{
    list_each (struct known_text, k, list, link)
        drop_text(w, k);
}

void write_intake_free(struct write_intake *w)
{
    list_each (struct known_series, s, &w->series, link)
        drop_series(w, s);
    drop_texts(w, &w->families);
    drop_texts(w, &w->targets);
    series_limit_free(&w->limit);
    table_free(&w->known);
    table_free(&w->seen);
    buf_free(&w->key);
    free(w);
}

void write_intake_collect(struct write_intake *w)
{
    expire_series(w, now_s(w), EXPIRED_NOW_AND_THEN);
    table_settle(&w->seen, EXPIRED_NOW_AND_THEN);
    set_others(w);
    series_limit_collect(&w->limit);
}
