/* SPDX-License-Identifier: Apache-2.0 */
/* A collision is counted for its metric and told in the log with both identities and the remedy, with back-off.
 *
 * What can go wrong: strangers make up names without end: beyond METRICS_MAX they are counted together. */
#include "prom/series/collisions.h"

#include "codec/utf8.h"

#include <stdio.h>
#include <string.h>

#define METRICS_MAX 100 /* names; what comes later is `other`, for names are made by strangers */
#define TEXT_MAX 300    /* of an identity, in the log */

const struct metric_row collisions_row = METRIC_ROW(
    "otelcd_prometheus_series_collisions", METRIC_COUNTER, "{datapoints}",
    "Points that met another sender's series of the same name and labels, by metric; beyond 100 names: other.");

const struct metric_row displaced_row = METRIC_ROW(
    "otelcd_prometheus_labels_displaced", METRIC_COUNTER, "{labels}",
    "Labels of points that are exported_<name>, because a promoted attribute of their resource has their name and "
    "another value; counted when the labels of a series are worked out.");

void collisions_init(struct collisions *c, struct metrics *metrics, const char *exporter, const struct logger *log,
                     struct clock *clock)
{
    const struct metric_label label = { "exporter", exporter };

    *c = (struct collisions){ .metrics = metrics, .exporter = exporter, .log = log, .clock = clock };
    c->displaced = metrics_get(metrics, &displaced_row, &label, 1);
}

void collisions_free(struct collisions *c)
{
    vec_free(&c->by_metric);
}

void collisions_displaced(struct collisions *c, uint64_t total)
{
    metric_add_since(c->displaced, &c->displaced_seen, total);
}

static struct metric *counter_of(struct collisions *c, struct bytes name)
{
    char text[128];
    struct metric_label labels[] = { { "exporter", c->exporter }, { "metric", text } };

    name = utf8_cut(name, sizeof(text) - 1);
    snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.data);
    for (size_t i = 0; i < c->by_metric.n; i++)
        if (strcmp(c->by_metric.v[i]->labels[1].value, text) == 0)
            return c->by_metric.v[i];
    if (c->by_metric.n >= METRICS_MAX) {
        labels[1].value = "other";
        return metrics_get(c->metrics, &collisions_row, labels, ARRAY_LEN(labels));
    }
    return *vec_push(&c->by_metric) = metrics_get(c->metrics, &collisions_row, labels, ARRAY_LEN(labels));
}

static const struct {
    const char *what, *remedy;
} advice[] = {
    [DIFFERENT_RESOURCE] = { "resource", "set service.name and service.instance.id in each sender, or make what tells "
                                         "them apart a label: resource_constant_labels: {included: [host.name]}" },
    [DIFFERENT_SCOPE] = { "scope", "leave the otel_scope_* labels on, or give one of the metrics another name" },
    [DIFFERENT_METRIC] = { "metric", "rename one of the metrics: both have one name in Prometheus" },
    [DIFFERENT_ATTRIBUTES] = { "attributes", "rename one of the attributes, or send one type of value: both make the "
                                             "same labels in Prometheus" },
};

static struct bytes cut_text(const struct buf *b)
{
    return bytes_of(b->data, b->len < TEXT_MAX ? b->len : TEXT_MAX);
}

static void warn_collision(struct collisions *c, const struct stream_member *owner,
                           const struct stream_member *newcomer)
{
    struct buf first = { 0 }, second = { 0 };
    enum stream_difference differ = stream_members_differ(owner, newcomer, &first, &second);

    log_warn(c->log, "Several senders have one series, and one of them wins",
             F_BYTES("metric", stream_name(newcomer->stream)), F_STR("differ_in", advice[differ].what),
             F_BYTES("first", cut_text(&first)), F_BYTES("second", cut_text(&second)),
             F_STR("remedy", advice[differ].remedy), F_UINT("repeated", complaint_taken(&c->complaint)));
    buf_free(&first);
    buf_free(&second);
}

void collisions_add(struct collisions *c, const struct stream_member *owner, const struct stream_member *newcomer)
{
    metric_add(counter_of(c, stream_name(newcomer->stream)), 1);
    if (complaint_due(&c->complaint, c->clock))
        warn_collision(c, owner, newcomer);
}
