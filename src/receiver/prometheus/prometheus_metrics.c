/* SPDX-License-Identifier: Apache-2.0 */
/* What the prometheus receiver counts of itself. */
#include "pipeline/receiver_items.h"
#include "prom/series/series_limit.h"
#include "receiver/prometheus/prometheus.h"

static const struct metric_row targets_row =
    METRIC_ROW("otelcd_scraper_targets", METRIC_GAUGE, "{targets}",
               "Targets of a job: up and down by their last scrape, unknown before the first.");

static const struct metric_row failures_row =
    METRIC_ROW("otelcd_scraper_failures", METRIC_COUNTER, "{scrapes}",
               "Scrapes that failed, by reason: unreached, timeout, status (not 200), redirects, body_size_limit, "
               "memory_budget, encoding, exposition (it cannot be read, or goes beyond a limit), target_limit. The log "
               "names the target.");

static const struct metric_row missed_row =
    METRIC_ROW("otelcd_scraper_missed", METRIC_COUNTER, "{scrapes}",
               "Scrapes that did not begin in time, because the one before was not over, or as many as may be were "
               "under way.");

static const struct metric_row left_out_row = METRIC_ROW(
    "otelcd_scraper_left_out", METRIC_COUNTER, "{samples}",
    "Samples of pages that are in no point, by reason: duplicate (their series was there already), "
    "too_far_in_time (more than 10 minutes ahead, or before 1970), unfit (parts of a histogram or summary that "
    "do not fit it), series_limit (max_series).");

const struct metric_row *const prometheus_receiver_metrics[] = {
    &receiver_item_rows[SIGNAL_METRICS][RECEIVER_ACCEPTED],
    &receiver_item_rows[SIGNAL_METRICS][RECEIVER_REFUSED],
    &targets_row,
    &failures_row,
    &missed_row,
    &left_out_row,
    &file_discovery_row,
    SERIES_LIMIT_ROWS,
    &oauth2_fetches_row,
    NULL,
};

static const char *const health_names[TARGET_HEALTHS] = { "unknown", "up", "down" };

static const char *const failure_names[] = {
    [FETCH_DONE] = NULL,
    [FETCH_UNREACHED] = "unreached",
    [FETCH_TIMEOUT] = "timeout",
    [FETCH_STATUS] = "status",
    [FETCH_REDIRECTS] = "redirects",
    [FETCH_TOO_LARGE] = "body_size_limit",
    [FETCH_NO_ROOM] = "memory_budget",
    [FETCH_CODING] = "encoding",
    [FAILURE_EXPOSITION] = "exposition",
    [FAILURE_TARGET_LIMIT] = "target_limit",
};

static const char *const left_out_names[LEFT_OUT_REASONS] = { "duplicate", "too_far_in_time", "unfit", "series_limit" };

void prometheus_job_metrics_init(struct scrape_job *job)
{
    struct metrics *m = job->receiver->node.host->metrics;
    struct metric_label labels[] = { { "receiver", job->receiver->node.id }, { "job", job->config->job_name }, { 0 } };

    job->missed = metrics_get(m, &missed_row, labels, 2);
    for (int h = 0; h < TARGET_HEALTHS; h++) {
        labels[2] = (struct metric_label){ "health", health_names[h] };
        job->targets_metric[h] = metrics_get(m, &targets_row, labels, 3);
    }
    for (size_t i = 1; i < sizeof(failure_names) / sizeof(*failure_names); i++) {
        labels[2] = (struct metric_label){ "reason", failure_names[i] };
        job->failures[i] = metrics_get(m, &failures_row, labels, 3);
    }
    for (size_t i = 0; i < LEFT_OUT_REASONS; i++) {
        labels[2] = (struct metric_label){ "reason", left_out_names[i] };
        job->left_out[i] = metrics_get(m, &left_out_row, labels, 3);
    }
}

static void collect(struct metric_hook *hook)
{
    struct prometheus_receiver *r = container_of(hook, struct prometheus_receiver, hook);

    for (size_t i = 0; i < r->n_jobs; i++)
        for (int h = 0; h < TARGET_HEALTHS; h++)
            metric_set(r->jobs[i].targets_metric[h], (double)r->jobs[i].healths[h]);
    intake_store_collect(r->store);
}

void prometheus_metrics_init(struct prometheus_receiver *r)
{
    struct metrics *m = r->node.host->metrics;
    const struct metric_label labels[] = { { "receiver", r->node.id }, { "transport", "http" } };

    r->accepted = metrics_get(m, &receiver_item_rows[SIGNAL_METRICS][RECEIVER_ACCEPTED], labels, 2);
    r->refused = metrics_get(m, &receiver_item_rows[SIGNAL_METRICS][RECEIVER_REFUSED], labels, 2);
    r->hook.collect = collect;
    metrics_hook(m, &r->hook);
}

void prometheus_metrics_close(struct prometheus_receiver *r)
{
    if (r->hook.collect != NULL)
        metrics_unhook(r->node.host->metrics, &r->hook);
}
