/* SPDX-License-Identifier: Apache-2.0 */
/* collect() runs before each scrape and gives every metric what its ledger's column has grown since the last time; a
 * reason's metric is made when the reason first shows.
 *
 * Ledgers come and go with a reload, metrics stay. So a ledger adds its growth instead of setting the number. One whose
 * items are on disk takes back at its end what it holds (leave_held), and one that begins with what is on a disk adds
 * what is more than the last one there has added (go_on). So a metric is what ledger_book_sum() says. */
#include "pipeline/ledger/ledger_metrics.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The five columns, for either kind of ledger. */
struct columns {
    struct metric_row received, delivered, held, refused, dropped;
};

static const struct columns pipeline_rows = {
    METRIC_ROW("otelcd_pipeline_received_items", METRIC_COUNTER, "{item}", "Items that came into the pipeline."),
    METRIC_ROW("otelcd_pipeline_delivered_items", METRIC_COUNTER, "{item}",
               "Items that every exporter of the pipeline has accepted: delivered, or taken into its queue."),
    METRIC_ROW("otelcd_pipeline_held_items", METRIC_GAUGE, "{item}", "Items inside the pipeline, not settled yet."),
    METRIC_ROW("otelcd_pipeline_refused_items", METRIC_COUNTER, "{item}",
               "Items that were not taken, and the sender was told."),
    METRIC_ROW("otelcd_pipeline_dropped_items", METRIC_COUNTER, "{item}",
               "Items that were taken, then lost or left out on purpose."),
};

static const struct columns exporter_rows = {
    METRIC_ROW("otelcd_exporter_received_items", METRIC_COUNTER, "{item}", "Items that came to the exporter."),
    METRIC_ROW("otelcd_exporter_delivered_items", METRIC_COUNTER, "{item}", "Items that the exporter has delivered."),
    METRIC_ROW("otelcd_exporter_held_items", METRIC_GAUGE, "{item}", "Items inside the exporter, not settled yet."),
    METRIC_ROW("otelcd_exporter_refused_items", METRIC_COUNTER, "{item}",
               "Items that the exporter did not take, and the pipeline was told."),
    METRIC_ROW("otelcd_exporter_dropped_items", METRIC_COUNTER, "{item}",
               "Items that the exporter took, then lost or left out on purpose."),
};

#define SENT(items, words, unit)                                                                                       \
    {                                                                                                                  \
        METRIC_ROW("otelcol_exporter_sent_" items, METRIC_COUNTER, "{item}",                                           \
                   "Number of " words " successfully sent to destination."),                                           \
            METRIC_ROW("otelcol_exporter_send_failed_" items, METRIC_COUNTER, "{item}",                                \
                       "Number of " words " in failed attempts to send to destination.")                               \
    }

static const struct {
    struct metric_row sent, failed;
} sent_rows[SIGNAL_COUNT] = SIGNAL_ITEM_ROWS(SENT);

const struct metric_row *const ledger_metric_rows[] = {
    &pipeline_rows.received,
    &pipeline_rows.delivered,
    &pipeline_rows.held,
    &pipeline_rows.refused,
    &pipeline_rows.dropped,
    &exporter_rows.received,
    &exporter_rows.delivered,
    &exporter_rows.held,
    &exporter_rows.refused,
    &exporter_rows.dropped,
    &sent_rows[SIGNAL_TRACES].sent,
    &sent_rows[SIGNAL_TRACES].failed,
    &sent_rows[SIGNAL_METRICS].sent,
    &sent_rows[SIGNAL_METRICS].failed,
    &sent_rows[SIGNAL_LOGS].sent,
    &sent_rows[SIGNAL_LOGS].failed,
    &sent_rows[SIGNAL_PROFILES].sent,
    &sent_rows[SIGNAL_PROFILES].failed,
    NULL,
};

/* A number of the ledger that grows, and how much of it the metric has been given. */
struct shown {
    struct metric *metric;
    uint64_t given;
};

typedef VEC(struct shown) shown_list;

struct shown_ledger {
    struct ledger *ledger;
    const struct columns *rows;
    struct metric_label labels[3]; /* the last is the reason's */
    size_t n_labels;               /* without the reason */
    struct shown received, delivered, sent, failed;
    struct metric *held;
    uint64_t held_given;
    bool gone_on; /* with what was on its disk */
    shown_list refused, dropped;
};

struct ledger_metrics {
    struct metrics *metrics;
    struct ledger_book *book;
    struct metric_hook hook;
    VEC(struct shown_ledger *) ledgers;
};

static void take_back(struct metric *x, uint64_t n)
{
    if (x != NULL)
        metric_set(x, x->value - (double)n);
}

/* What was withdrawn is given back: another ledger of these labels has it. */
static void give_counter(struct shown *s, uint64_t now)
{
    if (now >= s->given)
        metric_add(s->metric, now - s->given);
    else
        take_back(s->metric, s->given - now);
    s->given = now;
}

static struct metric *reason_metric(struct ledger_metrics *m, struct shown_ledger *l, const struct metric_row *row,
                                    const char *reason)
{
    l->labels[l->n_labels] = (struct metric_label){ "reason", reason };
    return metrics_get(m->metrics, row, l->labels, l->n_labels + 1);
}

/* The i-th of a ledger's reasons, which are only ever added at the end. */
static struct shown *get_reason(struct ledger_metrics *m, struct shown_ledger *l, const struct metric_row *row,
                                const char *reason, shown_list *list, size_t i)
{
    if (i == list->n)
        *vec_push(list) = (struct shown){ .metric = reason_metric(m, l, row, reason) };
    return &list->v[i];
}

static void give_reasons(struct ledger_metrics *m, struct shown_ledger *l, const struct metric_row *row,
                         const struct ledger_reasons *reasons, shown_list *list)
{
    for (size_t i = 0; i < reasons->n; i++)
        give_counter(get_reason(m, l, row, reasons->v[i].reason, list, i), reasons->v[i].items);
}

static void get_exporter(struct ledger_metrics *m, struct shown_ledger *l)
{
    const struct ledger *ledger = l->ledger;
    struct metric_label labels[1 + LEDGER_LABELS] = { l->labels[0] };

    for (size_t i = 0; i < ledger->n_labels; i++)
        labels[1 + i] = ledger->labels[i];
    l->sent.metric = metrics_get(m->metrics, &sent_rows[ledger->signal].sent, labels, 1 + ledger->n_labels);
    l->failed.metric = metrics_get(m->metrics, &sent_rows[ledger->signal].failed, labels, 1 + ledger->n_labels);
}

/* The sent and failed counts appear with the first item, as in the Go collector. */
static void give_exporter(struct ledger_metrics *m, struct shown_ledger *l)
{
    uint64_t failed = ledger_reasons_total(&l->ledger->refused) + ledger_reasons_total(&l->ledger->dropped);

    if (l->ledger->received == 0)
        return;
    if (l->sent.metric == NULL)
        get_exporter(m, l);
    give_counter(&l->sent, l->ledger->delivered);
    give_counter(&l->failed, failed);
}

static uint64_t reason_items(const struct ledger_reasons *reasons, const char *reason)
{
    for (size_t i = 0; i < reasons->n; i++)
        if (strcmp(reasons->v[i].reason, reason) == 0)
            return reasons->v[i].items;
    return 0;
}

/* What the last one on this disk has left was given by that one. */
static void go_on(struct ledger_metrics *m, struct shown_ledger *l)
{
    const struct ledger *left = ledger_book_left(m->book, l->ledger);

    if (l->gone_on || l->ledger->disk == 0)
        return;
    l->gone_on = true;
    if (left == NULL)
        return;
    l->received.given += left->received;
    l->delivered.given += left->delivered;
    l->sent.given += left->delivered;
    l->failed.given += ledger_reasons_total(&left->dropped);
    for (size_t i = 0; i < l->ledger->dropped.n; i++) {
        const char *reason = l->ledger->dropped.v[i].reason;

        get_reason(m, l, &l->rows->dropped, reason, &l->dropped, i)->given += reason_items(&left->dropped, reason);
    }
}

static void show_ledger(struct ledger_metrics *m, struct shown_ledger *l)
{
    go_on(m, l);
    give_counter(&l->received, l->ledger->received);
    give_counter(&l->delivered, l->ledger->delivered);
    /* During a reload two ledgers can have these labels: each adds its share. */
    metric_set(l->held, l->held->value + (double)l->ledger->held - (double)l->held_given);
    l->held_given = l->ledger->held;
    give_reasons(m, l, &l->rows->refused, &l->ledger->refused, &l->refused);
    give_reasons(m, l, &l->rows->dropped, &l->ledger->dropped, &l->dropped);
    if (l->rows == &exporter_rows)
        give_exporter(m, l);
}

static void collect(struct metric_hook *hook)
{
    struct ledger_metrics *m = container_of(hook, struct ledger_metrics, hook);

    for (size_t i = 0; i < m->ledgers.n; i++)
        show_ledger(m, m->ledgers.v[i]);
}

struct ledger_metrics *ledger_metrics_new(struct metrics *metrics, struct ledger_book *book)
{
    struct ledger_metrics *m = mem_zalloc(sizeof(*m));

    m->metrics = metrics;
    m->book = book;
    m->hook.collect = collect;
    metrics_hook(metrics, &m->hook);
    return m;
}

void ledger_metrics_add(struct ledger_metrics *m, struct ledger *ledger)
{
    struct shown_ledger *l = mem_zalloc(sizeof(*l));
    bool exporter = strcmp(ledger->kind, "exporter") == 0;

    l->ledger = ledger;
    l->rows = exporter ? &exporter_rows : &pipeline_rows;
    l->labels[l->n_labels++] = (struct metric_label){ ledger->kind, ledger->id };
    if (exporter)
        l->labels[l->n_labels++] = (struct metric_label){ "signal", signal_table[ledger->signal].name };
    l->received.metric = metrics_get(m->metrics, &l->rows->received, l->labels, l->n_labels);
    l->delivered.metric = metrics_get(m->metrics, &l->rows->delivered, l->labels, l->n_labels);
    l->held = metrics_get(m->metrics, &l->rows->held, l->labels, l->n_labels);
    *vec_push(&m->ledgers) = l;
    ledger_book_add(m->book, ledger);
    show_ledger(m, l);
}

/* It is nobody's, until another ledger begins with it. */
static void leave_held(struct shown_ledger *l)
{
    take_back(l->received.metric, l->ledger->held);
    take_back(l->held, l->ledger->held);
}

bool ledger_metrics_move(struct ledger_metrics *m, struct ledger_metrics *from, struct ledger *ledger)
{
    for (size_t i = 0; i < from->ledgers.n; i++) {
        if (from->ledgers.v[i]->ledger != ledger)
            continue;
        *vec_push(&m->ledgers) = from->ledgers.v[i];
        from->ledgers.v[i] = from->ledgers.v[--from->ledgers.n];
        return true;
    }
    return false;
}

static void end_ledger(struct ledger_metrics *m, size_t i)
{
    struct shown_ledger *l = m->ledgers.v[i];

    if (l->ledger->disk != 0)
        leave_held(l);
    ledger_book_end(m->book, l->ledger);
    vec_free(&l->refused);
    vec_free(&l->dropped);
    free(l);
    m->ledgers.v[i] = m->ledgers.v[--m->ledgers.n];
}

void ledger_metrics_end_durable(struct ledger_metrics *m)
{
    collect(&m->hook);
    for (size_t i = m->ledgers.n; i-- > 0;)
        if (m->ledgers.v[i]->ledger->disk != 0)
            end_ledger(m, i);
}

void ledger_metrics_free(struct ledger_metrics *m)
{
    collect(&m->hook);
    metrics_unhook(m->metrics, &m->hook);
    while (m->ledgers.n > 0)
        end_ledger(m, m->ledgers.n - 1);
    vec_free(&m->ledgers);
    free(m);
}
