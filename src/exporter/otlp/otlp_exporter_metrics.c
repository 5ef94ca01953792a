/* SPDX-License-Identifier: Apache-2.0 */
/* What the OTLP exporters count of their requests. What became of items is in the ledger, and shows from there. */
#include "exporter/otlp/otlp_exporter.h"
#include "pipeline/node_tls.h"

static const double seconds_bounds[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30 };

static const struct metric_row row_requests = METRIC_ROW(
    "otelcd_exporter_otlp_requests", METRIC_COUNTER, "{requests}",
    "Requests that have ended. Outcome success: the peer took it, perhaps but for some items; failure: it did "
    "not, or no answer came.");
static const struct metric_row row_bytes =
    METRIC_ROW("otelcd_exporter_otlp_sent_bytes", METRIC_COUNTER, "By", "Bytes of request bodies, as they were sent.");
static const struct metric_row row_seconds =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_exporter_otlp_request_seconds", METRIC_HISTOGRAM, "s",
                  "Time from the beginning of a request's encoding to its answer.", METRIC_BOUNDS(seconds_bounds));
static const struct metric_row row_limit =
    METRIC_ROW("otelcd_exporter_otlp_request_limit_bytes", METRIC_GAUGE, "By",
               "The largest request before compression that is sent in one: max_request_bytes, or less where the peer "
               "has refused larger ones.",
               .sum = SHOW_LEAST);
static const struct metric_row row_splits =
    METRIC_ROW("otelcd_exporter_otlp_split_requests", METRIC_COUNTER, "{requests}",
               "Requests that were cut in several because they were too large.");
static const struct metric_row row_connections = METRIC_ROW_AT(
    LEVEL_NORMAL, "otelcd_exporter_otlp_connections", METRIC_GAUGE, "{connections}", "Open connections to the peer.");

const struct metric_row *const otlp_exporter_metric_rows[] = {
    &row_requests, &row_bytes, &row_seconds, &row_limit, &row_splits, &row_connections, &peer_clock_row, NULL,
};

static void collect(struct metric_hook *hook)
{
    struct otlp_exporter *n =
        container_of(container_of(hook, struct otlp_exporter_metrics, hook), struct otlp_exporter, m);

    if (n->member != NULL)
        return;
    metric_set(n->m.limit, (double)n->limit.now);
    node_tell_clock(n->m.peer_clock, n->client);
    metric_set(n->m.connections, n->client != NULL ? (double)http_client_stats(n->client)->connections : 0);
}

void otlp_exporter_metrics_init(struct otlp_exporter *n)
{
    struct metrics *m = n->node.host->metrics;
    struct metric_label labels[] = { { "exporter", n->node.id },
                                     { "signal", signal_table[n->node.signal].name },
                                     { "outcome", "success" } };

    n->m.requests[0] = metrics_get(m, &row_requests, labels, 3);
    labels[2].value = "failure";
    n->m.requests[1] = metrics_get(m, &row_requests, labels, 3);
    n->m.bytes = metrics_get(m, &row_bytes, labels, 2);
    n->m.seconds = metrics_get(m, &row_seconds, labels, 2);
    n->m.limit = metrics_get(m, &row_limit, labels, 2);
    n->m.splits = metrics_get(m, &row_splits, labels, 2);
    n->m.connections = metrics_get(m, &row_connections, labels, 2);
    n->m.peer_clock = metrics_get(m, &peer_clock_row, labels, 2);
    metric_add(n->m.splits, 0);
    n->m.hook.collect = collect;
    metrics_hook(m, &n->m.hook);
}

void otlp_exporter_metrics_close(struct otlp_exporter *n)
{
    metrics_unhook(n->node.host->metrics, &n->m.hook);
}
