/* SPDX-License-Identifier: Apache-2.0 */
/* The connectors count and sum: spans, span events, metrics, data points and log records, counted, or an attribute of
 * theirs summed up.
 *
 * A batch is walked. For each thing each metric of its section asks its conditions, gathers its attributes (of the
 * item, else the scope, else the resource, else the default) and counts it. Of each resource one comes out, with a
 * delta for each set of attributes. The batch of counts goes on, and the sender of what was counted hears how that
 * went.
 *
 * What can go wrong: a condition cannot be told; then nothing of the batch goes on, and its sender is refused. Values
 * without end would make points without end: past a bound on the memory of a batch's points, what has new values is
 * counted in one point for each metric of the resource, which says so (otel.metric.overflow, as in the SDKs). Where
 * that is too much, too, for there are as many resources, the sender is refused. */
#include "connector/count/count_inside.h"

#include "base/mem.h"
#include "otlp/metadata.h"
#include "otlp/view.h"
#include "ottl/visited.h"

#define COPIES_MAX (32ull * 1024 * 1024) /* bytes of points made of a batch, or ... */
#define BUDGET_PARTS 8                   /* ... this part of the budget, if that is less; as much again for resources */

static const struct option count_options[] = {
    OPT_ANY(struct count_config, spans,
            "Metrics that count spans: name: {description, conditions: [OTTL], attributes: [{key, default_value}]}. "
            "Absent: trace.span.count."),
    OPT_ANY(struct count_config, spanevents, "The same of span events. Absent: trace.span.event.count."),
    OPT_ANY(struct count_config, metrics, "The same of metrics, without attributes. Absent: metric.count."),
    OPT_ANY(struct count_config, datapoints, "The same of data points. Absent: metric.datapoint.count."),
    OPT_ANY(struct count_config, logs, "The same of log records. Absent: log.record.count."),
    OPT_REFUSED("profiles", "profiles are not counted here"),
    OPT_END,
};

#define SUMS(what)                                                                                                     \
    "Metrics that sum up an attribute of " what                                                                        \
    ": name: {source_attribute, description, conditions: [OTTL], attributes: [{key, default_value}]}."
static const struct option sum_options[] = {
    OPT_ANY(struct count_config, spans, SUMS("spans")),
    OPT_ANY(struct count_config, spanevents, SUMS("span events")),
    OPT_ANY(struct count_config, metrics, SUMS("metrics (of their metadata), without attributes")),
    OPT_ANY(struct count_config, datapoints, SUMS("data points")),
    OPT_ANY(struct count_config, logs, SUMS("log records")),
    OPT_END,
};

static struct count *count_of(struct node *node)
{
    return container_of(node, struct count, node);
}

/* ---- one thing ---- */

static void note_time(struct span_of_time *t, uint64_t time)
{
    if (time == 0)
        return;
    if (t->first == 0 || time < t->first)
        t->first = time;
    if (time > t->last)
        t->last = time;
}

static void count_one(struct count *p, enum count_section section, const struct visit *at, const struct ottl_item *item)
{
    const struct count_list *l = &p->lists[section];

    ottl_begin(p->evaluation, item, (int64_t)clock_wall(&p->node.host->loop->clock));
    for (size_t i = 0; i < l->n && !p->failed; i++)
        count_for(p, section, &l->v[i], at);
}

/* ---- the walk ---- */

/* What the counters of the resource come to, into their points. */
static void close_resource(struct count *p)
{
    uint64_t now = clock_wall(&p->node.host->loop->clock);

    for (size_t i = 0; i < p->counters.n; i++) {
        const struct counter *c = p->counters.v[i];
        const struct span_of_time *t = &p->times[c->section];

        p->scratch.len = 0;
        if (p->sums) {
            pb_put_fixed64(&p->scratch, OTLP_POINT_TIME, now);
            pb_put_double(&p->scratch, OTLP_NUMBER_DOUBLE, c->sum);
        } else {
            pb_put_fixed64(&p->scratch, OTLP_POINT_START, t->first != 0 ? t->first : now);
            pb_put_fixed64(&p->scratch, OTLP_POINT_TIME, t->last != 0 ? t->last : now);
            pb_put_fixed64(&p->scratch, OTLP_NUMBER_INT, c->n);
        }
        assembly_put(&p->assembly, c->point, assembly_keep(&p->assembly, buf_bytes(&p->scratch)));
    }
    p->points += p->counters.n;
    p->counters.n = 0;
    for (unsigned i = 0; i < COUNT_SECTIONS; i++)
        p->times[i] = (struct span_of_time){ 0 };
    p->resource = p->scope = NULL;
    p->n_resources++;
    count_forget_above(p, true);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    close_resource(arg);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    count_forget_above(arg, false);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = visited_metric(at);

    (void)edit;
    count_one(arg, COUNT_METRICS, at, &item);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct count *p = arg;
    const struct ottl_item item = visited_item(at);

    (void)edit;
    if (p->node.signal == SIGNAL_METRICS) {
        note_time(&p->times[COUNT_POINTS], number_view(at->message).time);
        count_one(p, COUNT_POINTS, at, &item);
    } else if (p->node.signal == SIGNAL_LOGS) {
        note_time(&p->times[COUNT_LOGS], log_view(at->message).time);
        count_one(p, COUNT_LOGS, at, &item);
    } else {
        struct span_view v = span_view(at->message);

        note_time(&p->times[COUNT_SPANS], v.start);
        note_time(&p->times[COUNT_SPANS], v.end);
        count_one(p, COUNT_SPANS, at, &item);
    }
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_event(void *arg, const struct visit *at, struct pieces *edit)
{
    struct count *p = arg;
    const struct ottl_item item = visited_below(at);

    (void)edit;
    note_time(&p->times[COUNT_EVENTS], event_view(at->message).time);
    count_one(p, COUNT_EVENTS, at, &item);
    return REWRITE_KEEP;
}

static void walk_batch(struct count *p, struct batch *batch)
{
    uint64_t dropped, part = budget_limit(p->node.host->budget) / BUDGET_PARTS;

    p->failed = p->crowded_out = false;
    p->points = p->copied = 0;
    p->room = part < COPIES_MAX ? part : COPIES_MAX;
    batch_unref(rewrite_batch(&p->walker, batch, &p->visitor, host_budget(p->node.host, batch->signal), &dropped));
    close_resource(p);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct count *p = count_of(container_of(self, struct node, in));
    struct batch *made;

    ottl_begin_batch(p->evaluation, batch->items);
    walk_batch(p, batch);
    if (p->failed) {
        ack_fail(ack, VERDICT_REJECT, p->crowded_out ? "too_large" : "condition", "%s", p->err.text);
    } else if (p->points == 0) {
        ack_safe(ack);
    } else {
        made = assembly_batch(&p->assembly, SIGNAL_METRICS, host_budget(p->node.host, SIGNAL_METRICS), p->points,
                              batch->arrival);
        made->metadata = metadata_ref(batch->metadata);
        relay_send(&p->relay, p->node.out[SIGNAL_METRICS], made, ack);
    }
    assembly_clear(&p->assembly);
    batch_unref(batch);
}

/* ---- the component ---- */

static void check_lists(const void *config, bool sums, struct check *ck)
{
    struct arena arena = { 0 };

    for (unsigned section = 0; section < COUNT_SECTIONS; section++) {
        struct count_reading how = { (enum count_section)section, sums };
        struct count_list l = count_list_read(&arena, config, how, ck);

        count_list_free(&l);
    }
    arena_free(&arena);
}

static void count_check(const void *config, struct check *ck)
{
    check_lists(config, false, ck);
}

static void sum_check(const void *config, struct check *ck)
{
    check_lists(config, true, ck);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct count *p = count_of(node);

    (void)err;
    node->in.consume = consume;
    p->sums = node->component->options == sum_options;
    p->evaluation = ottl_evaluation_new();
    for (unsigned section = 0; section < COUNT_SECTIONS; section++) {
        struct count_reading how = { (enum count_section)section, p->sums };

        p->lists[section] = count_list_read(&p->arena, config, how, NULL);
    }
    p->overflow = count_overflow(&p->arena);
    p->visitor = (struct rewrite_visitor){ .resource = on_resource, .scope = on_scope, .item = on_item, .arg = p };
    p->visitor.metric = node->signal == SIGNAL_METRICS ? on_metric : NULL;
    p->visitor.below = node->signal == SIGNAL_TRACES ? on_event : NULL;
    relay_init(&p->relay, &node->host->loop->turn);
    assembly_init(&p->assembly);
    return 0;
}

static void destroy(struct node *node)
{
    struct count *p = count_of(node);

    for (unsigned section = 0; section < COUNT_SECTIONS; section++)
        count_list_free(&p->lists[section]);
    ottl_evaluation_free(p->evaluation);
    relay_free(&p->relay);
    assembly_free(&p->assembly);
    arena_free(&p->arena);
    rewriter_free(&p->walker);
    vec_free(&p->counters);
    vec_free(&p->values);
    buf_free(&p->scratch);
    buf_free(&p->text);
}

extern const struct component count_connector;
const struct component count_connector = {
    COMPONENT_TYPE("count", COMPONENT_CONNECTOR, .signals = SIGNAL_STABLE, .makes = SIGNAL_BIT(SIGNAL_METRICS),
                   .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Counts spans, span events, metrics, data points and log records.",
    COMPONENT_CONFIG(struct count_config, count_options, .check = count_check),
    COMPONENT_NODE(struct count, .create = create, .destroy = destroy),
};

extern const struct component sum_connector;
const struct component sum_connector = {
    COMPONENT_TYPE("sum", COMPONENT_CONNECTOR, .signals = SIGNAL_STABLE, .makes = SIGNAL_BIT(SIGNAL_METRICS),
                   .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Sums up an attribute of spans, span events, metrics, data points and log records.",
    COMPONENT_CONFIG(struct count_config, sum_options, .check = sum_check),
    COMPONENT_NODE(struct count, .create = create, .destroy = destroy),
};
