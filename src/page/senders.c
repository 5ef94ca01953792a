/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends, as JSON and on the page: a walk over the pipelines and the receivers in them, of which one that is in
 * several is met several times and counts once, and for each receiver over the clients that it remembers
 * (pipeline/clients.h). A client that was refused is shown with why, and with what to do about it (page/advice.h).
 *
 * What can go wrong: all texts are strangers'; they go through the writers of JSON and HTML, which escape them. There
 * are at most as many clients as a receiver remembers, and those that it has forgotten are counted. */
#include "page/senders.h"

#include "page/advice.h"
#include "page/html.h"
#include "page/node_set.h"
#include "pipeline/clients.h"
#include "pipeline/receiver_requests.h"

#include <inttypes.h>
#include <stdlib.h>

struct walk {
    struct json_writer *json;
    struct buf *out;
    const struct host *host;
    struct node_set met;
    size_t n_senders;
    void (*visit)(struct walk *w, const struct node *node);
};

static void on_pipeline(const struct view_pipeline *p, void *arg)
{
    struct walk *w = arg;

    for (size_t i = 0; i < p->n_nodes; i++) {
        const struct node *node = p->nodes[i].node;

        if (node->clients == NULL || !node_set_add(&w->met, node))
            continue;
        w->visit(w, node);
    }
}

static void visit_receivers(struct walk *w)
{
    w->host->view->each_pipeline(w->host->view, on_pipeline, w);
    node_set_free(&w->met);
}

static const struct advice *advice_on(const struct client *c)
{
    static const enum advice_about order[] = { ADVICE_REJECTED, ADVICE_BROKEN, ADVICE_REFUSED };
    const struct advice *a = NULL;

    for (size_t i = 0; i < ARRAY_LEN(order) && a == NULL && c->reason[0] != '\0'; i++)
        a = advice_of(order[i], bytes_str(c->reason));
    return a != NULL ? a : advice_for(bytes_str(c->error));
}

static double seconds_since(const struct walk *w, uint64_t then)
{
    uint64_t now = clock_mono(&w->host->loop->clock), ms = now > then ? (now - then) / NS_PER_MS : 0;

    return (double)ms / 1000;
}

/* ---- JSON ---- */

static void put_sender(struct walk *w, const struct client *c)
{
    const struct advice *a = c->erred != 0 ? advice_on(c) : NULL;

    json_begin(w->json, NULL, '{');
    json_write_text(w->json, "address", bytes_str(c->address));
    json_write_text(w->json, "user_agent", bytes_str(c->agent));
    json_write_text(w->json, "transport", bytes_str(c->transport));
    json_write_text(w->json, "protocol", bytes_str(c->protocol));
    json_write_uint(w->json, "requests", c->requests);
    json_write_uint(w->json, "refused", c->refused);
    json_write_double(w->json, "idle_seconds", seconds_since(w, c->last));
    if (c->has_time)
        json_write_double(w->json, "clock_ahead_seconds", (double)c->ahead);
    if (c->erred != 0) {
        json_write_double(w->json, "error_seconds", seconds_since(w, c->erred));
        json_write_text(w->json, "reason", bytes_str(c->reason));
        json_write_text(w->json, "error", bytes_str(c->error));
    }
    if (a != NULL)
        json_write_text(w->json, "advice", bytes_str(a->todo));
    json_end(w->json, '}');
}

static void put_receiver(struct walk *w, const struct node *node)
{
    json_begin(w->json, NULL, '{');
    json_write_text(w->json, "id", bytes_str(node->id));
    json_begin(w->json, "senders", '[');
    for (size_t i = 0; i < node->clients->n; i++)
        put_sender(w, &node->clients->v[i]);
    json_end(w->json, ']');
    json_write_uint(w->json, "forgotten", node->clients->forgotten);
    json_end(w->json, '}');
}

void senders_put(struct json_writer *json, const struct host *host)
{
    struct walk w = { .json = json, .host = host, .visit = put_receiver };

    json_begin(json, "receivers", '[');
    visit_receivers(&w);
    json_end(json, ']');
}

/* ---- HTML ---- */

static void put_error_cell(struct walk *w, const struct client *c)
{
    const struct advice *a = advice_on(c);
    uint64_t now = clock_mono(&w->host->loop->clock);

    buf_puts(w->out, "<td class=\"bad\">");
    html_ago(w->out, now, c->erred);
    buf_puts(w->out, " ago: ");
    html_text(w->out, bytes_str(c->error[0] != '\0' ? c->error : c->reason));
    if (a != NULL && a->todo[0] != '\0') {
        buf_puts(w->out, " <em>What to do: ");
        html_text(w->out, bytes_str(a->todo));
        buf_puts(w->out, "</em>");
    }
    buf_puts(w->out, "</td>");
}

static void put_clock_cell(struct buf *out, const struct client *c)
{
    bool odd = c->has_time && (c->ahead > TIME_AHEAD_MOST || c->ahead < -TIME_BEHIND_MOST);

    buf_puts(out, odd ? "<td class=\"bad\">" : "<td>");
    if (odd)
        html_ago(out, (uint64_t)llabs(c->ahead) * NS_PER_S, 0);
    buf_puts(out, !c->has_time ? "" : !odd ? "as ours" : c->ahead > 0 ? " ahead" : " behind, or late");
    buf_puts(out, "</td>");
}

static void put_row(struct walk *w, const struct node *node, const struct client *c)
{
    buf_puts(w->out, "<tr><td>");
    html_text(w->out, bytes_str(node->id));
    buf_puts(w->out, "</td><td>");
    html_text(w->out, bytes_str(c->address));
    buf_puts(w->out, "</td><td>");
    html_text(w->out, bytes_str(c->agent));
    buf_printf(w->out, "</td><td>%s</td><td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>",
               c->protocol[0] != '\0' ? c->protocol : c->transport, c->requests, c->refused);
    html_ago(w->out, clock_mono(&w->host->loop->clock), c->last);
    buf_puts(w->out, " ago</td>");
    put_clock_cell(w->out, c);
    if (c->erred != 0)
        put_error_cell(w, c);
    else
        buf_puts(w->out, "<td></td>");
    buf_puts(w->out, "</tr>");
}

static void put_rows(struct walk *w, const struct node *node)
{
    if (node->clients->n == 0) {
        buf_puts(w->out, "<tr><td>");
        html_text(w->out, bytes_str(node->id));
        buf_puts(w->out, "</td><td class=\"bad\" colspan=\"8\">nobody has sent anything yet</td></tr>");
    }
    for (size_t i = 0; i < node->clients->n; i++)
        put_row(w, node, &node->clients->v[i]);
}

static void count_receiver(struct walk *w, const struct node *node)
{
    (void)node;
    w->n_senders++;
}

void senders_put_html(struct buf *out, const struct host *host)
{
    struct walk w = { .out = out, .host = host, .visit = count_receiver };

    visit_receivers(&w);
    if (w.n_senders == 0)
        return;
    buf_puts(out, "<section id=\"senders\"><h2>Who sends</h2><div class=\"wide\"><table><thead><tr><th>receiver</th>"
                  "<th>address</th><th>user agent</th><th>protocol</th><th>requests</th><th>refused</th><th>last</th>"
                  "<th>clock</th><th>last refusal</th></tr></thead><tbody>");
    w.visit = put_rows;
    visit_receivers(&w);
    buf_puts(out, "</tbody></table></div></section>");
}
