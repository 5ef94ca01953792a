/* SPDX-License-Identifier: Apache-2.0 */
/* The pages, from what the service shows of itself (pipeline/service_view.h). A page is made anew for each request, in
 * one go: its size follows from the configuration, and from a log whose last lines are kept up to a bound. One style
 * for all: the reader's own colours, light or dark; nothing is loaded from anywhere. */
#include "extension/zpages/zpages.h"

#include "base/log_recent.h"
#include "page/status.h"
#include "base/process.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024.0 * 1024.0)
#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:1em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}"
    "th,td{border:1px solid GrayText;padding:.2em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.bad td,p.bad{border-left:4px solid #c33}"
    "p.bad{padding-left:.5em}"
    "pre{overflow:auto;border:1px solid GrayText;padding:.6em}"
    "nav a{margin-right:1em}";

static const char *const pages[] = { "servicez", "pipelinez", "extensionz", "featurez", "tracez" };

static void put_head(struct buf *out, const char *title)
{
    buf_printf(out,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width\"><title>otelcd: %s</title><style>%s</style></head><body><nav>",
               title, style);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        buf_printf(out, "<a href=\"/debug/%s\">%s</a>", pages[i], pages[i]);
    buf_printf(out, "</nav><h1>%s</h1>", title);
}

static void put_foot(struct buf *out)
{
    buf_puts(out, "</body></html>\n");
}

static struct clock *clock_of(const struct host *host)
{
    return &host->loop->clock;
}

/* ---- servicez ---- */

static void put_number(struct buf *out, uint64_t n)
{
    buf_printf(out, "<td class=\"n\">%" PRIu64 "</td>", n);
}

static void put_since(struct buf *out, const struct host *host, const char *name, uint64_t wall)
{
    buf_printf(out, "<tr><th>%s</th><td>", name);
    html_time(out, wall);
    buf_puts(out, " (");
    html_ago(out, clock_wall(clock_of(host)), wall);
    buf_puts(out, " ago)</td></tr>");
}

static void put_budget(struct buf *out, const struct view_total *b)
{
    buf_puts(out, "<h2>Memory budget</h2><p>What senders' data inside may take; past it senders wait, or are told to "
                  "retry.</p><table>");
    html_row(out, "Used", "%.1f MiB", (double)b->used / MIB);
    html_row(out, "Most so far", "%.1f MiB", (double)b->peak / MIB);
    if (b->limit == UINT64_MAX)
        html_row(out, "Limit", "none");
    else
        html_row(out, "Limit", "%.1f MiB", (double)b->limit / MIB);
    html_row(out, "Refused", "%" PRIu64 " times", b->refusals);
    buf_puts(out, "</table>");
}

static void put_workers(struct buf *out, const struct view_total *total)
{
    buf_puts(out, "<h2>Workers</h2><p>All numbers here are of this process and of these, which work for it.</p>"
                  "<table><tr><th>Worker</th><th>Process</th><th>State</th><th>Connections</th><th>Started again</th>"
                  "<th>Processor time</th><th>Resident memory</th></tr>");
    for (size_t i = 0; i < total->n_workers; i++) {
        const struct view_worker *w = &total->workers[i];

        buf_printf(out, "<tr><td>%u</td><td>%ld</td><td>%s</td>", w->number, w->pid, w->state);
        put_number(out, w->connections);
        put_number(out, w->restarts);
        buf_printf(out, "<td class=\"n\">%.2f s</td><td class=\"n\">%.1f MiB</td></tr>", w->cpu,
                   (double)w->resident / MIB);
    }
    buf_puts(out, "</table>");
}

void zpages_put_servicez(struct buf *out, const struct host *host)
{
    static const char *const phases[] = {
        [SERVICE_STARTING] = "starting", [SERVICE_READY] = "running", [SERVICE_STOPPING] = "stopping"
    };
    const struct service_view *v = host->view;
    struct view_total total = { 0 };

    status_total(host, &total);
    put_head(out, "Service");
    buf_puts(out, "<table>");
    html_row(out, "Program", "otelcd %s", host->version);
    html_row(out, "Built with", "%s", COMPILER);
    html_row(out, "libuv", "%s", uv_version_string());
    html_row(out, "Process", "%ld", (long)getpid());
    html_row(out, "State", "%s", phases[v->phase]);
    put_since(out, host, "Started", v->started);
    if (v->ready_since > 0)
        put_since(out, host, "This configuration runs since", v->ready_since);
    html_row(out, "Processor time", "%.2f s", total.cpu);
    html_row(out, "Resident memory", "%.1f MiB", (double)total.resident / MIB);
    buf_puts(out, "</table>");
    put_budget(out, &total);
    if (total.n_workers > 0)
        put_workers(out, &total);
    put_foot(out);
}

/* ---- pipelinez ---- */

/* The sum, and what it is made of. */
static void put_reasons(struct buf *out, const struct ledger_reasons *reasons)
{
    buf_printf(out, "<td class=\"n\">%" PRIu64, ledger_reasons_total(reasons));
    for (size_t i = 0; i < reasons->n; i++) {
        buf_printf(out, "<br>%" PRIu64 " ", reasons->v[i].items);
        html_text(out, bytes_str(reasons->v[i].reason));
    }
    buf_puts(out, "</td>");
}

static void put_ledger(struct buf *out, const struct ledger *l)
{
    put_number(out, l->received);
    put_number(out, l->delivered);
    put_number(out, l->held);
    put_reasons(out, &l->refused);
    put_reasons(out, &l->dropped);
}

static void put_health(struct buf *out, const struct host *host, const struct health *h)
{
    uint64_t now = clock_mono(clock_of(host));

    if (h->state == HEALTH_OK) {
        buf_puts(out, "<td>ok</td>");
        return;
    }
    buf_printf(out, "<td>%s for ", h->state == HEALTH_PERMANENT ? "refused" : "failing");
    html_ago(out, now, h->since);
    buf_puts(out, ": ");
    html_text(out, bytes_str(h->reason));
    buf_puts(out, "</td>");
}

static const char *kind_of(const struct node *node)
{
    static const char *const names[] = { "receiver", "processor", "exporter", "connector", "extension" };

    return names[node->component->kind];
}

static void put_node(struct buf *out, const struct host *host, const struct view_node *n)
{
    const struct health *h = health_worst(n->node->health);

    buf_printf(out, "<tr%s><td>%s</td><td>", h->state != HEALTH_OK ? " class=\"bad\"" : "", kind_of(n->node));
    html_text(out, bytes_str(n->node->id));
    buf_puts(out, "</td>");
    if (n->ledger != NULL)
        put_ledger(out, n->ledger);
    else
        buf_puts(out, "<td colspan=\"5\"></td>");
    put_health(out, host, h);
    buf_puts(out, "</tr>");
}

struct putting {
    struct buf *out;
    const struct host *host;
    struct bytes only;
    size_t n;
};

static void put_pipeline(const struct view_pipeline *p, void *arg)
{
    struct putting *x = arg;

    if (x->only.len > 0 && !bytes_is(x->only, p->id))
        return;
    x->n++;
    buf_puts(x->out, "<h2>");
    html_text(x->out, bytes_str(p->id));
    buf_puts(x->out, "</h2><table><tr><th></th><th>Component</th><th>Received</th><th>Delivered</th><th>Held</th>"
                     "<th>Refused</th><th>Dropped</th><th>How it is</th></tr><tr><td>pipeline</td><td></td>");
    put_ledger(x->out, p->ledger);
    buf_puts(x->out, "<td></td></tr>");
    for (size_t i = 0; i < p->n_nodes; i++)
        put_node(x->out, x->host, &p->nodes[i]);
    buf_puts(x->out, "</table>");
}

void zpages_put_pipelinez(struct buf *out, const struct host *host, struct bytes only)
{
    struct putting x = { out, host, only, 0 };
    struct view_total total = { 0 };

    status_total(host, &total); /* with workers: asks them */
    put_head(out, "Pipelines");
    buf_puts(out, "<p>Items, as the ledgers have them: received = delivered + held + refused + dropped. An exporter's "
                  "ledger is of what came from all pipelines of its signal.</p>");
    host->view->each_pipeline(host->view, put_pipeline, &x);
    if (x.n == 0)
        buf_puts(out, "<p class=\"bad\">There is no such pipeline now.</p>");
    buf_puts(out,
             "<details><summary>The configuration that runs, with all defaults; secrets are hidden</summary><pre>");
    for (struct bytes rest = host->view->config(host->view, false), line; rest.len > 0;) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);

        line = bytes_of(rest.data, end != NULL ? (size_t)(end - rest.data) : rest.len);
        html_text(out, line);
        buf_putc(out, '\n');
        rest = bytes_skip(rest, line.len + (end != NULL));
    }
    buf_puts(out, "</pre></details>");
    put_foot(out);
}

/* ---- extensionz, featurez ---- */

static void put_extension(const struct node *extension, void *arg)
{
    struct putting *x = arg;

    buf_puts(x->out, "<tr><td>");
    html_text(x->out, bytes_str(extension->id));
    buf_puts(x->out, "</td><td>");
    html_text(x->out, bytes_str(extension->component->summary));
    buf_puts(x->out, "</td>");
    put_health(x->out, x->host, health_worst(extension->health));
    buf_puts(x->out, "</tr>");
}

void zpages_put_extensionz(struct buf *out, const struct host *host)
{
    struct putting x = { .out = out, .host = host };

    put_head(out, "Extensions");
    buf_puts(out, "<table><tr><th>Extension</th><th>What it does</th><th>How it is</th></tr>");
    host->view->each_extension(host->view, put_extension, &x);
    buf_puts(out, "</table>");
    put_foot(out);
}

void zpages_put_featurez(struct buf *out)
{
    put_head(out, "Features");
    buf_puts(out, "<p>otelcd has no feature gates: what they switch in the Go collector is decided. "
                  "<code>--feature-gates</code> says so and does not start.</p>");
    put_foot(out);
}

/* ---- tracez ---- */

static void put_line(struct buf *out, const struct log_recent_line *l)
{
    buf_printf(out, "<tr%s><td class=\"n\">", l->level >= LOG_ERROR ? " class=\"bad\"" : "");
    html_time(out, l->wall);
    buf_printf(out, "</td><td>%s</td><td>", l->level >= LOG_ERROR ? "error" : "warn");
    html_text(out, bytes_of(l->text, l->len));
    buf_printf(out, "%s</td></tr>", l->cut ? " …" : "");
}

void zpages_put_tracez(struct buf *out, const struct host *host)
{
    const struct log_recent *recent = host->log->recent;
    const struct log_recent_line *line;

    put_head(out, "Traces");
    buf_printf(out,
               "<p>otelcd makes no spans of itself, so there are none to show. What went wrong lately is here instead: "
               "the last %u warnings and errors of its log, newest first.</p>",
               LOG_RECENT_MAX);
    if (recent == NULL || recent->total == 0) {
        buf_puts(out, "<p>There were none.</p>");
    } else {
        buf_puts(out, "<table><tr><th>When</th><th></th><th>What</th></tr>");
        for (size_t i = 0; (line = log_recent_line(recent, i)) != NULL; i++)
            put_line(out, line);
        buf_puts(out, "</table>");
    }
    put_foot(out);
}

/* ---- index, expvarz ---- */

void zpages_put_index(struct buf *out, const struct host *host, bool expvar)
{
    put_head(out, "otelcd");
    buf_puts(out, "<table>"
                  "<tr><td><a href=\"/debug/servicez\">servicez</a></td><td>program, process, memory</td></tr>"
                  "<tr><td><a href=\"/debug/pipelinez\">pipelinez</a></td><td>pipelines with their ledgers, components "
                  "with their state, the configuration</td></tr>"
                  "<tr><td><a href=\"/debug/extensionz\">extensionz</a></td><td>extensions</td></tr>"
                  "<tr><td><a href=\"/debug/featurez\">featurez</a></td><td>feature gates: there are none</td></tr>"
                  "<tr><td><a href=\"/debug/tracez\">tracez</a></td><td>the last warnings and errors</td></tr>");
    if (expvar)
        buf_puts(out, "<tr><td><a href=\"/debug/expvarz\">expvarz</a></td><td>memory, as JSON</td></tr>");
    buf_printf(out, "</table><p>otelcd %s</p>", host->version);
    put_foot(out);
}

/* Of Go's variables those that mean something here, by their names. */
void zpages_put_expvarz(struct buf *out)
{
    struct mallinfo2 heap = mallinfo2();

    buf_printf(out,
               "{\n\"cmdline\": [\"otelcd\"],\n\"memstats\": {\"Alloc\": %zu, \"HeapAlloc\": %zu, \"HeapSys\": %zu, "
               "\"Sys\": %" PRIu64 "}\n}\n",
               heap.uordblks + heap.hblkhd, heap.uordblks + heap.hblkhd, heap.arena + heap.hblkhd, process_rss());
}
