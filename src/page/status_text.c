/* SPDX-License-Identifier: Apache-2.0 */
/* The state in lines for a terminal: two walks over the pipelines, first for who fails and who did, then for the
 * ledgers. What others wrote is made visible on the way. */
#include "base/log.h"
#include "page/advice.h"
#include "page/html.h"
#include "page/past_errors.h"
#include "page/status.h"
#include "queue/sender.h"

#include <inttypes.h>
#include <unistd.h>

#define MIB (1024.0 * 1024.0)

struct putting {
    struct buf *out;
    const struct host *host;
};

static void put_head(struct putting *x)
{
    const struct service_view *v = x->host->view;
    struct view_total b;

    status_total(x->host, &b);
    buf_printf(x->out, "otelcd %s (pid %ld) is %s, for ", x->host->version, (long)getpid(), status_phases[v->phase]);
    html_ago(x->out, clock_wall(&x->host->loop->clock), v->started);
    buf_printf(x->out, "; %.1f MiB resident, the budget has %.1f", (double)b.resident / MIB, (double)b.used / MIB);
    if (b.limit != UINT64_MAX)
        buf_printf(x->out, " of %.1f", (double)b.limit / MIB);
    buf_printf(x->out, " MiB in use%s\n", status_is_well(x->host) ? STATUS_WELL : ", not all is well");
    for (size_t i = 0; i < b.n_workers; i++)
        buf_printf(x->out,
                   "worker %u (pid %ld) is %s: %" PRIu64
                   " connections, %.1f MiB resident, %.1f s of processor, started "
                   "again %" PRIu64 " times\n",
                   b.workers[i].number, b.workers[i].pid, b.workers[i].state, b.workers[i].connections,
                   (double)b.workers[i].resident / MIB, b.workers[i].cpu, b.workers[i].restarts);
}

static void put_failure(struct putting *x, const char *pipeline, const struct node *node)
{
    const struct health *h = health_worst(node->health);
    const struct advice *advice;

    if (h->state == HEALTH_OK)
        return;
    buf_printf(x->out, "%s: %s ", pipeline, status_kinds[node->component->kind]);
    log_put_visible(x->out, bytes_str(node->id));
    buf_printf(x->out, " %s for ", h->state == HEALTH_PERMANENT ? "is refused" : "fails");
    html_ago(x->out, clock_mono(&x->host->loop->clock), h->since);
    buf_printf(x->out, " (%" PRIu64 " in a row): ", h->failures);
    log_put_visible(x->out, bytes_str(h->reason));
    advice = advice_for(bytes_str(h->reason));
    if (advice != NULL && advice->todo[0] != '\0')
        buf_printf(x->out, "\n    what to do: %s", advice->todo);
    buf_putc(x->out, '\n');
}

static void put_reload(struct putting *x)
{
    const struct view_reload *r = &x->host->view->reload;

    if (r->fault[0] == '\0')
        return;
    buf_puts(x->out, "the last reload, ");
    html_ago(x->out, clock_wall(&x->host->loop->clock), r->at);
    buf_puts(x->out, " ago, changed nothing: ");
    log_put_visible(x->out, bytes_str(r->fault));
    buf_putc(x->out, '\n');
}

static void put_failures(const struct view_pipeline *p, void *arg)
{
    for (size_t i = 0; i < p->n_nodes; i++)
        put_failure(arg, p->id, p->nodes[i].node);
}

static void put_reasons(struct buf *out, const char *what, const struct ledger_reasons *reasons)
{
    for (size_t i = 0; i < reasons->n; i++)
        buf_printf(out, "  %s %s %" PRIu64, what, reasons->v[i].reason, reasons->v[i].items);
}

static void put_ledger(struct buf *out, const char *indent, const char *name, const struct ledger *l)
{
    buf_printf(out, "%s%-*s", indent, 32 - (int)(indent[0] == ' ' ? 2 : 0), name);
    buf_printf(out, " %14" PRIu64 " %14" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64, l->received, l->delivered,
               l->held, ledger_reasons_total(&l->refused), ledger_reasons_total(&l->dropped));
    put_reasons(out, "refused", &l->refused);
    put_reasons(out, "dropped", &l->dropped);
}

static void put_queue(struct buf *out, const struct sender *sender)
{
    struct sender_fill fill = sender_fill(sender);

    buf_printf(out, "  queue %" PRIu64, fill.size);
    if (fill.capacity != UINT64_MAX)
        buf_printf(out, " of %" PRIu64, fill.capacity);
    buf_printf(out, " %s%s", fill.unit, fill.on_disk ? " on disk" : "");
    if (fill.requests == 0)
        return;
    buf_puts(out, ", oldest ");
    html_ago(out, fill.age, 0);
}

static void put_member(const struct node_member *m, void *arg)
{
    struct buf *out = arg;
    const struct health *h = health_worst(m->health);

    buf_printf(out, "    %s %s", m->endpoint, m->state);
    if (m->sender != NULL)
        put_queue(out, m->sender);
    if (h->state != HEALTH_OK)
        buf_printf(out, "  %s: %s", status_state_name(h->state), h->reason);
    buf_putc(out, '\n');
}

static void put_exporter(struct buf *out, const struct view_node *n)
{
    put_ledger(out, "  ", n->node->id, n->ledger);
    if (n->node->sender != NULL)
        put_queue(out, n->node->sender);
    buf_putc(out, '\n');
    if (n->node->each_member != NULL)
        n->node->each_member(n->node, put_member, out);
}

static void put_pipeline(const struct view_pipeline *p, void *arg)
{
    struct putting *x = arg;

    put_ledger(x->out, "", p->id, p->ledger);
    buf_putc(x->out, '\n');
    for (size_t i = 0; i < p->n_nodes; i++)
        if (p->nodes[i].ledger != NULL)
            put_exporter(x->out, &p->nodes[i]);
}

void status_put_text(struct buf *out, const struct host *host)
{
    struct putting x = { out, host };

    put_head(&x);
    put_reload(&x);
    host->view->each_pipeline(host->view, put_failures, &x);
    past_errors_put_text(out, host);
    buf_printf(out, "%-32s %14s %14s %10s %10s %10s\n", "PIPELINE, exporters", "RECEIVED", "DELIVERED", "HELD",
               "REFUSED", "DROPPED");
    host->view->each_pipeline(host->view, put_pipeline, &x);
}
