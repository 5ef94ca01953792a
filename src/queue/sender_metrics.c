/* SPDX-License-Identifier: Apache-2.0 */
/* The sending queue in numbers: the rows that the Go collector has too, by signal, and what gives them their values. */
#include "queue/disk_store.h"

#include "base/mem.h"
#include "queue/batch_bounds.h"

static const struct metric_row row_size =
    METRIC_ROW("otelcol_exporter_queue_size", METRIC_GAUGE, "{batches}",
               "Current size of the retry queue, in the queue's sizer (bytes where only "
               "the disk limits it), with what is in flight.");
static const struct metric_row row_capacity = METRIC_ROW("otelcol_exporter_queue_capacity", METRIC_GAUGE, "{batches}",
                                                         "Fixed capacity of the retry queue, in the unit of its size.");
static const struct metric_row row_failed[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = METRIC_ROW("otelcol_exporter_enqueue_failed_spans", METRIC_COUNTER, "{spans}",
                                 "Spans that the sending queue refused."),
    [SIGNAL_METRICS] = METRIC_ROW("otelcol_exporter_enqueue_failed_metric_points", METRIC_COUNTER, "{datapoints}",
                                  "Metric points that the sending queue refused."),
    [SIGNAL_LOGS] = METRIC_ROW("otelcol_exporter_enqueue_failed_log_records", METRIC_COUNTER, "{records}",
                               "Log records that the sending queue refused."),
    [SIGNAL_PROFILES] = METRIC_ROW("otelcol_exporter_enqueue_failed_profile_samples", METRIC_COUNTER, "{samples}",
                                   "Profile samples that the sending queue refused."),
};
static const struct metric_row row_retried = METRIC_ROW("otelcd_exporter_retried_items", METRIC_COUNTER, "{items}",
                                                        "Items in attempts that failed and were made again.");
static const struct metric_row row_batch_items =
    METRIC_ROW_AT(LEVEL_DETAILED, "otelcol_exporter_queue_batch_send_size", METRIC_HISTOGRAM, "{units}",
                  "Number of items in a batch that sending_queue::batch made. Only shown at level detailed.",
                  METRIC_BOUNDS(batch_item_bounds));
static const struct metric_row row_batch_bytes =
    METRIC_ROW_AT(LEVEL_DETAILED, "otelcol_exporter_queue_batch_send_size_bytes", METRIC_HISTOGRAM, "By",
                  "Number of bytes in a batch that sending_queue::batch made. Only shown at level detailed.",
                  METRIC_BOUNDS(batch_byte_bounds));

const struct metric_row *const sender_metric_rows[] = {
    &row_size,
    &row_capacity,
    &row_failed[SIGNAL_TRACES],
    &row_failed[SIGNAL_METRICS],
    &row_failed[SIGNAL_LOGS],
    &row_failed[SIGNAL_PROFILES],
    &row_retried,
    &disk_store_size,
    &disk_store_capacity,
    &disk_store_written,
    &disk_store_oldest,
    &disk_store_failures,
    &disk_store_read_failures,
    &disk_store_corrupt,
    &disk_store_lost,
    &row_batch_items,
    &row_batch_bytes,
    NULL,
};

/* Where only the disk limits the queue, both of its numbers are bytes. */
static bool is_disk_bound(const struct sender *s)
{
    return s->store->ops->keeps && s->options.queue_size == UINT64_MAX;
}

static uint64_t age_of(const struct sender *s)
{
    uint64_t now = clock_mono(&s->node->host->loop->clock), waits, sent, oldest;

    if (s->store->ops->age != NULL)
        return s->store->ops->age(s->store);
    waits = sender_partitions_oldest(s);
    sent = sender_attempts_oldest(s);
    oldest = waits < sent ? waits : sent;
    return oldest < now ? now - oldest : 0;
}

struct sender_fill sender_fill(const struct sender *s)
{
    static const char *const units[] = {
        [SIZER_REQUESTS] = "requests", [SIZER_ITEMS] = "items", [SIZER_BYTES] = "bytes"
    };
    struct amount held;
    bool disk;

    if (s->told != NULL)
        return *s->told;
    held = s->store->ops->held(s->store);
    disk = is_disk_bound(s);
    return (struct sender_fill){
        .size = disk ? held.bytes : sender_size(s),
        .capacity = disk ? s->options.disk.max_bytes : s->options.queue_size,
        .unit = units[disk ? SIZER_BYTES : s->options.sizer],
        .on_disk = s->store->ops->keeps,
        .requests = held.requests,
        .items = held.items,
        .bytes = held.bytes,
        .age = age_of(s),
    };
}

struct sender *sender_told_new(const struct sender_fill *fill)
{
    struct sender *s = mem_zalloc(sizeof(*s));

    s->told = mem_alloc(sizeof(*s->told));
    *s->told = *fill;
    return s;
}

void sender_told_free(struct sender *s)
{
    if (s != NULL)
        free(s->told);
    free(s);
}

void sender_tell(struct sender *s, const struct sender_fill *fill)
{
    struct sender_fill told = *fill;

    told.unit = sender_fill(s).unit;
    told.on_disk = s->store->ops->keeps;
    if (s->told == NULL)
        s->told = mem_alloc(sizeof(*s->told));
    *s->told = told;
}

static void collect(struct metric_hook *hook)
{
    struct sender *s = container_of(hook, struct sender, hook);
    struct sender_fill fill = sender_fill(s);

    if (s->options.member != NULL)
        return;
    metric_set(s->size, (double)fill.size);
    metric_set(s->capacity, (double)fill.capacity);
}

void sender_metrics_init(struct sender *s)
{
    struct metrics *m = s->node->host->metrics;
    const struct metric_label labels[] = { { "exporter", s->node->id },
                                           { "data_type", signal_table[s->node->signal].name } };

    s->size = metrics_get(m, &row_size, labels, 2);
    s->capacity = metrics_get(m, &row_capacity, labels, 2);
    s->enqueue_failed = metrics_get(m, &row_failed[s->node->signal], labels, 1);
    s->retried = metrics_get(m, &row_retried, labels, 2);
    metric_add(s->enqueue_failed, 0);
    if (s->options.batch.on && s->node->host->level >= LEVEL_DETAILED) {
        s->batch_items = metrics_get(m, &row_batch_items, labels, 1);
        s->batch_bytes = metrics_get(m, &row_batch_bytes, labels, 1);
    }
    s->hook.collect = collect;
    metrics_hook(m, &s->hook);
}

void sender_metrics_close(struct sender *s)
{
    metrics_unhook(s->node->host->metrics, &s->hook);
}

void sender_gauges_set(const struct node *node, const struct sender_gauges *sum)
{
    struct metrics *m = node->host->metrics;
    const struct metric_label labels[] = { { "exporter", node->id }, { "data_type", signal_table[node->signal].name } };

    metric_set(metrics_get(m, &row_size, labels, 2), sum->size);
    metric_set(metrics_get(m, &row_capacity, labels, 2), sum->capacity);
    if (sum->on_disk)
        metric_set(metrics_get(m, &disk_store_size, labels, 2), sum->disk_bytes);
}
