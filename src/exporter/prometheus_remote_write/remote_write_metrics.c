/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter in numbers: Prometheus' own names for its remote storage, so that dashboards carry over, and what otelcd
 * adds to them. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "pipeline/node_tls.h"

static const double seconds_bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300 };

static const struct metric_row row_samples =
    METRIC_ROW("prometheus_remote_storage_samples_total", METRIC_COUNTER, "", "Samples in attempts to send.");
static const struct metric_row row_histograms =
    METRIC_ROW("prometheus_remote_storage_histograms_total", METRIC_COUNTER, "", "Native histograms in attempts.");
static const struct metric_row row_exemplars =
    METRIC_ROW("prometheus_remote_storage_exemplars_total", METRIC_COUNTER, "", "Exemplars in attempts.");
static const struct metric_row row_metadata =
    METRIC_ROW("prometheus_remote_storage_metadata_total", METRIC_COUNTER, "", "Metadata entries in attempts.");
static const struct metric_row row_samples_failed =
    METRIC_ROW("prometheus_remote_storage_samples_failed_total", METRIC_COUNTER, "", "Samples that were given up.");
static const struct metric_row row_histograms_failed = METRIC_ROW(
    "prometheus_remote_storage_histograms_failed_total", METRIC_COUNTER, "", "Native histograms that were given up.");
static const struct metric_row row_exemplars_failed =
    METRIC_ROW("prometheus_remote_storage_exemplars_failed_total", METRIC_COUNTER, "", "Exemplars that were given up.");
static const struct metric_row row_samples_retried =
    METRIC_ROW("prometheus_remote_storage_samples_retried_total", METRIC_COUNTER, "",
               "Samples in attempts that failed and were made again.");
static const struct metric_row row_histograms_retried =
    METRIC_ROW("prometheus_remote_storage_histograms_retried_total", METRIC_COUNTER, "",
               "Native histograms in attempts that failed and were made again.");
static const struct metric_row row_exemplars_retried =
    METRIC_ROW("prometheus_remote_storage_exemplars_retried_total", METRIC_COUNTER, "",
               "Exemplars in attempts that failed and were made again.");
static const struct metric_row row_bytes = METRIC_ROW("prometheus_remote_storage_bytes_total", METRIC_COUNTER, "",
                                                      "Bytes of requests, compressed, attempts counted.");
static const struct metric_row row_seconds =
    METRIC_ROW("prometheus_remote_storage_sent_batch_duration_seconds", METRIC_HISTOGRAM, "", "Time of each attempt.",
               METRIC_BOUNDS(seconds_bounds));
static const struct metric_row row_highest =
    METRIC_ROW("prometheus_remote_storage_queue_highest_timestamp_seconds", METRIC_GAUGE, "",
               "Time of the newest sample that came off the queue.");
static const struct metric_row row_highest_sent =
    METRIC_ROW("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", METRIC_GAUGE, "",
               "Time of the newest sample that was delivered.");
static const struct metric_row row_pending =
    METRIC_ROW("prometheus_remote_storage_samples_pending", METRIC_GAUGE, "", "Data points that wait to be delivered.");
static const struct metric_row row_shards = METRIC_ROW("prometheus_remote_storage_shards", METRIC_GAUGE, "",
                                                       "Shards in use: requests that may be in flight now.");
static const struct metric_row row_shards_max =
    METRIC_ROW("prometheus_remote_storage_shards_max", METRIC_GAUGE, "", "Shards that there may be.");
static const struct metric_row row_shards_min =
    METRIC_ROW("prometheus_remote_storage_shards_min", METRIC_GAUGE, "", "1.");
static const struct metric_row row_capacity =
    METRIC_ROW("prometheus_remote_storage_shard_capacity", METRIC_GAUGE, "", "Batches that the queue may hold.");
static const struct metric_row row_sent =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_sent_batches", METRIC_COUNTER, "{batch}",
               "Requests that the receiver has taken.");
static const struct metric_row row_translated =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_translated_time_series", METRIC_COUNTER, "1",
               "Samples and histograms made of data points.");
static const struct metric_row row_failed =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_failed_translations", METRIC_COUNTER, "1",
               "Data points that remote write cannot carry.");
static const struct metric_row row_written_samples =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_written_samples", METRIC_COUNTER, "{sample}",
               "Samples that the receiver says it wrote (Remote-Write 2.0).");
static const struct metric_row row_written_histograms =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_written_histograms", METRIC_COUNTER, "{histogram}",
               "Native histograms that the receiver says it wrote (Remote-Write 2.0).");
static const struct metric_row row_written_exemplars =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_written_exemplars", METRIC_COUNTER, "{exemplar}",
               "Exemplars that the receiver says it wrote (Remote-Write 2.0).");
static const struct metric_row row_consumers =
    METRIC_ROW("otelcol_exporter_prometheusremotewrite_consumers", METRIC_GAUGE, "{consumer}",
               "Requests that may be in flight at one time.");
static const struct metric_row row_series =
    METRIC_ROW("otelcd_remote_write_series", METRIC_GAUGE, "{series}", "Series whose labels are kept ready.");
static const struct metric_row row_series_bytes =
    METRIC_ROW("otelcd_remote_write_series_memory", METRIC_GAUGE, "By",
               "Memory that they take, as charged to the budget, without tables.");
static const struct metric_row row_connections =
    METRIC_ROW("otelcd_remote_write_connections", METRIC_GAUGE, "{connection}", "Open connections.");
static const struct metric_row row_duplicates = METRIC_ROW(
    "otelcd_remote_write_duplicates", METRIC_COUNTER, "{datapoints}",
    "Data points that were sent again after an attempt without an answer or a restart, and turned out to be there "
    "already.");
static const struct metric_row row_not_sent = METRIC_ROW("otelcd_remote_write_points_not_sent", METRIC_COUNTER,
                                                         "{datapoints}", "Data points that were given up, by reason.");

const struct metric_row *const remote_write_metric_rows[] = {
    COLLISION_ROWS,
    SERIES_LIMIT_ROWS,
    &row_samples,
    &row_histograms,
    &row_exemplars,
    &row_metadata,
    &row_samples_failed,
    &row_histograms_failed,
    &row_exemplars_failed,
    &row_samples_retried,
    &row_histograms_retried,
    &row_exemplars_retried,
    &row_bytes,
    &row_seconds,
    &row_highest,
    &row_highest_sent,
    &row_pending,
    &row_shards,
    &row_shards_max,
    &row_shards_min,
    &row_capacity,
    &row_sent,
    &row_translated,
    &row_failed,
    &row_written_samples,
    &row_written_histograms,
    &row_written_exemplars,
    &row_consumers,
    &row_series,
    &row_series_bytes,
    &row_connections,
    &peer_clock_row,
    &row_duplicates,
    &row_not_sent,
    NULL,
};

static void collect(struct metric_hook *hook)
{
    struct remote_write_node *n = container_of(hook, struct remote_write_node, m.hook);
    struct remote_write_metrics *m = &n->m;

    metric_set(m->pending, (double)n->node.ledger->held);
    if (n->highest != INT64_MIN)
        metric_set(m->highest, (double)n->highest / 1000);
    if (n->highest_sent != INT64_MIN)
        metric_set(m->highest_sent, (double)n->highest_sent / 1000);
    metric_set(m->series, (double)remote_write_series(n->encoder));
    series_limit_collect(remote_write_limit(n->encoder));
    collisions_displaced(&n->collisions, remote_write_displaced(n->encoder));
    metric_set(m->series_bytes, (double)remote_write_memory(n->encoder));
    node_tell_clock(m->peer_clock, n->client);
    metric_set(m->connections, n->client != NULL ? (double)http_client_stats(n->client)->connections : 0);
}

static struct metric *get_metric(struct remote_write_node *n, const struct metric_row *row)
{
    const struct metric_label ours = { "exporter", n->node.id };
    struct url url;
    struct error err;
    struct buf name = { 0 };
    struct metric *x;

    if (strncmp(row->name, "prometheus_", 11) != 0)
        return metrics_get(n->node.host->metrics, row, &ours, 1);
    if (url_parse(&url, bytes_str(client_config(n->config)->endpoint), &err) == 0)
        url_put_safe(&name, &url);
    x = metrics_get(n->node.host->metrics, row,
                    (const struct metric_label[]){ { "remote_name", n->node.id }, { "url", buf_cstr(&name) } }, 2);
    buf_free(&name);
    return x;
}

static struct metric *make_counter(struct remote_write_node *n, const struct metric_row *row)
{
    struct metric *x = get_metric(n, row);

    metric_add(x, 0);
    return x;
}

void remote_write_metrics_init(struct remote_write_node *n)
{
    struct remote_write_metrics *m = &n->m;

    n->highest = n->highest_sent = INT64_MIN;
    m->samples = make_counter(n, &row_samples);
    m->histograms = make_counter(n, &row_histograms);
    m->exemplars = make_counter(n, &row_exemplars);
    m->metadata = make_counter(n, &row_metadata);
    m->samples_failed = make_counter(n, &row_samples_failed);
    m->histograms_failed = make_counter(n, &row_histograms_failed);
    m->exemplars_failed = make_counter(n, &row_exemplars_failed);
    m->samples_retried = make_counter(n, &row_samples_retried);
    m->histograms_retried = make_counter(n, &row_histograms_retried);
    m->exemplars_retried = make_counter(n, &row_exemplars_retried);
    m->bytes = make_counter(n, &row_bytes);
    m->seconds = get_metric(n, &row_seconds);
    m->highest = get_metric(n, &row_highest);
    m->highest_sent = get_metric(n, &row_highest_sent);
    m->pending = get_metric(n, &row_pending);
    m->shards = get_metric(n, &row_shards);
    m->shards_max = get_metric(n, &row_shards_max);
    m->shards_min = get_metric(n, &row_shards_min);
    m->capacity = get_metric(n, &row_capacity);
    m->sent_batches = make_counter(n, &row_sent);
    m->translated = make_counter(n, &row_translated);
    m->failed_translations = make_counter(n, &row_failed);
    m->written_samples = get_metric(n, &row_written_samples);
    m->written_histograms = get_metric(n, &row_written_histograms);
    m->written_exemplars = get_metric(n, &row_written_exemplars);
    m->consumers = get_metric(n, &row_consumers);
    m->series = get_metric(n, &row_series);
    m->series_bytes = get_metric(n, &row_series_bytes);
    m->connections = get_metric(n, &row_connections);
    m->peer_clock = get_metric(n, &peer_clock_row);
    m->duplicates = make_counter(n, &row_duplicates);
    metric_set(m->shards, n->in_use);
    metric_set(m->shards_max, n->n_shards);
    metric_set(m->shards_min, 1);
    metric_set(m->consumers, n->n_shards);
    metric_set(m->capacity, (double)n->config->remote_write_queue.queue_size);
    m->hook.collect = collect;
    metrics_hook(n->node.host->metrics, &m->hook);
}

void remote_write_metrics_close(struct remote_write_node *n)
{
    metrics_unhook(n->node.host->metrics, &n->m.hook);
}

void remote_write_count_attempt(struct remote_write_node *n, const struct shard_request *r)
{
    metric_add(n->m.samples, r->message->samples);
    metric_add(n->m.histograms, r->message->histograms);
    metric_add(n->m.exemplars, r->message->exemplars);
    metric_add(n->m.metadata, r->message->metadata);
    metric_add(n->m.bytes, r->body.len);
}

void remote_write_count_failed(struct remote_write_node *n, const struct remote_write_request *r)
{
    metric_add(n->m.samples_failed, r->samples);
    metric_add(n->m.histograms_failed, r->histograms);
    metric_add(n->m.exemplars_failed, r->exemplars);
}

void remote_write_count_retried(struct remote_write_node *n, const struct remote_write_request *r)
{
    metric_add(n->m.samples_retried, r->samples);
    metric_add(n->m.histograms_retried, r->histograms);
    metric_add(n->m.exemplars_retried, r->exemplars);
}

struct remote_write_reason *remote_write_reason(struct remote_write_node *n, const char *reason)
{
    const struct metric_label labels[] = { { "exporter", n->node.id }, { "reason", reason } };
    struct remote_write_reason *r = n->m.reasons;
    size_t i = 0;

    while (i + 1 < REMOTE_WRITE_REASONS && r[i].reason != NULL && strcmp(r[i].reason, reason) != 0)
        i++;
    if (r[i].reason == NULL) {
        r[i].reason = reason;
        r[i].items = metrics_get(n->node.host->metrics, &row_not_sent, labels, ARRAY_LEN(labels));
    }
    return &r[i];
}

static int64_t read_number(const struct http_response *a, const char *name)
{
    const struct bytes *v = http_response_header(a, name);
    uint64_t n;

    return v != NULL && bytes_decimal(*v, &n) ? (int64_t)n : -1;
}

int64_t remote_write_count_written(struct remote_write_node *n, const struct http_response *a)
{
    int64_t samples = read_number(a, "x-prometheus-remote-write-samples-written");
    int64_t histograms = read_number(a, "x-prometheus-remote-write-histograms-written");
    int64_t exemplars = read_number(a, "x-prometheus-remote-write-exemplars-written");

    if (samples < 0 && histograms < 0)
        return -1;
    metric_add(n->m.written_samples, samples > 0 ? (uint64_t)samples : 0);
    metric_add(n->m.written_histograms, histograms > 0 ? (uint64_t)histograms : 0);
    metric_add(n->m.written_exemplars, exemplars > 0 ? (uint64_t)exemplars : 0);
    return (samples > 0 ? samples : 0) + (histograms > 0 ? histograms : 0);
}
