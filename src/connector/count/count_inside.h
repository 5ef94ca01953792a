/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the connectors count and sum: what their files share. Nobody else includes this:
 *
 *     count.c       the components, and the walk over a batch
 *     counters.c    what one thing of it counts for
 */
#ifndef CONNECTOR_COUNT_COUNT_INSIDE_H
#define CONNECTOR_COUNT_COUNT_INSIDE_H

#include "connector/count/count.h"
#include "connector/count/relay.h"
#include "otlp/assembly.h"
#include "otlp/rewrite.h"
#include "pipeline/component.h"

/* A point of the resource that is being counted. */
struct counter {
    struct message *point;
    enum count_section section;
    uint64_t n;
    double sum;
};

struct span_of_time {
    uint64_t first, last; /* 0: none */
};

struct count {
    struct node node;
    bool sums;
    struct arena arena;
    struct count_list lists[COUNT_SECTIONS];
    struct ottl_evaluation *evaluation;
    struct rewriter walker;
    struct rewrite_visitor visitor;
    struct relay relay;
    struct assembly assembly;
    struct buf scratch, text;
    VEC(struct bytes) values; /* of the item's attributes, as the metric wants them */
    struct complaint crowded;
    struct bytes overflow; /* the attributes of the point that counts what has no room for one of its own */
    uint64_t copied, room; /* bytes of points; and how many there may be */
    /* Of the batch, and of the resource that is walked. */
    uint64_t points;
    bool failed, crowded_out;
    struct error err;
    struct message *resource, *scope; /* NULL: nothing was counted yet */
    uint64_t n_resources;
    VEC(struct counter *) counters;
    struct span_of_time times[COUNT_SECTIONS];
};

/* The thing counts for the metric, if it is wanted and has all attributes; or the batch has failed. */
void count_for(struct count *p, enum count_section section, const struct counted_metric *m, const struct visit *at);

/* Another scope begins, or another resource. */
void count_forget_above(struct count *p, bool resource);

struct bytes count_overflow(struct arena *a);

#endif
