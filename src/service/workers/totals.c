/* SPDX-License-Identifier: Apache-2.0 */
/* What workers tell, summed up. totals_begin() sets all to what the front process and those that are gone have;
 * totals_add() then goes through what one worker tells, and adds each metric by its row's rule, each ledger to that of
 * the mirror, each node's health, queue and clients. Rows and words come with what is told, and are kept, each once:
 * they are as many as otelcd has of them. When a worker has ended, totals_retire() takes what counts on of it into what
 * is kept, so that no counter falls.
 *
 * What can go wrong: what is told cannot be read: false. A row whose type or bounds differ from those that are known is
 * left out, for its values cannot be added. */
#include "service/workers/totals_inside.h"

#include "base/mem.h"
#include "base/unconst.h"
#include "service/graph_build.h"
#include "service/workers/health_join.h"

#include <stdlib.h>
#include <string.h>

const char totals_lost[] = "worker_died";

struct adding {
    struct totals *t;
    struct graph *mirror;
    bool retiring;
    bool gone;
};

/* ---- rows and words ---- */

const char *totals_word(struct totals *t, const char *word)
{
    for (size_t i = 0; i < t->words.n; i++)
        if (strcmp(t->words.v[i], word) == 0)
            return t->words.v[i];
    return *vec_push(&t->words) = mem_strdup(word);
}

const struct metric_row *totals_row(struct totals *t, const struct metric_row *row)
{
    struct metric_row *kept;
    double *bounds;

    for (size_t i = 0; i < t->known.n; i++)
        if (strcmp(t->known.v[i]->name, row->name) == 0)
            return t->known.v[i];
    for (size_t i = 0; i < t->front->families.n; i++)
        if (strcmp(t->front->families.v[i]->row->name, row->name) == 0)
            return *vec_push(&t->known) = t->front->families.v[i]->row;
    kept = mem_alloc(sizeof(*kept));
    *kept = *row;
    kept->name = totals_word(t, row->name);
    kept->unit = totals_word(t, row->unit);
    kept->help = totals_word(t, row->help);
    bounds = mem_alloc((row->n_bounds + 1) * sizeof(*bounds));
    for (size_t i = 0; i < row->n_bounds; i++)
        bounds[i] = row->bounds[i];
    kept->bounds = bounds;
    *vec_push(&t->rows) = kept;
    return *vec_push(&t->known) = kept;
}

/* ---- metrics ---- */

static void add_value(struct metric *to, double value)
{
    enum metric_sum how = to->row->sum;

    if (!to->touched || (how == SHOW_MOST && value > to->value) || (how == SHOW_LEAST && value < to->value))
        to->value = value;
    else if (how != SHOW_MOST && how != SHOW_LEAST)
        to->value += value;
    to->touched = true;
}

static void add_counts(struct metric *to, uint64_t count, const uint64_t *buckets)
{
    to->count += count;
    for (size_t i = 0; buckets != NULL && i <= to->row->n_bounds; i++)
        to->buckets[i] += buckets[i];
}

static void add_metrics(struct totals *t, const struct metrics *from, bool of_front)
{
    for (size_t i = 0; i < from->families.n; i++)
        for (size_t k = 0; k < from->families.v[i]->members.n; k++) {
            const struct metric *m = from->families.v[i]->members.v[k];
            struct metric *sum;

            if (!m->touched || (of_front && m->row->sum == SHOW_WORKERS))
                continue;
            sum = metrics_get(&t->merged, totals_row(t, m->row), m->labels, m->n_labels);
            add_value(sum, m->value);
            add_counts(sum, m->count, m->buckets);
        }
}

static void clear_metrics(struct metrics *m)
{
    for (size_t i = 0; i < m->families.n; i++)
        for (size_t k = 0; k < m->families.v[i]->members.n; k++) {
            struct metric *x = m->families.v[i]->members.v[k];

            x->touched = false;
            x->value = 0;
            x->count = 0;
            if (x->buckets != NULL)
                memset(x->buckets, 0, (x->row->n_bounds + 1) * sizeof(*x->buckets));
        }
}

/* Gauges are of who lives; but ledgers have to sum. */
static bool is_over(const struct adding *a, const struct metric_row *row)
{
    if (row->type != METRIC_GAUGE)
        return false;
    return a->retiring || (a->gone && strcmp(row->name, "otelcd_pipeline_held_items") != 0 &&
                           strcmp(row->name, "otelcd_exporter_held_items") != 0);
}

static void on_metric(void *arg, const struct told_metric *m)
{
    const struct adding *a = arg;
    const struct metric_row *row = totals_row(a->t, &m->row);
    struct metric_label labels[TOLD_LABELS];
    struct metric *sum;

    if (row->sum == SHOW_FRONT || row->n_bounds != m->row.n_bounds || row->type != m->row.type || is_over(a, row))
        return;
    for (size_t i = 0; i < m->n_labels; i++)
        labels[i] = (struct metric_label){ totals_word(a->t, m->labels[i].name), m->labels[i].value };
    sum = metrics_get(a->retiring ? &a->t->retired : &a->t->merged, row, labels, m->n_labels);
    add_value(sum, m->value);
    add_counts(sum, m->count, m->buckets);
}

/* ---- ledgers ---- */

static bool is_wanted(const struct ledger *l, const struct told_ledger *wanted)
{
    return (uint64_t)l->signal == wanted->signal && strcmp(l->kind, wanted->kind) == 0 &&
           strcmp(l->id, wanted->id) == 0;
}

/* The i-th that workers have; NULL: it is none. */
static struct ledger *shared_ledger(const struct graph *mirror, size_t i)
{
    bool own;
    struct ledger *l = graph_ledger_at(mirror, i, &own);

    return own ? NULL : l;
}

static struct ledger *find_mirrored(const struct graph *mirror, const struct told_ledger *wanted)
{
    for (size_t i = 0; mirror != NULL && i < graph_ledger_count(mirror); i++) {
        struct ledger *l = shared_ledger(mirror, i);

        if (l != NULL && is_wanted(l, wanted))
            return l;
    }
    return NULL;
}

static struct ledger *find_ledger(const struct adding *a, const struct told_ledger *wanted)
{
    struct totals *t = a->t;
    struct ledger *made;

    if (!a->retiring)
        return find_mirrored(a->mirror, wanted);
    for (size_t i = 0; i < t->ledgers.n; i++)
        if (is_wanted(t->ledgers.v[i], wanted))
            return t->ledgers.v[i];
    made = *vec_push(&t->ledgers) = mem_zalloc(sizeof(*made));
    ledger_init(made, totals_word(t, wanted->kind), wanted->id, (enum signal)wanted->signal);
    return made;
}

static void add_reason(struct ledger_reasons *to, const char *reason, uint64_t items)
{
    size_t i = 0;

    while (i < to->n && strcmp(to->v[i].reason, reason) != 0)
        i++;
    if (i == to->n)
        *vec_push(to) = (struct ledger_reason){ .reason = reason };
    to->v[i].items += items;
}

/* One on a disk is found there by who comes next, with all that it has counted. */
static bool is_left_out(const struct adding *a, const struct told_ledger *l)
{
    return a->retiring && l->disk != 0;
}

static void on_ledger(void *arg, const struct told_ledger *told)
{
    const struct adding *a = arg;
    struct ledger *l;

    if (is_left_out(a, told)) {
        totals_withdraw(a->t, told);
        return;
    }
    l = find_ledger(a, told);
    if (l == NULL)
        return;
    if (a->retiring && told->held > 0)
        totals_count_lost(a->t, told);
    l->disk |= told->disk;
    l->received += told->received;
    l->delivered += told->delivered;
    if (!a->retiring)
        l->held += told->held;
    else if (told->held > 0)
        add_reason(&l->dropped, totals_lost, told->held);
}

static void on_reason(void *arg, const struct told_ledger *told, const struct told_reason *r)
{
    const struct adding *a = arg;
    struct ledger *l;

    if (is_left_out(a, told)) {
        totals_withdraw_reason(a->t, told, r);
        return;
    }
    l = find_ledger(a, told);
    if (l != NULL)
        add_reason(r->refused ? &l->refused : &l->dropped, totals_word(a->t, r->reason), r->items);
}

/* It begins with what those that are gone have counted. */
static void clear_ledger(const struct totals *t, struct ledger *l)
{
    l->received = l->delivered = l->held = 0;
    l->refused.n = l->dropped.n = 0;
    for (size_t i = 0; i < t->ledgers.n; i++) {
        const struct ledger *gone = t->ledgers.v[i];

        if (gone->signal != l->signal || strcmp(gone->kind, l->kind) != 0 || strcmp(gone->id, l->id) != 0)
            continue;
        l->received = gone->received;
        l->delivered = gone->delivered;
        for (size_t k = 0; k < gone->refused.n; k++)
            add_reason(&l->refused, gone->refused.v[k].reason, gone->refused.v[k].items);
        for (size_t k = 0; k < gone->dropped.n; k++)
            add_reason(&l->dropped, gone->dropped.v[k].reason, gone->dropped.v[k].items);
    }
}

/* ---- nodes ---- */

static struct node *find_node(const struct graph *g, const struct told_node *told)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        struct graph_node *gn = real_node(g->nodes.v[i]);
        struct node *n = node_of(gn);

        if (n->component->kind == (enum component_kind)told->kind && gn->from == (enum signal)told->from &&
            gn->to == (enum signal)told->to && strcmp(n->id, told->id) == 0 &&
            strcmp(n->pipeline != NULL ? n->pipeline : "", told->pipeline) == 0)
            return n;
    }
    return NULL;
}

void totals_add_fill(struct sender_fill *sum, const struct sender_fill *fill)
{
    sum->size += fill->size;
    if (sum->capacity != UINT64_MAX)
        sum->capacity = fill->capacity == UINT64_MAX ? UINT64_MAX : sum->capacity + fill->capacity;
    sum->requests += fill->requests;
    sum->items += fill->items;
    sum->bytes += fill->bytes;
    sum->age = fill->age > sum->age ? fill->age : sum->age;
}

static void add_fill(struct node *n, const struct sender_fill *fill)
{
    struct sender_fill sum = sender_fill(n->sender);

    totals_add_fill(&sum, fill);
    sender_tell(n->sender, &sum);
}

static struct client *find_client(struct clients *all, const struct client *c)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->v[i].address, c->address) == 0 && strcmp(all->v[i].agent, c->agent) == 0 &&
            strcmp(all->v[i].transport, c->transport) == 0)
            return &all->v[i];
    return NULL;
}

static void new_client(struct totals *t, struct clients *all, const struct client *c)
{
    struct client *to;

    if (all->n == CLIENTS_MOST) {
        all->forgotten++;
        return;
    }
    if (all->v == NULL)
        all->v = mem_zalloc(CLIENTS_MOST * sizeof(*all->v));
    to = &all->v[all->n++];
    *to = *c;
    to->transport = totals_word(t, c->transport);
    to->protocol = totals_word(t, c->protocol);
    to->reason = totals_word(t, c->reason);
}

static void add_client(struct totals *t, struct clients *all, const struct client *c)
{
    struct client *to = find_client(all, c);

    if (to == NULL) {
        new_client(t, all, c);
        return;
    }
    to->requests += c->requests;
    to->refused += c->refused;
    to->last = c->last > to->last ? c->last : to->last;
    if (c->erred > to->erred) {
        to->erred = c->erred;
        to->reason = totals_word(t, c->reason);
        memcpy(to->error, c->error, sizeof(to->error));
    }
}

static struct node *shown_node(const struct adding *a, const struct told_node *told)
{
    struct node *n = a->mirror != NULL && !a->retiring && !a->gone ? find_node(a->mirror, told) : NULL;

    return n != NULL && n->component->spread != SPREAD_FRONT ? n : NULL;
}

static void on_node(void *arg, const struct told_node *told)
{
    const struct adding *a = arg;
    struct node *n = shown_node(a, told);

    if (n == NULL)
        return;
    if (told->peer[0] != '\0')
        n->peer = totals_word(a->t, told->peer);
    for (size_t i = 0; i < HEALTH_CAUSES; i++)
        health_join(&n->health[i], &told->health[i]);
    if (n->sender != NULL && told->fill != NULL)
        add_fill(n, told->fill);
    if (n->clients != NULL)
        n->clients->forgotten += told->forgotten;
}

static void on_member(void *arg, const struct told_node *told, const struct told_member *m)
{
    const struct adding *a = arg;
    struct node *n = shown_node(a, told);

    if (n != NULL)
        totals_add_member(a->t, n, m);
}

static void on_client(void *arg, const struct told_node *told, const struct client *c)
{
    const struct adding *a = arg;
    struct node *n = shown_node(a, told);

    if (n != NULL && n->clients != NULL)
        add_client(a->t, n->clients, c);
}

static void clear_node(struct graph_node *gn)
{
    struct node *n = node_of(gn);
    struct sender_fill none;

    if (n->component->spread == SPREAD_FRONT || gn->config->own)
        return;
    memset(n->health, 0, sizeof(n->health));
    if (n->sender != NULL) {
        none = sender_fill(n->sender);
        none.size = none.requests = none.items = none.bytes = none.age = 0;
        none.capacity = none.capacity == UINT64_MAX ? UINT64_MAX : 0;
        sender_tell(n->sender, &none);
    }
    if (n->clients != NULL)
        n->clients->n = n->clients->forgotten = n->clients->latest = 0;
}

/* ---- */

void totals_init(struct totals *t, struct metrics *front)
{
    *t = (struct totals){ .front = front };
    metrics_init(&t->merged);
    metrics_init(&t->retired);
    metrics_init(&t->idle);
}

void totals_free(struct totals *t)
{
    metrics_free(&t->merged);
    metrics_free(&t->retired);
    metrics_free(&t->idle);
    for (size_t i = 0; i < t->ledgers.n; i++) {
        ledger_free(t->ledgers.v[i]);
        free(t->ledgers.v[i]);
    }
    vec_free(&t->ledgers);
    totals_clear_members(t);
    vec_free(&t->members);
    for (size_t i = 0; i < t->rows.n; i++) {
        free_const(t->rows.v[i]->bounds);
        free(t->rows.v[i]);
    }
    vec_free(&t->rows);
    vec_free(&t->known);
    for (size_t i = 0; i < t->words.n; i++)
        free(t->words.v[i]);
    vec_free(&t->words);
}

void totals_begin(struct totals *t, struct graph *mirror)
{
    clear_metrics(&t->merged);
    totals_clear_members(t);
    metrics_collect(t->front);
    add_metrics(t, t->front, true);
    add_metrics(t, &t->retired, false);
    t->process = t->gone;
    if (mirror == NULL)
        return;
    for (size_t i = 0; i < graph_ledger_count(mirror); i++) {
        struct ledger *l = shared_ledger(mirror, i);

        if (l != NULL)
            clear_ledger(t, l);
    }
    for (size_t i = 0; i < mirror->nodes.n; i++)
        clear_node(real_node(mirror->nodes.v[i]));
}

void totals_take_gone(struct told_process *sum, const struct told_process *p)
{
    sum->cpu += p->cpu;
    sum->refusals += p->refusals;
}

void totals_take(struct totals *t, const struct told_process *p)
{
    struct told_process *sum = &t->process;

    sum->resident += p->resident;
    sum->used += p->used;
    sum->peak += p->peak;
    sum->limit += p->limit;
    sum->refusals += p->refusals;
    sum->connections += p->connections;
    sum->cpu += p->cpu;
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sum->signals[i] += p->signals[i];
}

static const struct told_reader reading = { on_metric, on_ledger, on_reason, on_node, on_member, on_client, NULL };

bool totals_add(struct totals *t, struct graph *mirror, struct bytes told, bool gone, struct told_process *p)
{
    struct adding a = { .t = t, .mirror = mirror, .gone = gone };
    struct told_reader r = reading;

    r.arg = &a;
    *p = (struct told_process){ 0 };
    return told.len > 0 && told_read(told, p, &r);
}

void totals_retire(struct totals *t, struct bytes told)
{
    struct adding a = { .t = t, .retiring = true };
    struct told_reader r = reading;
    struct told_process p;

    r.arg = &a;
    if (told.len == 0 || !told_read(told, &p, &r))
        return;
    totals_take_gone(&t->gone, &p);
}
