/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and the instruments that an endpoint has of them by its address. */
#include "prom/endpoint/endpoint_metrics.h"

#include "base/mem.h"
#include "prom/endpoint/scrape_endpoint.h"

static const double seconds[] = { 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60 };

static const struct metric_row requests = METRIC_ROW("otelcd_scrape_requests", METRIC_COUNTER, "{request}",
                                                     "Requests to the scrape endpoint, by how they ended.");
static const struct metric_row running =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_scrape_running", METRIC_GAUGE, "{scrape}", "Scrapes that are being answered.");
static const struct metric_row duration =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_scrape_duration", METRIC_HISTOGRAM, "s",
                  "Time from a scrape's request to the end of its answer.", METRIC_BOUNDS(seconds));
static const struct metric_row sent_bytes =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_scrape_sent_bytes", METRIC_COUNTER, "By",
                  "Bytes of expositions handed to sockets, after compression.");
static const struct metric_row left_out =
    METRIC_ROW("otelcd_scrape_left_out_families", METRIC_COUNTER, "{family}",
               "Metric families left out of an exposition because a name of theirs was taken.");
static const struct metric_row connections =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_scrape_connections", METRIC_GAUGE, "{connection}",
                  "Connections that are open to the scrape endpoint.");
static const struct metric_row protocol_errors =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_scrape_protocol_errors", METRIC_COUNTER, "{error}",
                  "Connections or requests to the scrape endpoint ended for what the peer sent.");

const struct metric_row *const endpoint_metric_rows[] = {
    &requests, &running, &duration, &sent_bytes, &left_out, &connections, &protocol_errors, NULL,
};

void endpoint_counters_init(struct endpoint_counters *c, struct metrics *m, const char *endpoint)
{
    static const char *const outcomes[] = {
        [ENDPOINT_OK] = "ok",
        [ENDPOINT_ABORTED] = "aborted",
        [ENDPOINT_TIMEOUT] = "timeout",
        [ENDPOINT_BUSY] = "busy",
        [ENDPOINT_NOT_FOUND] = "not_found",
        [ENDPOINT_BAD_METHOD] = "bad_method",
        [ENDPOINT_UNAUTHORIZED] = "unauthorized",
    };
    struct metric_label where[] = { { "endpoint", endpoint }, { "outcome", NULL } };

    for (size_t i = 0; i < ENDPOINT_OUTCOMES; i++) {
        where[1].value = outcomes[i];
        c->requests[i] = metrics_get(m, &requests, where, 2);
    }
    c->running = metrics_get(m, &running, where, 1);
    c->duration = metrics_get(m, &duration, where, 1);
    c->sent_bytes = metrics_get(m, &sent_bytes, where, 1);
    c->connections = metrics_get(m, &connections, where, 1);
    c->protocol_errors = metrics_get(m, &protocol_errors, where, 1);
}

void endpoint_count_left_out(struct metrics *m, const char *endpoint, const char *source)
{
    struct metric_label where[] = { { "endpoint", endpoint }, { "source", source } };

    metric_add(metrics_get(m, &left_out, where, 2), 1);
}

void endpoint_counters_update(struct endpoint_counters *c, const struct http_server_stats *stats)
{
    metric_set(c->connections, (double)stats->connections);
    metric_set(c->protocol_errors, (double)stats->protocol_errors);
}
