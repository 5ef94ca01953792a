/* SPDX-License-Identifier: Apache-2.0 */
/* A component's status follows from the service's phase and from what its node says (pipeline/health.h); a pipeline's
 * is the worst of its components, and the whole's the worst of all pipelines and of the memory budget. */
#include "extension/health_check/health_check.h"
#include "page/status.h"

#include "base/log.h"

#include <string.h>
#include <time.h>

#define QUIET (5 * NS_PER_S) /* without a refusal, and the budget is well again */

static const char *const status_names[] = {
    [STATUS_OK] = "StatusOK",
    [STATUS_RECOVERABLE] = "StatusRecoverableError",
    [STATUS_PERMANENT] = "StatusPermanentError",
    [STATUS_STARTING] = "StatusStarting",
    [STATUS_STOPPING] = "StatusStopping",
};

static struct clock *clock_of(const struct health_check *h)
{
    return &h->node.host->loop->clock;
}

void status_watch_budget(struct health_check *h)
{
    struct view_total total;
    uint64_t now = clock_mono(clock_of(h));

    status_total(h->node.host, &total);
    if (total.refusals != h->refusals)
        health_fail(&h->memory, now, HEALTH_RECOVERABLE, "the memory budget is full: senders are told to retry");
    else if (h->memory.state != HEALTH_OK && now - h->memory.last > QUIET)
        health_ok(&h->memory, now);
    h->refusals = total.refusals;
}

/* ---- statuses ---- */

static bool counts_as_healthy(const struct health_check *h, const struct health *health)
{
    const struct component_health_config *c = &h->config->component_health;

    if (health->state == HEALTH_PERMANENT)
        return !c->include_permanent_errors;
    if (health->state == HEALTH_RECOVERABLE && c->include_recoverable_errors)
        return clock_mono(clock_of(h)) - health->since <= (uint64_t)c->recovery_duration.ns;
    return true;
}

/* What holds of everything: the phase. */
static struct status_event event_of_phase(const struct health_check *h)
{
    static const enum status statuses[] = {
        [SERVICE_STARTING] = STATUS_STARTING, [SERVICE_READY] = STATUS_OK, [SERVICE_STOPPING] = STATUS_STOPPING
    };
    const struct service_view *v = h->node.host->view;

    return (struct status_event){ statuses[v->phase], v->phase == SERVICE_READY,
                                  v->ready_since > 0 ? v->ready_since : v->started, "" };
}

static struct status_event event_of(const struct health_check *h, const struct health *health)
{
    struct status_event e = event_of_phase(h);
    uint64_t wall = health->since + (uint64_t)clock_of(h)->offset;

    if (e.status != STATUS_OK)
        return e;
    if (health->since > 0 && wall > e.since)
        e.since = wall;
    e.healthy = counts_as_healthy(h, health);
    e.status = (enum status)health->state;
    e.reason = health->state == HEALTH_OK ? "" : health->reason;
    return e;
}

static struct status_event event_of_node(const struct health_check *h, const struct node *node)
{
    return event_of(h, health_worst(node->health));
}

static void make_worse(struct status_event *e, const struct status_event *other)
{
    bool healthy = e->healthy && other->healthy;

    if (other->status > e->status)
        *e = *other;
    e->healthy = healthy;
}

static struct status_event event_of_pipeline(const struct health_check *h, const struct view_pipeline *p)
{
    struct status_event e = event_of_phase(h), one;

    for (size_t i = 0; i < p->n_nodes; i++) {
        one = event_of_node(h, p->nodes[i].node);
        make_worse(&e, &one);
    }
    return e;
}

struct search {
    const struct health_check *h;
    struct bytes pipeline; /* data NULL: all of them */
    struct status_event event;
    bool found;
};

static void search_pipeline(const struct view_pipeline *p, void *arg)
{
    struct search *s = arg;
    struct status_event e;

    if (s->pipeline.data != NULL && !bytes_is(s->pipeline, p->id))
        return;
    s->found = true;
    e = event_of_pipeline(s->h, p);
    make_worse(&s->event, &e);
}

bool status_of(const struct health_check *h, struct bytes pipeline, struct status_event *event)
{
    const struct service_view *v = h->node.host->view;
    struct search s = { .h = h, .pipeline = pipeline, .event = event_of_phase(h) };
    struct status_event memory = event_of(h, &h->memory);

    v->each_pipeline(v, search_pipeline, &s);
    if (pipeline.data == NULL)
        make_worse(&s.event, &memory);
    *event = s.event;
    return s.found || pipeline.data == NULL;
}

/* ---- as JSON ---- */

void status_put_time(struct buf *out, uint64_t wall)
{
    time_t seconds = (time_t)(wall / NS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%09uZ\"", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec, (unsigned)(wall % NS_PER_S));
}

/* Without its closing brace. */
static void put_event(struct buf *out, const struct status_event *e)
{
    buf_printf(out, "\"healthy\":%s,\"status\":\"%s\",", e->healthy ? "true" : "false", status_names[e->status]);
    if (e->reason[0] != '\0') {
        buf_puts(out, "\"error\":");
        log_quote(out, bytes_str(e->reason));
        buf_putc(out, ',');
    }
    buf_puts(out, "\"status_time\":");
    status_put_time(out, e->since);
}

/* "exporter:otlp": an event without components. */
static void put_named(struct buf *out, const char *kind, const char *id, const struct status_event *e)
{
    struct buf name = { 0 };

    if (out->data[out->len - 1] != '{')
        buf_putc(out, ',');
    buf_printf(&name, "%s:%s", kind, id);
    log_quote(out, buf_bytes(&name));
    buf_puts(out, ":{");
    put_event(out, e);
    buf_putc(out, '}');
    buf_free(&name);
}

static const char *kind_of(const struct node *node)
{
    static const char *const names[] = { "receiver", "processor", "exporter", "connector", "extension" };

    return names[node->component->kind];
}

static void put_components(const struct health_check *h, const struct view_pipeline *p, struct buf *out)
{
    buf_puts(out, ",\"components\":{");
    for (size_t i = 0; i < p->n_nodes; i++) {
        struct status_event e = event_of_node(h, p->nodes[i].node);

        put_named(out, kind_of(p->nodes[i].node), p->nodes[i].node->id, &e);
    }
    buf_putc(out, '}');
}

struct writing {
    const struct health_check *h;
    struct bytes only; /* data NULL: all pipelines, each as a member of the whole */
    bool verbose;
    struct buf *out;
};

static void write_pipeline(const struct view_pipeline *p, void *arg)
{
    struct writing *w = arg;
    struct status_event e = event_of_pipeline(w->h, p);

    if (w->only.data != NULL) {
        if (bytes_is(w->only, p->id) && w->verbose)
            put_components(w->h, p, w->out);
        return;
    }
    put_named(w->out, "pipeline", p->id, &e);
    w->out->len--; /* the brace: its components belong in front */
    put_components(w->h, p, w->out);
    buf_putc(w->out, '}');
}

static void write_extension(const struct node *extension, void *arg)
{
    struct writing *w = arg;
    struct status_event e = event_of_node(w->h, extension);

    put_named(w->out, "extension", extension->id, &e);
}

static void write_whole(struct writing *w)
{
    const struct service_view *v = w->h->node.host->view;
    struct status_event phase = event_of_phase(w->h), memory = event_of(w->h, &w->h->memory);

    buf_puts(w->out, ",\"components\":{\"extensions\":{");
    put_event(w->out, &phase);
    buf_puts(w->out, ",\"components\":{");
    v->each_extension(v, write_extension, w);
    buf_puts(w->out, "}}");
    put_named(w->out, "service", "memory_budget", &memory);
    v->each_pipeline(v, write_pipeline, w);
    buf_putc(w->out, '}');
}

void status_put_json(const struct health_check *h, struct bytes pipeline, bool verbose, struct buf *out)
{
    const struct service_view *v = h->node.host->view;
    struct writing w = { h, pipeline, verbose, out };
    struct status_event e;

    (void)status_of(h, pipeline, &e);
    buf_puts(out, "{\"start_time\":");
    status_put_time(out, v->started);
    buf_putc(out, ',');
    put_event(out, &e);
    if (pipeline.data != NULL)
        v->each_pipeline(v, write_pipeline, &w);
    else if (verbose)
        write_whole(&w);
    buf_putc(out, '}');
}

/* ---- check_collector_pipeline ---- */

struct reasons {
    const struct health_check *h;
    struct buf *out; /* may be NULL */
    size_t n;
};

static void add_reason(struct reasons *r, const char *kind, const char *id, const char *pipeline,
                       const struct health *health)
{
    if (r->n++ > 0 && r->out != NULL)
        buf_putc(r->out, ',');
    if (r->out == NULL)
        return;
    buf_printf(r->out, "{\"component\":\"%s\",\"id\":", kind);
    log_quote(r->out, bytes_str(id));
    if (pipeline != NULL) {
        buf_puts(r->out, ",\"pipeline\":");
        log_quote(r->out, bytes_str(pipeline));
    }
    buf_puts(r->out, ",\"since\":");
    status_put_time(r->out, health->since + (uint64_t)clock_of(r->h)->offset);
    buf_printf(r->out, ",\"failures\":%llu,\"reason\":", (unsigned long long)health->failures);
    log_quote(r->out, bytes_str(health->reason));
    buf_putc(r->out, '}');
}

/* An exporter's peer may fail for a while; a disk or a limit that refuses is a reason at once. */
static bool is_reason(const struct health_check *h, const struct node *node, enum health_cause cause)
{
    const struct pipeline_check_config *c = &h->config->check_collector_pipeline;
    const struct health *health = &node->health[cause];

    if (health->state == HEALTH_OK)
        return false;
    if (cause != HEALTH_WORK || node->component->kind != COMPONENT_EXPORTER)
        return true;
    return health->failures >= c->exporter_failure_threshold &&
           clock_mono(clock_of(h)) - health->last <= (uint64_t)c->interval.ns;
}

static void find_in_pipeline(const struct view_pipeline *p, void *arg)
{
    struct reasons *r = arg;

    for (size_t i = 0; i < p->n_nodes; i++)
        for (int cause = 0; cause < HEALTH_CAUSES; cause++)
            if (is_reason(r->h, p->nodes[i].node, (enum health_cause)cause))
                add_reason(r, kind_of(p->nodes[i].node), p->nodes[i].node->id, p->id, &p->nodes[i].node->health[cause]);
}

bool status_find_reasons(const struct health_check *h, struct buf *out)
{
    const struct service_view *v = h->node.host->view;
    struct reasons r = { h, out, 0 };

    if (!h->config->check_collector_pipeline.enabled)
        return false;
    if (h->memory.state != HEALTH_OK)
        add_reason(&r, "service", "memory_budget", NULL, &h->memory);
    v->each_pipeline(v, find_in_pipeline, &r);
    return r.n > 0;
}
