/* SPDX-License-Identifier: Apache-2.0 */
/* The span_metrics connector: how often, how long and with how many errors, by service, span name and more.
 *
 * A batch of spans comes in, every span is counted in its series (count_spans.c), and its sender is answered. Once an
 * interval, and at the stop, the series leave as metrics (send_series.c). What is remembered is bounded: by the number
 * of resources, of series of each metric, and by the memory budget; past a bound spans are counted in one series that
 * stands for the rest, and the attribute that has so many values is named (overflow.c). */
#include "connector/span_metrics/span_metrics_inside.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_EXPONENTIAL 160
#define NS_PER_MS_D 1e6
#define NS_PER_S_D 1e9

static const double default_bounds_ms[] = {
    2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000
};

static const struct metric_row series_row =
    METRIC_ROW("otelcd_span_metrics_series", METRIC_GAUGE, "{series}", "Series that the connector keeps.");
static const struct metric_row uncounted_row =
    METRIC_ROW("otelcd_span_metrics_uncounted_spans", METRIC_COUNTER, "{spans}",
               "Spans that are in no series: their resource has no service.name, or the memory budget no room for it.");

/* ---- batches ---- */

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct span_metrics *p = span_metrics_of(container_of(self, struct node, in));

    span_metrics_count(p, batch);
    batch_unref(batch);
    ack_safe(ack);
}

static int start(struct node *node, struct error *err)
{
    (void)err;
    slice_sender_start(&span_metrics_of(node)->sender);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    (void)deadline;
    slice_sender_stop(&span_metrics_of(node)->sender, done);
}

/* ---- what was configured ---- */

static unsigned read_excluded(const struct strings *names)
{
    static const char *const known[] = { "service.name", "span.name", "span.kind", "status.code",
                                         "collector.instance.id" };
    unsigned without = 0;

    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (strcmp(names->v[i], known[k]) == 0)
                without |= 1u << k;
    return without;
}

static void set_bounds(struct span_metrics *p)
{
    const struct explicit_config *c = &p->config->histogram.explicit;
    size_t n = c->on ? c->buckets.n : ARRAY_LEN(default_bounds_ms), bad;

    p->bounds = mem_zalloc((n + 1) * sizeof(*p->bounds));
    if (c->on)
        observed_bounds(p->bounds, c->buckets.v, n, p->unit, &bad);
    else
        for (size_t i = 0; i < n; i++)
            p->bounds[i] = p->config->histogram.unit == UNIT_S ? default_bounds_ms[i] / 1000 : default_bounds_ms[i];
    p->store.shape.bounds = p->bounds;
    p->store.shape.n_bounds = n;
}

static void set_shape(struct span_metrics *p)
{
    const struct exponential_config *c = &p->config->histogram.exponential;
    uint32_t most = c->max_size > 0 ? (uint32_t)c->max_size : DEFAULT_EXPONENTIAL;

    p->unit = p->config->histogram.unit == UNIT_S ? NS_PER_S_D : NS_PER_MS_D;
    p->store.shape.exponential = c->on;
    p->store.shape.max_buckets = most < OBSERVED_BUCKETS_LEAST ? OBSERVED_BUCKETS_LEAST : most;
    if (!c->on)
        set_bounds(p);
}

static void set_names(struct span_metrics *p)
{
    static const char *const names[FAMILIES] = { "calls", "duration", "events" };

    for (unsigned i = 0; i < FAMILIES; i++)
        p->names[i] = mem_printf("%s%s%s", p->config->namespace, p->config->namespace[0] != '\0' ? "." : "", names[i]);
}

static void set_dimensions(struct span_metrics *p)
{
    const struct span_metrics_config *c = p->config;

    dimension_list_add(&p->everywhere, &p->slot_names, &p->arena, &c->dimensions);
    dimension_list_add(&p->further[FAMILY_CALLS], &p->slot_names, &p->arena, &c->calls_dimensions);
    dimension_list_add(&p->further[FAMILY_DURATIONS], &p->slot_names, &p->arena, &c->histogram.dimensions);
    if (c->events.enabled)
        dimension_list_add(&p->further[FAMILY_EVENTS], &p->slot_names, &p->arena, &c->events.dimensions);
    p->globbed = p->everywhere.n_globs > 0;
    for (unsigned i = 0; i < FAMILIES; i++)
        p->globbed |= p->further[i].n_globs > 0;
    p->shared = !c->histogram.disable && c->calls_dimensions.n == 0 && c->histogram.dimensions.n == 0;
}

static void set_limits(struct span_metrics *p)
{
    const struct span_metrics_config *c = p->config;

    p->store.delta = strcmp(c->aggregation_temporality, DELTA_TEMPORALITY) == 0;
    p->store.limits = (struct store_limits){ .series = c->aggregation_cardinality_limit,
                                             .resources = c->resource_metrics_cache_size,
                                             .exemplars = c->exemplars.max_per_data_point,
                                             .idle = c->metric_timestamp_cache_size };
}

/* ---- the component ---- */

static void collect(struct metric_hook *hook)
{
    const struct span_metrics *p = container_of(hook, struct span_metrics, hook);

    metric_set(p->series_gauge, (double)p->store.n);
    series_top_collect(p->store.top);
}

static void set_metrics(struct span_metrics *p)
{
    struct metrics *m = p->node.host->metrics;
    const struct metric_label service[] = { { "connector", p->node.id }, { "reason", "no_service_name" } };
    const struct metric_label memory[] = { { "connector", p->node.id }, { "reason", "memory" } };

    p->series_gauge = metrics_get(m, &series_row, service, 1);
    p->no_service = metrics_get(m, &uncounted_row, service, ARRAY_LEN(service));
    p->no_memory = metrics_get(m, &uncounted_row, memory, ARRAY_LEN(memory));
    p->store.top = series_top_new(m, service[0], span_metrics_budget(p));
    p->store.names = (const char *const *)p->names;
    p->hook.collect = collect;
    metrics_hook(m, &p->hook);
}

static void set_sender(struct span_metrics *p)
{
    slice_sender_init(&p->sender, &p->node, (uint64_t)p->config->metrics_flush_interval.ns);
    p->sender.begin = span_metrics_begin;
    p->sender.fill = span_metrics_fill;
    p->sender.finish = span_metrics_finish;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct span_metrics *p = span_metrics_of(node);

    (void)err;
    node->in.consume = consume;
    p->config = config;
    p->without = read_excluded(&p->config->exclude_dimensions);
    random_seed(&p->random);
    span_series_init(&p->store, span_metrics_budget(p));
    set_shape(p);
    set_names(p);
    set_dimensions(p);
    set_limits(p);
    set_metrics(p);
    set_sender(p);
    return 0;
}

static void destroy(struct node *node)
{
    struct span_metrics *p = span_metrics_of(node);

    metrics_unhook(node->host->metrics, &p->hook);
    slice_sender_free(&p->sender);
    span_series_free(&p->store);
    series_top_free(p->store.top);
    dimension_list_free(&p->everywhere);
    for (unsigned i = 0; i < FAMILIES; i++) {
        dimension_list_free(&p->further[i]);
        free(p->names[i]);
    }
    free(p->bounds);
    arena_free(&p->arena);
    vec_free(&p->found);
    buf_free(&p->adjustment.text);
    buf_free(&p->key);
    buf_free(&p->attributes);
    buf_free(&p->scratch);
}

static const char *const aliases[] = { "spanmetrics", NULL };
static const struct metric_row *const metric_rows[] = { &series_row, &uncounted_row, &span_metrics_overflow_row,
                                                        SERIES_TOP_ROWS, NULL };

extern const struct component span_metrics_connector;
const struct component span_metrics_connector = {
    COMPONENT_TYPE("span_metrics", COMPONENT_CONNECTOR, .aliases = aliases, .signals = SIGNAL_BIT(SIGNAL_TRACES),
                   .makes = SIGNAL_BIT(SIGNAL_METRICS), .stability = "alpha"),
    .alone = "it has the series that it makes of all spans",
    .summary = "Counts spans and measures their durations, by service, span name and dimensions of choice.",
    .safe = "Counted in memory; the metrics that are made of it are sent on once an interval.",
    COMPONENT_CONFIG(struct span_metrics_config, span_metrics_options, .check = span_metrics_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct span_metrics, .create = create, .start = start, .stop = stop, .destroy = destroy),
};
