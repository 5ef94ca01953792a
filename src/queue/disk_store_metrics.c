/* SPDX-License-Identifier: Apache-2.0 */
/* What the queue on disk counts: the log's own numbers, copied before each scrape. */
#include "queue/disk_store.h"

#include "base/mem.h"

const struct metric_row disk_store_size =
    METRIC_ROW("otelcd_exporter_wal_size", METRIC_GAUGE, "By", "Bytes of the queue on disk that hold something.");
const struct metric_row disk_store_capacity =
    METRIC_ROW("otelcd_exporter_wal_capacity", METRIC_GAUGE, "By", "Bytes that the queue on disk may take.");
const struct metric_row disk_store_written =
    METRIC_ROW("otelcd_exporter_wal_written_bytes", METRIC_COUNTER, "By", "Bytes written to the queue on disk.");
const struct metric_row disk_store_oldest =
    METRIC_ROW("otelcd_exporter_wal_age", METRIC_GAUGE, "s", "No batch that waits on disk is older; 0 when none waits.",
               .sum = SHOW_MOST);
const struct metric_row disk_store_failures =
    METRIC_ROW("otelcd_exporter_wal_write_failures", METRIC_COUNTER, "{writes}",
               "Writes or syncs of the queue on disk that failed.");
const struct metric_row disk_store_read_failures = METRIC_ROW(
    "otelcd_exporter_wal_read_failures", METRIC_COUNTER, "{reads}",
    "Reads of the queue on disk that failed and are tried again; what waits there does not go on meanwhile.");
const struct metric_row disk_store_corrupt = METRIC_ROW("otelcd_exporter_wal_corrupt_items", METRIC_COUNTER, "{items}",
                                                        "Items on disk that were damaged and are lost.");
const struct metric_row disk_store_lost =
    METRIC_ROW("otelcd_exporter_wal_lost_bytes", METRIC_COUNTER, "By",
               "Bytes that were gone from the end of the queue on disk at a start; how many items, nobody knows.");

static void collect(struct metric_hook *hook)
{
    struct disk_store *d = container_of(hook, struct disk_store, hook);
    uint64_t now = clock_wall(&d->store.sender->node->host->loop->clock);
    struct wal_held held;

    if (d->wal == NULL)
        return;
    held = wal_held(d->wal);
    if (d->store.sender->options.member == NULL) {
        metric_set(d->bytes, (double)held.bytes);
        metric_set(d->oldest, held.oldest != 0 && now > held.oldest ? (double)(now - held.oldest) / 1e9 : 0);
    }
    metric_add_since(d->written, &d->seen_written, wal_stats(d->wal)->bytes_written);
    metric_add_since(d->sync_failures, &d->seen_failures, wal_stats(d->wal)->sync_failures);
    metric_add_since(d->corrupt, &d->seen_corrupt, wal_stats(d->wal)->corrupt_items);
    metric_add_since(d->lost, &d->seen_lost, wal_stats(d->wal)->lost_bytes);
}

void disk_store_metrics_init(struct disk_store *d)
{
    struct sender *s = d->store.sender;
    struct metrics *m = s->node->host->metrics;
    const struct metric_label labels[] = { { "exporter", s->node->id },
                                           { "data_type", signal_table[s->node->signal].name } };

    d->bytes = metrics_get(m, &disk_store_size, labels, 2);
    metric_set(metrics_get(m, &disk_store_capacity, labels, 2), (double)s->options.disk.max_bytes);
    d->written = metrics_get(m, &disk_store_written, labels, 2);
    d->oldest = metrics_get(m, &disk_store_oldest, labels, 2);
    d->sync_failures = metrics_get(m, &disk_store_failures, labels, 2);
    d->read_failures = metrics_get(m, &disk_store_read_failures, labels, 2);
    d->corrupt = metrics_get(m, &disk_store_corrupt, labels, 2);
    d->lost = metrics_get(m, &disk_store_lost, labels, 2);
    metric_add(d->sync_failures, 0);
    metric_add(d->read_failures, 0);
    metric_add(d->corrupt, 0);
    metric_add(d->lost, 0);
    d->hook.collect = collect;
    metrics_hook(m, &d->hook);
}

void disk_store_metrics_close(struct disk_store *d)
{
    metrics_unhook(d->store.sender->node->host->metrics, &d->hook);
}
