/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of records. What became of items is in the ledger, and shows from there. */
#include "exporter/kafka/kafka_exporter.h"

static const double seconds_bounds[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30 };

static const struct metric_row row_messages = METRIC_ROW(
    "otelcd_exporter_kafka_messages", METRIC_COUNTER, "{messages}",
    "Records that the brokers have answered for. Outcome success: they have it; failure: they have not, or no answer "
    "came.");
static const struct metric_row row_bytes =
    METRIC_ROW("otelcd_exporter_kafka_sent_bytes", METRIC_COUNTER, "By",
               "Bytes of records that the brokers have, with keys and headers, before compression.");
static const struct metric_row row_seconds =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_exporter_kafka_message_seconds", METRIC_HISTOGRAM, "s",
                  "Time from a record's handing over to librdkafka to its answer.", METRIC_BOUNDS(seconds_bounds));
static const struct metric_row row_outstanding =
    METRIC_ROW("otelcd_exporter_kafka_outstanding_messages", METRIC_GAUGE, "{messages}",
               "Records in librdkafka's hands that the brokers have not answered for yet.");
static const struct metric_row row_splits =
    METRIC_ROW("otelcd_exporter_kafka_split_messages", METRIC_COUNTER, "{messages}",
               "Records that were cut in several because they were too large.");

const struct metric_row *const kafka_exporter_metric_rows[] = {
    &row_messages, &row_bytes, &row_seconds, &row_outstanding, &row_splits, NULL,
};

static void collect(struct metric_hook *hook)
{
    struct kafka_exporter *n =
        container_of(container_of(hook, struct kafka_exporter_metrics, hook), struct kafka_exporter, m);

    metric_set(n->m.outstanding, (double)(n->main.outstanding + n->single.outstanding));
}

void kafka_exporter_metrics_init(struct kafka_exporter *n)
{
    struct metrics *m = n->node.host->metrics;
    struct metric_label labels[] = { { "exporter", n->node.id },
                                     { "signal", signal_table[n->node.signal].name },
                                     { "outcome", "success" } };

    n->m.messages[0] = metrics_get(m, &row_messages, labels, 3);
    labels[2].value = "failure";
    n->m.messages[1] = metrics_get(m, &row_messages, labels, 3);
    n->m.bytes = metrics_get(m, &row_bytes, labels, 2);
    n->m.seconds = metrics_get(m, &row_seconds, labels, 2);
    n->m.outstanding = metrics_get(m, &row_outstanding, labels, 2);
    n->m.splits = metrics_get(m, &row_splits, labels, 2);
    metric_add(n->m.messages[0], 0);
    metric_add(n->m.splits, 0);
    n->m.hook.collect = collect;
    metrics_hook(m, &n->m.hook);
}

void kafka_exporter_metrics_close(struct kafka_exporter *n)
{
    metrics_unhook(n->node.host->metrics, &n->m.hook);
}
