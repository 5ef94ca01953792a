/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheus receiver: it scrapes. Jobs and targets do the work (scrape_job.c, scrape_target.c); here are their
 * common line, so that no more scrapes are under way than file descriptors and memory are good for, and the end.
 *
 * At the end scrapes that are under way are given up, and points that are in the pipeline are waited for. Nobody is
 * told that series end, for they go on when otelcd does. */
#include "receiver/prometheus/prometheus.h"

#include <assert.h>

#define MOST_FETCHING 500u
#define MOST_WAITING (16u << 20) /* bytes of pages that wait to be read: until then no other is fetched */

/* ---- the line ---- */

static void serve_line(struct prometheus_receiver *r)
{
    while (r->fetching < MOST_FETCHING && r->waiting_bytes < MOST_WAITING && !list_empty(&r->line)) {
        struct scrape_target *t = list_pop(&r->line, struct scrape_target, queue_link);

        r->fetching++;
        scrape_target_begin(t);
    }
}

void prometheus_enter_line(struct prometheus_receiver *r, struct scrape_target *t)
{
    list_push(&r->line, &t->queue_link);
    serve_line(r);
}

void prometheus_leave_line(struct prometheus_receiver *r, struct scrape_target *t)
{
    (void)r;
    list_remove(&t->queue_link);
}

static void serve_later(struct turn_task *task)
{
    serve_line(container_of(task, struct prometheus_receiver, serve));
}

void prometheus_fetched(struct prometheus_receiver *r)
{
    assert(r->fetching > 0);
    r->fetching--;
    if (!list_empty(&r->line))
        turn_defer(&r->node.host->loop->turn, &r->serve);
}

/* ---- how it is ---- */

static void count_health(const struct prometheus_receiver *r, uint64_t sums[TARGET_HEALTHS])
{
    for (size_t i = 0; i < r->n_jobs; i++)
        for (int h = 0; h < TARGET_HEALTHS; h++)
            sums[h] += r->jobs[i].healths[h];
}

void prometheus_tell_health(struct prometheus_receiver *r, const char *why)
{
    uint64_t sums[TARGET_HEALTHS] = { 0 }, now = clock_mono(&r->node.host->loop->clock);

    count_health(r, sums);
    if (sums[TARGET_UP] > 0 || why == NULL)
        health_ok(&r->node.health[HEALTH_WORK], now);
    else if (sums[TARGET_UNKNOWN] == 0)
        health_fail(&r->node.health[HEALTH_WORK], now, HEALTH_RECOVERABLE, why);
}

/* ---- the component ---- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct prometheus_receiver *r = container_of(node, struct prometheus_receiver, node);
    const struct prometheus_receiver_config *c = config;
    const struct scrape_job_config *jobs = c->config.scrape_configs.v;
    const struct string_map *external = &c->config.global.external_labels;
    const struct intake_store_options o = {
        .budget = host_budget(node->host, SIGNAL_METRICS),
        .max_series = c->max_series,
        .version = node->host->version,
        .metrics = node->host->metrics,
        .receiver = node->id,
        .log = &node->log,
        .watch = limit_health_init(&r->limit_health, node),
        .clock = &node->host->loop->clock,
    };

    r->config = c;
    r->serve.run = serve_later;
    list_init(&r->line);
    list_init(&r->reads);
    list_init(&r->sends);
    for (size_t i = 0; i < external->n; i++)
        label_set_put(&r->external_labels, bytes_str(external->v[i].key), bytes_str(external->v[i].value));
    prometheus_metrics_init(r);
    r->store = intake_store_new(&o);
    r->jobs = mem_zalloc((c->config.scrape_configs.n + 1) * sizeof(*r->jobs));
    for (; r->n_jobs < c->config.scrape_configs.n; r->n_jobs++)
        if (scrape_job_open(&r->jobs[r->n_jobs], r, &jobs[r->n_jobs], err) != 0) {
            r->n_jobs++;
            return err->code;
        }
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct prometheus_receiver *r = container_of(node, struct prometheus_receiver, node);

    (void)err;
    r->slicer = slicer_new(node->host->loop, prometheus_step, r);
    for (size_t i = 0; i < r->n_jobs; i++)
        scrape_job_start(&r->jobs[i]);
    return 0;
}

void prometheus_idle(struct prometheus_receiver *r)
{
    void (*done)(struct node *) = r->on_stopped;

    if (done == NULL)
        return;
    for (size_t i = 0; i < r->n_jobs; i++)
        list_each (struct scrape_target, t, &r->jobs[i].targets, link)
            if (!scrape_target_is_idle(t))
                return;
    r->on_stopped = NULL;
    done(&r->node);
}

static void stop_targets(struct prometheus_receiver *r, bool once_more)
{
    for (size_t i = 0; i < r->n_jobs; i++)
        list_each (struct scrape_target, t, &r->jobs[i].targets, link)
            scrape_target_stop(t, once_more);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct prometheus_receiver *r = container_of(node, struct prometheus_receiver, node);

    (void)deadline;
    r->stopping = true;
    for (size_t i = 0; i < r->n_jobs; i++)
        scrape_job_end_discovery(&r->jobs[i]);
    stop_targets(r, r->config->scrape_on_shutdown);
    r->on_stopped = done;
    prometheus_idle(r);
}

static void hurry(struct node *node)
{
    struct prometheus_receiver *r = container_of(node, struct prometheus_receiver, node);

    for (size_t i = 0; i < r->n_jobs; i++)
        list_each (struct scrape_target, t, &r->jobs[i].targets, link)
            scrape_target_give_up(t);
    prometheus_idle(r);
}

static void destroy(struct node *node)
{
    struct prometheus_receiver *r = container_of(node, struct prometheus_receiver, node);

    r->on_stopped = NULL;
    for (size_t i = 0; i < r->n_jobs; i++)
        scrape_job_close(&r->jobs[i]);
    turn_cancel(&node->host->loop->turn, &r->serve); /* a scrape that was given up has made room */
    slicer_free(r->slicer);
    free(r->jobs);
    prometheus_metrics_close(r);
    if (r->store != NULL)
        intake_store_free(r->store);
    label_set_free(&r->external_labels);
}

const struct component prometheus_receiver = {
    COMPONENT_TYPE("prometheus", COMPONENT_RECEIVER, .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "beta"),
    .alone = "each of them would scrape all targets",
    .summary = "Scrapes Prometheus endpoints.",
    .safe = "A target is scraped again when the pipelines behind have its last samples; nobody else waits.",
    COMPONENT_CONFIG(struct prometheus_receiver_config, prometheus_receiver_options, .gather = scrape_config_gather,
                     .finish = scrape_config_finish, .check = scrape_config_check),
    .metrics = prometheus_receiver_metrics,
    COMPONENT_NODE(struct prometheus_receiver, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
