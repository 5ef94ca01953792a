/* SPDX-License-Identifier: Apache-2.0 */
/* The groupbytrace processor: the spans of a trace go on together, some time after the first.
 *
 * A batch comes in, its spans are copied, as they are on the wire, to the traces that they are of, and its sender is
 * answered. When a trace has waited it leaves in requests of its own (tail_sampling/release.h), several traces at a
 * time; spans that come later are a trace that waits anew.
 *
 * What can go wrong: there are too many traces, or they are too large; then the oldest leave before their time, and
 * when they cannot, because what is behind is slow, senders are told to retry. Each trace takes a copy of its
 * resource along, which may be large and have many traces: what is on its way is bounded in bytes too, at the end as
 * well, when all leave. */
#include "pipeline/item_count.h"
#include "processor/groupbytrace/span_runs.h"
#include "processor/tail_sampling/release.h"
#include "processor/tail_sampling/trace_table.h"

#include <assert.h>
#include <stdlib.h>

#define DEFAULT_SHARE 4u /* max_bytes: this part of the budget */
#define LEAST_BYTES (1u << 20)
#define TICK_NS (20 * NS_PER_MS) /* traces that are due within it leave together */
#define OUT_MOST 1000u           /* traces on their way ... */
#define OUT_BYTES (16ull << 20)  /* ... and bytes; one goes in any case */
#define TURN_SPANS 20000u        /* as many leave in one turn of the loop */

struct groupbytrace_config {
    duration wait_duration;
    uint64_t num_traces, max_bytes;
    bool discard_orphans, store_on_disk;
};

static const struct option options[] = {
    OPT_DURATION(struct groupbytrace_config, wait_duration, "1s", "0s", NULL,
                 "From the first span of a trace until it leaves. What is held was answered: a kill -9 loses it."),
    OPT_UINT(struct groupbytrace_config, num_traces, "1000000", "1", "100000000",
             "Most traces held; past it the oldest leaves early."),
    OPT_UINT(
        struct groupbytrace_config, max_bytes, "0", "0", NULL,
        "Most memory for spans that are held; past it the oldest traces leave early. 0: a quarter of the memory that "
        "data may take.",
        .zero = "a quarter of the memory budget"),
    OPT_BOOL(struct groupbytrace_config, discard_orphans, "false",
             "Not served: true is refused, as by the Go collector."),
    OPT_BOOL(struct groupbytrace_config, store_on_disk, "false",
             "Not served: true is refused, as by the Go collector."),
    OPT_IGNORED("num_workers", "one loop does the work"),
    OPT_END,
};

static const struct metric_row conf_row =
    METRIC_ROW("otelcol_processor_groupbytrace_conf_num_traces", METRIC_GAUGE, "1", "Most traces held, as configured.");
static const struct metric_row held_row =
    METRIC_ROW("otelcol_processor_groupbytrace_num_traces_in_memory", METRIC_GAUGE, "1", "Traces held.");
static const struct metric_row spans_row =
    METRIC_ROW("otelcol_processor_groupbytrace_spans_released", METRIC_COUNTER, "1", "Spans that have left.");
static const struct metric_row traces_row =
    METRIC_ROW("otelcol_processor_groupbytrace_traces_released", METRIC_COUNTER, "1", "Traces that have left.");
static const struct metric_row early_row =
    METRIC_ROW("otelcol_processor_groupbytrace_incomplete_releases", METRIC_COUNTER, "{releases}",
               "Traces that have left before their time.");

static const struct metric_row *const metric_rows[] = {
    &conf_row, &held_row, &spans_row, &traces_row, &early_row, ITEM_COUNT_ROWS, NULL,
};

enum phase { PHASE_OPEN, PHASE_STOPPING, PHASE_STOPPED };

struct groupbytrace;

/* A trace on its way, or memory of one. */
struct leaving {
    struct list link;
    struct groupbytrace *processor;
    struct release release;
    size_t bytes; /* of what of it is out */
};

struct groupbytrace {
    struct node node;
    const struct groupbytrace_config *config;
    uint64_t max_bytes;
    struct trace_table traces;
    struct ack pool; /* holds what is here; its senders were answered */
    struct list out, unused;
    uint64_t n_out, out_bytes;
    struct clock_timer timer;
    enum phase phase;
    void (*stopped)(struct node *node);
    struct complaint early;
    struct pieces scratch;
    struct metric_hook hook;
    struct item_count items;
    struct metric *held, *spans_released, *traces_released, *incomplete;
};

static struct groupbytrace *processor_of(struct node *node)
{
    return container_of(node, struct groupbytrace, node);
}

static struct clock *clock_of(const struct groupbytrace *p)
{
    return &p->node.host->loop->clock;
}

/* ---- out ---- */

static void on_sent(struct release *r);

static struct leaving *new_leaving(struct groupbytrace *p)
{
    struct leaving *l = list_pop(&p->unused, struct leaving, link);

    if (l == NULL) {
        l = mem_zalloc(sizeof(*l));
        l->processor = p;
        release_init(&l->release, &p->node, &p->traces.store, &p->pool, p->items.outgoing, on_sent);
    }
    list_push(&p->out, &l->link);
    p->n_out++;
    return l;
}

/* Another part of the trace is out, or none. */
static void note_bytes(struct leaving *l)
{
    size_t now = l->release.out ? l->release.out_bytes : 0;

    l->processor->out_bytes += now;
    l->processor->out_bytes -= l->bytes;
    l->bytes = now;
}

static void let_go(struct groupbytrace *p, struct held_trace *trace)
{
    struct leaving *l = new_leaving(p);

    metric_add(p->traces_released, 1);
    metric_add(p->spans_released, trace->spans.spans);
    trace_table_take(&p->traces, trace, &l->release.waiting);
    release_advance(&l->release);
    note_bytes(l);
}

static bool may_send(const struct groupbytrace *p)
{
    return p->n_out < OUT_MOST && p->out_bytes < OUT_BYTES;
}

static void complain_early(struct groupbytrace *p, const char *key)
{
    metric_add(p->incomplete, 1);
    if (complaint_due(&p->early, clock_of(p)))
        log_warn(&p->node.log, "Traces leave before wait_duration is over, with the spans that are there",
                 F_STR("because_of", key), F_UINT("traces", p->traces.table.n), F_UINT("bytes", p->traces.store.bytes),
                 F_UINT("repeated", complaint_taken(&p->early)));
}

/* Past a bound the oldest leave. */
static void keep_bounds(struct groupbytrace *p)
{
    struct held_trace *oldest;

    while (may_send(p) && (oldest = trace_table_oldest(&p->traces)) != NULL) {
        if (p->traces.table.n > p->config->num_traces)
            complain_early(p, "num_traces");
        else if (p->traces.store.bytes > p->max_bytes)
            complain_early(p, "max_bytes");
        else
            return;
        let_go(p, oldest);
    }
}

static void on_due(struct clock_timer *timer);

static void arm_timer(struct groupbytrace *p)
{
    const struct held_trace *next = trace_table_next(&p->traces);
    uint64_t now = clock_mono(clock_of(p)), delay = TICK_NS;

    if (next == NULL || !may_send(p)) {
        clock_stop(clock_of(p), &p->timer);
        return;
    }
    if (next->due > now + TICK_NS)
        delay = next->due - now;
    else if (next->due < now)
        delay = 0; /* more was due than one turn lets go */
    if (!clock_armed(&p->timer) || p->timer.due > now + delay)
        clock_start(clock_of(p), &p->timer, delay, on_due);
}

static void on_due(struct clock_timer *timer)
{
    struct groupbytrace *p = container_of(timer, struct groupbytrace, timer);
    uint64_t horizon = clock_mono(clock_of(p)) + TICK_NS, spans = 0;
    struct held_trace *trace;

    while (spans < TURN_SPANS && may_send(p) && (trace = trace_table_next(&p->traces)) != NULL &&
           trace->due <= horizon) {
        spans += trace->spans.spans;
        let_go(p, trace);
    }
    span_store_charge(&p->traces.store);
    arm_timer(p);
}

/* ---- in ---- */

static void take_run(void *arg, const struct span_run *run)
{
    struct groupbytrace *p = arg;
    uint64_t hash = id_hash(run->id), now = clock_mono(clock_of(p));
    struct held_trace *trace = trace_table_find(&p->traces, run->id, hash);

    if (trace == NULL)
        trace = trace_table_add(&p->traces, run->id, hash, now, now + (uint64_t)p->config->wait_duration.ns);
    span_store_add(&p->traces.store, &trace->spans, run->scope, run->spans, run->n);
}

/* What is held has no room, and cannot leave. */
static bool is_full(const struct groupbytrace *p)
{
    return !may_send(p) && (p->traces.store.bytes > p->max_bytes || p->traces.table.n >= p->config->num_traces);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct groupbytrace *p = processor_of(container_of(self, struct node, in));
    uint64_t begun = item_count_begin(&p->items);

    if (is_full(p)) {
        budget_refuse(host_budget(p->node.host, SIGNAL_TRACES));
        ack_fail(ack, VERDICT_RETRY, "memory_limit", "no room to hold more traces: what is behind is slow");
        batch_unref(batch);
        return;
    }
    metric_add(p->items.incoming, batch->items);
    ack_move(ack, &p->pool, batch->items);
    span_runs_read(&p->traces.store, batch, &p->scratch, take_run, p);
    batch_unref(batch);
    ack_safe(ack);
    keep_bounds(p);
    item_count_end(&p->items, begun);
    span_store_charge(&p->traces.store);
    arm_timer(p);
}

/* ---- the end ---- */

static void enter_phase(struct groupbytrace *p, enum phase to)
{
    static const uint8_t allowed[] = {
        [PHASE_OPEN] = 1 << PHASE_STOPPING,
        [PHASE_STOPPING] = 1 << PHASE_STOPPED,
        [PHASE_STOPPED] = 0,
    };

    assert(allowed[p->phase] & 1 << to);
    p->phase = to;
}

static void finish_stop(struct groupbytrace *p)
{
    struct held_trace *trace;

    if (p->phase != PHASE_STOPPING)
        return;
    while (may_send(p) && (trace = trace_table_next(&p->traces)) != NULL)
        let_go(p, trace);
    span_store_charge(&p->traces.store);
    if (p->n_out > 0)
        return;
    enter_phase(p, PHASE_STOPPED);
    p->stopped(&p->node);
}

static void on_sent(struct release *r)
{
    struct leaving *l = container_of(r, struct leaving, release);
    struct groupbytrace *p = l->processor;

    note_bytes(l);
    if (!release_idle(r))
        return;
    list_remove(&l->link);
    list_push(&p->unused, &l->link);
    p->n_out--;
    if (p->phase == PHASE_OPEN) {
        keep_bounds(p);
        arm_timer(p);
    }
    finish_stop(p);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct groupbytrace *p = processor_of(node);

    (void)deadline;
    p->stopped = done;
    enter_phase(p, PHASE_STOPPING);
    clock_stop(clock_of(p), &p->timer);
    finish_stop(p);
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
    const struct groupbytrace *p = container_of(hook, struct groupbytrace, hook);

    metric_set(p->held, (double)p->traces.table.n);
}

static void check(const void *config, struct check *ck)
{
    const struct groupbytrace_config *c = config;

    if (c->discard_orphans)
        check_fail(ck, "discard_orphans", "option 'discard orphans' not supported in this release: leave it out");
    if (c->store_on_disk)
        check_fail(ck, "store_on_disk", "option 'disk storage' not supported in this release: leave it out");
}

static uint64_t bytes_allowed(const struct groupbytrace *p)
{
    uint64_t limit = budget_limit(p->node.host->budget), share = limit / DEFAULT_SHARE;

    if (p->config->max_bytes > 0)
        return p->config->max_bytes;
    return limit == UINT64_MAX ? UINT64_MAX : share > LEAST_BYTES ? share : LEAST_BYTES;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct groupbytrace *p = processor_of(node);
    struct metrics *m = node->host->metrics;

    (void)err;
    node->in.consume = consume;
    p->config = config;
    p->max_bytes = bytes_allowed(p);
    list_init(&p->out);
    list_init(&p->unused);
    trace_table_init(&p->traces, host_budget(node->host, SIGNAL_TRACES));
    ack_init(&p->pool, &node->host->loop->turn, node->ledger, 0, false, on_pool_settled);
    item_count_init(&p->items, node);
    metric_set(metrics_get(m, &conf_row, NULL, 0), (double)p->config->num_traces);
    p->held = metrics_get(m, &held_row, NULL, 0);
    p->spans_released = metrics_get(m, &spans_row, NULL, 0);
    p->traces_released = metrics_get(m, &traces_row, NULL, 0);
    p->incomplete = metrics_get(m, &early_row, NULL, 0);
    p->hook.collect = collect;
    metrics_hook(m, &p->hook);
    return 0;
}

static void free_leaving(struct list *list)
{
    struct leaving *l;

    while ((l = list_pop(list, struct leaving, link)) != NULL) {
        release_free(&l->release);
        free(l);
    }
}

static void destroy(struct node *node)
{
    struct groupbytrace *p = processor_of(node);
    struct held_trace *trace;
    struct fragments rest;

    metrics_unhook(node->host->metrics, &p->hook);
    clock_stop(clock_of(p), &p->timer);
    fragments_init(&rest);
    while ((trace = trace_table_next(&p->traces)) != NULL)
        trace_table_take(&p->traces, trace, &rest);
    fragments_free(&p->traces.store, &rest);
    free_leaving(&p->out);
    free_leaving(&p->unused);
    trace_table_free(&p->traces);
    free(p->scratch.v);
}

extern const struct component groupbytrace_processor;
const struct component groupbytrace_processor = {
    COMPONENT_TYPE("groupbytrace", COMPONENT_PROCESSOR, .signals = SIGNAL_BIT(SIGNAL_TRACES), .stability = "beta"),
    .alone = "it waits for all spans of a trace",
    .summary = "Holds the spans of a trace for a while, and hands them on together.",
    .safe = "Held in memory until its trace leaves.",
    COMPONENT_CONFIG(struct groupbytrace_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct groupbytrace, .create = create, .stop = stop, .destroy = destroy),
};
