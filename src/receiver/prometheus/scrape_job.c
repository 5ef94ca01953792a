/* SPDX-License-Identifier: Apache-2.0 */
/* A job of the prometheus receiver: its sources are started and tell when what they have found is another. Then all of
 * it is gone through from the end of that turn on, in steps: each target is relabelled and, if the job has it already,
 * left alone; a new one begins to be scraped; those that were not met leave. What changes meanwhile begins another
 * round before anybody leaves, for who was not met may only have moved.
 *
 * What can go wrong: a target without an address that can be asked is left out, with a line in the log. There is no
 * room in the budget for another target: those that are there go on, and all is gone through again when there is room,
 * ever more seldom if that never suffices. More targets than target_limit: all scrapes of the job fail and say so. */
#include "receiver/prometheus/prometheus.h"

#include <math.h>
#include <stdio.h>

#define ROOM_FOR_ONE ((uint64_t)64 * 1024) /* in the budget: who waits for it looks again at what was found */
#define AGAIN_SOON NS_PER_S
#define AGAIN_LATE (64 * NS_PER_S)
#define MOST_LEAVING 10000u /* targets that wait for their series to end; beyond it they go at once */

#define USUAL_MOST (128u << 20) /* bytes of a body, where no limit is set: what is read in a moment */

/* ---- the request ---- */

struct protocol_row {
    const char *type;
    bool escaping; /* takes ;escaping= */
    enum intake_format format;
};

static const struct protocol_row protocols[PROTOCOL_COUNT] = {
    [PROTOCOL_PROTO] = { "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
                         false, INTAKE_PROTOBUF },
    [PROTOCOL_OPENMETRICS_1] = { "application/openmetrics-text;version=1.0.0", true, INTAKE_OPENMETRICS },
    [PROTOCOL_OPENMETRICS_0] = { "application/openmetrics-text;version=0.0.1", false, INTAKE_OPENMETRICS },
    [PROTOCOL_TEXT_1] = { "text/plain;version=1.0.0", true, INTAKE_TEXT },
    [PROTOCOL_TEXT_0] = { "text/plain;version=0.0.4", false, INTAKE_TEXT },
};

static void put_protocol(struct buf *out, int protocol, const char *escaping, unsigned weight)
{
    buf_puts(out, protocols[protocol].type);
    if (protocols[protocol].escaping)
        buf_printf(out, ";escaping=%s", escaping);
    buf_printf(out, ";q=0.%u,", weight);
}

/* Weights fall by a tenth, from above what all that there are would need. */
static char *make_accept(const struct scrape_common *c)
{
    const struct strings *p = &c->scrape_protocols;
    unsigned weight = PROTOCOL_COUNT + 1;
    struct buf out = { 0 };
    char *text;

    for (size_t i = 0; i < p->n; i++)
        put_protocol(&out, scrape_protocol_of(p->v[i]), c->escaping, weight--);
    for (int i = c->native_histograms ? 0 : PROTOCOL_PROTO + 1; i < PROTOCOL_COUNT && p->n == 0; i++)
        put_protocol(&out, i, c->escaping, weight--);
    buf_printf(&out, "*/*;q=0.%u", weight);
    text = bytes_dup(buf_bytes(&out));
    buf_free(&out);
    return text;
}

/* ---- targets ---- */

static uint64_t hash_of_target(const void *entry)
{
    return ((const struct scrape_target *)entry)->identity;
}

static bool is_target(const void *entry, const void *key)
{
    return ((const struct scrape_target *)entry)->identity == *(const uint64_t *)key;
}

static void on_changed(void *owner);

static void on_again(struct clock_timer *timer)
{
    on_changed(container_of(timer, struct scrape_job, again));
}

/* All is looked through again: more and more seldom, as long as there is always one that finds no room. */
static void on_room(struct budget_waiter *w)
{
    struct scrape_job *job = container_of(w, struct scrape_job, room);

    job->again_after = job->again_after == 0 ? AGAIN_SOON : 2 * job->again_after;
    if (job->again_after > AGAIN_LATE)
        job->again_after = AGAIN_LATE;
    clock_start(&job->receiver->node.host->loop->clock, &job->again, job->again_after, on_again);
}

static void wait_for_room(struct scrape_job *job)
{
    job->syncing.crowded = true;
    if (clock_armed(&job->again))
        return;
    job->room.need = ROOM_FOR_ONE;
    budget_wait(host_budget(job->receiver->node.host, SIGNAL_METRICS), &job->room, on_room);
}

/* The target that this is; a new one where there is none. NULL: there is no room for it. */
static struct scrape_target *find_target(struct scrape_job *job, const struct target_plan *plan,
                                         const struct label_set *found)
{
    struct scrape_target *t = table_find(&job->known, plan->identity, is_target, &plan->identity);

    if (t != NULL && t->leaving)
        scrape_target_come_back(t);
    if (t != NULL)
        return t;
    t = scrape_target_new(job, plan, found);
    if (t != NULL && (t->known = table_insert(&job->known, t, plan->identity)))
        return t;
    if (t != NULL)
        scrape_target_free(t);
    wait_for_room(job);
    if (complaint_due(&job->no_room, &job->receiver->node.host->loop->clock))
        log_error(&job->receiver->node.log, "No room in the memory budget for another target",
                  F_STR("job", job->config->job_name), F_UINT("targets", complaint_taken(&job->no_room)));
    return NULL;
}

static void meet_target(struct scrape_job *job, struct target_plan *plan, struct label_set *found)
{
    struct error err;
    struct scrape_target *t;

    switch (target_plan_make(plan, job, found, &err)) {
    case PLAN_KEPT:
        t = find_target(job, plan, found);
        job->syncing.n_found += t != NULL && t->sync != job->syncing.number;
        if (t != NULL)
            t->sync = job->syncing.number;
        break;
    case PLAN_BROKEN:
        if (complaint_due(&job->broken, &job->receiver->node.host->loop->clock))
            log_error(&job->receiver->node.log, "Creating target failed", F_STR("job", job->config->job_name),
                      F_BYTES("address", label_set_get(found, bytes_str("__address__"))), F_STR("error", err.text),
                      F_UINT("targets", complaint_taken(&job->broken)));
        break;
    case PLAN_DROPPED:
        break;
    }
}

/* ---- in steps ---- */

static struct discovery *source_at(const struct scrape_job *job, size_t n)
{
    list_each (struct discovery, d, &job->sources, link)
        if (n-- == 0)
            return d;
    return NULL;
}

/* The next of what was found. NULL: that was all. Lists may change between two steps: then all is gone through again,
 * and until then it is enough that nothing is read that is not there. */
static const struct label_set *next_found(struct scrape_job *job)
{
    struct job_sync *s = &job->syncing;

    for (const struct discovery *d; (d = source_at(job, s->source)) != NULL; s->source++, s->list = 0)
        for (; s->list < d->lists.n; s->list++, s->target = 0)
            if (s->target < d->lists.v[s->list].found.targets.n)
                return &d->lists.v[s->list].found.targets.v[s->target++];
    return NULL;
}

static void meet_next(struct scrape_job *job, const struct label_set *s)
{
    label_set_reset(&job->found);
    for (size_t k = 0; k < s->list.n; k++)
        label_set_put(&job->found, s->list.v[k].name, s->list.v[k].value);
    meet_target(job, &job->plan, &job->found);
}

/* False: that was the last. */
static bool leave_next(struct scrape_job *job)
{
    struct job_sync *s = &job->syncing;
    struct scrape_target *t;

    if (s->leaving == &job->targets)
        return false;
    t = container_of(s->leaving, struct scrape_target, link);
    s->leaving = s->leaving->next;
    if (t->sync == s->number || t->leaving)
        return true;
    if (scrape_target_leave(t) && job->n_leaving > MOST_LEAVING && t->state == TARGET_WAITING)
        scrape_target_free(t);
    return true;
}

static void end_sync(struct scrape_job *job)
{
    uint64_t limit = job->config->common.target_limit;

    job->n_found = job->syncing.n_found;
    job->forced[0] = '\0';
    if (limit > 0 && job->n_found > limit)
        snprintf(job->forced, sizeof(job->forced), "target_limit exceeded (number of targets: %llu, limit: %llu)",
                 (unsigned long long)job->n_found, (unsigned long long)limit);
    if (!job->syncing.crowded)
        job->again_after = 0;
    job->syncing.on = false;
}

static void begin_sync(struct scrape_job *job)
{
    job->syncing = (struct job_sync){ .on = true, .number = job->syncing.number + 1 };
}

bool scrape_job_sync_some(struct scrape_job *job)
{
    struct job_sync *s = &job->syncing;
    const struct label_set *found;

    if (!s->on)
        return false;
    if (s->leaving == NULL && (found = next_found(job)) != NULL) {
        meet_next(job, found);
    } else if (s->changed) { /* who was not met may only have moved */
        begin_sync(job);
    } else if (s->leaving == NULL) {
        s->leaving = job->targets.next;
    } else if (!leave_next(job)) {
        end_sync(job);
        label_set_free(&job->found);
        target_plan_free(&job->plan);
    }
    return s->on;
}

static void sync_targets(struct turn_task *task)
{
    struct scrape_job *job = container_of(task, struct scrape_job, sync);

    if (job->syncing.on)
        job->syncing.changed = true;
    else
        begin_sync(job);
    slicer_start(job->receiver->slicer);
}

static void on_changed(void *owner)
{
    struct scrape_job *job = owner;

    turn_defer(&job->receiver->node.host->loop->turn, &job->sync);
}

void scrape_job_count(struct scrape_job *job, enum target_health from, enum target_health to)
{
    if (from < TARGET_HEALTHS)
        job->healths[from]--;
    if (to < TARGET_HEALTHS)
        job->healths[to]++;
}

/* ---- the job ---- */

/* False: there is none. */
static bool add_source(struct scrape_job *job, struct discovery *d)
{
    if (d == NULL)
        return false;
    d->changed = on_changed;
    d->owner = job;
    list_push(&job->sources, &d->link);
    return true;
}

static int open_servers(struct scrape_job *job, struct error *err)
{
    const struct scrape_job_config *c = job->config;
    const struct docker_sd_config *docker = c->docker_sd_configs.v;
    const struct consul_sd_config *consul = c->consul_sd_configs.v;
    const struct kubernetes_sd_config *kubernetes = c->kubernetes_sd_configs.v;
    const struct node *node = &job->receiver->node;

    for (size_t i = 0; i < c->docker_sd_configs.n; i++)
        if (!add_source(job, docker_discovery_new(node, &docker[i], err)))
            return err->code;
    for (size_t i = 0; i < c->consul_sd_configs.n; i++)
        if (!add_source(job, consul_discovery_new(node, &consul[i], err)))
            return err->code;
    for (size_t i = 0; i < c->kubernetes_sd_configs.n; i++)
        if (!add_source(job, kubernetes_discovery_new(node, &kubernetes[i], err)))
            return err->code;
    return 0;
}

static int open_sources(struct scrape_job *job, struct error *err)
{
    const struct scrape_job_config *c = job->config;
    const struct file_sd_config *files = c->file_sd_configs.v;
    const struct http_sd_config *http = c->http_sd_configs.v;
    const struct dns_sd_config *dns = c->dns_sd_configs.v;
    const struct node *node = &job->receiver->node;

    for (size_t i = 0; i < c->dns_sd_configs.n; i++)
        (void)add_source(job, dns_discovery_new(node, &dns[i]));
    if (c->static_configs.n > 0)
        (void)add_source(job, static_discovery_new(node, &c->static_configs));
    for (size_t i = 0; i < c->file_sd_configs.n; i++)
        (void)add_source(job, file_discovery_new(node, &files[i]));
    for (size_t i = 0; i < c->http_sd_configs.n; i++)
        if (!add_source(job, http_discovery_new(node, &http[i], err)))
            return err->code;
    return open_servers(job, err);
}

/* By how much the buckets of a native histogram grow, at each schema: 2^2^-schema. */
static int32_t schema_of(double factor)
{
    double schema;

    if (factor <= 1)
        return 8;
    schema = floor(-log2(log2(factor)));
    return schema > 8 ? 8 : schema < -4 ? -4 : (int32_t)schema;
}

static struct intake_rules make_rules(const struct scrape_job *job)
{
    const struct scrape_job_config *c = job->config;
    const struct prometheus_receiver_config *r = job->receiver->config;

    return (struct intake_rules){
        .honor_labels = c->honor_labels,
        .honor_timestamps = c->honor_timestamps,
        .track_timestamps_staleness = c->track_timestamps_staleness,
        .legacy_names = c->common.validation == VALIDATION_LEGACY,
        .trim_suffixes = r->trim_metric_suffixes,
        .report_more = c->common.more_series,
        .sample_limit = c->common.sample_limit,
        .label_limit = c->common.label_limit,
        .label_name_length_limit = c->common.label_name_length_limit,
        .label_value_length_limit = c->common.label_value_length_limit,
        .bucket_limit = c->native_histogram_bucket_limit,
        .max_schema = schema_of(c->native_histogram_min_bucket_factor),
        .relabel = job->sample_rules,
        .external_labels = job->receiver->external_labels.list.n > 0 ? &job->receiver->external_labels : NULL,
    };
}

int scrape_job_open(struct scrape_job *job, struct prometheus_receiver *r, const struct scrape_job_config *c,
                    struct error *err)
{
    bool utf8 = c->common.validation != VALIDATION_LEGACY;
    uint64_t most = budget_limit(host_budget(r->node.host, SIGNAL_METRICS)) / 4;
    uint64_t wanted = c->common.body_size > 0 ? c->common.body_size : USUAL_MOST;

    job->receiver = r;
    job->config = c;
    job->sync.run = sync_targets;
    list_init(&job->sources);
    list_init(&job->targets);
    table_init(&job->known, hash_of_target, host_budget(r->node.host, SIGNAL_METRICS));
    job->target_rules = relabel_new(&c->relabel_configs, utf8);
    job->sample_rules = relabel_new(&c->metric_relabel_configs, utf8);
    job->rules = make_rules(job);
    job->accept = make_accept(&c->common);
    job->fallback = protocols[scrape_protocol_of(c->fallback_scrape_protocol)].format;
    job->limit = wanted < most ? wanted : most;
    prometheus_job_metrics_init(job);
    if (scrape_caller_open(&job->caller, &r->node, &c->client, strcmp(c->scheme, "https") == 0, err) != 0 ||
        open_sources(job, err) != 0)
        return error_wrap(err, "job %s", c->job_name);
    return 0;
}

void scrape_job_start(struct scrape_job *job)
{
    log_info(&job->receiver->node.log, "Scrape job added", F_STR("jobName", job->config->job_name));
    list_each (struct discovery, d, &job->sources, link)
        d->ops->start(d);
}

void scrape_job_end_discovery(struct scrape_job *job)
{
    budget_cancel(host_budget(job->receiver->node.host, SIGNAL_METRICS), &job->room);
    clock_stop(&job->receiver->node.host->loop->clock, &job->again);
    turn_cancel(&job->receiver->node.host->loop->turn, &job->sync);
    job->syncing.on = false;
    label_set_free(&job->found);
    target_plan_free(&job->plan);
    list_each (struct discovery, d, &job->sources, link) {
        list_remove(&d->link);
        d->ops->free(d);
    }
}

void scrape_job_close(struct scrape_job *job)
{
    if (job->receiver == NULL)
        return;
    scrape_job_end_discovery(job);
    list_each (struct scrape_target, t, &job->targets, link)
        scrape_target_free(t);
    table_free(&job->known);
    scrape_caller_close(&job->caller);
    relabel_free(job->target_rules);
    relabel_free(job->sample_rules);
    free(job->accept);
}
