/* SPDX-License-Identifier: Apache-2.0 */
/* The series of the span_metrics connector: of each resource families, of each family series, found by the bytes of
 * what they are told apart by.
 *
 * All of it is charged to the budget. A family has at most so many series; what comes beyond, or when the budget has no
 * room, goes to one series of the family that stands for the rest. */
#ifndef CONNECTOR_SPAN_METRICS_SPAN_SERIES_H
#define CONNECTOR_SPAN_METRICS_SPAN_SERIES_H

#include "base/list.h"
#include "base/table.h"
#include "connector/observed.h"
#include "otlp/digest.h"
#include "prom/series/series_top.h"

/* Calls and durations are one family where they have the same dimensions. */
enum family_kind { FAMILY_CALLS, FAMILY_DURATIONS, FAMILY_EVENTS, FAMILIES };

struct span_exemplar {
    uint8_t trace_id[16], span_id[8];
    double value;
};

struct family_series {
    struct list link; /* of its family */
    struct list idle; /* delta: of the store, while no span has come since it was sent */
    struct span_family *family;
    uint64_t hash;
    uint64_t serial;        /* rises from one to the next that is made */
    uint64_t count;         /* calls or events; delta: since it was sent */
    uint64_t start;         /* wall ns: the first span's arrival; delta: when it was sent last */
    uint64_t last_seen;     /* mono ns */
    bool counted, observed; /* a span has come since count, or the histogram, was sent */
    bool sent;              /* at least once */
    bool is_overflow;
    uint32_t n_exemplars;
    struct span_exemplar *exemplars; /* NULL until the first */
    struct observed durations;       /* where the family has them */
    uint32_t key_len, attributes_len;
    uint8_t data[]; /* the key, then KeyValues as fields 1 of a KeyValueList */
};

struct span_family {
    struct resource_series *resource;
    uint64_t number; /* of its own: keys begin with it */
    struct list series;
    uint64_t n; /* without the overflow; delta: to which a span has come since they were sent */
    struct family_series *overflow;
    struct metric *culprit; /* counts them by what exploded; NULL until it is known */
    enum family_kind kind;
    bool has_durations;
};

struct resource_series {
    struct list link; /* of all, in the order in which they came */
    struct list age;  /* the one unused for longest first; not of those that are to go */
    struct digest id;
    uint64_t last_seen; /* mono ns */
    bool leaving;       /* there are too many: it is sent once more */
    struct span_family families[FAMILIES];
    size_t size;
    size_t attributes_len;
    uint8_t attributes[]; /* fields of a Resource */
};

struct store_limits {
    uint64_t series, resources, exemplars, idle;
};

struct span_series {
    struct series_top *top;   /* is told which series are made and go; NULL: nobody is */
    const char *const *names; /* of the metrics, by family */
    struct table table, resources;
    struct list all, by_age, idle;
    uint64_t n, n_resources, n_idle, next_family, next_serial;
    struct budget *budget;
    struct store_limits limits;
    struct observed_shape shape;
    bool delta;
};

void span_series_init(struct span_series *s, struct budget *budget);
void span_series_free(struct span_series *s);

struct resource_series *span_series_find_resource(struct span_series *s, const struct digest *id, uint64_t now);

/* NULL: the budget has no room for one. `attributes`: fields of a Resource. */
struct resource_series *span_series_add_resource(struct span_series *s, const struct digest *id,
                                                 struct bytes attributes, uint64_t now);
void span_series_remove_resource(struct span_series *s, struct resource_series *r);

/* NULL: not known. The key begins with the family's number. */
struct family_series *span_series_find(struct span_series *s, struct bytes key, uint64_t hash);

/* Is there room for a new one that takes so many bytes? To be asked before its attributes are put together, which is
 * work for nothing else. */
bool span_series_may_add(const struct span_series *s, const struct span_family *f, size_t bytes);

/* A new one; NULL: there is no room for it in the family or the budget. `wall`: it begins now. */
struct family_series *span_series_add(struct span_series *s, struct span_family *f, struct bytes key, uint64_t hash,
                                      struct bytes attributes, uint64_t wall);
/* The one that stands for what has no room. */
struct family_series *span_series_overflow(struct span_series *s, struct span_family *f, uint64_t wall);
void span_series_remove(struct span_series *s, struct family_series *series);

/* A span has come; and all of a series was sent (delta): it is idle until the next. */
void span_series_wake(struct span_series *s, struct family_series *series);
static inline void span_series_touch(struct span_series *s, struct family_series *series, uint64_t now)
{
    series->last_seen = now;
    if (s->delta)
        span_series_wake(s, series);
}

void span_series_rest(struct span_series *s, struct family_series *series, uint64_t wall);

/* While there are fewer than the limit of this interval. */
void span_series_exemplar(struct span_series *s, struct family_series *series, const struct span_exemplar *e);
void span_series_clear_exemplars(struct span_series *s, struct family_series *series);

/* As fields of a point that is written at `wall`: its exemplars, its attributes. */
void span_series_put_exemplars(const struct family_series *series, uint64_t wall, uint32_t number, struct buf *out);
void span_series_put_attributes(const struct family_series *series, uint32_t number, struct buf *out);

static inline struct bytes span_series_attributes(const struct family_series *s)
{
    return bytes_of(s->data + s->key_len, s->attributes_len);
}

#endif
