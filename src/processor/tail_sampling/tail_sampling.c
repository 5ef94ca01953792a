/* SPDX-License-Identifier: Apache-2.0 */
/* The tail sampler: holds the spans of each trace until it is likely whole, then keeps or drops the trace.
 *
 * A batch comes in and its sender is answered; its spans are copied, as they are on the wire, to the traces that they
 * are of (span_store.h, trace_table.h). Spans of a trace that has been decided lately share its fate at once
 * (decided.h). decision_wait after its first span a trace is due: the policies are asked (policy.h), its spans are
 * dropped, or leave with those of other traces (release.h).
 *
 * Memory is bounded by max_bytes: past it, and past num_traces, the oldest traces are decided early, by what is there.
 * When what was decided cannot leave, because what is behind is slow, batches wait outside, unanswered. At the end what
 * is held is decided, or with drop_pending_traces_on_shutdown dropped. */
#include "processor/tail_sampling/tail_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SHARE 4u /* max_bytes: this part of the budget */
#define LEAST_BYTES (1u << 20)

static const char *const strategy_names[] = { "trace-complete", "span-ingest", NULL };
static const struct option cache_rows[] = {
    OPT_UINT(struct cache_config, sampled_cache_size, "0", "0", "100000000",
             "Ids of sampled traces to remember, so that late spans follow; 0: as many as num_traces."),
    OPT_UINT(struct cache_config, non_sampled_cache_size, "0", "0", "100000000",
             "Ids of traces that were not sampled; 0: as many as num_traces."),
    OPT_END,
};

static const struct option options[] = {
    OPT_LIST(struct tail_config, policies, struct policy_config, policy_rows,
             "What decides. A trace is kept when one of them samples it and no drop policy drops it.",
             .required = true),
    OPT_DURATION(struct tail_config, decision_wait, "30s", "0s", NULL,
                 "From the first span of a trace to its decision."),
    OPT_DURATION(struct tail_config, decision_wait_after_root_received, "0s", "0s", NULL,
                 "From a trace's root to its decision, where that is earlier; 0s: the root makes no difference."),
    OPT_UINT(struct tail_config, num_traces, "50000", "1", "100000000",
             "Most traces held; past it the oldest is decided early, with the spans that are there."),
    OPT_UINT(struct tail_config, max_bytes, "0", "0", NULL,
             "Most memory for spans that are held; past it the oldest traces are decided early. 0: a quarter of the "
             "memory that data may take.",
             .zero = "a quarter of the memory budget"),
    OPT_UINT(struct tail_config, maximum_trace_size_bytes, "0", "0", NULL,
             "Larger traces are not sampled, and let go at once; 0: however large."),
    OPT_GROUP(struct tail_config, decision_cache, struct cache_config, cache_rows, GROUP_PLAIN,
              "How many decided traces are remembered."),
    OPT_ENUM(struct tail_config, sampling_strategy, strategy_names, "trace-complete",
             "trace-complete: decide when a trace is due. span-ingest: ask the policies about the spans of each batch; "
             "what none has sampled when it is due is not sampled."),
    OPT_BOOL(struct tail_config, sample_on_first_match, "false",
             "The first policy that samples decides; those behind it are not asked, and their rates not used."),
    OPT_BOOL(struct tail_config, drop_pending_traces_on_shutdown, "false",
             "At the end drop what is not decided, instead of deciding by what is there."),
    OPT_BOOL(struct tail_config, block_on_overflow, "false",
             "With num_traces held senders wait until traces are decided, instead of the oldest being decided early."),
    OPT_IGNORED("expected_new_traces_per_sec", "tables grow as they need to"),
    OPT_IGNORED("num_shards", "one loop does the work"),
    OPT_REFUSED("tail_storage", "spans are held in memory; bound it by max_bytes"),
    OPT_END,
};

/* ---- metrics ---- */

static const double age_bounds[] = { 0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000 };

static const struct metric_row row_global =
    METRIC_ROW("otelcol_processor_tail_sampling_global_count_traces_sampled", METRIC_COUNTER, "{traces}",
               "Traces that were decided, by the decision.");
static const struct metric_row row_new = METRIC_ROW("otelcol_processor_tail_sampling_new_trace_id_received",
                                                    METRIC_COUNTER, "{traces}", "Traces whose first span came.");
static const struct metric_row row_held = METRIC_ROW("otelcol_processor_tail_sampling_sampling_traces_on_memory",
                                                     METRIC_GAUGE, "{traces}", "Traces held that are not decided yet.");
static const struct metric_row row_bytes = METRIC_ROW("otelcd_processor_tail_sampling_held_bytes", METRIC_GAUGE, "By",
                                                      "Memory that held spans take, decided or not.");
static const struct metric_row row_early =
    METRIC_ROW("otelcd_processor_tail_sampling_early_decisions", METRIC_COUNTER, "{traces}",
               "Traces that were decided before they were due, by what ran out: num_traces or max_bytes.");
static const struct metric_row row_large =
    METRIC_ROW("otelcol_processor_tail_sampling_traces_dropped_too_large", METRIC_COUNTER, "{traces}",
               "Traces larger than maximum_trace_size_bytes.");
static const struct metric_row row_late =
    METRIC_ROW("otelcol_processor_tail_sampling_early_releases_from_cache_decision", METRIC_COUNTER, "{spans}",
               "Spans of traces that had been decided, by what was decided.");
static const struct metric_row row_late_age =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_late_span_age", METRIC_HISTOGRAM, "s",
               "From a trace's decision to spans that came after it.", METRIC_BOUNDS(age_bounds));
static const struct metric_row row_removal_age =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_trace_removal_age", METRIC_HISTOGRAM, "s",
               "From a trace's first span to its decision.", METRIC_BOUNDS(age_bounds));
static const double timer_bounds[] = { 1,   2,   5,    10,   25,   50,   75,   100,   150,   200,   300,  400,
                                       500, 750, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 50000 };
static const struct metric_row row_timer =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_decision_timer_latency", METRIC_HISTOGRAM, "ms",
               "How long deciding the traces that were due took, each time.", METRIC_BOUNDS(timer_bounds));
static const struct metric_row row_errors =
    METRIC_ROW("otelcol_processor_tail_sampling_sampling_policy_evaluation_error", METRIC_COUNTER, "{errors}",
               "Policies that could not be evaluated.");

static const struct metric_row *const metric_rows[] = {
    ITEM_COUNT_ROWS,
    &row_global,
    &row_new,
    &row_held,
    &row_bytes,
    &row_early,
    &row_large,
    &row_late,
    &row_late_age,
    &row_removal_age,
    &row_errors,
    &policy_decided_row,
    &policy_executions_row,
    &policy_time_row,
    &row_timer,
    NULL,
};

/* ---- from start to end ---- */

static void enter_phase(struct tail *t, enum tail_phase to)
{
    static const uint8_t allowed[] = {
        [PHASE_OPEN] = 1 << PHASE_STOPPING,
        [PHASE_STOPPING] = 1 << PHASE_STOPPED,
        [PHASE_STOPPED] = 0,
    };

    assert(allowed[t->phase] & 1 << to);
    t->phase = to;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    tail_take(tail_of(container_of(self, struct node, in)), batch, ack);
}

static void finish_stop(struct tail *t)
{
    if (t->phase == PHASE_STOPPING && release_idle(&t->release)) {
        enter_phase(t, PHASE_STOPPED);
        t->stopped(&t->node);
    }
}

static void on_sent(struct release *r)
{
    struct tail *t = container_of(r, struct tail, release);

    tail_advance(t);
    finish_stop(t);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct tail *t = tail_of(node);

    (void)deadline;
    t->stopped = done;
    enter_phase(t, PHASE_STOPPING);
    tail_settle_all(t, t->config->drop_pending_traces_on_shutdown);
    finish_stop(t);
}

/* ---- the component ---- */

static void on_pool_settled(struct ack *ack, const struct outcome *outcome)
{
    (void)ack;
    (void)outcome;
    assert(false && "the pool owes its answer for as long as the processor lives");
}

static void collect(struct metric_hook *hook)
{
    struct tail *t = container_of(hook, struct tail, hook);

    double n = (double)t->traces.table.n;

    metric_set(t->held, t->held->value + n - t->held_seen); /* there may be several processors */
    t->held_seen = n;
    metric_set(t->held_bytes, (double)t->traces.store.bytes);
}

static void count_decisions(struct tail *t)
{
    static const char *const names[DECISIONS] = { "not_sampled", "sampled", "dropped" };
    struct metrics *m = t->node.host->metrics;

    for (int d = 0; d < DECISIONS; d++) {
        const struct metric_label labels[] = { { "sampled", d == DECISION_SAMPLED ? "true" : "false" },
                                               { "decision", names[d] } };

        t->global[d] = metrics_get(m, &row_global, labels, ARRAY_LEN(labels));
    }
    for (int sampled = 0; sampled < 2; sampled++)
        t->late[sampled] =
            metrics_get(m, &row_late, &(struct metric_label){ "sampled", sampled ? "true" : "false" }, 1);
}

static void count_all(struct tail *t)
{
    struct metrics *m = t->node.host->metrics;

    item_count_init(&t->items, &t->node);
    count_decisions(t);
    t->new_traces = metrics_get(m, &row_new, NULL, 0);
    t->held = metrics_get(m, &row_held, NULL, 0);
    t->held_bytes = metrics_get(m, &row_bytes, &(struct metric_label){ "processor", t->node.id }, 1);
    t->early_traces = metrics_get(m, &row_early, &(struct metric_label){ "reason", "num_traces" }, 1);
    t->early_bytes = metrics_get(m, &row_early, &(struct metric_label){ "reason", "max_bytes" }, 1);
    t->too_large = metrics_get(m, &row_large, NULL, 0);
    t->late_age = metrics_get(m, &row_late_age, NULL, 0);
    t->timer_latency = metrics_get(m, &row_timer, NULL, 0);
    t->removal_age = metrics_get(m, &row_removal_age, NULL, 0);
    t->policies.errors = metrics_get(m, &row_errors, NULL, 0);
    t->hook.collect = collect;
    metrics_hook(m, &t->hook);
    release_init(&t->release, &t->node, &t->traces.store, &t->pool, t->items.outgoing, on_sent);
}

static void check(const void *config, struct check *ck)
{
    const struct tail_config *c = config;

    policies_check(&c->policies, c->sampling_strategy == SPAN_INGEST, ck);
}

/* "errors" of "tail_sampling/errors". */
static const char *name_of(const char *id)
{
    const char *slash = strchr(id, '/');

    return slash != NULL ? slash + 1 : "";
}

static uint64_t bytes_allowed(const struct tail *t)
{
    uint64_t limit = budget_limit(t->node.host->budget), share = limit / DEFAULT_SHARE;

    if (t->config->max_bytes > 0)
        return t->config->max_bytes;
    return limit == UINT64_MAX ? UINT64_MAX : share > LEAST_BYTES ? share : LEAST_BYTES;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct tail *t = tail_of(node);
    const struct tail_config *c = config;
    struct budget *budget = host_budget(node->host, SIGNAL_TRACES);
    uint64_t most_sampled = c->decision_cache.sampled_cache_size,
             most_others = c->decision_cache.non_sampled_cache_size;

    (void)err;
    node->in.consume = consume;
    t->config = c;
    t->max_bytes = bytes_allowed(t);
    list_init(&t->outside);
    trace_table_init(&t->traces, budget);
    decided_init(&t->decided, most_sampled > 0 ? most_sampled : c->num_traces,
                 most_others > 0 ? most_others : c->num_traces, budget);
    t->policies.first_match = c->sample_on_first_match;
    t->policies.log = &node->log;
    policies_init(&t->policies, &c->policies, name_of(node->id), node->host->metrics, clock_of(t));
    ack_init(&t->pool, &node->host->loop->turn, node->ledger, 0, false, on_pool_settled);
    count_all(t);
    return 0;
}

static void destroy(struct node *node)
{
    struct tail *t = tail_of(node);
    struct outside *o;
    struct held_trace *trace;

    metrics_unhook(node->host->metrics, &t->hook);
    metric_set(t->held, t->held->value - t->held_seen);
    clock_stop(clock_of(t), &t->timer);
    while ((o = list_pop(&t->outside, struct outside, link)) != NULL) {
        batch_unref(o->batch);
        free(o);
    }
    while ((trace = trace_table_next(&t->traces)) != NULL)
        trace_table_take(&t->traces, trace, &t->release.waiting);
    release_free(&t->release);
    trace_table_free(&t->traces);
    decided_free(&t->decided);
    policies_free(&t->policies);
    vec_free(&t->touched);
    free(t->head.v);
}

extern const struct component tail_sampling_processor;
const struct component tail_sampling_processor = {
    COMPONENT_TYPE("tail_sampling", COMPONENT_PROCESSOR, .signals = SIGNAL_BIT(SIGNAL_TRACES), .stability = "beta"),
    .alone = "it decides when it has seen all spans of a trace",
    .summary = "Holds the spans of a trace until it is whole, then keeps or drops the trace.",
    .safe = "Held in memory until its trace is decided.",
    COMPONENT_CONFIG(struct tail_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct tail, .create = create, .stop = stop, .destroy = destroy),
};
