/* SPDX-License-Identifier: Apache-2.0 */
/* item_count_begin() and _end() around a processor's work read the clock only at level detailed, where its time shows.
 */
#include "pipeline/item_count.h"

#include "base/mem.h"

#include <time.h>

const struct metric_row item_count_incoming = METRIC_ROW("otelcol_processor_incoming_items", METRIC_COUNTER, "{items}",
                                                         "Number of items passed to the processor.");

const struct metric_row item_count_outgoing = METRIC_ROW("otelcol_processor_outgoing_items", METRIC_COUNTER, "{items}",
                                                         "Number of items emitted from the processor.");

static const double seconds[] = { 0.000001, 0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001,
                                  0.005,    0.01,     0.05,    0.1,     0.5,    1,      5 };

const struct metric_row item_count_duration =
    METRIC_ROW_AT(LEVEL_DETAILED, "otelcol_processor_internal_duration", METRIC_HISTOGRAM, "s",
                  "Time the processor took for a batch. Only shown at level detailed.", METRIC_BOUNDS(seconds));

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t item_count_begin(const struct item_count *c)
{
    return c->duration != NULL ? now_ns() : 0;
}

void item_count_end(const struct item_count *c, uint64_t begun)
{
    if (c->duration != NULL)
        metric_observe(c->duration, (double)(now_ns() - begun) / 1e9);
}

void item_count_init(struct item_count *c, struct node *node)
{
    const struct metric_label labels[] = { { "otel_signal", signal_table[node->signal].name },
                                           { "processor", node->id } };

    c->incoming = metrics_get(node->host->metrics, &item_count_incoming, labels, 2);
    c->outgoing = metrics_get(node->host->metrics, &item_count_outgoing, labels, 2);
    if (node->host->level >= LEVEL_DETAILED)
        c->duration = metrics_get(node->host->metrics, &item_count_duration, labels, 2);
}
