/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over what the service shows (pipeline/service_view.h). A number that moves has its place in the JSON of
 * page/status.h as an attribute: data-k is shown as it is, data-r as what it gains in a second. The script looks there,
 * and loads the page anew when another configuration runs. */
#include "page/overview.h"

#include "page/advice.h"
#include "page/html.h"
#include "page/panels.h"
#include "page/site.h"
#include "page/status.h"
#include "queue/sender.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)
#define CERTIFICATE_SOON (14 * 86400.0)

struct putting {
    struct buf *out;
    const struct host *host;
    struct view_total total;
    size_t n_pipelines, n_extensions;
};

/* ---- numbers ---- */

/* With commas, as the script writes them. */
static void put_count(struct buf *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_putc(out, ',');
        buf_putc(out, digits[i]);
    }
}

static void put_moving(struct buf *out, const char *path, const char *member, uint64_t n)
{
    buf_printf(out, "<b data-k=\"%s.%s\">", path, member);
    put_count(out, n);
    buf_puts(out, "</b>");
}

/* ---- the ledger ---- */

struct column {
    const char *name, *help;
};

static void put_column(struct buf *out, const struct column *c, const char *path, uint64_t n)
{
    buf_printf(out, "<dt title=\"%s\">%s</dt><dd>", c->help, c->name);
    put_moving(out, path, c->name, n);
    buf_printf(out, " <i data-r=\"%s.%s\"></i></dd>", path, c->name);
}

/* A word of our own moves; one that a disk gave back is shown as it is. */
static void put_reason(struct buf *out, const char *path, const struct ledger_reason *r, const struct advice *a)
{
    if (strspn(r->reason, "abcdefghijklmnopqrstuvwxyz_") == strlen(r->reason))
        put_moving(out, path, r->reason, r->items);
    else
        put_count(out, r->items);
    buf_putc(out, ' ');
    html_text(out, bytes_str(r->reason));
    if (a == NULL)
        return;
    buf_puts(out, " <em>");
    html_text(out, bytes_str(a->means));
    if (!a->meant && a->todo[0] != '\0') {
        buf_puts(out, ". What to do: ");
        html_text(out, bytes_str(a->todo));
    }
    buf_puts(out, "</em>");
}

static void put_reasons(struct buf *out, const char *path, const char *member, const struct ledger_reasons *reasons,
                        enum advice_about about)
{
    char json_path[112];

    if (reasons->n == 0)
        return;
    snprintf(json_path, sizeof(json_path), "%s.%s", path, member);
    buf_puts(out, "<dd class=\"why\">");
    for (size_t i = 0; i < reasons->n; i++) {
        put_reason(out, json_path, &reasons->v[i], advice_of(about, bytes_str(reasons->v[i].reason)));
        buf_puts(out, i + 1 < reasons->n ? ", " : "");
    }
    buf_puts(out, "</dd>");
}

static void put_ledger(struct buf *out, const char *path, const struct ledger *l)
{
    static const struct column received = { "received", "came in" };
    static const struct column delivered = { "delivered", "the exporters have it" };
    static const struct column held = { "held", "inside, and not settled yet" };
    static const struct column refused = { "refused", "not taken, and the sender was told" };
    static const struct column dropped = { "dropped", "taken, then lost or left out on purpose" };

    buf_puts(out, "<dl>");
    put_column(out, &received, path, l->received);
    put_column(out, &delivered, path, l->delivered);
    put_column(out, &held, path, l->held);
    put_column(out, &refused, path, ledger_reasons_total(&l->refused));
    put_reasons(out, path, "refused_by", &l->refused, ADVICE_REFUSED);
    put_column(out, &dropped, path, ledger_reasons_total(&l->dropped));
    put_reasons(out, path, "dropped_by", &l->dropped, ADVICE_DROPPED);
    buf_puts(out, "</dl>");
}

/* ---- pipelines ---- */

static void put_failure(struct putting *x, const struct health *h)
{
    const struct advice *advice = advice_for(bytes_str(h->reason));

    buf_printf(x->out, "<p class=\"bad\">%s for ", h->state == HEALTH_PERMANENT ? "refused" : "failing");
    html_ago(x->out, clock_mono(&x->host->loop->clock), h->since);
    buf_puts(x->out, ": ");
    html_text(x->out, bytes_str(h->reason));
    if (advice != NULL && advice->todo[0] != '\0') {
        buf_puts(x->out, " <em>What to do: ");
        html_text(x->out, bytes_str(advice->todo));
        if (advice->option != NULL)
            buf_printf(x->out, " (<code>%s</code>)", advice->option);
        buf_puts(x->out, "</em>");
    }
    buf_puts(x->out, "</p>");
}

static void put_queue(struct buf *out, const char *path, const struct sender *sender)
{
    struct sender_fill fill = sender_fill(sender);
    char json_path[96];

    snprintf(json_path, sizeof(json_path), "%s.queue", path);
    buf_puts(out, "<p>queue ");
    put_moving(out, json_path, "size", fill.size);
    if (fill.capacity != UINT64_MAX) {
        buf_puts(out, " of ");
        put_count(out, fill.capacity);
    }
    buf_printf(out, " %s%s: ", fill.unit, fill.on_disk ? ", on disk" : "");
    put_moving(out, json_path, "items", fill.items);
    buf_puts(out, " items, ");
    put_moving(out, json_path, "bytes", fill.bytes);
    buf_puts(out, " bytes, the oldest since ");
    put_moving(out, json_path, "oldest_seconds", fill.age / NS_PER_S);
    buf_puts(out, " s</p>");
}

/* A row for each, which comes and goes: nothing in it moves by itself. */
static void put_member(const struct node_member *m, void *arg)
{
    struct putting *x = arg;
    const struct health *h = health_worst(m->health);
    struct sender_fill fill;

    buf_printf(x->out, "<li class=\"%s\">", status_state_name(h->state));
    html_text(x->out, bytes_str(m->endpoint));
    buf_printf(x->out, " %s", m->state);
    if (h->state != HEALTH_OK)
        put_failure(x, h);
    if (m->sender != NULL) {
        fill = sender_fill(m->sender);
        buf_puts(x->out, ", queue ");
        put_count(x->out, fill.size);
        buf_printf(x->out, " %s", fill.unit);
    }
    buf_puts(x->out, "</li>");
}

static void put_members(struct putting *x, const struct node *node)
{
    buf_puts(x->out, "<ul>");
    node->each_member(node, put_member, x);
    buf_puts(x->out, "</ul>");
}

static void put_certificate(struct putting *x, const struct node *node)
{
    double until = status_peer_certificate(x->host, node);
    double left = until - (double)clock_wall(&x->host->loop->clock) / NS_PER_S;

    if (until <= 0)
        return;
    buf_puts(x->out,
             left < CERTIFICATE_SOON ? ", <span class=\"bad\">whose certificate ends " : ", whose certificate ends ");
    html_time(x->out, (uint64_t)until * NS_PER_S);
    if (left < CERTIFICATE_SOON)
        buf_puts(x->out, "</span>");
}

static void put_node(struct putting *x, const struct view_node *n, const char *path)
{
    const struct health *h = health_worst(n->node->health);
    char json_path[96];

    buf_printf(x->out, "<li class=\"%s\"><small>%s</small> <strong>", status_state_name(h->state),
               status_kinds[n->node->component->kind]);
    html_text(x->out, bytes_str(n->node->id));
    buf_puts(x->out, "</strong>");
    if (h->state != HEALTH_OK)
        put_failure(x, h);
    if (n->node->peer != NULL || status_peer_certificate(x->host, n->node) > 0) { /* workers do not say whom */
        buf_puts(x->out, "<p>to ");
        html_text(x->out, bytes_str(n->node->peer != NULL ? n->node->peer : "a peer"));
        put_certificate(x, n->node);
        buf_puts(x->out, "</p>");
    }
    if (n->ledger != NULL) {
        snprintf(json_path, sizeof(json_path), "%s.ledger", path);
        put_ledger(x->out, json_path, n->ledger);
    }
    if (n->node->sender != NULL)
        put_queue(x->out, path, n->node->sender);
    if (n->node->each_member != NULL)
        put_members(x, n->node);
    buf_puts(x->out, "</li>");
}

/* Receivers stand beside each other and so do exporters; what passes one processor passes the next. */
static void put_role(struct putting *x, const struct view_pipeline *p, enum view_role role)
{
    char path[80];
    bool any = false;

    for (size_t i = 0; i < p->n_nodes; i++) {
        if (p->nodes[i].role != role)
            continue;
        if (!any)
            buf_printf(x->out, "<ol class=\"%s\">", role == VIEW_PROCESSOR ? "chain" : "side");
        any = true;
        snprintf(path, sizeof(path), "pipelines.%zu.nodes.%zu", x->n_pipelines, i);
        put_node(x, &p->nodes[i], path);
    }
    if (any)
        buf_puts(x->out, "</ol>");
}

static void put_pipeline(const struct view_pipeline *p, void *arg)
{
    struct putting *x = arg;
    char path[80];

    buf_puts(x->out, "<section><h2>");
    html_text(x->out, bytes_str(p->id));
    buf_puts(x->out, "</h2>");
    snprintf(path, sizeof(path), "pipelines.%zu.ledger", x->n_pipelines);
    put_ledger(x->out, path, p->ledger);
    buf_puts(x->out, "<div class=\"flow\">");
    for (int role = VIEW_RECEIVER; role <= VIEW_EXPORTER; role++)
        put_role(x, p, (enum view_role)role);
    buf_puts(x->out, "</div></section>");
    x->n_pipelines++;
}

static void put_extension(const struct node *extension, void *arg)
{
    struct putting *x = arg;
    const struct health *h = health_worst(extension->health);

    if (x->n_extensions++ == 0)
        buf_puts(x->out, "<section><h2>Extensions</h2><div class=\"flow\"><ol class=\"side\">");
    buf_printf(x->out, "<li class=\"%s\"><strong>", status_state_name(h->state));
    html_text(x->out, bytes_str(extension->id));
    buf_puts(x->out, "</strong>");
    if (h->state != HEALTH_OK)
        put_failure(x, h);
    buf_puts(x->out, "</li>");
}

static void put_extensions(struct putting *x)
{
    x->host->view->each_extension(x->host->view, put_extension, x);
    if (x->n_extensions > 0)
        buf_puts(x->out, "</ol></div></section>");
}

/* ---- what is about the whole ---- */

static void put_head(struct putting *x)
{
    const struct service_view *v = x->host->view;
    bool well = status_is_well(x->host);

    buf_printf(x->out,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width\"><title>otelcd</title><link rel=\"stylesheet\" href=\"page.css\">"
               "<script src=\"page.js\" defer></script></head><body><header><h1>otelcd</h1>"
               "<p id=\"state\" class=\"%s\">%s, %s</p><p>version %s, up ",
               well ? "ok" : "failing", status_phases[v->phase], well ? "all is well" : "not all is well",
               x->host->version);
    html_ago(x->out, clock_wall(&x->host->loop->clock), v->started);
    buf_puts(x->out, "</p><nav><a href=\"metrics\">metrics</a> <a href=\"api/v1/status\">status as JSON</a> "
                     "<a href=\"api/v1/config\">configuration</a> <a href=\"readyz\">ready?</a>");
    if (x->host->site != NULL && x->host->site->tap)
        buf_puts(x->out, " <a href=\"tap\">live items</a>");
    buf_puts(x->out, "</nav></header><main>");
}

/* Who holds it: data of each signal, and of that what waits in queues; the rest is the whole's own, series above all.
 */
static void put_holders(struct putting *x)
{
    uint64_t own = x->total.used;

    if (x->host->shares == NULL)
        return;
    buf_puts(x->out, "<p>held by");
    for (int s = 0; s < SIGNAL_COUNT; s++) {
        uint64_t used = x->total.signals[s];

        own -= used < own ? used : own;
        buf_printf(x->out, " %s ", signal_table[s].name);
        put_moving(x->out, "budget.signals", signal_table[s].name, used);
        buf_puts(x->out, ",");
    }
    buf_puts(x->out, " what belongs to none of them (series, connections) ");
    put_count(x->out, own);
    buf_puts(x->out, "</p>");
}

static void put_memory(struct putting *x)
{
    const struct view_total *b = &x->total;

    buf_puts(x->out, "<section><h2>Memory</h2><p>budget ");
    put_moving(x->out, "budget", "used_bytes", b->used);
    if (b->limit != UINT64_MAX) {
        buf_puts(x->out, " of ");
        put_count(x->out, b->limit);
    }
    buf_puts(x->out, " bytes, senders refused ");
    put_moving(x->out, "budget", "refusals", b->refusals);
    buf_puts(x->out, " times; resident ");
    put_moving(x->out, "service", "resident_bytes", b->resident);
    buf_puts(x->out, " bytes</p>");
    put_holders(x);
    buf_puts(x->out, "</section>");
}

static void put_workers(struct putting *x)
{
    if (x->total.n_workers == 0)
        return;
    buf_puts(x->out, "<section id=\"workers\"><h2>Workers</h2><div class=\"wide\"><table><thead><tr><th>worker</th>"
                     "<th>pid</th><th>state</th><th>connections</th><th>resident bytes</th><th>started again</th></tr>"
                     "</thead><tbody>");
    for (size_t i = 0; i < x->total.n_workers; i++) {
        const struct view_worker *w = &x->total.workers[i];
        char path[40];

        snprintf(path, sizeof(path), "workers.%zu", i);
        buf_printf(x->out, "<tr><td>%u</td><td>%ld</td><td>%s</td><td>", w->number, w->pid, w->state);
        put_moving(x->out, path, "connections", w->connections);
        buf_puts(x->out, "</td><td>");
        put_moving(x->out, path, "resident_bytes", w->resident);
        buf_puts(x->out, "</td><td>");
        put_moving(x->out, path, "restarts", w->restarts);
        buf_puts(x->out, "</td></tr>");
    }
    buf_puts(x->out, "</tbody></table></div></section>");
}

static void put_config(struct putting *x)
{
    buf_puts(x->out, "<section><details><summary>The configuration, with its defaults</summary><pre>");
    html_text(x->out, x->host->view->config(x->host->view, false));
    buf_puts(x->out, "</pre></details></section>");
}

void overview_put(struct buf *out, const struct host *host)
{
    struct putting x = { .out = out, .host = host };

    status_total(host, &x.total);
    put_head(&x);
    host->view->each_pipeline(host->view, put_pipeline, &x);
    put_memory(&x);
    put_workers(&x);
    put_extensions(&x);
    buf_puts(out, "<div id=\"panels\">");
    panels_put(out, host);
    buf_puts(out, "</div>");
    put_config(&x);
    buf_puts(out, "</main></body></html>\n");
}
