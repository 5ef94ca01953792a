/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of records and partitions, beside the items that every receiver counts. */
#include "receiver/kafka/kafka_receiver.h"

#include <stdio.h>
#include <string.h>

static const struct metric_row row_messages = METRIC_ROW("otelcd_receiver_kafka_messages", METRIC_COUNTER, "{messages}",
                                                         "Records that were taken from the brokers.");
static const struct metric_row row_bytes = METRIC_ROW("otelcd_receiver_kafka_received_bytes", METRIC_COUNTER, "By",
                                                      "Bytes of the values of records, after decompression.");
static const struct metric_row row_bad =
    METRIC_ROW("otelcd_receiver_kafka_bad_messages", METRIC_COUNTER, "{messages}",
               "Records that are not what `encoding` says; each was skipped, or its partition stands there.");
static const struct metric_row row_skipped =
    METRIC_ROW("otelcd_receiver_kafka_refused_messages", METRIC_COUNTER, "{messages}",
               "Records that the pipeline refused for good; each was skipped, or its partition stands there.");
static const struct metric_row row_paused =
    METRIC_ROW("otelcd_receiver_kafka_pauses", METRIC_COUNTER, "{pauses}",
               "Times that fetching was paused because the memory budget or the pipeline had no room.");
static const struct metric_row row_partitions =
    METRIC_ROW("otelcd_receiver_kafka_partitions", METRIC_GAUGE, "{partitions}", "Partitions that are read here now.");
static const struct metric_row row_offset =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_receiver_kafka_safe_offset", METRIC_GAUGE, "{offset}",
                  "The last offset up to which all records are safe: what is committed.", .sum = SHOW_MOST);
static const struct metric_row row_lag =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_receiver_kafka_lag_messages", METRIC_GAUGE, "{messages}",
                  "Records of the partition that are not safe yet, when its safe offset last moved. (This and the safe "
                  "offset are those of 1000 partitions at most.)");

const struct metric_row *const kafka_receiver_metric_rows[] = {
    &row_messages, &row_bytes, &row_bad, &row_skipped, &row_paused, &row_partitions, &row_offset, &row_lag, NULL,
};

void kafka_receiver_metrics_init(struct kafka_receiver *r)
{
    struct metrics *m = r->node.host->metrics;
    const struct metric_label items[] = { { "receiver", r->node.id }, { "transport", "kafka" } };
    const struct metric_label labels[] = { { "receiver", r->node.id },
                                           { "signal", signal_table[r->node.signal].name } };

    for (int i = 0; i < RECEIVER_COUNTS; i++) {
        r->m.items[i] = metrics_get(m, &receiver_item_rows[r->node.signal][i], items, 2);
        metric_add(r->m.items[i], 0);
    }
    r->m.messages = metrics_get(m, &row_messages, labels, 2);
    r->m.bytes = metrics_get(m, &row_bytes, labels, 2);
    r->m.bad = metrics_get(m, &row_bad, labels, 2);
    r->m.skipped = metrics_get(m, &row_skipped, labels, 2);
    r->m.paused = metrics_get(m, &row_paused, labels, 2);
    r->m.partitions = metrics_get(m, &row_partitions, labels, 2);
    metric_add(r->m.messages, 0);
    metric_add(r->m.bad, 0);
    metric_add(r->m.skipped, 0);
    metric_add(r->m.paused, 0);
    metric_set(r->m.partitions, 0);
}

/* Instruments stay for as long as the process does, and whoever makes topics could have as many as he likes: so there
 * are KAFKA_SHOWN_MOST. One that was shown before is among them. */
static bool may_show(const struct metrics *m, const struct metric_label *labels)
{
    const struct metric_family *f = NULL;

    for (size_t i = 0; i < m->families.n && f == NULL; i++)
        if (m->families.v[i]->row == &row_lag)
            f = m->families.v[i];
    for (size_t i = 0; f != NULL && f->members.n >= KAFKA_SHOWN_MOST && i < f->members.n; i++)
        if (strcmp(f->members.v[i]->labels[1].value, labels[1].value) == 0 &&
            strcmp(f->members.v[i]->labels[2].value, labels[2].value) == 0 &&
            strcmp(f->members.v[i]->labels[0].value, labels[0].value) == 0)
            return true;
    return f == NULL || f->members.n < KAFKA_SHOWN_MOST;
}

void kafka_partition_metrics_init(struct kafka_partition *p)
{
    struct kafka_receiver *r = p->receiver;
    char number[16];
    struct metric_label labels[] = {
        { "receiver", r->node.id },
        { "topic", p->topic },
        { "partition", number },
    };

    snprintf(number, sizeof(number), "%d", (int)p->number);
    if (r->n_partitions <= KAFKA_SHOWN_MOST && may_show(r->node.host->metrics, labels)) {
        p->offset = metrics_get(r->node.host->metrics, &row_offset, labels, 3);
        p->lag = metrics_get(r->node.host->metrics, &row_lag, labels, 3);
    } else if (!r->told_unshown) {
        r->told_unshown = true;
        log_warn(&r->node.log, "Partitions beyond these have no offset and lag among the metrics",
                 F_UINT("partitions", KAFKA_SHOWN_MOST));
    }
}

void kafka_partition_metrics_end(struct kafka_partition *p)
{
    if (p->offset != NULL)
        p->offset->touched = false;
    if (p->lag != NULL)
        p->lag->touched = false;
}
