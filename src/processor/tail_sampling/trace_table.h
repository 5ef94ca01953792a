/* SPDX-License-Identifier: Apache-2.0 */
/* The traces that are not decided yet, by id and by when they are due. */
#ifndef PROCESSOR_TAIL_SAMPLING_TRACE_TABLE_H
#define PROCESSOR_TAIL_SAMPLING_TRACE_TABLE_H

#include "base/list.h"
#include "processor/tail_sampling/id_table.h"
#include "processor/tail_sampling/policy.h"
#include "processor/tail_sampling/span_store.h"

struct held_trace {
    struct id_member member;
    struct list link; /* in one of the table's lists */
    uint64_t arrival; /* of its first span, mono ns */
    uint64_t due;
    struct fragments spans;
    struct span_facts facts;
    const struct fragment *fresh; /* the first that came with the batch that is being taken in; NULL: none did */
    bool rooted;                  /* its root is here, and made it due earlier */
    bool touched;                 /* by the batch that is being taken in */
};

/* Traces are due in the order in which they came, and those whose root has come in the order of their roots. */
struct trace_table {
    struct id_table table;
    struct list by_arrival, by_root;
    struct span_store store; /* its `bytes` has the traces too */
};

void trace_table_init(struct trace_table *t, struct budget *budget);
void trace_table_free(struct trace_table *t); /* it is empty */

/* NULL: not there. */
struct held_trace *trace_table_find(const struct trace_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash);

struct held_trace *trace_table_add(struct trace_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash, uint64_t now,
                                   uint64_t due);

/* Its root has come: it is due then, if that is earlier. */
void trace_table_root(struct trace_table *t, struct held_trace *trace, uint64_t due);

/* The one that is due next, and the one that has waited longest; NULL: none is left. */
struct held_trace *trace_table_next(const struct trace_table *t);
struct held_trace *trace_table_oldest(const struct trace_table *t);

/* Its fragments go to `to`; the trace is gone. */
void trace_table_take(struct trace_table *t, struct held_trace *trace, struct fragments *to);

#endif
