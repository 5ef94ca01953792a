/* SPDX-License-Identifier: Apache-2.0 */
/* Each component is asked once, however many pipelines it is in, and so is each member of a tier. There are a few of
 * each; of all of them the newest are shown. */
#include "page/past_errors.h"

#include "base/log.h"
#include "base/vec.h"
#include "page/advice.h"
#include "page/html.h"
#include "page/node_set.h"
#include "page/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct past_error {
    const char *pipeline; /* the first that has the component */
    const struct node *node;
    const char *peer; /* NULL: it has none */
    const struct health_error *error;
    bool present; /* it fails with it now */
};

struct gathering {
    VEC(struct past_error) errors;
    struct node_set seen;
    const char *pipeline;
    const struct node *node;
};

/* What a member has said is what its component has to say. */
static bool is_of_member(const struct gathering *g, const char *reason)
{
    for (size_t i = 0; i < g->errors.n; i++)
        if (g->errors.v[i].node == g->node && strcmp(g->errors.v[i].error->reason, reason) == 0)
            return true;
    return false;
}

static void gather_errors(struct gathering *g, const struct health causes[HEALTH_CAUSES], const char *peer)
{
    const struct health_error *errors[HEALTH_CAUSES * HEALTH_ERRORS];
    size_t n = health_errors(causes, errors);

    for (size_t i = 0; i < n; i++) {
        bool present = false;

        if (causes == g->node->health && is_of_member(g, errors[i]->reason))
            continue;
        for (size_t c = 0; c < HEALTH_CAUSES; c++)
            present = present || (causes[c].state != HEALTH_OK && strcmp(errors[i]->reason, causes[c].reason) == 0);
        *vec_push(&g->errors) = (struct past_error){ g->pipeline, g->node, peer, errors[i], present };
    }
}

static void gather_member(const struct node_member *m, void *arg)
{
    gather_errors(arg, m->health, m->endpoint);
}

static void gather_pipeline(const struct view_pipeline *p, void *arg)
{
    struct gathering *g = arg;

    for (size_t i = 0; i < p->n_nodes; i++) {
        const struct node *node = p->nodes[i].node;

        if (!node_set_add(&g->seen, node))
            continue;
        g->pipeline = p->id;
        g->node = node;
        if (node->each_member != NULL)
            node->each_member(node, gather_member, g);
        gather_errors(g, node->health, node->peer);
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = ((const struct past_error *)a)->error->last, y = ((const struct past_error *)b)->error->last;

    return x < y ? 1 : x > y ? -1 : 0;
}

static void gather_all(struct gathering *g, const struct host *host)
{
    host->view->each_pipeline(host->view, gather_pipeline, g);
    if (g->errors.n > 1)
        qsort(g->errors.v, g->errors.n, sizeof(*g->errors.v), by_time);
}

static void free_gathering(struct gathering *g)
{
    vec_free(&g->errors);
    node_set_free(&g->seen);
}

/* ---- for a browser ---- */

static void put_row(struct buf *out, const struct host *host, const struct past_error *p)
{
    struct clock *clock = &host->loop->clock;
    const struct advice *advice = advice_for(bytes_str(p->error->reason));

    buf_puts(out, "<tr><td>");
    html_time(out, clock_wall(clock) - (clock_mono(clock) - p->error->last));
    buf_printf(out, "</td><td>%" PRIu64 "&times;</td><td>%s ", p->error->times, status_kinds[p->node->component->kind]);
    html_text(out, bytes_str(p->node->id));
    buf_puts(out, "</td><td>");
    html_text(out, bytes_str(p->peer != NULL ? p->peer : ""));
    buf_printf(out, "</td><td%s>", p->present ? " class=\"bad\"" : "");
    html_text(out, bytes_str(p->error->reason));
    if (advice != NULL && advice->todo[0] != '\0') {
        buf_puts(out, " <em>What to do: ");
        html_text(out, bytes_str(advice->todo));
        buf_puts(out, "</em>");
    }
    buf_puts(out, "</td></tr>");
}

void past_errors_put_html(struct buf *out, const struct host *host)
{
    struct gathering g = { 0 };

    gather_all(&g, host);
    buf_puts(out, "<section id=\"errors\"><h2>Last errors of components</h2>");
    if (g.errors.n == 0)
        buf_puts(out, "<p>none</p>");
    else
        buf_puts(out, "<div class=\"wide\"><table><tr><th>last</th><th>times</th><th>component</th><th>peer</th>"
                      "<th>what it said</th></tr>");
    for (size_t i = 0; i < g.errors.n && i < PAST_ERRORS_SHOWN; i++)
        put_row(out, host, &g.errors.v[i]);
    buf_puts(out, g.errors.n == 0 ? "</section>" : "</table></div></section>");
    free_gathering(&g);
}

/* ---- for a terminal ---- */

static void put_line(struct buf *out, const struct host *host, const struct past_error *p)
{
    buf_printf(out, "%s: %s ", p->pipeline, status_kinds[p->node->component->kind]);
    log_put_visible(out, bytes_str(p->node->id));
    buf_puts(out, " failed ");
    html_ago(out, clock_mono(&host->loop->clock), p->error->last);
    buf_printf(out, " ago (%" PRIu64 "x): ", p->error->times);
    log_put_visible(out, bytes_str(p->error->reason));
    buf_putc(out, '\n');
}

void past_errors_put_text(struct buf *out, const struct host *host)
{
    struct gathering g = { 0 };
    size_t n = 0;

    gather_all(&g, host);
    for (size_t i = 0; i < g.errors.n && n < PAST_ERRORS_SHOWN / 4; i++)
        if (!g.errors.v[i].present) {
            put_line(out, host, &g.errors.v[i]);
            n++;
        }
    free_gathering(&g);
}
