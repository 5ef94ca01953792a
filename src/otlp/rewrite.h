/* SPDX-License-Identifier: Apache-2.0 */
/* A batch with some of its messages left out or changed, made by splicing.
 *
 * The rewriter walks the path of a batch (otlp/path.h) and asks a visitor about each resource, scope, metric and item,
 * and about the events of spans and the exemplars of data points. Each sees what it is in.
 * What the visitor keeps is copied in runs as long as possible, and resources in which nothing changes are not even
 * copied: the new batch points into the old one's blocks. Fields that nobody knows stay, for nobody takes them out.
 * Where nothing changes at all the result is the batch that came in. */
#ifndef OTLP_REWRITE_H
#define OTLP_REWRITE_H

#include "base/vec.h"
#include "otlp/batch.h"
#include "otlp/path.h"

enum rewrite_verdict {
    REWRITE_KEEP, /* as it is; what is below it is visited */
    REWRITE_PASS, /* as it is, and so is all that is below it */
    REWRITE_DROP, /* it goes, with all that is below it */
    REWRITE_EDIT, /* the pieces are its content from now on. What is below a resource or scope is visited; a metric or
                   * an item is replaced whole, and what was below it is not visited */
};

/* The new content of a message, put end to end; neighbours become one. They must stay where they are until the visitor
 * is called again. */
struct pieces {
    struct bytes *v;
    size_t n, cap;
    size_t len; /* of all */
    uint64_t
        dropped;   /* EDIT of a metric: how many of its data points are not in it any more; others stay, at least one */
    uint64_t made; /* EDIT of a scope's end: how many items are in the pieces */
    /* EDIT of a resource or scope: whether what it is in has this schema_url from now on. */
    bool with_schema;
    struct bytes schema_url;
};

static inline void pieces_add(struct pieces *p, struct bytes piece)
{
    if (piece.len == 0)
        return;
    p->len += piece.len;
    if (p->n > 0 && bytes_end(p->v[p->n - 1]) == piece.data)
        p->v[p->n - 1].len += piece.len;
    else
        *vec_push(p) = piece;
}

struct walk;

/* What a message is in, by numbers that no two messages of a rewriter have in common: so one who has looked into the
 * one before knows whether this is another. */
struct visit_serials {
    uint64_t request;
    uint64_t resource, scope, metric;
    uint64_t item; /* events and exemplars */
};

/* A message that is asked about, and what it is in. The bytes are as they came in, whatever the visitor said of those
 * above; they are good until it returns. */
struct visit {
    struct bytes message; /* the content of a Resource, an InstrumentationScope (both may be missing: no bytes), a
                           * Metric with its data points, an item, an event, an exemplar */
    unsigned attributes;  /* number of its attributes' field; of a metric that of its metadata */
    unsigned data;        /* data points and exemplars: the field of the metric that they are in; else 0 */
    struct bytes metric;  /* data points and exemplars: the Metric, data and all; of a metric itself */
    struct bytes item;    /* events and exemplars: the span or data point ... */
    size_t index;         /* ... and the how manyth of it, from 0 */
    struct visit_serials in;
    bool ordered; /* batch->ordered of the batch that is walked */
    struct walk *walk;
};

/* The Resource and the InstrumentationScope that the message is in, or no bytes. */
struct bytes visit_resource(const struct visit *at);
struct bytes visit_scope(const struct visit *at);

/* The schema_url of what the message is in, or no bytes: LEVEL_RESOURCE or LEVEL_SCOPE. */
struct bytes visit_schema_url(const struct visit *at, unsigned level);

/* The dictionary of the request, of profiles; good as long as the walk. */
struct bytes visit_dictionary(const struct visit *at);

/* How many items are below: of a resource, scope or metric that is asked about, by its level. */
uint64_t visit_count(const struct visit *at, unsigned level);

/* What is NULL keeps. EDIT of a resource or scope that is missing adds it. scope_end() is asked when all that is in a
 * scope has been: it keeps, or edits, and the pieces are fields that stand behind the others of its container. Below
 * items there are events in spans and exemplars in data points; a span without its events stays. The
 * items that are asked about in profiles are these, not their samples, which are what is counted. */
struct rewrite_visitor {
    enum rewrite_verdict (*resource)(void *arg, const struct visit *at, struct pieces *edit);
    enum rewrite_verdict (*scope)(void *arg, const struct visit *at, struct pieces *edit);
    enum rewrite_verdict (*metric)(void *arg, const struct visit *at, struct pieces *edit);
    enum rewrite_verdict (*item)(void *arg, const struct visit *at, struct pieces *edit);
    enum rewrite_verdict (*below)(void *arg, const struct visit *at, struct pieces *edit);
    enum rewrite_verdict (*scope_end)(void *arg, const struct visit *at, struct pieces *edit);
    void *arg;
};

/* One run of the result: of the old batch's segment, or of the new block. */
struct rewrite_slice {
    struct block *block; /* NULL: the new one */
    const uint8_t *data; /* of the old one */
    size_t at, len;      /* at: in the new one */
};

/* What a walk needs; kept for the next one. A zeroed struct is ready. */
struct rewriter {
    struct pieces edit;
    struct buf merged[2]; /* resources and scopes that came in several parts */
    struct buf dictionary;
    VEC(struct rewrite_slice) slices;
    uint64_t made;   /* items that the last walk has added */
    uint64_t serial; /* the last one that was given to a message */
    size_t growth;   /* by which a request became larger last, in 1024 parts of it */
};

void rewriter_free(struct rewriter *w);

/* The batch as the visitor wants it: `b` itself, with one more reference, when nothing changes; NULL when the visitor
 * dropped all that it had (one without items has its resources, changed or not). What is copied is charged to `budget`
 * whatever its limit. *dropped: items that went (events and exemplars are none); w->made: those that came. The caller's
 * reference to `b` stays. Metadata and arrival are those of `b`. Of profiles the
 * dictionary stays as it is, whatever is not needed of it any more. */
struct batch *rewrite_batch(struct rewriter *w, struct batch *b, const struct rewrite_visitor *visitor,
                            struct budget *budget, uint64_t *dropped);

#endif
