/* SPDX-License-Identifier: Apache-2.0 */
/* What the service graph sends at each interval, slice by slice: metric by metric all series are gone over until a
 * slice is full, and the cursor says where the next one goes on. Values are cumulative, from the connector's start.
 * Series that were made after the first slice wait for the next time, so that all metrics are of the same ones.
 *
 * What can go wrong: a slice ends inside of a metric. It is begun again in the next, and one that got no points is
 * taken back. */
#include "connector/service_graph/service_graph.h"

#include "otlp/view.h"

#define SCOPE_NAME "traces_service_graph"

static struct service_graph *graph_of(struct slice_sender *s)
{
    return container_of(s, struct service_graph, sender);
}

static bool is_sum(unsigned metric)
{
    return metric == METRIC_TOTAL || metric == METRIC_FAILED;
}

static void put_attributes(struct service_graph *p, const struct graph_series *s, uint32_t number)
{
    struct pb_reader r = pb_reader(graph_series_attributes(s));

    for (struct bytes field; message_next(&r, OTLP_LIST_VALUES, &field);)
        pb_put_bytes(&p->sender.out, number, field);
}

static void put_point(struct service_graph *p, const struct graph_series *s, unsigned metric)
{
    struct buf *out = &p->sender.out;
    int64_t offset = p->config->metrics_timestamp_offset.ns; /* below 0: the points are of later */
    uint64_t now = offset > 0 && p->sender.wall < (uint64_t)offset ? 0 : p->sender.wall - (uint64_t)offset;
    size_t at = pb_begin(out, OTLP_DATA_POINTS);

    pb_put_fixed64(out, OTLP_POINT_START, p->start < now ? p->start : now);
    pb_put_fixed64(out, OTLP_POINT_TIME, now);
    if (is_sum(metric)) {
        pb_put_fixed64(out, OTLP_NUMBER_INT, s->requests);
        put_attributes(p, s, OTLP_NUMBER_ATTRIBUTES);
    } else {
        observed_put(out, metric == METRIC_SERVER ? &s->server : &s->client, &p->series.shape);
        put_attributes(p, s, p->series.shape.exponential ? OTLP_EXPONENTIAL_ATTRIBUTES : OTLP_HISTOGRAM_ATTRIBUTES);
    }
    pb_end(out, at);
    p->sender.points++;
}

static bool is_due(const struct service_graph *p, const struct graph_series *s, unsigned metric)
{
    return s->serial < p->at.serial && (metric != METRIC_FAILED || s->failed);
}

/* True: there are no more. */
static bool put_points(struct service_graph *p, unsigned metric)
{
    struct graph_series *s =
        p->at.series != NULL ? p->at.series : list_first(&p->series.all, struct graph_series, link);

    while (s != NULL && !slice_sender_full(&p->sender)) {
        if (is_due(p, s, metric))
            put_point(p, s, metric);
        s = s->link.next != &p->series.all ? container_of(s->link.next, struct graph_series, link) : NULL;
    }
    p->at.series = s;
    return s == NULL;
}

static uint32_t data_of(const struct service_graph *p, unsigned metric)
{
    if (is_sum(metric))
        return OTLP_METRIC_SUM;
    return p->series.shape.exponential ? OTLP_METRIC_EXPONENTIAL : OTLP_METRIC_HISTOGRAM;
}

static bool put_metric(struct service_graph *p, unsigned metric)
{
    struct buf *out = &p->sender.out;
    uint64_t before = p->sender.points;
    size_t begun = out->len, at = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS), data;
    bool whole;

    pb_put_str(out, OTLP_METRIC_NAME, graph_metric_names[metric]);
    if (!is_sum(metric))
        pb_put_str(out, OTLP_METRIC_UNIT, "s");
    data = pb_begin(out, data_of(p, metric));
    pb_put_uint(out, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_CUMULATIVE);
    if (is_sum(metric))
        pb_put_uint(out, OTLP_DATA_MONOTONIC, 1);
    whole = put_points(p, metric);
    pb_end(out, data);
    pb_end(out, at);
    if (p->sender.points == before)
        out->len = begun;
    return whole;
}

void service_graph_begin(struct slice_sender *s, bool last)
{
    struct service_graph *p = graph_of(s);

    (void)last;
    p->at.metric = 0;
    p->at.series = NULL;
    p->at.serial = p->series.next_serial;
}

void service_graph_fill(struct slice_sender *s)
{
    struct service_graph *p = graph_of(s);
    size_t group = pb_begin(&s->out, OTLP_REQUEST_RESOURCES), scope, at;

    pb_end(&s->out, pb_begin(&s->out, OTLP_RESOURCE_GROUP_RESOURCE));
    scope = pb_begin(&s->out, OTLP_RESOURCE_GROUP_SCOPES);
    at = pb_begin(&s->out, OTLP_SCOPE_GROUP_SCOPE);
    pb_put_str(&s->out, OTLP_SCOPE_NAME, SCOPE_NAME);
    pb_end(&s->out, at);
    while (p->at.metric < METRICS && put_metric(p, p->at.metric))
        p->at.metric++;
    pb_end(&s->out, scope);
    pb_end(&s->out, group);
}
