/* SPDX-License-Identifier: Apache-2.0 */
/* The service_graph connector: which service asks which, how often, how long and with how many failures.
 *
 * A batch of spans comes in, the two sides of each request find each other (count_edges.c), and its sender is answered.
 * Once an interval, and at the stop, the series leave as metrics (send_graph.c). Timers look for sides that have waited
 * too long, and for series that nobody uses. What is remembered is bounded in number and by the memory budget. */
#include "connector/service_graph/service_graph.h"

#include "base/mem.h"
#include "connector/key_parts.h"

#include <stdlib.h>

#define IDLE_NS (900 * NS_PER_S) /* after which a series is forgotten */
#define EXPIRE_MOST 5000u        /* in one turn of the loop */

static const double default_bounds[] = { 0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2,
                                         0.4,   0.8,   1,     1.4,   2,    5,    10,  15 };

static const struct metric_row total_row =
    METRIC_ROW("otelcol_connector_servicegraph_total_edges", METRIC_COUNTER, "1", "Requests of which a side has come.");
static const struct metric_row dropped_row =
    METRIC_ROW("otelcol_connector_servicegraph_dropped_spans", METRIC_COUNTER, "{spans}",
               "Spans that are left out, because too many wait for their other side.");
static const struct metric_row expired_row = METRIC_ROW("otelcol_connector_servicegraph_expired_edges", METRIC_COUNTER,
                                                        "1", "Requests of which only one side has come in time.");
static const struct metric_row overflow_row =
    METRIC_ROW("otelcd_service_graph_overflow_requests", METRIC_COUNTER, "{requests}",
               "Requests that went to the series with otel.metric.overflow.");

/* ---- batches ---- */

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct service_graph *p = service_graph_of(container_of(self, struct node, in));

    service_graph_count(p, batch);
    batch_unref(batch);
    ack_safe(ack);
    if (p->sender.interval == 0)
        slice_sender_send(&p->sender);
}

/* ---- timers ---- */

static struct clock *clock_of(const struct service_graph *p)
{
    return &p->node.host->loop->clock;
}

static uint64_t pause_of(duration d, uint64_t otherwise)
{
    return d.ns > 0 ? (uint64_t)d.ns : otherwise;
}

static void on_expire(struct clock_timer *timer)
{
    struct service_graph *p = container_of(timer, struct service_graph, expire_timer);
    bool done = service_graph_expire(p, EXPIRE_MOST);
    uint64_t pause = pause_of(p->config->store_expiration_loop, 2 * NS_PER_S);

    clock_start(clock_of(p), &p->expire_timer, done ? pause : NS_PER_MS, on_expire);
}

/* Not while series are gone over. */
static void forget_idle(struct service_graph *p)
{
    uint64_t now = clock_mono(clock_of(p));
    struct graph_series *s = list_first(&p->series.all, struct graph_series, link);

    p->clean_due = false;
    while (s != NULL) {
        struct list *next = s->link.next;

        if (now - s->last_seen > IDLE_NS)
            graph_store_remove(&p->series, s);
        s = next != &p->series.all ? container_of(next, struct graph_series, link) : NULL;
    }
}

static void on_clean(struct clock_timer *timer)
{
    struct service_graph *p = container_of(timer, struct service_graph, clean_timer);

    clock_start(clock_of(p), &p->clean_timer, pause_of(p->config->cache_loop, 60 * NS_PER_S), on_clean);
    if (p->sender.on)
        p->clean_due = true;
    else
        forget_idle(p);
}

static void finish(struct slice_sender *s)
{
    struct service_graph *p = container_of(s, struct service_graph, sender);

    if (p->clean_due)
        forget_idle(p);
}

static int start(struct node *node, struct error *err)
{
    struct service_graph *p = service_graph_of(node);

    (void)err;
    p->start = clock_wall(clock_of(p));
    slice_sender_start(&p->sender);
    clock_start(clock_of(p), &p->expire_timer, pause_of(p->config->store_expiration_loop, 2 * NS_PER_S), on_expire);
    clock_start(clock_of(p), &p->clean_timer, pause_of(p->config->cache_loop, 60 * NS_PER_S), on_clean);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct service_graph *p = service_graph_of(node);

    (void)deadline;
    clock_stop(clock_of(p), &p->expire_timer);
    clock_stop(clock_of(p), &p->clean_timer);
    slice_sender_stop(&p->sender, done);
}

/* ---- the component ---- */

static void set_shape(struct service_graph *p)
{
    const struct service_graph_config *c = p->config;
    size_t n = c->latency_histogram_buckets.n, bad;
    struct observed_shape *shape = &p->series.shape;

    shape->exponential = c->exponential_histogram_max_size > 0;
    shape->max_buckets =
        (uint32_t)(c->exponential_histogram_max_size < OBSERVED_BUCKETS_LEAST ? OBSERVED_BUCKETS_LEAST
                                                                              : c->exponential_histogram_max_size);
    if (n == 0) {
        shape->bounds = default_bounds;
        shape->n_bounds = ARRAY_LEN(default_bounds);
        return;
    }
    p->bounds = mem_zalloc(n * sizeof(*p->bounds));
    observed_bounds(p->bounds, c->latency_histogram_buckets.v, n, 1e9, &bad);
    shape->bounds = p->bounds;
    shape->n_bounds = n;
}

static void set_slots(struct service_graph *p, size_t *slots, const struct strings *names)
{
    for (size_t i = 0; i < names->n; i++)
        slots[i] = slot_names_add(&p->names, bytes_str(names->v[i]));
}

static void collect(struct metric_hook *hook)
{
    series_top_collect(container_of(hook, struct service_graph, hook)->series.top);
}

static void set_metrics(struct service_graph *p)
{
    struct metrics *m = p->node.host->metrics;
    const struct metric_label label = { "connector", p->node.id };

    p->total_edges = metrics_get(m, &total_row, NULL, 0);
    p->dropped_spans = metrics_get(m, &dropped_row, NULL, 0);
    p->expired_edges = metrics_get(m, &expired_row, NULL, 0);
    p->overflowed = metrics_get(m, &overflow_row, &label, 1);
    p->series.top = series_top_new(m, label, p->series.budget);
    p->hook.collect = collect;
    metrics_hook(m, &p->hook);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct service_graph *p = service_graph_of(node);
    struct budget *budget = host_budget(node->host, SIGNAL_METRICS);

    (void)err;
    node->in.consume = consume;
    p->config = config;
    edge_store_init(&p->edges, budget, p->config->store.max_items);
    graph_store_init(&p->series, budget);
    p->series.most = p->config->max_series;
    set_shape(p);
    set_slots(p, p->dimensions, &p->config->dimensions);
    set_slots(p, p->peers, &p->config->virtual_node_peer_attributes);
    set_slots(p, p->databases, &p->config->database_name_attributes);
    for (size_t i = 0; i < p->config->dimensions.n; i++)
        key_part_put(&p->absent, bytes_of(NULL, 0));
    set_metrics(p);
    slice_sender_init(&p->sender, node, pause_of(p->config->metrics_flush_interval, 0));
    p->sender.begin = service_graph_begin;
    p->sender.fill = service_graph_fill;
    p->sender.finish = finish;
    return 0;
}

static void destroy(struct node *node)
{
    struct service_graph *p = service_graph_of(node);

    clock_stop(clock_of(p), &p->expire_timer);
    clock_stop(clock_of(p), &p->clean_timer);
    metrics_unhook(node->host->metrics, &p->hook);
    slice_sender_free(&p->sender);
    edge_store_free(&p->edges);
    graph_store_free(&p->series);
    series_top_free(p->series.top);
    free(p->bounds);
    buf_free(&p->key);
    buf_free(&p->values);
    buf_free(&p->absent);
    buf_free(&p->attributes);
    buf_free(&p->text);
    buf_free(&p->resource_texts);
    buf_free(&p->service_text);
    buf_free(&p->peer_text);
    buf_free(&p->database_text);
}

static const char *const aliases[] = { "servicegraph", NULL };
static const struct metric_row *const metric_rows[] = { &total_row,    &dropped_row,    &expired_row,
                                                        &overflow_row, SERIES_TOP_ROWS, NULL };

extern const struct component service_graph_connector;
const struct component service_graph_connector = {
    COMPONENT_TYPE("service_graph", COMPONENT_CONNECTOR, .aliases = aliases, .signals = SIGNAL_BIT(SIGNAL_TRACES),
                   .makes = SIGNAL_BIT(SIGNAL_METRICS), .stability = "alpha"),
    .alone = "it waits for both spans of a call",
    .summary = "Counts and measures the requests between services.",
    .safe = "Counted in memory; the metrics that are made of it are sent on once an interval.",
    COMPONENT_CONFIG(struct service_graph_config, service_graph_options, .check = service_graph_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct service_graph, .create = create, .start = start, .stop = stop, .destroy = destroy),
};
