/* SPDX-License-Identifier: Apache-2.0 */
/* All four levels are entries of one table: a fixed struct, then the raw bytes that it is known by, then what was
 * worked out of them (labels, a name). Each counts its children, a walk's pin being one; with the last child it goes,
 * and lets its parent go.
 *
 * The cursor of a walk pins the resource and the scope where it stands, so that a batch of many metrics looks these up
 * once. streams_enter() finds or makes the metric's stream below them and pins that too.
 *
 * Of the resources of one job and instance the newest is shown as target_info; the others hang behind it and come
 * forward when it goes.
 *
 * What can go wrong: the budget refuses an entry, or the table has no slot for it where strangers crowd it. Then what
 * is new has no stream or series, by a reason, and nothing that exists changes. */
#include "prom/series/streams.h"

#include "base/mem.h"
#include "otlp/any_value.h"
#include "prom/series/target.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define BAD_NAME "bad_name"
#define NO_ROOM "series_budget"

enum level { RESOURCE = 1, SCOPE, STREAM, CACHED_SERIES = CACHED_SERIES_KIND };

/* What an entry costs besides its bytes: malloc's own and its place in a list. */
#define ENTRY_COST 32

/* ---- life ---- */

static struct bytes behind_raw(const struct identity *id, size_t at, size_t len)
{
    return bytes_of((const uint8_t *)id + id->raw_at + id->raw_len + at, len);
}

void streams_init(struct streams *s, const struct translation *t, struct budget *budget)
{
    *s = (struct streams){ .translation = t, .budget = budget };
    /* A seed of its own, so that nobody outside can make up bytes that crowd one spot of the table. */
    if (getentropy(&s->seed, sizeof(s->seed)) != 0)
        s->seed = (uint64_t)(uintptr_t)s;
    table_init(&s->table, identity_hash_of, budget);
    table_init(&s->targets, target_hash, budget);
    series_limit_init(&s->limit, budget);
}

void streams_free(struct streams *s)
{
    assert(s->table.n == 0 && s->resources.n == 0);
    table_free(&s->table);
    table_free(&s->targets);
    series_limit_free(&s->limit);
    slots_free(&s->resources);
    translator_free(&s->translator);
    buf_free(&s->name);
    buf_free(&s->labels);
    buf_free(&s->common);
    buf_free(&s->raw);
    buf_free(&s->text);
}

static size_t cost_of(size_t size)
{
    return size + ENTRY_COST;
}

/* An entry of `size` bytes, then the raw bytes, then `more` bytes. */
static void *new_entry(struct streams *s, const struct identity_key *key, enum level level, size_t size, size_t more)
{
    size_t whole = size + key->raw.len + more;
    struct identity *id;

    if (key->raw.len > UINT32_MAX || more > UINT32_MAX || !budget_take(s->budget, cost_of(whole)))
        return NULL;
    id = malloc(whole);
    if (id == NULL) {
        budget_give(s->budget, cost_of(whole));
        return NULL;
    }
    memset(id, 0, size);
    identity_init(id, key, level, size);
    if (!table_insert(&s->table, id, key->hash)) {
        budget_give(s->budget, cost_of(whole));
        free(id);
        return NULL;
    }
    s->bytes += cost_of(whole);
    return id;
}

static void free_entry(struct streams *s, struct identity *id, size_t more)
{
    size_t whole = id->raw_at + id->raw_len + more;

    table_remove(&s->table, id, id->hash);
    s->bytes -= cost_of(whole);
    budget_give(s->budget, cost_of(whole));
    free(id);
}

static void put_behind(struct identity *id, size_t at, struct bytes b)
{
    if (b.len > 0)
        memcpy((uint8_t *)id + id->raw_at + id->raw_len + at, b.data, b.len);
}

/* ---- resources ---- */

/* By its job, or else by all that it says. */
static struct series_sender *hold_sender(struct streams *s, const struct resource_entry *r)
{
    struct job_instance j = { 0 };
    struct series_sender *sender;

    translate_job(&j, identity_raw(&r->id));
    sender = series_sender_hold(&s->limit, j.job.len > 0 ? identity_hash(s->seed, buf_bytes(&j.job)) : r->id.hash,
                                buf_bytes(&j.job));
    job_instance_free(&j);
    return sender;
}

static struct resource_entry *find_resource(struct streams *s, struct bytes raw)
{
    struct identity_key key = { NULL, raw, identity_hash(s->seed, raw) };
    struct resource_entry *r = (struct resource_entry *)identity_find(&s->table, &key);

    if (r != NULL)
        return r;
    s->labels.len = 0;
    translate_target(&s->translator, s->translation, raw, &s->labels);
    r = new_entry(s, &key, RESOURCE, sizeof(*r), s->labels.len);
    if (r == NULL)
        return NULL;
    r->sender = hold_sender(s, r);
    if (r->sender == NULL) {
        free_entry(s, &r->id, s->labels.len);
        return NULL;
    }
    r->target_len = (uint32_t)s->labels.len;
    put_behind(&r->id, 0, buf_bytes(&s->labels));
    r->slot = slots_take(&s->resources, r);
    if (r->target_len > 0)
        target_show(&s->targets, r);
    return r;
}

static void release_resource(struct streams *s, struct resource_entry *r)
{
    if (--r->children > 0)
        return;
    if (r->target_len > 0)
        target_hide(&s->targets, r);
    slots_give(&s->resources, r->slot);
    series_sender_release(&s->limit, r->sender);
    free_entry(s, &r->id, r->target_len);
}

/* ---- scopes ---- */

static struct scope_entry *find_scope(struct streams *s, struct resource_entry *resource, const struct metric_walk *w)
{
    struct metric_scope from = { w->resource, w->scope, w->schema_url };
    struct identity_key key = { .parent = &resource->id };
    uint32_t split = (uint32_t)w->scope.len;
    struct scope_entry *o;

    s->raw.len = 0;
    buf_append(&s->raw, &split, sizeof(split));
    buf_put(&s->raw, w->scope);
    buf_put(&s->raw, w->schema_url);
    key.raw = buf_bytes(&s->raw);
    key.hash = identity_hash(resource->id.hash, key.raw);
    o = (struct scope_entry *)identity_find(&s->table, &key);
    if (o != NULL)
        return o;
    s->labels.len = 0;
    translate_common(&s->translator, s->translation, &from, &s->labels);
    o = new_entry(s, &key, SCOPE, sizeof(*o), s->labels.len);
    if (o == NULL)
        return NULL;
    o->schema_url_len = (uint32_t)w->schema_url.len;
    o->labels_len = (uint32_t)s->labels.len;
    put_behind(&o->id, 0, buf_bytes(&s->labels));
    resource->children++;
    return o;
}

static void release_scope(struct streams *s, struct scope_entry *o)
{
    struct resource_entry *r = (struct resource_entry *)o->id.parent;

    if (--o->children > 0)
        return;
    free_entry(s, &o->id, o->labels_len);
    release_resource(s, r);
}

/* ---- streams ---- */

/* *whole: the hint says that it is one of the series that make a histogram or a summary. */
static enum family_type hinted_type(const struct metric_head *h, enum family_type *whole)
{
    struct buf hint = { 0 };
    enum family_type type = FAMILY_GAUGE;

    any_value_put(&hint, h->type_hint);
    if (bytes_is(buf_bytes(&hint), "unknown") && h->kind != METRIC_SUM)
        type = FAMILY_UNKNOWN;
    else if (bytes_is(buf_bytes(&hint), "info"))
        type = FAMILY_INFO;
    else if (bytes_is(buf_bytes(&hint), "stateset"))
        type = FAMILY_STATESET;
    *whole = type;
    if (h->kind != METRIC_SUM && bytes_is(buf_bytes(&hint), "histogram"))
        *whole = FAMILY_HISTOGRAM;
    else if (h->kind != METRIC_SUM && bytes_is(buf_bytes(&hint), "summary"))
        *whole = FAMILY_SUMMARY;
    buf_free(&hint);
    return type;
}

static enum family_type type_of(const struct metric_head *h, enum family_type *whole)
{
    switch (h->kind) {
    case METRIC_SUM:
        return *whole = h->monotonic ? FAMILY_COUNTER : hinted_type(h, whole);
    case METRIC_EXPLICIT:
    case METRIC_EXPONENTIAL:
        return *whole = FAMILY_HISTOGRAM;
    case METRIC_SUMMARY:
        return *whole = FAMILY_SUMMARY;
    default:
        return hinted_type(h, whole);
    }
}

static enum name_type name_type_of(const struct metric_head *h)
{
    if (h->kind == METRIC_SUM && h->monotonic)
        return NAME_COUNTER;
    return h->kind == METRIC_NUMBER_GAUGE ? NAME_GAUGE : NAME_OTHER;
}

/* An info of Prometheus that was scraped is a sum, and is called without its end. */
static void end_info_name(struct buf *name, const struct metric_head *h)
{
    static const char end[] = "_info";
    size_t n = sizeof(end) - 1;
    enum family_type whole;

    if (h->kind == METRIC_SUM && type_of(h, &whole) == FAMILY_INFO &&
        (name->len < n || memcmp(name->data + name->len - n, end, n) != 0))
        buf_puts(name, end);
}

static struct stream *new_stream(struct streams *s, const struct identity_key *key, const struct metric_head *h,
                                 const char **reason)
{
    const struct translation *t = s->translation;
    struct stream *x;
    size_t name_len;

    s->name.len = 0;
    *reason = BAD_NAME;
    if (!name_metric(&s->name, t->strategy, t->ns, h->name, h->unit, name_type_of(h)))
        return NULL;
    end_info_name(&s->name, h);
    name_len = s->name.len;
    name_unit(&s->name, t->strategy, h->unit);
    *reason = NO_ROOM;
    x = new_entry(s, key, STREAM, sizeof(*x), s->name.len + h->description.len);
    if (x == NULL)
        return NULL;
    x->kind = h->kind;
    x->temporality = h->temporality;
    x->monotonic = h->monotonic;
    x->type = type_of(h, &x->whole);
    x->name_len = (uint32_t)name_len;
    x->unit_len = (uint32_t)(s->name.len - name_len);
    x->help_len = (uint32_t)h->description.len;
    put_behind(&x->id, 0, buf_bytes(&s->name));
    put_behind(&x->id, s->name.len, h->description);
    return x;
}

/* The walk's pins on levels go, and the levels with them when nothing came of it. */
static void leave_scope(struct streams *s, struct stream_cursor *at)
{
    if (at->scope != NULL)
        release_scope(s, at->scope);
    at->scope = NULL;
}

void streams_finish(struct streams *s, struct stream_cursor *at)
{
    leave_scope(s, at);
    if (at->resource != NULL)
        release_resource(s, at->resource);
    at->resource = NULL;
}

void streams_keep_resource(struct resource_entry *r)
{
    r->children++;
}

void streams_drop_resource(struct streams *s, struct resource_entry *r)
{
    release_resource(s, r);
}

static bool enter_scope(struct streams *s, struct stream_cursor *at, const struct metric_walk *w, uint32_t now)
{
    if (at->resource == NULL || at->resource_n != w->resource_n) {
        streams_finish(s, at);
        at->resource = find_resource(s, w->resource);
        if (at->resource == NULL)
            return false;
        at->resource->children++;
        at->resource_n = w->resource_n;
    }
    if (at->scope == NULL || at->scope_n != w->scope_n) {
        leave_scope(s, at);
        at->scope = find_scope(s, at->resource, w);
        if (at->scope == NULL)
            return false;
        at->scope->children++;
        at->scope_n = w->scope_n;
    }
    at->resource->seen = now;
    return true;
}

struct stream *streams_enter(struct streams *s, struct stream_cursor *at, const struct metric_walk *w, uint32_t now,
                             const char **reason)
{
    struct identity_key key = { .raw = buf_bytes(&w->head_raw) };
    struct stream *x;

    *reason = NO_ROOM;
    if (!enter_scope(s, at, w, now))
        return NULL;
    key.parent = &at->scope->id;
    key.hash = identity_hash(key.parent->hash, key.raw);
    x = (struct stream *)identity_find(&s->table, &key);
    if (x == NULL) {
        x = new_stream(s, &key, &w->head, reason);
        if (x == NULL)
            return NULL;
        at->scope->children++;
    }
    x->children++;
    return x;
}

void streams_leave(struct streams *s, struct stream *x)
{
    struct scope_entry *o = (struct scope_entry *)x->id.parent;

    if (--x->children > 0)
        return;
    if (s->on_stream_gone != NULL)
        s->on_stream_gone(s, x);
    free_entry(s, &x->id, (size_t)x->name_len + x->unit_len + x->help_len);
    release_scope(s, o);
}

/* ---- series ---- */

struct metric_scope stream_metric_scope(const struct stream *s)
{
    const struct scope_entry *o = stream_scope(s);
    struct bytes raw = identity_raw(&o->id);
    size_t split = sizeof(uint32_t), end = raw.len - o->schema_url_len;

    return (struct metric_scope){ identity_raw(o->id.parent), bytes_of(raw.data + split, end - split),
                                  bytes_of(raw.data + end, o->schema_url_len) };
}

const char *streams_translate(struct streams *s, const struct stream *stream, struct bytes attributes,
                              struct bytes *labels, bool *whole)
{
    const struct scope_entry *o = stream_scope(stream);
    struct metric_scope from = stream_metric_scope(stream);
    const char *reason;

    s->labels.len = 0;
    reason = translate_point(&s->translator, s->translation, &from, scope_entry_labels(o), stream->kind, attributes,
                             &s->labels, whole);
    *labels = buf_bytes(&s->labels);
    return reason;
}

struct cached_series *streams_add(struct streams *s, struct stream *stream, const struct identity_key *key,
                                  uint16_t kind, size_t size, struct bytes labels, bool whole)
{
    struct cached_series *k = new_entry(s, key, CACHED_SERIES, size, labels.len);

    if (k == NULL)
        return NULL;
    k->id.kind = (uint16_t)(CACHED_SERIES + kind);
    k->labels_len = (uint32_t)labels.len;
    k->whole = whole;
    put_behind(&k->id, 0, labels);
    stream->children++;
    s->n_cached++;
    series_limit_count(&s->limit, stream_sender(stream), cost_of(size + key->raw.len + labels.len));
    return k;
}

void streams_drop(struct streams *s, struct cached_series *k)
{
    struct stream *stream = cached_series_stream(k);

    series_limit_uncount(&s->limit, stream_sender(stream), cost_of(k->id.raw_at + k->id.raw_len + k->labels_len));
    free_entry(s, &k->id, k->labels_len);
    s->n_cached--;
    streams_leave(s, stream);
}

struct stream *cached_series_stream(const struct cached_series *k)
{
    return (struct stream *)k->id.parent;
}

struct series_sender *stream_sender(const struct stream *s)
{
    return ((const struct resource_entry *)s->id.parent->parent)->sender;
}

const struct scope_entry *stream_scope(const struct stream *s)
{
    return (const struct scope_entry *)s->id.parent;
}

struct bytes scope_entry_labels(const struct scope_entry *o)
{
    return behind_raw(&o->id, 0, o->labels_len);
}

struct bytes stream_name(const struct stream *s)
{
    return behind_raw(&s->id, 0, s->name_len);
}

struct bytes stream_unit(const struct stream *s)
{
    return behind_raw(&s->id, s->name_len, s->unit_len);
}

struct bytes stream_help(const struct stream *s)
{
    return behind_raw(&s->id, (size_t)s->name_len + s->unit_len, s->help_len);
}

struct bytes resource_target(const struct resource_entry *r)
{
    return behind_raw(&r->id, 0, r->target_len);
}

void cached_series_all_labels(struct buf *out, const struct cached_series *k)
{
    if (k->whole)
        buf_put(out, cached_series_labels(k));
    else
        labels_merge(out, scope_entry_labels(stream_scope(cached_series_stream(k))), cached_series_labels(k));
}
