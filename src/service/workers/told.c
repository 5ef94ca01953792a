/* SPDX-License-Identifier: Apache-2.0 */
/* Everything stands in words of eight bytes, a text as its length and then itself with NULs behind it, so that what is
 * read can be used in place. Each list begins with its length. */
#include "service/workers/told.h"

#include "base/mem.h"
#include "service/graph_build.h"
#include "service/own/own_source.h"

#include <string.h>

/* ---- writing ---- */

static void put_number(struct buf *out, uint64_t n)
{
    buf_append(out, &n, sizeof(n));
}

static void put_double(struct buf *out, double d)
{
    buf_append(out, &d, sizeof(d));
}

static void put_raw(struct buf *out, const void *data, size_t len)
{
    static const char padding[8];

    put_number(out, len);
    buf_append(out, data, len);
    buf_append(out, padding, 8 - len % 8);
}

static void put_text(struct buf *out, const char *text)
{
    put_raw(out, text, strlen(text));
}

/* A place for the length of the list that follows. */
static size_t begin_list(struct buf *out)
{
    put_number(out, 0);
    return out->len - 8;
}

static void end_list(struct buf *out, size_t at, uint64_t n)
{
    memcpy(out->data + at, &n, sizeof(n));
}

static void put_row(struct buf *out, const struct metric_row *row)
{
    put_text(out, row->name);
    put_text(out, row->unit);
    put_text(out, row->help);
    put_number(out, row->type);
    put_number(out, row->level);
    put_number(out, row->sum);
    put_number(out, row->n_bounds);
    for (size_t i = 0; i < row->n_bounds; i++)
        put_double(out, row->bounds[i]);
}

static void put_metric(struct buf *out, const struct metric *m)
{
    size_t n = m->n_labels < TOLD_LABELS ? m->n_labels : TOLD_LABELS;

    put_row(out, m->row);
    put_number(out, n);
    for (size_t i = 0; i < n; i++) {
        put_text(out, m->labels[i].name);
        put_text(out, m->labels[i].value);
    }
    put_double(out, m->value);
    put_number(out, m->count);
    for (size_t i = 0; m->row->type == METRIC_HISTOGRAM && i <= m->row->n_bounds; i++)
        put_number(out, m->buckets[i]);
}

static void put_metrics(struct buf *out, const struct metrics *all)
{
    size_t at = begin_list(out), n = 0;

    for (size_t i = 0; i < all->families.n; i++)
        for (size_t k = 0; k < all->families.v[i]->members.n; k++)
            if (all->families.v[i]->members.v[k]->touched) {
                put_metric(out, all->families.v[i]->members.v[k]);
                n++;
            }
    end_list(out, at, n);
}

static void put_reasons(struct buf *out, bool refused, const struct ledger_reasons *reasons)
{
    for (size_t i = 0; i < reasons->n; i++) {
        put_number(out, refused);
        put_text(out, reasons->v[i].reason);
        put_number(out, reasons->v[i].items);
    }
}

struct counting {
    struct buf *out;
    uint64_t n;
};

static void put_ledger(const struct ledger *l, void *arg)
{
    struct counting *c = arg;

    put_text(c->out, l->kind);
    put_text(c->out, l->id);
    put_number(c->out, l->signal);
    put_number(c->out, l->received);
    put_number(c->out, l->delivered);
    put_number(c->out, l->held);
    put_number(c->out, l->disk);
    put_number(c->out, l->refused.n + l->dropped.n);
    put_reasons(c->out, true, &l->refused);
    put_reasons(c->out, false, &l->dropped);
    c->n++;
}

static void put_client(struct buf *out, const struct client *c)
{
    put_raw(out, c, sizeof(*c));
    put_text(out, c->transport != NULL ? c->transport : "");
    put_text(out, c->protocol != NULL ? c->protocol : "");
    put_text(out, c->reason != NULL ? c->reason : "");
}

static void put_member(const struct node_member *m, void *arg)
{
    struct counting *c = arg;
    struct sender_fill fill = { 0 };

    if (m->sender != NULL)
        fill = sender_fill(m->sender);
    put_text(c->out, m->endpoint);
    put_text(c->out, m->state);
    put_raw(c->out, m->health, HEALTH_CAUSES * sizeof(*m->health));
    put_raw(c->out, &fill, m->sender != NULL ? sizeof(fill) : 0);
    put_text(c->out, m->sender != NULL ? fill.unit : "");
    c->n++;
}

static void put_members(struct buf *out, const struct node *n)
{
    struct counting c = { .out = out };
    size_t at;

    at = begin_list(out);
    if (n->each_member != NULL)
        n->each_member(n, put_member, &c);
    end_list(out, at, c.n);
}

static void put_node(struct buf *out, const struct graph_node *gn)
{
    const struct node *n = (const struct node *)(const void *)gn->memory;
    struct sender_fill fill = { 0 };

    put_number(out, n->component->kind);
    put_number(out, gn->from);
    put_number(out, gn->to);
    put_text(out, n->id);
    put_text(out, n->pipeline != NULL ? n->pipeline : "");
    put_raw(out, n->health, sizeof(n->health));
    if (n->sender != NULL)
        fill = sender_fill(n->sender);
    put_raw(out, &fill, n->sender != NULL ? sizeof(fill) : 0);
    put_text(out, n->peer != NULL ? n->peer : "");
    put_number(out, n->clients != NULL ? n->clients->forgotten : 0);
    put_members(out, n);
    put_number(out, n->clients != NULL ? n->clients->n : 0);
    for (size_t i = 0; n->clients != NULL && i < n->clients->n; i++)
        put_client(out, &n->clients->v[i]);
}

static void count_own(struct told_process *p, const struct graph *g)
{
    for (size_t i = 0; g != NULL && i < g->nodes.n; i++) {
        const struct node *n = (const struct node *)(const void *)g->nodes.v[i]->memory;

        if (n->component == &own_source && n->signal < SIGNAL_COUNT)
            p->own[n->signal] += own_source_waiting(n);
    }
}

void told_write(struct buf *out, const struct told_process *p, struct metrics *metrics, const struct graph *g)
{
    struct counting c = { .out = out };
    struct told_process process = *p;
    size_t at, n = 0;

    metrics_collect(metrics);
    count_own(&process, g);
    put_raw(out, &process, sizeof(process));
    put_metrics(out, metrics);
    at = begin_list(out);
    if (g != NULL)
        ledger_book_each(&g->host->ledgers, put_ledger, &c);
    end_list(out, at, c.n);
    at = begin_list(out);
    for (size_t i = 0; g != NULL && i < g->nodes.n; i++)
        if (!g->nodes.v[i]->config->own) {
            put_node(out, g->nodes.v[i]);
            n++;
        }
    end_list(out, at, n);
}

/* ---- reading ---- */

struct taking {
    struct bytes in;
    bool broken;
};

static const void *take_bytes(struct taking *t, size_t len)
{
    const void *at = t->in.data;

    if (len > t->in.len) {
        t->broken = true;
        return NULL;
    }
    t->in = bytes_skip(t->in, len);
    return at;
}

static uint64_t take_number(struct taking *t)
{
    const void *at = take_bytes(t, 8);
    uint64_t n = 0;

    if (at != NULL)
        memcpy(&n, at, sizeof(n));
    return n;
}

static double take_double(struct taking *t)
{
    uint64_t bits = take_number(t);
    double d;

    memcpy(&d, &bits, sizeof(d));
    return d;
}

static const void *take_raw(struct taking *t, size_t *len)
{
    uint64_t n = take_number(t);
    const void *at = n <= t->in.len ? take_bytes(t, n + 8 - n % 8) : NULL;

    t->broken |= at == NULL;
    *len = at != NULL ? (size_t)n : 0;
    return at;
}

static const char *take_text(struct taking *t)
{
    size_t len;
    const char *text = take_raw(t, &len);

    return text != NULL ? text : "";
}

static const void *take_array(struct taking *t, uint64_t n)
{
    return n <= t->in.len / 8 ? take_bytes(t, (size_t)n * 8) : take_bytes(t, SIZE_MAX);
}

static void take_metric(struct taking *t, const struct told_reader *r)
{
    struct told_metric m = { 0 };

    m.row.name = take_text(t);
    m.row.unit = take_text(t);
    m.row.help = take_text(t);
    m.row.type = (enum metric_type)take_number(t);
    m.row.level = (enum metric_level)take_number(t);
    m.row.sum = (enum metric_sum)take_number(t);
    m.row.n_bounds = take_number(t);
    m.row.bounds = take_array(t, m.row.n_bounds);
    m.n_labels = take_number(t);
    t->broken |= m.n_labels > TOLD_LABELS;
    for (size_t i = 0; !t->broken && i < m.n_labels; i++) {
        m.labels[i].name = take_text(t);
        m.labels[i].value = take_text(t);
    }
    m.value = take_double(t);
    m.count = take_number(t);
    if (m.row.type == METRIC_HISTOGRAM)
        m.buckets = take_array(t, m.row.n_bounds + 1);
    if (!t->broken && r->metric != NULL)
        r->metric(r->arg, &m);
}

static void take_ledger(struct taking *t, const struct told_reader *r)
{
    struct told_ledger l = { .kind = take_text(t) };

    l.id = take_text(t);
    l.signal = take_number(t);
    l.received = take_number(t);
    l.delivered = take_number(t);
    l.held = take_number(t);
    l.disk = take_number(t);
    l.n_reasons = take_number(t);
    t->broken |= l.signal >= SIGNAL_COUNT;
    if (!t->broken && r->ledger != NULL)
        r->ledger(r->arg, &l);
    for (size_t i = 0; !t->broken && i < l.n_reasons; i++) {
        struct told_reason reason = { .refused = take_number(t) != 0 };

        reason.reason = take_text(t);
        reason.items = take_number(t);
        if (!t->broken && r->reason != NULL)
            r->reason(r->arg, &l, &reason);
    }
}

static void take_client(struct taking *t, const struct told_node *n, const struct told_reader *r)
{
    struct client c = { 0 };
    size_t len;
    const void *raw = take_raw(t, &len);

    if (raw != NULL && len == sizeof(c))
        memcpy(&c, raw, sizeof(c));
    else
        t->broken = true;
    c.transport = take_text(t);
    c.protocol = take_text(t);
    c.reason = take_text(t);
    if (!t->broken && r->client != NULL)
        r->client(r->arg, n, &c);
}

static void take_member(struct taking *t, const struct told_node *n, const struct told_reader *r)
{
    struct told_member m = { .endpoint = take_text(t) };
    size_t len, fill;

    m.state = take_text(t);
    m.health = take_raw(t, &len);
    m.fill = take_raw(t, &fill);
    if (fill < sizeof(*m.fill))
        m.fill = NULL;
    m.unit = take_text(t);
    t->broken |= len != HEALTH_CAUSES * sizeof(*m.health);
    if (!t->broken && r->member != NULL)
        r->member(r->arg, n, &m);
}

/* What follows it belongs to it. */
static void take_node_head(struct taking *t, struct told_node *n)
{
    size_t health, fill;

    n->kind = take_number(t);
    n->from = take_number(t);
    n->to = take_number(t);
    n->id = take_text(t);
    n->pipeline = take_text(t);
    n->health = take_raw(t, &health);
    n->fill = take_raw(t, &fill);
    n->peer = take_text(t);
    n->forgotten = take_number(t);
    if (fill < sizeof(*n->fill))
        n->fill = NULL;
    t->broken |= health != HEALTH_CAUSES * sizeof(*n->health);
}

static void take_node(struct taking *t, const struct told_reader *r)
{
    struct told_node n = { 0 };
    uint64_t members, clients;

    take_node_head(t, &n);
    if (!t->broken && r->node != NULL)
        r->node(r->arg, &n);
    members = take_number(t);
    for (uint64_t i = 0; !t->broken && i < members; i++)
        take_member(t, &n, r);
    clients = take_number(t);
    for (uint64_t i = 0; !t->broken && i < clients; i++)
        take_client(t, &n, r);
}

static void take_list(struct taking *t, const struct told_reader *r,
                      void (*each)(struct taking *t, const struct told_reader *r))
{
    uint64_t n = take_number(t);

    for (uint64_t i = 0; !t->broken && i < n; i++)
        each(t, r);
}

bool told_read(struct bytes in, struct told_process *p, const struct told_reader *r)
{
    struct taking t = { .in = in };
    size_t len;
    const void *process = take_raw(&t, &len);

    if (process == NULL || len != sizeof(*p))
        return false;
    memcpy(p, process, sizeof(*p));
    take_list(&t, r, take_metric);
    take_list(&t, r, take_ledger);
    take_list(&t, r, take_node);
    return !t.broken;
}
