/* SPDX-License-Identifier: Apache-2.0 */
/* A batch taken apart by its items: each goes to one of several parts, which are batches of their own.
 *
 * One walk down the path of the batch (otlp/path.h) asks about each item where it goes and copies it there. What an
 * item is in (resource, scope, metric) is opened in its part when the first item below it comes, with all fields that
 * are not on the path, and once for each resource, scope and metric of the batch. */
#ifndef EXPORTER_LOAD_BALANCING_SCATTER_H
#define EXPORTER_LOAD_BALANCING_SCATTER_H

#include "otlp/batch.h"
#include "otlp/path.h"

/* An item, and what it is in: messages of the batch, good for as long as it is. */
struct scatter_item {
    struct bytes item;                         /* the content of a span, log record, data point */
    struct bytes resource_group;               /* ResourceSpans and their like */
    struct bytes scope_group;                  /* ScopeSpans and their like */
    struct bytes metric;                       /* of data points; else no bytes */
    uint32_t data;                             /* of data points: the metric's field that they are in; else 0 */
    uint64_t resources, scopes, data_messages; /* the how manyth of the walk, from 1: who has looked into one knows
                                                * whether this is another */
};

/* Who says where an item goes: a number below the `n` that scatter_batch() was given, or SCATTER_DROP. */
#define SCATTER_DROP UINT32_MAX
typedef uint32_t scatter_choose(void *arg, const struct scatter_item *item);

/* What a part is made of, in order: bytes of the batch, or where a message begins. */
struct scatter_piece {
    const uint8_t *data; /* NULL: a message begins */
    size_t len;          /* of the bytes; of the content of the message */
    size_t message;      /* which: in `messages` */
};

/* A message of the batch that is in parts. */
struct scatter_message {
    uint32_t field;      /* that it is in its parent */
    size_t rest, n_rest; /* its fields that are not on the path, in `rest` */
    size_t rest_len;
};

struct scatter_level {
    uint64_t serial; /* of the message that is open here; 0: none */
    size_t begun;    /* its piece */
    size_t len;      /* of its content so far, but for the fields that are not on the path */
};

struct scatter_part {
    VEC(struct scatter_piece) pieces;
    uint64_t items;
    struct scatter_level levels[LEVELS];
};

typedef VEC(uint32_t) scatter_numbers;
typedef VEC(struct bytes) scatter_runs;

/* What it needs, kept for the next batch. A zeroed struct is ready. */
struct scatter {
    VEC(struct scatter_part) parts;
    scatter_numbers used;         /* parts of this batch, in the order that they came in */
    scatter_numbers open[LEVELS]; /* parts in which the level is open */
    scatter_runs aside[LEVELS];   /* fields not on the path, of the message that is walked */
    scatter_runs rest;            /* those of messages that have ended */
    VEC(struct scatter_message) messages;
    uint64_t serial;
    uint64_t dropped; /* items of the last batch that were to go nowhere */
};

void scatter_free(struct scatter *s);

/* Takes `b` apart; the caller's reference to it stays. out[i], of `n`, is the part of that number, or NULL when nothing
 * goes there; `b` itself, with one more reference, when all of it does. Metadata and arrival are those of `b`. Not for
 * profiles. Afterwards s->used are the numbers of the parts that there are.
 *
 * Blocks are charged to `budget`, whatever its limit as long as they have twice the bytes of `b` at most. Parts may
 * have far more, for each repeats the resources of its items: if the budget has no room for these, no part is made, and
 * what comes back is how many bytes are wanted. Else 0. */
uint64_t scatter_batch(struct scatter *s, struct batch *b, size_t n, scatter_choose *choose, void *arg,
                       struct budget *budget, struct batch **out);

#endif
