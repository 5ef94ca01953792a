/* SPDX-License-Identifier: Apache-2.0 */
/* One look at each that makes series. All names and values are strangers'. */
#include "page/explorer.h"

#include "codec/json_write.h"
#include "page/html.h"
#include "prom/series/series_top.h"

#include <inttypes.h>

/* ---- JSON ---- */

static void put_entries(struct json_writer *w, const char *key, const char *unit, const struct series_top_entry *v,
                        size_t n)
{
    json_begin(w, key, '[');
    for (size_t i = 0; i < n; i++) {
        json_begin(w, NULL, '{');
        json_write_text(w, "name", v[i].name);
        json_write_uint(w, unit, (uint64_t)v[i].value);
        json_end(w, '}');
    }
    json_end(w, ']');
}

static void put_look(const struct series_top_look *l, void *arg)
{
    struct json_writer *w = arg;

    json_begin(w, NULL, '{');
    json_write_text(w, l->whose.name, bytes_str(l->whose.value));
    put_entries(w, "largest_metrics", "series", l->metrics, l->n_metrics);
    put_entries(w, "largest_labels", "values", l->labels, l->n_labels);
    put_entries(w, "growing_labels", "gained", l->growing, l->n_growing);
    json_write_double(w, "growing_seconds", l->growing_seconds);
    json_begin(w, "newest_series", '[');
    for (size_t i = 0; i < l->n_newest; i++)
        json_write_text(w, NULL, l->newest[i]);
    json_end(w, ']');
    json_end(w, '}');
}

void explorer_put(struct buf *out, const struct host *host)
{
    struct json_writer w = { .out = out };

    json_begin(&w, NULL, '{');
    json_begin(&w, "series", '[');
    series_top_each(clock_mono(&host->loop->clock), put_look, &w);
    json_end(&w, ']');
    json_end(&w, '}');
}

/* ---- HTML ---- */

struct section {
    struct buf *out;
    size_t n;
};

static void put_list(struct buf *out, const char *title, const struct series_top_entry *v, size_t n)
{
    buf_printf(out, "<div><h4>%s</h4><table>", title);
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, "<tr><td>");
        html_text(out, v[i].name);
        buf_printf(out, "</td><td>%" PRIu64 "</td></tr>", (uint64_t)v[i].value);
    }
    buf_puts(out, n == 0 ? "<tr><td>none</td></tr></table></div>" : "</table></div>");
}

static void put_holder(const struct series_top_look *l, void *arg)
{
    struct section *s = arg;

    if (s->n++ == 0)
        buf_puts(s->out, "<section id=\"series\"><h2>Series</h2>");
    buf_printf(s->out, "<h3>%s ", l->whose.name);
    html_text(s->out, bytes_str(l->whose.value));
    buf_puts(s->out, "</h3><div class=\"lists\">");
    put_list(s->out, "Largest metrics, by series", l->metrics, l->n_metrics);
    put_list(s->out, "Labels with most values", l->labels, l->n_labels);
    put_list(s->out, "Labels that gain values now", l->growing, l->n_growing);
    buf_puts(s->out, "</div><details><summary>Newest series</summary><ul class=\"log\">");
    for (size_t i = 0; i < l->n_newest; i++) {
        buf_puts(s->out, "<li><code>");
        html_text(s->out, l->newest[i]);
        buf_puts(s->out, "</code></li>");
    }
    buf_puts(s->out, "</ul></details>");
}

void explorer_put_html(struct buf *out, const struct host *host)
{
    struct section s = { .out = out };

    series_top_each(clock_mono(&host->loop->clock), put_holder, &s);
    if (s.n > 0)
        buf_puts(out, "</section>");
}
