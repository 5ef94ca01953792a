/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is read resource by resource; runs of spans of one trace are copied to that trace, or follow the trace's
 * decision if there has been one. Then bounds are kept: past them the oldest traces are decided. A timer decides those
 * that are due, so many in one turn of the loop. A batch for which there is no room waits outside until there is. */
#include "otlp/fields.h"
#include "otlp/view.h"
#include "processor/tail_sampling/tail_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#define TICK_NS (20 * NS_PER_MS) /* decisions that are due within it are made together */
#define TURN_SPANS 20000u        /* as many are decided in one turn of the loop */

static const char *const drop_reasons[DECISIONS] = {
    [DECISION_NOT_SAMPLED] = "not_sampled", [DECISION_DROPPED] = "drop_policy"
};

static void drop_spans(struct tail *t, struct fragments *spans, const char *reason)
{
    ack_drop(&t->pool, spans->spans, reason);
    fragments_free(&t->traces.store, spans);
}

/* The trace leaves the table, one way or the other. */
static void settle_trace(struct tail *t, struct held_trace *trace, enum decision d, const char *reason)
{
    uint64_t now = clock_mono(clock_of(t));
    struct fragments spans;

    fragments_init(&spans);
    metric_add(t->global[d], 1);
    metric_observe(t->removal_age, (double)(now - trace->arrival) / (double)NS_PER_S);
    decided_add(&t->decided, trace->member.id, trace->member.hash, d == DECISION_SAMPLED, now);
    trace_table_take(&t->traces, trace, &spans);
    if (d == DECISION_SAMPLED)
        fragments_move(&t->release.waiting, &spans);
    else
        drop_spans(t, &spans, reason != NULL ? reason : drop_reasons[d]);
}

static struct decision_trace look_at(const struct held_trace *trace, const struct fragment *first)
{
    return (struct decision_trace){
        .id = trace->member.id,
        .first = first,
        .facts = &trace->facts,
        .spans = trace->spans.spans,
        .bytes = trace->spans.bytes,
    };
}

static void decide_trace(struct tail *t, struct held_trace *trace)
{
    struct decision_trace look = look_at(trace, trace->spans.first);
    enum decision d = DECISION_NOT_SAMPLED;

    if (t->config->sampling_strategy == TRACE_COMPLETE)
        d = policies_decide(&t->policies, &look);
    settle_trace(t, trace, d, NULL);
}

static void complain_early(struct tail *t, const char *key)
{
    if (complaint_due(&t->early, clock_of(t)))
        log_warn(&t->node.log, "Traces are decided before decision_wait is over, with the spans that are there",
                 F_STR("because_of", key), F_UINT("traces", t->traces.table.n), F_UINT("bytes", t->traces.store.bytes),
                 F_UINT("repeated", complaint_taken(&t->early)));
}

static void decide_oldest(struct tail *t, const char *key, struct metric *count)
{
    decide_trace(t, trace_table_oldest(&t->traces));
    metric_add(count, 1);
    complain_early(t, key);
}

static bool has_traces(const struct tail *t)
{
    return t->traces.table.n > 0;
}

/* What is not decided. What is will leave by itself, and deciding more would not make it leave sooner. */
static uint64_t undecided_bytes(const struct tail *t)
{
    return t->traces.store.bytes - t->release.waiting.bytes;
}

/* Past a bound the oldest go. With sampled spans that cannot leave it is batches that wait (has_room). */
static void keep_bounds(struct tail *t)
{
    while (!t->config->block_on_overflow && t->traces.table.n > t->config->num_traces)
        decide_oldest(t, "num_traces", t->early_traces);
    while (has_traces(t) && undecided_bytes(t) > t->max_bytes)
        decide_oldest(t, "max_bytes", t->early_bytes);
}

static void on_due(struct clock_timer *timer);

static void arm_timer(struct tail *t)
{
    const struct held_trace *next = trace_table_next(&t->traces);
    uint64_t now = clock_mono(clock_of(t)), delay = TICK_NS;

    if (next == NULL) {
        clock_stop(clock_of(t), &t->timer);
        return;
    }
    if (next->due > now + TICK_NS)
        delay = next->due - now;
    else if (next->due < now)
        delay = 0; /* more was due than one turn decides */
    if (!clock_armed(&t->timer) || t->timer.due > now + delay)
        clock_start(clock_of(t), &t->timer, delay, on_due);
}

/* ---- in ---- */

/* A run of spans of one trace that stand one behind another. */
struct run {
    struct bytes spans;
    uint32_t n;
    uint8_t id[TRACE_ID_SIZE]; /* one that is missing is all zeros, as for the Go collector */
    bool root;                 /* one of them has no parent; not read when nobody asks */
    struct span_facts facts;   /* likewise */
};

static void read_field(struct run *run, const struct pb_field *f, uint64_t *code)
{
    switch (f->number) {
    case OTLP_SPAN_PARENT_ID:
        run->root = run->root && bytes_is_zero(f->bytes);
        break;
    case OTLP_SPAN_START:
        run->facts.start = f->u64;
        break;
    case OTLP_SPAN_END:
        run->facts.end = f->u64;
        break;
    case OTLP_SPAN_STATUS:
        *code = status_view(f->bytes).code;
        break;
    case OTLP_SPAN_FLAGS:
        run->facts.sampled_flag = (f->u64 & 1) != 0;
        break;
    default:
        break;
    }
}

/* One span as a run. Its id stands at the beginning, and often nothing else is asked for; of two ids the first counts.
 */
static void read_span(struct run *run, struct bytes span, bool all)
{
    struct pb_reader r = pb_reader(span);
    uint64_t code = 0;
    bool has_id = false;

    *run = (struct run){ .n = 1, .root = all };
    for (struct pb_field f; (all || !has_id) && pb_next(&r, &f);) {
        if (f.number != OTLP_SPAN_TRACE_ID) {
            read_field(run, &f, &code);
        } else if (!has_id && f.bytes.len == TRACE_ID_SIZE) {
            memcpy(run->id, f.bytes.data, TRACE_ID_SIZE);
            has_id = true;
        }
    }
    run->facts.status_codes = (uint8_t)(1u << (code < 3 ? code : 3));
}

static void add_facts(struct span_facts *sum, const struct span_facts *more)
{
    if (sum->start == 0 || (more->start != 0 && more->start < sum->start))
        sum->start = more->start;
    if (more->end > sum->end)
        sum->end = more->end;
    sum->status_codes |= more->status_codes;
    sum->sampled_flag |= more->sampled_flag;
}

static void take_late(struct tail *t, const struct decided_trace *d, struct head *scope, const struct run *run)
{
    uint64_t age = clock_mono(clock_of(t)) - d->when;

    metric_add(t->late[d->sampled], run->n);
    metric_observe(t->late_age, (double)age / (double)NS_PER_S);
    if (d->sampled)
        span_store_add(&t->traces.store, &t->release.waiting, scope, run->spans, run->n);
    else
        ack_drop(&t->pool, run->n, drop_reasons[DECISION_NOT_SAMPLED]);
}

static struct held_trace *new_trace(struct tail *t, const uint8_t id[TRACE_ID_SIZE], uint64_t hash)
{
    uint64_t now = clock_mono(clock_of(t));

    metric_add(t->new_traces, 1);
    return trace_table_add(&t->traces, id, hash, now, now + (uint64_t)t->config->decision_wait.ns);
}

/* `added` is the first that the batch brings. With span-ingest the facts are those of the batch. */
static void touch_trace(struct tail *t, struct held_trace *trace, const struct fragment *added)
{
    if (trace->touched)
        return;
    trace->touched = true;
    trace->fresh = added;
    if (t->config->sampling_strategy == SPAN_INGEST)
        trace->facts = (struct span_facts){ 0 };
    *vec_push(&t->touched) = trace;
}

static void take_run(struct tail *t, struct head *scope, const struct run *run)
{
    uint64_t hash = id_hash(run->id), wait = (uint64_t)t->config->decision_wait_after_root_received.ns;
    struct held_trace *trace = trace_table_find(&t->traces, run->id, hash);
    const struct decided_trace *d = trace == NULL ? decided_find(&t->decided, run->id, hash) : NULL;
    struct fragment **end;

    if (d != NULL) {
        take_late(t, d, scope, run);
        return;
    }
    if (trace == NULL)
        trace = new_trace(t, run->id, hash);
    end = trace->spans.last;
    span_store_add(&t->traces.store, &trace->spans, scope, run->spans, run->n);
    touch_trace(t, trace, *end);
    add_facts(&trace->facts, &run->facts);
    if (run->root && wait > 0)
        trace_table_root(&t->traces, trace, clock_mono(clock_of(t)) + wait);
}

/* The runs of a scope, one after another. */
static void take_scope(void *arg, struct bytes scope_group, struct head *scope)
{
    struct tail *t = arg;
    bool all = t->policies.want_facts || t->config->decision_wait_after_root_received.ns > 0;
    struct pb_reader r = pb_reader(scope_group);
    struct run run = { .n = 0 }, next;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != OTLP_SCOPE_GROUP_ITEMS)
            continue;
        read_span(&next, f.bytes, all);
        next.spans = bytes_of(f.start, (size_t)(r.p - f.start));
        if (run.n > 0 && f.start == bytes_end(run.spans) && memcmp(run.id, next.id, TRACE_ID_SIZE) == 0) {
            run.spans.len += next.spans.len;
            run.n++;
            run.root |= next.root;
            add_facts(&run.facts, &next.facts);
            continue;
        }
        if (run.n > 0)
            take_run(t, scope, &run);
        run = next;
    }
    if (run.n > 0)
        take_run(t, scope, &run);
}

/* Those that grew: too large, or with span-ingest decided by what came. */
static void look_at_touched(struct tail *t)
{
    uint64_t most = t->config->maximum_trace_size_bytes;

    for (size_t i = 0; i < t->touched.n; i++) {
        struct held_trace *trace = t->touched.v[i];
        struct decision_trace look = look_at(trace, trace->fresh);
        enum decision d = DECISION_NOT_SAMPLED;

        trace->touched = false;
        trace->fresh = NULL;
        if (most > 0 && trace->spans.bytes > most) {
            metric_add(t->too_large, 1);
            settle_trace(t, trace, DECISION_NOT_SAMPLED, "trace_too_large");
            continue;
        }
        if (t->config->sampling_strategy == SPAN_INGEST)
            d = policies_decide_early(&t->policies, &look);
        if (d != DECISION_NOT_SAMPLED)
            settle_trace(t, trace, d, NULL);
    }
    t->touched.n = 0;
}

static void take_batch(struct tail *t, struct batch *batch, struct ack *ack)
{
    uint64_t begun = item_count_begin(&t->items);

    metric_add(t->items.incoming, batch->items);
    ack_move(ack, &t->pool, batch->items);
    span_store_scopes(&t->traces.store, batch, &t->head, take_scope, t);
    batch_unref(batch);
    look_at_touched(t);
    ack_safe(ack);
    keep_bounds(t);
    item_count_end(&t->items, begun);
    span_store_charge(&t->traces.store);
    arm_timer(t);
}

/* ---- outside ---- */

static bool has_room(const struct tail *t)
{
    if (t->config->block_on_overflow && t->traces.table.n >= t->config->num_traces)
        return false;
    /* With nothing held there are the tables themselves, and they stay. */
    return t->traces.store.bytes <= t->max_bytes || (!has_traces(t) && release_idle(&t->release));
}

static void take_outside(struct tail *t)
{
    struct outside *o;

    while ((has_room(t) || t->phase != PHASE_OPEN) && (o = list_pop(&t->outside, struct outside, link)) != NULL) {
        take_batch(t, o->batch, o->ack);
        free(o);
    }
}

void tail_take(struct tail *t, struct batch *batch, struct ack *ack)
{
    struct outside *o;

    if (list_empty(&t->outside) && has_room(t)) {
        take_batch(t, batch, ack);
        release_advance(&t->release);
        return;
    }
    o = mem_alloc(sizeof(*o));
    *o = (struct outside){ .batch = batch, .ack = ack };
    list_push(&t->outside, &o->link);
}

void tail_advance(struct tail *t)
{
    take_outside(t);
    release_advance(&t->release);
    span_store_charge(&t->traces.store);
    arm_timer(t);
}

static void on_due(struct clock_timer *timer)
{
    struct tail *t = container_of(timer, struct tail, timer);
    uint64_t horizon = clock_mono(clock_of(t)) + TICK_NS, began = uv_hrtime(), spans = 0;
    struct held_trace *trace;

    while (spans < TURN_SPANS && (trace = trace_table_next(&t->traces)) != NULL && trace->due <= horizon) {
        spans += trace->spans.spans;
        decide_trace(t, trace);
    }
    metric_observe(t->timer_latency, (double)(uv_hrtime() - began) / (double)NS_PER_MS);
    tail_advance(t);
}

static void drop_pending(struct tail *t)
{
    struct held_trace *trace;

    while ((trace = trace_table_next(&t->traces)) != NULL) {
        struct fragments spans;

        fragments_init(&spans);
        trace_table_take(&t->traces, trace, &spans);
        drop_spans(t, &spans, "shutdown");
    }
}

void tail_settle_all(struct tail *t, bool drop)
{
    take_outside(t);
    if (drop)
        drop_pending(t);
    while (has_traces(t))
        decide_trace(t, trace_table_next(&t->traces));
    tail_advance(t);
}
