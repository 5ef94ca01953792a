/* SPDX-License-Identifier: Apache-2.0 */
/* Series by the bytes they arrive as: translation and identity, for whoever keeps something about each series (the
 * scrape endpoint: its value; remote write: its encoded labels).
 *
 * Four levels, each found by its raw bytes below its parent (prom/series/identity.h): the resource, the scope
 * (below its resource), the stream (a metric of that scope) and the series (a set of attributes). What a level means
 * in Prometheus is worked out once, when it is first seen. A level goes when the last one below it goes.
 *
 * Everything is charged to the budget; when that refuses, what is new is refused and what is known goes on. */
#ifndef PROM_STREAMS_H
#define PROM_STREAMS_H

#include "prom/model/sample.h"
#include "prom/series/identity.h"
#include "prom/series/series_limit.h"
#include "prom/series/slots.h"
#include "prom/series/translate.h"

struct resource_entry {
    struct identity id;
    uint32_t children;
    uint32_t slot;                /* in streams.resources */
    uint32_t seen;                /* when last, in the holder's ticks */
    uint32_t target_len;          /* labels of target_info, rendered, behind the raw bytes; 0 = none */
    uint32_t mark;                /* the holder's */
    int64_t target_time;          /* the holder's */
    bool shown;                   /* the newest of those of its job and instance */
    struct resource_entry *older; /* one of the same job and instance */
    struct series_sender *sender; /* whose it is */
};

struct scope_entry {
    struct identity id; /* raw: the scope's bytes, then the schema URL */
    uint32_t children;
    uint32_t schema_url_len;
    uint32_t labels_len; /* what all its series have in common, rendered, behind the raw bytes */
};

struct stream {
    struct identity id; /* raw: the metric's head */
    uint32_t children;
    enum metric_kind kind;
    enum temporality temporality;
    bool monotonic;
    enum family_type type;
    enum family_type whole; /* of a gauge that is a series of a histogram or a summary, as remote write had it, that;
                             * else as type */
    void *user;             /* the holder's */
    uint32_t name_len, unit_len, help_len; /* as in Prometheus; behind the raw bytes */
};

static inline bool stream_is_part(const struct stream *s)
{
    return s->whole != s->type;
}

/* A set of attributes of one stream: the head of the holder's own struct, behind which lie the raw attributes and the
 * own labels. */
struct cached_series {
    struct identity id;
    uint32_t labels_len;
    bool whole; /* the labels are all labels: nothing is in common */
};

struct streams {
    const struct translation *translation;
    struct budget *budget;
    struct table table;   /* of identities of all levels */
    struct table targets; /* of the shown resources, by job and instance */
    struct slots resources;
    struct series_limit limit; /* counts what streams_add makes; the holder asks it first */
    uint64_t seed;
    uint64_t n_cached; /* entries of streams_add */
    uint64_t bytes;    /* of all entries, as charged */
    struct translator translator;
    struct buf name, labels, common;
    struct buf raw, text; /* scratch of lookups */
    /* The stream goes, with its last series; may be NULL. */
    void (*on_stream_gone)(struct streams *s, struct stream *stream);
};

void streams_init(struct streams *s, const struct translation *t, struct budget *budget);
void streams_free(struct streams *s); /* when everything was dropped */

/* Where a walk stands among the levels; zeroed at its beginning. */
struct stream_cursor {
    uint32_t resource_n, scope_n;
    struct resource_entry *resource;
    struct scope_entry *scope;
};

/* The stream of the walk's metric. NULL: *reason says why it has none ("bad_name", "series_budget"). The caller pins
 * the stream until it calls streams_leave, which lets it go when it has no series. */
struct stream *streams_enter(struct streams *s, struct stream_cursor *at, const struct metric_walk *w, uint32_t now,
                             const char **reason);
void streams_leave(struct streams *s, struct stream *stream);
void streams_finish(struct streams *s, struct stream_cursor *at); /* the walk is over */

/* Keep a resource beyond the walk, until it is let go again. */
void streams_keep_resource(struct resource_entry *r);
void streams_drop_resource(struct streams *s, struct resource_entry *r);

static inline struct identity_key streams_key(struct stream *stream, struct bytes attributes)
{
    return (struct identity_key){ &stream->id, attributes, identity_hash(stream->id.hash, attributes) };
}

/* The own labels of attributes, valid until the next call; NULL or the reason why there are none. */
const char *streams_translate(struct streams *s, const struct stream *stream, struct bytes attributes,
                              struct bytes *labels, bool *whole);

/* A new entry of `size` bytes (zeroed, but for its head) for a key that is not known. NULL when the budget or the
 * table refuses. */
struct cached_series *streams_add(struct streams *s, struct stream *stream, const struct identity_key *key,
                                  uint16_t kind, size_t size, struct bytes labels, bool whole);
void streams_drop(struct streams *s, struct cached_series *k);

struct stream *cached_series_stream(const struct cached_series *k);
struct series_sender *stream_sender(const struct stream *s);
const struct scope_entry *stream_scope(const struct stream *s);
struct metric_scope stream_metric_scope(const struct stream *s); /* where it comes from */
struct bytes scope_entry_labels(const struct scope_entry *o);
struct bytes stream_name(const struct stream *s);
struct bytes stream_unit(const struct stream *s);
struct bytes stream_help(const struct stream *s);
struct bytes resource_target(const struct resource_entry *r);

static inline struct bytes cached_series_labels(const struct cached_series *k)
{
    return bytes_of((const uint8_t *)k + k->id.raw_at + k->id.raw_len, k->labels_len);
}

#define CACHED_SERIES_KIND 4 /* identity.kind of the first kind that the holder gave */

/* The kind that streams_add was given. */
static inline uint16_t cached_series_kind(const struct cached_series *k)
{
    return (uint16_t)(k->id.kind - CACHED_SERIES_KIND);
}

/* All labels of a series, appended to `out`, which is empty. */
void cached_series_all_labels(struct buf *out, const struct cached_series *k);

#endif
