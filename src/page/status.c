/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over what the service shows of itself (pipeline/service_view.h). It is as large as the configuration, and as
 * the last lines of the log, which are bounded. */
#include "page/status.h"

#include "base/log_recent.h"
#include "base/process.h"
#include "codec/json_write.h"
#include "net/socket/tls_peer.h"
#include "page/advice.h"
#include "page/senders.h"
#include "prom/endpoint/scrape_endpoint.h"
#include "queue/sender.h"

#include <string.h>
#include <unistd.h>

const char *const status_phases[] = {
    [SERVICE_STARTING] = "starting", [SERVICE_READY] = "running", [SERVICE_STOPPING] = "stopping"
};

const char *const status_kinds[] = {
    [COMPONENT_RECEIVER] = "receiver",   [COMPONENT_PROCESSOR] = "processor", [COMPONENT_EXPORTER] = "exporter",
    [COMPONENT_CONNECTOR] = "connector", [COMPONENT_EXTENSION] = "extension",
};

const char *status_state_name(enum health_state state)
{
    return state == HEALTH_OK ? "ok" : state == HEALTH_RECOVERABLE ? "failing" : "refused";
}

struct putting {
    struct json_writer json;
    const struct host *host;
    struct view_total total;
};

static double to_seconds(uint64_t ns)
{
    uint64_t ms = ns / NS_PER_MS;

    return (double)ms / 1000;
}

static double seconds_since(uint64_t now, uint64_t then)
{
    return to_seconds(now > then ? now - then : 0);
}

void status_total(const struct host *host, struct view_total *total)
{
    const struct budget *b = host->budget;

    if (host->view->sum != NULL) {
        host->view->sum(host->view, total);
        return;
    }
    *total = (struct view_total){
        .resident = process_rss(),
        .cpu = process_cpu_seconds(),
        .used = b->used,
        .peak = b->peak,
        .limit = b->limit,
        .refusals = b->refusals,
    };
    for (int s = 0; host->shares != NULL && s < SIGNAL_COUNT; s++)
        total->signals[s] = host->shares[s].used;
}

/* ---- the service ---- */

static void put_service(struct putting *x)
{
    const struct service_view *v = x->host->view;
    uint64_t now = clock_wall(&x->host->loop->clock);

    json_begin(&x->json, "service", '{');
    json_write_text(&x->json, "version", bytes_str(x->host->version));
    json_write_text(&x->json, "instance", bytes_str(x->host->instance_id));
    json_write_text(&x->json, "phase", bytes_str(status_phases[v->phase]));
    json_write_uint(&x->json, "pid", (uint64_t)getpid());
    json_write_double(&x->json, "time", to_seconds(now));
    json_write_double(&x->json, "up_seconds", seconds_since(now, v->started));
    if (v->ready_since > 0)
        json_write_double(&x->json, "ready_seconds", seconds_since(now, v->ready_since));
    else
        json_write_null(&x->json, "ready_seconds");
    json_write_double(&x->json, "cpu_seconds", x->total.cpu);
    json_write_uint(&x->json, "resident_bytes", x->total.resident);
    json_end(&x->json, '}');
}

static void put_budget(struct putting *x)
{
    const struct view_total *b = &x->total;

    json_begin(&x->json, "budget", '{');
    json_write_uint(&x->json, "used_bytes", b->used);
    json_write_uint(&x->json, "peak_bytes", b->peak);
    if (b->limit == UINT64_MAX)
        json_write_null(&x->json, "limit_bytes");
    else
        json_write_uint(&x->json, "limit_bytes", b->limit);
    json_write_uint(&x->json, "refusals", b->refusals);
    json_begin(&x->json, "signals", '{');
    for (int s = 0; x->host->shares != NULL && s < SIGNAL_COUNT; s++)
        json_write_uint(&x->json, signal_table[s].name, b->signals[s]);
    json_end(&x->json, '}');
    json_end(&x->json, '}');
}

/* Not there where there are none. */
static void put_workers(struct putting *x)
{
    if (x->total.n_workers == 0)
        return;
    json_begin(&x->json, "workers", '[');
    for (size_t i = 0; i < x->total.n_workers; i++) {
        const struct view_worker *w = &x->total.workers[i];

        json_begin(&x->json, NULL, '{');
        json_write_uint(&x->json, "number", w->number);
        json_write_uint(&x->json, "pid", (uint64_t)w->pid);
        json_write_text(&x->json, "state", bytes_str(w->state));
        json_write_uint(&x->json, "connections", w->connections);
        json_write_uint(&x->json, "restarts", w->restarts);
        json_write_double(&x->json, "cpu_seconds", w->cpu);
        json_write_uint(&x->json, "resident_bytes", w->resident);
        json_end(&x->json, '}');
    }
    json_end(&x->json, ']');
}

/* ---- pipelines ---- */

static void put_reasons(struct putting *x, const char *key, const struct ledger_reasons *reasons)
{
    json_begin(&x->json, key, '{');
    for (size_t i = 0; i < reasons->n; i++)
        json_write_member(&x->json, bytes_str(reasons->v[i].reason), reasons->v[i].items);
    json_end(&x->json, '}');
}

static void put_ledger(struct putting *x, const struct ledger *l)
{
    json_begin(&x->json, "ledger", '{');
    json_write_uint(&x->json, "received", l->received);
    json_write_uint(&x->json, "delivered", l->delivered);
    json_write_uint(&x->json, "held", l->held);
    json_write_uint(&x->json, "refused", ledger_reasons_total(&l->refused));
    json_write_uint(&x->json, "dropped", ledger_reasons_total(&l->dropped));
    put_reasons(x, "refused_by", &l->refused);
    put_reasons(x, "dropped_by", &l->dropped);
    json_end(&x->json, '}');
}

static void put_queue(struct putting *x, const struct sender *sender)
{
    struct sender_fill fill = sender_fill(sender);

    json_begin(&x->json, "queue", '{');
    json_write_uint(&x->json, "size", fill.size);
    if (fill.capacity == UINT64_MAX)
        json_write_null(&x->json, "capacity");
    else
        json_write_uint(&x->json, "capacity", fill.capacity);
    json_write_text(&x->json, "unit", bytes_str(fill.unit));
    json_write_bool(&x->json, "on_disk", fill.on_disk);
    json_write_uint(&x->json, "requests", fill.requests);
    json_write_uint(&x->json, "items", fill.items);
    json_write_uint(&x->json, "bytes", fill.bytes);
    json_write_double(&x->json, "oldest_seconds", to_seconds(fill.age));
    json_end(&x->json, '}');
}

static void put_advice(struct putting *x, const struct advice *a)
{
    if (a == NULL || a->todo[0] == '\0')
        return;
    json_write_text(&x->json, "advice", bytes_str(a->todo));
    if (a->option != NULL)
        json_write_text(&x->json, "option", bytes_str(a->option));
}

static void put_state(struct putting *x, const struct health *h)
{
    json_write_text(&x->json, "state", bytes_str(status_state_name(h->state)));
    if (h->state == HEALTH_OK)
        return;
    json_write_double(&x->json, "failing_seconds", seconds_since(clock_mono(&x->host->loop->clock), h->since));
    json_write_uint(&x->json, "failures", h->failures);
    json_write_text(&x->json, "reason", bytes_str(h->reason));
    put_advice(x, advice_for(bytes_str(h->reason)));
}

static void put_errors(struct putting *x, const struct health causes[HEALTH_CAUSES])
{
    const struct health_error *errors[HEALTH_CAUSES * HEALTH_ERRORS];
    struct clock *clock = &x->host->loop->clock;
    size_t n = health_errors(causes, errors);

    if (n == 0)
        return;
    json_begin(&x->json, "errors", '[');
    for (size_t i = 0; i < n; i++) {
        json_begin(&x->json, NULL, '{');
        json_write_double(&x->json, "time", to_seconds(clock_wall(clock) - (clock_mono(clock) - errors[i]->last)));
        json_write_double(&x->json, "first", to_seconds(clock_wall(clock) - (clock_mono(clock) - errors[i]->first)));
        json_write_uint(&x->json, "times", errors[i]->times);
        json_write_text(&x->json, "state", bytes_str(status_state_name(errors[i]->state)));
        json_write_text(&x->json, "reason", bytes_str(errors[i]->reason));
        put_advice(x, advice_for(bytes_str(errors[i]->reason)));
        json_end(&x->json, '}');
    }
    json_end(&x->json, ']');
}

static void put_member(const struct node_member *m, void *arg)
{
    struct putting *x = arg;

    json_begin(&x->json, NULL, '{');
    json_write_text(&x->json, "endpoint", bytes_str(m->endpoint));
    json_write_text(&x->json, "member", bytes_str(m->state));
    put_state(x, health_worst(m->health));
    put_errors(x, m->health);
    if (m->sender != NULL)
        put_queue(x, m->sender);
    json_end(&x->json, '}');
}

static void put_members(struct putting *x, const struct node *node)
{
    json_begin(&x->json, "members", '[');
    node->each_member(node, put_member, x);
    json_end(&x->json, ']');
}

double status_peer_certificate(const struct host *host, const struct node *node)
{
    const struct metrics *all = host_shown(host);
    bool has_peer = node->peer != NULL || (host->front && node->component->kind == COMPONENT_EXPORTER);

    for (size_t i = 0; has_peer && i < all->families.n; i++) {
        const struct metric_family *f = all->families.v[i];
        bool is_expiry = strcmp(f->row->name, tls_peer_expiry_row.name) == 0; /* other processes have rows of theirs */

        for (size_t k = 0; is_expiry && k < f->members.n; k++)
            if (strcmp(f->members.v[k]->labels[0].value, node->id) == 0)
                return f->members.v[k]->value;
    }
    return 0;
}

static void put_peer(struct putting *x, const struct node *node)
{
    double until = status_peer_certificate(x->host, node);

    if (node->peer != NULL)
        json_write_text(&x->json, "peer", bytes_str(node->peer));
    if (until > 0)
        json_write_double(&x->json, "peer_certificate_expires", until);
}

/* `role`: in its pipeline; NULL: it is an extension. */
static void put_node(struct putting *x, const char *role, const struct node *node, const struct ledger *ledger)
{
    const struct health *h = health_worst(node->health);

    json_begin(&x->json, NULL, '{');
    json_write_text(&x->json, "kind", bytes_str(status_kinds[node->component->kind]));
    json_write_text(&x->json, "id", bytes_str(node->id));
    if (role != NULL)
        json_write_text(&x->json, "role", bytes_str(role));
    put_state(x, h);
    put_peer(x, node);
    put_errors(x, node->health);
    if (ledger != NULL)
        put_ledger(x, ledger);
    if (node->sender != NULL)
        put_queue(x, node->sender);
    if (node->each_member != NULL)
        put_members(x, node);
    json_end(&x->json, '}');
}

static void put_pipeline(const struct view_pipeline *p, void *arg)
{
    static const char *const roles[] = { "receiver", "processor", "exporter" };
    struct putting *x = arg;

    json_begin(&x->json, NULL, '{');
    json_write_text(&x->json, "id", bytes_str(p->id));
    json_write_text(&x->json, "signal", bytes_str(signal_table[p->signal].name));
    put_ledger(x, p->ledger);
    json_begin(&x->json, "nodes", '[');
    for (size_t i = 0; i < p->n_nodes; i++)
        put_node(x, roles[p->nodes[i].role], p->nodes[i].node, p->nodes[i].ledger);
    json_end(&x->json, ']');
    json_end(&x->json, '}');
}

static void put_extension(const struct node *extension, void *arg)
{
    put_node(arg, NULL, extension, NULL);
}

/* ---- who scrapes ---- */

static void put_scraped(const struct scrape_seen *seen, void *arg)
{
    struct putting *x = arg;

    json_begin(&x->json, NULL, '{');
    json_write_text(&x->json, "address", bytes_str(seen->address));
    json_begin(&x->json, "sources", '[');
    for (size_t i = 0; i < seen->n_sources; i++)
        json_write_text(&x->json, NULL, bytes_str(seen->ids[i]));
    json_end(&x->json, ']');
    json_write_uint(&x->json, "scrapes", seen->scrapes);
    if (seen->scrapes > 0) {
        json_write_double(&x->json, "last", to_seconds(seen->last));
        json_write_text(&x->json, "peer", bytes_str(seen->peer));
        json_write_text(&x->json, "user_agent", bytes_str(seen->user_agent));
    }
    if (seen->before > 0)
        json_write_double(&x->json, "interval_seconds", seconds_since(seen->last, seen->before));
    json_end(&x->json, '}');
}

static void put_scrapes(struct putting *x)
{
    json_begin(&x->json, "scrapes", '[');
    if (x->host->scrape_endpoints != NULL)
        scrape_endpoints_each(x->host->scrape_endpoints, put_scraped, x);
    json_end(&x->json, ']');
}

/* ---- the configuration ---- */

static void put_reload(struct putting *x)
{
    const struct view_reload *r = &x->host->view->reload;

    json_begin(&x->json, "reload", '{');
    json_write_uint(&x->json, "reloads", r->n);
    json_write_uint(&x->json, "failed", r->failed);
    json_write_bool(&x->json, "under_way", r->under_way);
    if (r->at > 0) {
        json_write_double(&x->json, "time", to_seconds(r->at));
        json_write_text(&x->json, "result", bytes_str(r->fault[0] == '\0' ? "changed" : "failed"));
    }
    if (r->fault[0] != '\0')
        json_write_text(&x->json, "fault", bytes_str(r->fault));
    json_end(&x->json, '}');
}

static void put_warning(const struct fault *f, void *arg)
{
    struct putting *x = arg;

    json_begin(&x->json, NULL, '{');
    json_write_text(&x->json, "file", bytes_str(f->file));
    json_write_uint(&x->json, "line", (uint64_t)f->line);
    json_write_uint(&x->json, "column", (uint64_t)f->column);
    json_write_text(&x->json, "path", bytes_str(f->path));
    json_write_text(&x->json, "text", bytes_str(f->text));
    json_end(&x->json, '}');
}

static void put_warnings(struct putting *x)
{
    json_begin(&x->json, "warnings", '[');
    x->host->view->each_warning(x->host->view, put_warning, x);
    json_end(&x->json, ']');
}

/* ---- the log ---- */

static void put_log(struct putting *x)
{
    const struct log_recent *recent = x->host->log->recent;
    const struct log_recent_line *line;

    json_begin(&x->json, "log", '[');
    for (size_t i = 0; recent != NULL && (line = log_recent_line(recent, i)) != NULL; i++) {
        json_begin(&x->json, NULL, '{');
        json_write_double(&x->json, "time", to_seconds(line->wall));
        json_write_text(&x->json, "level", bytes_str(line->level >= LOG_ERROR ? "error" : "warn"));
        json_write_text(&x->json, "text", bytes_of(line->text, line->len));
        json_write_bool(&x->json, "cut", line->cut);
        json_end(&x->json, '}');
    }
    json_end(&x->json, ']');
}

void status_put(struct buf *out, const struct host *host, bool log)
{
    struct putting x = { .json = { .out = out }, .host = host };

    status_total(host, &x.total);
    json_begin(&x.json, NULL, '{');
    put_service(&x);
    put_budget(&x);
    put_workers(&x);
    json_write_bool(&x.json, "well", status_is_well(host));
    json_write_uint(&x.json, "log_lines", host->log->recent != NULL ? host->log->recent->total : 0);
    json_begin(&x.json, "pipelines", '[');
    host->view->each_pipeline(host->view, put_pipeline, &x);
    json_end(&x.json, ']');
    json_begin(&x.json, "extensions", '[');
    host->view->each_extension(host->view, put_extension, &x);
    json_end(&x.json, ']');
    senders_put(&x.json, host);
    put_scrapes(&x);
    put_reload(&x);
    if (log) {
        put_warnings(&x);
        put_log(&x);
    }
    json_end(&x.json, '}');
}

/* ---- well or not ---- */

static void look_at(const struct view_pipeline *p, void *arg)
{
    bool *well = arg;

    for (size_t i = 0; i < p->n_nodes; i++)
        *well = *well && health_worst(p->nodes[i].node->health)->state == HEALTH_OK;
}

bool status_is_well(const struct host *host)
{
    bool well = host->view->phase == SERVICE_READY;
    struct view_total total;

    status_total(host, &total);
    for (size_t i = 0; i < total.n_workers; i++)
        well = well &&
               (strcmp(total.workers[i].state, "running") == 0 || strcmp(total.workers[i].state, "reloading") == 0);
    host->view->each_pipeline(host->view, look_at, &well);
    return well;
}
