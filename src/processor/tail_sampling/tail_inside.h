/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the tail sampler: what its files share. Nobody else includes this:
 *
 *     tail_sampling.c  the component: options, metrics, start and end
 *     tail_traces.c    what becomes of a batch, and of a trace
 */
#ifndef PROCESSOR_TAIL_SAMPLING_TAIL_INSIDE_H
#define PROCESSOR_TAIL_SAMPLING_TAIL_INSIDE_H

#include "pipeline/item_count.h"
#include "processor/tail_sampling/decided.h"
#include "processor/tail_sampling/policy.h"
#include "processor/tail_sampling/release.h"
#include "processor/tail_sampling/trace_table.h"

enum strategy { TRACE_COMPLETE, SPAN_INGEST };

struct cache_config {
    uint64_t sampled_cache_size, non_sampled_cache_size; /* 0: num_traces */
};

struct tail_config {
    struct option_list policies;
    duration decision_wait, decision_wait_after_root_received;
    uint64_t num_traces, max_bytes, maximum_trace_size_bytes;
    struct cache_config decision_cache;
    int sampling_strategy;
    bool sample_on_first_match, drop_pending_traces_on_shutdown, block_on_overflow;
};

/* A batch outside, for which there was no room. */
struct outside {
    struct list link;
    struct batch *batch;
    struct ack *ack;
};

enum tail_phase { PHASE_OPEN, PHASE_STOPPING, PHASE_STOPPED };

struct tail {
    struct node node;
    const struct tail_config *config;
    uint64_t max_bytes;
    struct policies policies;
    struct trace_table traces;
    struct decided decided;
    struct release release;
    struct ack pool; /* holds what is here; its senders were answered */
    struct clock_timer timer;
    struct list outside;
    enum tail_phase phase;
    void (*stopped)(struct node *node);
    struct complaint early;
    struct pieces head;               /* scratch */
    VEC(struct held_trace *) touched; /* span-ingest: by the batch that is being taken in */
    struct metric_hook hook;
    double held_seen; /* what `held` was told last */
    struct item_count items;
    struct metric *global[DECISIONS], *new_traces, *held, *held_bytes, *early_traces, *early_bytes, *too_large,
        *late[2], *late_age, *removal_age, *timer_latency;
};

static inline struct tail *tail_of(struct node *node)
{
    return container_of(node, struct tail, node);
}

static inline struct clock *clock_of(const struct tail *t)
{
    return &t->node.host->loop->clock;
}

/* In consume(). */
void tail_take(struct tail *t, struct batch *batch, struct ack *ack);

/* What can go on now does: batches that are outside come in, what was decided goes out. */
void tail_advance(struct tail *t);

/* Everything that is held is decided, or with `drop` dropped; also what is outside. */
void tail_settle_all(struct tail *t, bool drop);

#endif
