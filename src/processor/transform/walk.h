/* SPDX-License-Identifier: Apache-2.0 */
/* Statements run over a batch: each message of a context is handed to them, and what they make of it, and of what it is
 * in, is written into a new batch; metrics that they add stand behind those of their scope, and are handed to them too.
 */
#ifndef PROCESSOR_TRANSFORM_WALK_H
#define PROCESSOR_TRANSFORM_WALK_H

#include "otlp/rewrite.h"
#include "ottl/ottl.h"

#define TRANSFORM_MAX_ADDED (64u << 20) /* bytes of metrics that statements may add to a batch */
#define TRANSFORM_MAX_COPIED (1u << 30) /* bytes of resources and scopes that items change, each time that one does */
#define TRANSFORM_MAX_GENERATIONS 10u   /* of metrics that are made of metrics that were made */

/* A resource or scope as statements on what is in it have made it. */
struct transform_parent {
    bool changed;
    struct buf content;
    bool with_schema;
    struct buf schema_url;
};

struct transform_parents {
    VEC(struct transform_parent) v; /* those of the batch, in the order of the walk */
    size_t next;                    /* while they are written */
};

/* A metric, data point or span without what is in it that is handed to statements: they may change it each time. */
struct transform_head {
    struct buf message; /* as it is now */
    struct buf done;    /* the fields that were in it, up to the one at work */
    bool changed;
};

struct transform_added {
    struct bytes metric;
    unsigned generation; /* 1: made of one that came in */
};

/* Zeroed but for its evaluation it is ready. */
struct transform_walk {
    struct ottl_evaluation *evaluation;

    /* What is run, set before each walk: on an item that the evaluation has begun with. False: the batch is given up.
     */
    enum ottl_context context;
    unsigned writes; /* OTTL_CHANGED_ bits and OTTL_APPENDS: what may come of it */
    bool (*run)(void *arg, struct ottl_evaluation *e, struct error *err);
    void *arg;
    int64_t now;

    /* Of a batch: transform_walk_begin() clears them. */
    struct error fault;
    uint64_t made, merged; /* data points that statements have added, and made one of */
    size_t added_len;      /* what is used up of TRANSFORM_MAX_ADDED */
    uint64_t copied;       /* of TRANSFORM_MAX_COPIED */

    struct rewriter rewriter;
    struct transform_parents resources, scopes;
    struct transform_head metric, item;
    struct buf out; /* a message put together */
    struct arena memory;
    VEC(struct transform_added) added; /* to the scope at work */
    unsigned generation;               /* of the metric at work */
};

void transform_walk_free(struct transform_walk *w); /* but for the evaluation */
void transform_walk_begin(struct transform_walk *w, uint64_t items);

/* An item has changed the resource or scope that it is in: `now` is kept in `copy`, which it may be a part of. Past the
 * limit the batch is given up. */
void transform_keep_copy(struct transform_walk *w, struct buf *copy, struct bytes now);

/* The batch after the walk; the caller's reference to `batch` goes. With a fault what is returned means nothing. */
struct batch *transform_walk_run(struct transform_walk *w, struct batch *batch, struct budget *budget);

#endif
