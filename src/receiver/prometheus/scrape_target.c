/* SPDX-License-Identifier: Apache-2.0 */
/* A target's life: at its moment of each interval it fetches the page, has it taken in (scrape_reading.c) and what that
 * made sent into the pipeline, and waits for the answer and for the next moment. Moments that pass meanwhile are
 * counted and left out: one scrape at a time.
 *
 * A target that is none any more waits for two of its moments, as Prometheus does, and then has its series end.
 *
 * What can go wrong: the page cannot be had, or is none: `up` is 0, and the log says why, with back-off. The pipeline
 * does not take the points: they are refused, and nobody can send them again. */
#include "receiver/prometheus/prometheus.h"

#include "base/unconst.h"
#include "pipeline/trace/receipt.h"

#include <assert.h>
#include <stdio.h>

#define CLIENT_COST 8192u /* bytes: what a client and a connection that is kept take, about */

static const bool allowed[TARGET_STATES][TARGET_STATES] = {
    [TARGET_WAITING] = { [TARGET_IN_LINE] = true, [TARGET_READING] = true },
    [TARGET_IN_LINE] = { [TARGET_WAITING] = true, [TARGET_FETCHING] = true },
    [TARGET_FETCHING] = { [TARGET_WAITING] = true, [TARGET_READING] = true },
    [TARGET_READING] = { [TARGET_WAITING] = true, [TARGET_DELIVERING] = true },
    [TARGET_DELIVERING] = { [TARGET_WAITING] = true },
};

static void enter_state(struct scrape_target *t, enum target_state to)
{
    assert(allowed[t->state][to]);
    t->state = to;
}

static struct clock *clock_of(const struct scrape_target *t)
{
    return &t->job->receiver->node.host->loop->clock;
}

/* ---- spans ---- */

static void begin_span(struct scrape_target *t)
{
    const struct node *node = &t->job->receiver->node;

    if (traced_wanted(node))
        traced_begin(node, &t->traced, NULL);
    t->traced_accepted = t->traced_refused = 0;
}

/* Of the scrape that is under way. */
static void note_error(struct scrape_target *t, const char *why)
{
    if (t->traced.start != 0 && t->trace_error == NULL)
        t->trace_error = mem_strdup(why);
}

static void end_span(struct scrape_target *t)
{
    if (t->traced.start == 0)
        return;
    receipt_end(&t->job->receiver->node, &t->traced, SIGNAL_METRICS,
                &(struct receipt){ .kind = TRACED_INTERNAL,
                                   .transport = "http",
                                   .format = "prometheus",
                                   .from_key = "url.full",
                                   .from = t->shown_url,
                                   .accepted = t->traced_accepted,
                                   .refused = t->traced_refused,
                                   .error = t->trace_error });
    free(t->trace_error);
    t->trace_error = NULL;
}

static void on_moment(struct clock_timer *timer);
static void on_end(struct clock_timer *timer);

/* ---- moments ---- */

static void wait_moment(struct scrape_target *t)
{
    struct clock *c = clock_of(t);
    uint64_t missed, wait = scrape_moment_next(&t->moment, clock_wall(c), clock_mono(c), &missed);

    metric_add(t->job->missed, missed);
    clock_start(clock_of(t), &t->timer, wait, on_moment);
}

/* Be due so long after the next moment. */
static uint64_t set_moment(struct scrape_target *t, uint64_t later)
{
    struct clock *c = clock_of(t);
    uint64_t now = clock_wall(c);

    return scrape_moment_set(&t->moment, scrape_moment_after(&t->moment, now) + later, now, clock_mono(c));
}

static void wait_first(struct scrape_target *t)
{
    uint64_t wait = set_moment(t, (uint64_t)t->job->receiver->config->initial_scrape_offset.ns);

    clock_start(clock_of(t), &t->timer, wait, on_moment);
}

/* The moment itself, where the scrape began close to it. */
static uint64_t time_of_scrape(const struct scrape_target *t, uint64_t now)
{
    uint64_t close = t->moment.interval / 100 < 2 * NS_PER_MS ? t->moment.interval / 100 : 2 * NS_PER_MS;
    uint64_t off = now > t->moment.due ? now - t->moment.due : t->moment.due - now;

    return (off <= close ? t->moment.due : now) / NS_PER_MS;
}

/* ---- the pipeline ---- */

static void settle_down(struct scrape_target *t)
{
    struct prometheus_receiver *r = t->job->receiver;

    if (r->stopping) {
        prometheus_idle(r);
        return;
    }
    if (!t->leaving)
        wait_moment(t);
    else if (!clock_armed(&t->timer))
        scrape_target_free(t);
}

void scrape_target_delivered(struct scrape_target *t)
{
    if (t->traced_refused > 0)
        note_error(t, "the pipeline did not take all of its points");
    end_span(t);
    enter_state(t, TARGET_WAITING);
    settle_down(t);
}

/* ---- what came of a scrape ---- */

static void set_health(struct scrape_target *t, enum target_health to)
{
    scrape_job_count(t->job, t->health, to);
    t->health = to;
}

static void tell_failure(struct scrape_target *t, unsigned reason, const char *why)
{
    struct prometheus_receiver *r = t->job->receiver;

    note_error(t, why);
    metric_add(t->job->failures[reason], 1);
    set_health(t, TARGET_DOWN);
    if (complaint_due_to(&t->complaint, clock_of(t), why))
        log_warn(&r->node.log, "Failed to scrape Prometheus endpoint", F_STR("error", why),
                 F_UINT("scrape_timestamp", t->time_ms), F_STR("target_labels", t->name), F_STR("url", t->shown_url),
                 F_UINT("scrapes", complaint_taken(&t->complaint)));
    prometheus_tell_health(r, why);
}

static void tell_left_out(struct scrape_target *t, const struct intake_result *got)
{
    struct prometheus_receiver *r = t->job->receiver;

    metric_add(t->job->left_out[LEFT_OUT_DUPLICATE], got->duplicates);
    metric_add(t->job->left_out[LEFT_OUT_TOO_FAR], got->too_far);
    metric_add(t->job->left_out[LEFT_OUT_UNFIT], got->unfit);
    metric_add(t->job->left_out[LEFT_OUT_SERIES_LIMIT], got->refused);
    if (got->duplicates + got->too_far + got->unfit + got->refused == 0) {
        complaint_over(&t->left_out);
        return;
    }
    if (complaint_due(&t->left_out, clock_of(t)))
        log_warn(&r->node.log, "Samples of a scrape were left out", F_STR("target_labels", t->name),
                 F_UINT("duplicates", got->duplicates), F_UINT("too_far_in_time", got->too_far),
                 F_UINT("unfit", got->unfit), F_UINT("beyond_series_limit", got->refused),
                 F_UINT("scrapes", complaint_taken(&t->left_out)));
}

static void tell_success(struct scrape_target *t, const struct intake_result *got)
{
    struct prometheus_receiver *r = t->job->receiver;

    set_health(t, TARGET_UP);
    if (complaint_over(&t->complaint))
        log_info(&r->node.log, "Prometheus endpoint is scraped again", F_STR("target_labels", t->name),
                 F_STR("url", t->shown_url));
    tell_left_out(t, got);
    prometheus_tell_health(r, NULL);
}

static struct intake_scrape describe_scrape(const struct scrape_target *t, int64_t size)
{
    return (struct intake_scrape){ .time_ms = t->time_ms,
                                   .duration_ns = clock_mono(clock_of(t)) - t->began,
                                   .body_size = size };
}

static void read_failure(struct scrape_target *t, unsigned reason, const char *why)
{
    enter_state(t, TARGET_READING);
    tell_failure(t, reason, why);
    t->scrape = describe_scrape(t, reason == FETCH_TOO_LARGE ? -1 : 0);
    prometheus_read(t, READING_FAILURE);
}

void scrape_target_read(struct scrape_target *t)
{
    if (t->reading == READING_PAGE && t->got.error.code != 0)
        tell_failure(t, FAILURE_EXPOSITION, t->got.error.text);
    else if (t->reading == READING_PAGE)
        tell_success(t, &t->got);
    if (t->points != NULL)
        enter_state(t, TARGET_DELIVERING);
}

static void on_fetched(struct fetch *f)
{
    struct scrape_target *t = container_of(f, struct scrape_target, fetch);

    t->scraped = true;
    if (f->fault != FETCH_DONE) {
        read_failure(t, f->fault, f->why);
        return;
    }
    enter_state(t, TARGET_READING);
    t->scrape = describe_scrape(t, (int64_t)f->body.len);
    prometheus_read(t, READING_PAGE);
}

/* ---- the beginning of one ---- */

static void on_moment(struct clock_timer *timer)
{
    struct scrape_target *t = container_of(timer, struct scrape_target, timer);

    enter_state(t, TARGET_IN_LINE);
    prometheus_enter_line(t->job->receiver, t);
}

void scrape_target_begin(struct scrape_target *t)
{
    t->began = clock_mono(clock_of(t));
    t->time_ms = time_of_scrape(t, clock_wall(clock_of(t)));
    begin_span(t);
    enter_state(t, TARGET_FETCHING);
    if (t->job->forced[0] == '\0') {
        fetch_start(&t->fetch);
        return;
    }
    t->scraped = true;
    read_failure(t, FAILURE_TARGET_LIMIT, t->job->forced);
}

/* ---- coming and going ---- */

static char *describe_labels(const struct label_set *labels)
{
    struct buf text = { 0 };
    char *copy;

    buf_putc(&text, '{');
    for (size_t i = 0; i < labels->list.n; i++) {
        const struct label_pair *l = &labels->list.v[i];

        if (l->name.len >= 2 && memcmp(l->name.data, "__", 2) == 0)
            continue;
        buf_puts(&text, text.len > 1 ? ", " : "");
        buf_put(&text, l->name);
        buf_putc(&text, '=');
        log_quote(&text, l->value);
    }
    buf_putc(&text, '}');
    copy = bytes_dup(buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* Without what may be a secret: user, password and query. */
static char *describe_url(struct bytes url)
{
    const uint8_t *query = memchr(url.data, '?', url.len);
    struct buf text = { 0 };
    struct url u;
    char *copy;

    if (url_parse(&u, url, NULL) == 0)
        url_put_safe(&text, &u);
    else
        buf_put(&text, query != NULL ? bytes_of(url.data, (size_t)(query - url.data)) : url);
    copy = bytes_dup(buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static struct budget *budget_of(const struct scrape_job *job)
{
    return host_budget(job->receiver->node.host, SIGNAL_METRICS);
}

struct scrape_target *scrape_target_new(struct scrape_job *job, const struct target_plan *plan,
                                        const struct label_set *discovered)
{
    struct intake_target target = { &plan->labels, discovered };
    uint64_t cost = sizeof(struct scrape_target) + CLIENT_COST + 4 * plan->url.len + plan->labels.memory.total;
    struct scrape_target *t;

    if (!budget_take(budget_of(job), cost))
        return NULL;
    t = mem_zalloc(sizeof(*t));
    t->charged = cost;
    t->job = job;
    t->identity = plan->identity;
    t->name = describe_labels(&plan->labels);
    t->url = bytes_dup(buf_bytes(&plan->url));
    t->shown_url = describe_url(buf_bytes(&plan->url));
    t->moment.interval = plan->interval;
    t->moment.offset = plan->identity % plan->interval;
    t->rules = job->rules;
    t->rules.native_histograms = plan->native_histograms;
    t->rules.classic_to_custom = plan->classic_to_custom;
    t->rules.classic_too = plan->classic_too;
    t->rules.timeout_ns = plan->timeout;
    t->intake = intake_new(job->receiver->store, &t->rules, &target);
    t->fetch = (struct fetch){
        .caller = &job->caller,
        .url = t->url,
        .timeout = plan->timeout,
        .limit = job->limit,
        .accept = job->accept,
        .gzip = job->config->enable_compression,
        .extra_name = "x-prometheus-scrape-timeout-seconds",
        .on_done = on_fetched,
    };
    t->fetch.extra_value = mem_printf("%.15g", (double)plan->timeout / (double)NS_PER_S);
    list_push(&job->targets, &t->link);
    job->healths[TARGET_UNKNOWN]++;
    wait_first(t);
    return t;
}

static void stop_scraping(struct scrape_target *t)
{
    clock_stop(clock_of(t), &t->timer);
    if (t->state == TARGET_FETCHING || t->state == TARGET_READING) {
        note_error(t, "it was given up");
        end_span(t);
    }
    if (t->state == TARGET_IN_LINE) {
        prometheus_leave_line(t->job->receiver, t);
        enter_state(t, TARGET_WAITING);
    } else if (t->state == TARGET_FETCHING) {
        fetch_cancel(&t->fetch);
        enter_state(t, TARGET_WAITING);
        prometheus_fetched(t->job->receiver);
    } else if (t->state == TARGET_READING) {
        prometheus_cancel_read(t);
        enter_state(t, TARGET_WAITING);
    }
}

void scrape_target_give_up(struct scrape_target *t)
{
    bool answered = list_linked(&t->queue_link); /* it waits for its turn to send on */

    note_error(t, "it was given up");
    stop_scraping(t);
    if (t->state != TARGET_DELIVERING || t->points == NULL)
        return;
    metric_add(t->job->receiver->refused, prometheus_cancel_send(t));
    if (answered) {
        enter_state(t, TARGET_WAITING);
        end_span(t);
    }
}

static void on_end(struct clock_timer *timer)
{
    struct scrape_target *t = container_of(timer, struct scrape_target, timer);

    if (t->state == TARGET_DELIVERING) {
        clock_start(clock_of(t), &t->timer, t->moment.interval / 10 + 1, on_end);
        return;
    }
    enter_state(t, TARGET_READING);
    t->scrape = (struct intake_scrape){ .time_ms = t->moment.due / NS_PER_MS };
    prometheus_read(t, READING_END);
}

bool scrape_target_leave(struct scrape_target *t)
{
    uint64_t wait;

    stop_scraping(t);
    t->leaving = true;
    t->job->n_leaving++;
    scrape_job_count(t->job, t->health, TARGET_HEALTHS);
    t->health = TARGET_HEALTHS;
    if (!t->scraped) {
        scrape_target_free(t);
        return false;
    }
    wait = set_moment(t, 0);
    clock_start(clock_of(t), &t->timer, wait + t->moment.interval + t->moment.interval / 10, on_end);
    return true;
}

void scrape_target_come_back(struct scrape_target *t)
{
    t->leaving = false;
    t->job->n_leaving--;
    t->health = TARGET_UNKNOWN;
    scrape_job_count(t->job, TARGET_HEALTHS, t->health);
    clock_stop(clock_of(t), &t->timer);
    t->moment.due = 0;
    if (t->state == TARGET_WAITING)
        wait_moment(t);
}

void scrape_target_stop(struct scrape_target *t, bool once_more)
{
    if (t->leaving || !once_more) {
        stop_scraping(t);
        return;
    }
    clock_stop(clock_of(t), &t->timer);
    if (t->state == TARGET_WAITING) {
        t->moment.due = clock_wall(clock_of(t));
        on_moment(&t->timer);
    }
}

bool scrape_target_is_idle(const struct scrape_target *t)
{
    return t->state == TARGET_WAITING;
}

void scrape_target_free(struct scrape_target *t)
{
    stop_scraping(t);
    if (t->state == TARGET_DELIVERING && !list_linked(&t->queue_link))
        ack_cancel(&t->ack);
    if (t->points != NULL)
        prometheus_cancel_send(t);
    note_error(t, "it was given up");
    end_span(t);
    if (t->leaving)
        t->job->n_leaving--;
    scrape_job_count(t->job, t->health, TARGET_HEALTHS);
    budget_give(budget_of(t->job), t->charged);
    if (t->known)
        table_remove(&t->job->known, t, t->identity);
    if (t->job->syncing.leaving == &t->link)
        t->job->syncing.leaving = t->link.next;
    list_remove(&t->link);
    fetch_free(&t->fetch);
    intake_free(t->intake);
    free_const(t->fetch.extra_value);
    free(t->name);
    free(t->url);
    free(t->shown_url);
    free(t);
}
