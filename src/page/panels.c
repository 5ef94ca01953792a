/* SPDX-License-Identifier: Apache-2.0 */
/* One section behind the other. The log is shown twice: by kind, which is its message, with the newest of each; then
 * line by line. */
#include "page/panels.h"

#include "base/log_recent.h"
#include "page/advice.h"
#include "page/explorer.h"
#include "page/html.h"
#include "page/past_errors.h"
#include "page/senders.h"

#include <inttypes.h>
#include <string.h>

#define HISTOGRAMS_SHOWN 32u

struct putting {
    struct buf *out;
    const struct host *host;
    size_t n;
};

/* ---- reloads ---- */

static void put_reloads(struct putting *x)
{
    const struct view_reload *r = &x->host->view->reload;

    buf_puts(x->out, "<section id=\"reloads\"><h2>Reloads</h2>");
    if (r->under_way)
        buf_puts(x->out, "<p>one is under way</p>");
    if (r->at == 0) {
        buf_puts(x->out, "<p>none since the start</p></section>");
        return;
    }
    buf_printf(x->out, "<p>%" PRIu64 " since the start, %" PRIu64 " of them changed nothing; the last, ", r->n,
               r->failed);
    html_time(x->out, r->at);
    if (r->fault[0] == '\0') {
        buf_puts(x->out, ", was done</p></section>");
        return;
    }
    buf_puts(x->out, ", changed nothing, and the configuration before goes on:</p><p class=\"bad\">");
    html_text(x->out, bytes_str(r->fault));
    buf_puts(x->out, "</p></section>");
}

/* ---- the configuration ---- */

static void put_warning(const struct fault *f, void *arg)
{
    struct putting *x = arg;

    if (x->n++ == 0)
        buf_puts(x->out, "<section id=\"warnings\"><h2>Warnings of the configuration</h2><ul class=\"log\">");
    buf_puts(x->out, "<li><code>");
    html_text(x->out, bytes_str(f->file));
    buf_printf(x->out, ":%d:%d</code> <strong>", f->line, f->column);
    html_text(x->out, bytes_str(f->path));
    buf_puts(x->out, "</strong> ");
    html_text(x->out, bytes_str(f->text));
    buf_puts(x->out, "</li>");
}

static void put_warnings(struct putting *x)
{
    x->n = 0;
    x->host->view->each_warning(x->host->view, put_warning, x);
    if (x->n > 0)
        buf_puts(x->out, "</ul></section>");
}

/* ---- latencies ---- */

static void put_seconds(struct buf *out, double s)
{
    if (s >= 1)
        buf_printf(out, "%.3g s", s);
    else if (s >= 0.001)
        buf_printf(out, "%.3g ms", s * 1000);
    else
        buf_printf(out, "%.3g µs", s * 1e6);
}

/* Not more than this part of them took longer than what is put. */
static void put_quantile(struct buf *out, const struct metric *m, double part)
{
    uint64_t below = 0;

    for (size_t i = 0; i < m->row->n_bounds; i++) {
        below += m->buckets[i];
        if ((double)below >= part * (double)m->count) {
            buf_puts(out, "≤ ");
            put_seconds(out, m->row->bounds[i]);
            return;
        }
    }
    buf_puts(out, "&gt; ");
    put_seconds(out, m->row->bounds[m->row->n_bounds - 1]);
}

static void put_buckets(struct buf *out, const struct metric *m)
{
    buf_puts(out, "<table>");
    for (size_t i = 0; i <= m->row->n_bounds; i++) {
        if (m->buckets[i] == 0)
            continue;
        buf_puts(out, i < m->row->n_bounds ? "<tr><td>≤ " : "<tr><td>&gt; ");
        put_seconds(out, m->row->bounds[i < m->row->n_bounds ? i : i - 1]);
        buf_printf(out,
                   "</td><td>%" PRIu64 "</td><td><meter min=\"0\" max=\"%" PRIu64 "\" value=\"%" PRIu64
                   "\"></meter></td></tr>",
                   m->buckets[i], m->count, m->buckets[i]);
    }
    buf_puts(out, "</table>");
}

static void put_histogram(struct buf *out, const struct metric *m)
{
    buf_printf(out, "<details><summary>%s", m->row->name);
    for (size_t i = 0; i < m->n_labels; i++) {
        buf_printf(out, " %s=", m->labels[i].name);
        html_text(out, bytes_str(m->labels[i].value));
    }
    buf_printf(out, ": %" PRIu64 ", half ", m->count);
    put_quantile(out, m, 0.5);
    buf_puts(out, ", 99 % ");
    put_quantile(out, m, 0.99);
    buf_puts(out, "</summary><p>");
    html_text(out, bytes_str(m->row->help));
    buf_puts(out, "</p>");
    put_buckets(out, m);
    buf_puts(out, "</details>");
}

static bool is_time(const struct metric_family *f)
{
    return f->row->type == METRIC_HISTOGRAM && f->row->n_bounds > 0 && strcmp(f->row->unit, "s") == 0;
}

static void put_latencies(struct putting *x)
{
    const struct metrics *all = host_shown(x->host);
    size_t n = 0;

    buf_puts(x->out, "<section id=\"latencies\"><h2>How long things take</h2><p>the loop was busy for ");
    put_seconds(x->out, (double)x->host->loop->longest / 1e9);
    buf_puts(x->out, " in one go at the most, ");
    put_seconds(x->out, (double)x->host->loop->longest_cpu / 1e9);
    buf_puts(x->out, " of it on a processor</p>");
    for (size_t i = 0; i < all->families.n; i++) {
        const struct metric_family *f = all->families.v[i];

        for (size_t k = 0; is_time(f) && k < f->members.n; k++)
            if (f->members.v[k]->touched && f->members.v[k]->count > 0 && n++ < HISTOGRAMS_SHOWN)
                put_histogram(x->out, f->members.v[k]);
    }
    buf_puts(x->out, "</section>");
}

/* ---- the log ---- */

/* Its message: what stands before its fields. */
static struct bytes kind_of(const struct log_recent_line *l)
{
    const uint8_t *fields = memmem(l->text, l->len, " {\"", 3);

    return bytes_of(l->text, fields != NULL ? (size_t)(fields - l->text) : l->len);
}

static void put_line(struct buf *out, const struct log_recent_line *line)
{
    html_time(out, line->wall);
    buf_printf(out, "</time> %s <code>", line->level >= LOG_ERROR ? "error" : "warn");
    html_text(out, bytes_of(line->text, line->len));
    buf_printf(out, "%s</code>", line->cut ? "…" : "");
}

/* The newest of its kind, with how many there are. */
static void put_kind(struct buf *out, const struct log_recent *recent, size_t at)
{
    const struct log_recent_line *line = log_recent_line(recent, at), *other;
    struct bytes kind = kind_of(line);
    const struct advice *advice = advice_for(bytes_of(line->text, line->len));
    size_t n = 1;

    for (size_t i = 0; i < at; i++)
        if (bytes_equal(kind_of(log_recent_line(recent, i)), kind))
            return;
    for (size_t i = at + 1; (other = log_recent_line(recent, i)) != NULL; i++)
        n += bytes_equal(kind_of(other), kind);
    buf_printf(out, "<li><b>%zu&times;</b> <time>", n);
    put_line(out, line);
    if (advice != NULL && advice->todo[0] != '\0') {
        buf_puts(out, " <em>What to do: ");
        html_text(out, bytes_str(advice->todo));
        buf_puts(out, "</em>");
    }
    buf_puts(out, "</li>");
}

static void put_log(struct putting *x)
{
    const struct log_recent *recent = x->host->log->recent;
    const struct log_recent_line *line;

    buf_puts(x->out, "<section id=\"log\"><h2>Last warnings and errors, by kind</h2><ul class=\"log\">");
    if (recent == NULL || recent->total == 0) {
        buf_puts(x->out, "<li>none</li></ul></section>");
        return;
    }
    for (size_t i = 0; log_recent_line(recent, i) != NULL; i++)
        put_kind(x->out, recent, i);
    buf_puts(x->out, "</ul><details><summary>Line by line</summary><ul class=\"log\">");
    for (size_t i = 0; (line = log_recent_line(recent, i)) != NULL; i++) {
        buf_puts(x->out, "<li><time>");
        put_line(x->out, line);
        buf_puts(x->out, "</li>");
    }
    buf_puts(x->out, "</ul></details></section>");
}

void panels_put(struct buf *out, const struct host *host)
{
    struct putting x = { .out = out, .host = host };

    past_errors_put_html(out, host);
    senders_put_html(out, host);
    explorer_put_html(out, host);
    put_latencies(&x);
    put_reloads(&x);
    put_warnings(&x);
    put_log(&x);
}
