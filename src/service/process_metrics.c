/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, in the order of the instruments in process_metrics_init(), and what is read before each collection. */
#include "service/process_metrics.h"

#include "base/mem.h"
#include "base/process.h"

#include <malloc.h>
#include <uv.h>

static const struct metric_row rows[] = {
    METRIC_ROW("otelcol_process_uptime", METRIC_COUNTER, "s", "Uptime of the process", .sum = SHOW_FRONT),
    METRIC_ROW("otelcol_process_cpu_seconds", METRIC_COUNTER, "s", "Total CPU user and system time in seconds"),
    METRIC_ROW("otelcol_process_memory_rss", METRIC_GAUGE, "By", "Total physical memory (resident set size)"),
    METRIC_ROW("otelcol_process_runtime_heap_alloc_bytes", METRIC_GAUGE, "By", "Bytes of allocated heap memory in use"),
    METRIC_ROW("otelcol_process_runtime_total_sys_memory_bytes", METRIC_GAUGE, "By",
               "Total bytes of heap memory obtained from the OS"),
    METRIC_ROW("otelcd_budget_used_bytes", METRIC_GAUGE, "By", "Bytes that senders' data pins now."),
    METRIC_ROW("otelcd_budget_limit_bytes", METRIC_GAUGE, "By", "Bytes beyond which senders are held back.",
               .sum = SHOW_WORKERS),
    METRIC_ROW("otelcd_budget_peak_bytes", METRIC_GAUGE, "By", "Most bytes that senders' data has pinned at once.",
               .sum = SHOW_WORKERS),
    METRIC_ROW("otelcd_budget_refusals", METRIC_COUNTER, "{times}", "Times that the budget had no room.",
               .sum = SHOW_WORKERS),
    METRIC_ROW("otelcd_config_last_reload_successful", METRIC_GAUGE, "",
               "1 when the configuration that was read last runs; 0 when it has faults and the one before runs on.",
               .sum = SHOW_FRONT),
    METRIC_ROW("otelcd_config_last_reload_success_timestamp_seconds", METRIC_GAUGE, "s",
               "When the configuration that runs was read, in seconds since 1970.", .sum = SHOW_FRONT),
    METRIC_ROW("otelcd_build_info", METRIC_GAUGE, "", "Always 1; the labels say what runs.", .sum = SHOW_FRONT),
};

const struct metric_row *const process_metric_rows[] = { &rows[0],  &rows[1],  &rows[2], &rows[3], &rows[4],
                                                         &rows[5],  &rows[6],  &rows[7], &rows[8], &rows[9],
                                                         &rows[10], &rows[11], NULL };

static void collect(struct metric_hook *hook)
{
    struct process_metrics *p = container_of(hook, struct process_metrics, hook);
    struct mallinfo2 heap = mallinfo2();

    metric_set(p->uptime, (double)(clock_mono(p->clock) - p->started) / 1e9);
    metric_set(p->cpu, process_cpu_seconds());
    metric_set(p->rss, (double)process_rss());
    metric_set(p->heap, (double)(heap.uordblks + heap.hblkhd));
    metric_set(p->sys, (double)(heap.arena + heap.hblkhd));
    metric_set(p->used, (double)p->budget->used);
    metric_set(p->limit, (double)p->budget->limit);
    metric_set(p->peak, (double)p->budget->peak);
    metric_set(p->refusals, (double)p->budget->refusals);
}

void process_metrics_init(struct process_metrics *p, struct metrics *metrics, struct clock *clock,
                          const struct budget *budget, const char *version)
{
    const struct metric_label labels[] = { { "version", version }, { "libuv", uv_version_string() } };
    struct metric **own[] = { &p->uptime, &p->cpu,  &p->rss,      &p->heap,     &p->sys,        &p->used,
                              &p->limit,  &p->peak, &p->refusals, &p->reloaded, &p->reloaded_at };

    *p = (struct process_metrics){ .metrics = metrics, .clock = clock, .budget = budget };
    p->started = clock_mono(clock);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        *own[i] = metrics_get(metrics, &rows[i], NULL, 0);
    metric_set(metrics_get(metrics, &rows[ARRAY_LEN(own)], labels, 2), 1);
    process_metrics_reloaded(p, true);
    p->hook.collect = collect;
    metrics_hook(metrics, &p->hook);
}

void process_metrics_reloaded(struct process_metrics *p, bool successful)
{
    metric_set(p->reloaded, successful);
    if (successful)
        metric_set(p->reloaded_at, (double)clock_wall(p->clock) / 1e9);
}

void process_metrics_close(struct process_metrics *p)
{
    metrics_unhook(p->metrics, &p->hook);
}
