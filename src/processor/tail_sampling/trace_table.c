/* SPDX-License-Identifier: Apache-2.0 */
/* Each wait is the same for all, so lists are sorted by being appended to, and the next one is at the front of one. */
#include "processor/tail_sampling/trace_table.h"

#include <assert.h>
#include <stdlib.h>

#define TRACE_COST (sizeof(struct held_trace) + 16)

void trace_table_init(struct trace_table *t, struct budget *budget)
{
    id_table_init(&t->table);
    list_init(&t->by_arrival);
    list_init(&t->by_root);
    span_store_init(&t->store, budget);
    t->store.bytes += id_table_bytes(&t->table);
}

void trace_table_free(struct trace_table *t)
{
    t->store.bytes -= id_table_bytes(&t->table);
    id_table_free(&t->table);
    span_store_free(&t->store);
}

struct held_trace *trace_table_find(const struct trace_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash)
{
    struct id_member *m = id_table_find(&t->table, id, hash);

    return m != NULL ? container_of(m, struct held_trace, member) : NULL;
}

struct held_trace *trace_table_add(struct trace_table *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash, uint64_t now,
                                   uint64_t due)
{
    struct held_trace *trace = mem_zalloc(sizeof(*trace));

    trace->arrival = now;
    trace->due = due;
    fragments_init(&trace->spans);
    t->store.bytes -= id_table_bytes(&t->table);
    id_table_add(&t->table, &trace->member, id, hash);
    t->store.bytes += id_table_bytes(&t->table) + TRACE_COST;
    list_push(&t->by_arrival, &trace->link);
    return trace;
}

void trace_table_root(struct trace_table *t, struct held_trace *trace, uint64_t due)
{
    if (trace->rooted || due >= trace->due)
        return;
    trace->rooted = true;
    trace->due = due;
    list_remove(&trace->link);
    list_push(&t->by_root, &trace->link);
}

struct held_trace *trace_table_next(const struct trace_table *t)
{
    struct held_trace *a = list_first(&t->by_arrival, struct held_trace, link);
    struct held_trace *b = list_first(&t->by_root, struct held_trace, link);

    return a == NULL || (b != NULL && b->due < a->due) ? b : a;
}

struct held_trace *trace_table_oldest(const struct trace_table *t)
{
    struct held_trace *a = list_first(&t->by_arrival, struct held_trace, link);
    struct held_trace *b = list_first(&t->by_root, struct held_trace, link);

    return a == NULL || (b != NULL && b->arrival < a->arrival) ? b : a;
}

void trace_table_take(struct trace_table *t, struct held_trace *trace, struct fragments *to)
{
    assert(!trace->touched);
    id_table_remove(&t->table, &trace->member);
    list_remove(&trace->link);
    fragments_move(to, &trace->spans);
    t->store.bytes -= TRACE_COST;
    free(trace);
}
