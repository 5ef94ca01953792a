/* SPDX-License-Identifier: Apache-2.0 */
/* The connectors count and sum: spans, span events, metrics, data points and log records, counted, or an attribute of
 * theirs summed up.
 *
 * A batch is walked. For each thing each metric of its section asks its conditions, gathers its attributes (of the
 * item, else the scope, else the resource, else the default) and counts it. Of each resource one comes out, with a
 * delta for each set of attributes. The batch of counts goes on, and the sender of what was counted hears how that
 * went.
 *
 * What can go wrong: a condition cannot be told; then nothing of the batch goes on, and its sender is refused. */
#include "connector/count/count.h"

#include "base/mem.h"
#include "connector/count/relay.h"
#include "otlp/assembly.h"
#include "otlp/any_value.h"
#include "otlp/metadata.h"
#include "otlp/rewrite.h"
#include "otlp/view.h"
#include "pipeline/component.h"

#include <stdlib.h>
#include <string.h>

#define SCOPE_NAME "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector"

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
    /* Of the batch, and of the resource that is walked. */
    uint64_t points;
    bool failed;
    struct error err;
    struct message *resource, *scope; /* NULL: nothing was counted yet */
    uint64_t n_resources;
    VEC(struct counter *) counters;
    struct span_of_time times[COUNT_SECTIONS];
};

static struct count *count_of(struct node *node)
{
    return container_of(node, struct count, node);
}

/* ---- one thing ---- */

static bool find_attribute(struct bytes message, unsigned number, const char *key, struct bytes *value)
{
    struct pb_reader r = pb_reader(message);

    for (struct bytes field; message_next(&r, number, &field);) {
        struct key_value_view v = key_value_view(field);

        if (bytes_is(v.key, key)) {
            *value = v.value;
            return true;
        }
    }
    return false;
}

static void put_attribute(struct count *p, const char *key, struct bytes value)
{
    size_t mark = pb_begin(&p->scratch, OTLP_NUMBER_ATTRIBUTES);

    pb_put_str(&p->scratch, OTLP_KEY_VALUE_KEY, key);
    pb_put_bytes(&p->scratch, OTLP_KEY_VALUE_VALUE, value);
    pb_end(&p->scratch, mark);
}

/* Of a sum: the item's, as text. What is zero, false or empty counts as missing, as in the Go collector. */
static bool gather_texts(struct count *p, const struct counted_metric *m, const struct visit *at)
{
    struct buf any = { 0 };

    p->scratch.len = 0;
    for (size_t i = 0; i < m->n_attributes; i++) {
        const struct counted_attribute *a = &m->attributes[i];
        struct bytes value;

        p->text.len = 0;
        if (find_attribute(at->message, at->attributes, a->key, &value))
            any_value_put(&p->text, value);
        if (p->text.len == 0 || bytes_is(buf_bytes(&p->text), "0") || bytes_is(buf_bytes(&p->text), "false")) {
            p->text.len = 0;
            any_value_put(&p->text, a->fallback);
        }
        if (p->text.len == 0) {
            buf_free(&any);
            return false;
        }
        any.len = 0;
        pb_put_bytes(&any, OTLP_ANY_STRING, buf_bytes(&p->text));
        put_attribute(p, a->key, buf_bytes(&any));
    }
    buf_free(&any);
    return true;
}

/* The attributes of the metric as fields of a data point, in `scratch`; false: one is missing. */
static bool gather_attributes(struct count *p, const struct counted_metric *m, const struct visit *at)
{
    p->scratch.len = 0;
    for (size_t i = 0; i < m->n_attributes; i++) {
        const struct counted_attribute *a = &m->attributes[i];
        struct bytes value = a->fallback;

        if (!find_attribute(at->message, at->attributes, a->key, &value) &&
            !find_attribute(visit_scope(at), OTLP_SCOPE_ATTRIBUTES, a->key, &value) &&
            !find_attribute(visit_resource(at), OTLP_RESOURCE_ATTRIBUTES, a->key, &value) && a->fallback.data == NULL)
            return false;
        put_attribute(p, a->key, value);
    }
    return true;
}

static bool is_wanted(struct count *p, const struct counted_metric *m)
{
    bool wanted = m->n_conditions == 0;

    for (size_t i = 0; i < m->n_conditions && !wanted; i++)
        if (!ottl_test(p->evaluation, m->conditions[i], &wanted, &p->err)) {
            p->failed = true;
            return false;
        }
    return wanted;
}

static void make_resource(struct count *p, const struct visit *at)
{
    struct assembly *a = &p->assembly;
    struct message *head, *scope;
    struct pb_reader r = pb_reader(visit_resource(at));

    p->resource = assembly_add(a, a->root, OTLP_REQUEST_RESOURCES);
    head = assembly_add(a, p->resource, OTLP_RESOURCE_GROUP_RESOURCE);
    for (struct bytes attribute; message_next(&r, OTLP_RESOURCE_ATTRIBUTES, &attribute);)
        assembly_put_field(a, head, OTLP_RESOURCE_ATTRIBUTES, assembly_keep(a, attribute));
    p->scope = assembly_add(a, p->resource, OTLP_RESOURCE_GROUP_SCOPES);
    scope = assembly_add(a, p->scope, OTLP_SCOPE_GROUP_SCOPE);
    if (!p->sums)
        assembly_put_field(a, scope, OTLP_SCOPE_NAME, bytes_str(SCOPE_NAME));
}

/* The data of the metric in the resource that is walked. */
static struct message *find_data(struct count *p, const struct counted_metric *m, const struct digest *key)
{
    struct assembly *a = &p->assembly;
    bool made;
    struct message *metric = assembly_find(a, p->scope, OTLP_SCOPE_GROUP_ITEMS, key, &made), *data;
    struct buf fields = { 0 };

    if (!made)
        return metric->user;
    assembly_put_field(a, metric, OTLP_METRIC_NAME, bytes_str(m->name));
    if (m->description[0] != '\0')
        assembly_put_field(a, metric, OTLP_METRIC_DESCRIPTION, bytes_str(m->description));
    metric->user = data = assembly_add(a, metric, OTLP_METRIC_SUM);
    pb_put_uint(&fields, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_DELTA);
    pb_put_uint(&fields, OTLP_DATA_MONOTONIC, 1);
    assembly_put(a, data, assembly_keep(a, buf_bytes(&fields)));
    buf_free(&fields);
    return data;
}

/* What the item adds to a sum: 0 where it has no number. */
static double amount_of(const struct counted_metric *m, const struct visit *at)
{
    struct bytes any;
    struct value v;
    char text[64], *end;
    double number;

    if (!find_attribute(at->message, at->attributes, m->source, &any))
        return 0;
    v = value_read(any);
    if (v.type == VALUE_INT)
        return (double)v.integer;
    if (v.type == VALUE_DOUBLE)
        return v.number;
    if (v.type != VALUE_STRING || v.bytes.len == 0 || v.bytes.len >= sizeof(text) || v.bytes.data[0] <= ' ')
        return 0;
    memcpy(text, v.bytes.data, v.bytes.len);
    text[v.bytes.len] = '\0';
    number = strtod(text, &end);
    return *end == '\0' ? number : 0;
}

static void count_for(struct count *p, enum count_section section, const struct counted_metric *m,
                      const struct visit *at)
{
    struct digest key = digest_number(digest_number((struct digest){ 0 }, p->n_resources), (uint64_t)(uintptr_t)m);
    struct message *data, *point;
    struct counter *c;
    bool made;

    if (!is_wanted(p, m) || !(p->sums ? gather_texts(p, m, at) : gather_attributes(p, m, at)))
        return;
    if (p->resource == NULL)
        make_resource(p, at);
    data = find_data(p, m, &key);
    key = digest_bytes(key, buf_bytes(&p->scratch));
    point = assembly_find(&p->assembly, data, OTLP_DATA_POINTS, &key, &made);
    if (made) {
        c = point->user = arena_zalloc(&p->assembly.arena, sizeof(*c));
        *c = (struct counter){ .point = point, .section = section };
        assembly_put(&p->assembly, point, assembly_keep(&p->assembly, buf_bytes(&p->scratch)));
        *vec_push(&p->counters) = c;
    }
    c = point->user;
    c->n++;
    if (p->sums)
        c->sum += amount_of(m, at);
}

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
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    close_resource(arg);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = visit_resource(at), .scope = visit_scope(at), .metric = at->message };

    (void)edit;
    count_one(arg, COUNT_METRICS, at, &item);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct count *p = arg;
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .metric = at->metric,
                                    .item = at->message,
                                    .data = at->data };

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
    const struct ottl_item item = { .resource = visit_resource(at),
                                    .scope = visit_scope(at),
                                    .item = at->item,
                                    .below = at->message,
                                    .index = at->index };

    (void)edit;
    note_time(&p->times[COUNT_EVENTS], event_view(at->message).time);
    count_one(p, COUNT_EVENTS, at, &item);
    return REWRITE_KEEP;
}

static void walk_batch(struct count *p, struct batch *batch)
{
    uint64_t dropped;

    p->failed = false;
    p->points = 0;
    batch_unref(rewrite_batch(&p->walker, batch, &p->visitor, host_budget(p->node.host, batch->signal), &dropped));
    close_resource(p);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct count *p = count_of(container_of(self, struct node, in));
    struct batch *made;

    walk_batch(p, batch);
    if (p->failed) {
        ack_fail(ack, VERDICT_REJECT, "condition", "%s", p->err.text);
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
    p->visitor = (struct rewrite_visitor){ .resource = on_resource, .item = on_item, .arg = p };
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
    buf_free(&p->scratch);
    buf_free(&p->text);
}

extern const struct component count_connector;
const struct component count_connector = {
    .type = "count",
    .kind = COMPONENT_CONNECTOR,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS),
    .makes = SIGNAL_BIT(SIGNAL_METRICS),
    .stability = "alpha",
    .summary = "Counts spans, span events, metrics, data points and log records.",
    .config_size = sizeof(struct count_config),
    .options = count_options,
    .node_size = sizeof(struct count),
    .check = count_check,
    .create = create,
    .destroy = destroy,
};

extern const struct component sum_connector;
const struct component sum_connector = {
    .type = "sum",
    .kind = COMPONENT_CONNECTOR,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS),
    .makes = SIGNAL_BIT(SIGNAL_METRICS),
    .stability = "alpha",
    .summary = "Sums up an attribute of spans, span events, metrics, data points and log records.",
    .config_size = sizeof(struct count_config),
    .options = sum_options,
    .node_size = sizeof(struct count),
    .check = sum_check,
    .create = create,
    .destroy = destroy,
};
