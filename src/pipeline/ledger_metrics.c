/* SPDX-License-Identifier: Apache-2.0 */
/* collect() runs before each scrape and gives every metric what its ledger's column has grown since the last time; a
 * reason's metric is made when the reason first shows.
 *
 * Ledgers come and go with a reload, metrics stay. So a ledger adds its growth instead of setting the number, and one
 * whose items are on disk takes back at its end what its successor will count again (withdraw_ledger). */
#include "pipeline/ledger_metrics.h"

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

struct shown_ledger {
    struct ledger *ledger;
    const struct columns *rows;
    struct metric_label labels[3]; /* the last is the reason's */
    size_t n_labels;               /* without the reason */
    struct shown received, delivered, sent, failed;
    struct metric *held;
    uint64_t held_given;
    VEC(struct shown) refused;
    VEC(struct shown) dropped;
};

struct ledger_metrics {
    struct metrics *metrics;
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

/* Reasons are only ever added to a ledger, at the end. */
#define GIVE_REASONS(m, l, column)                                                                                     \
    do {                                                                                                               \
        for (size_t i_ = 0; i_ < (l)->ledger->column.n; i_++) {                                                        \
            if (i_ == (l)->column.n)                                                                                   \
                *vec_push(&(l)->column) = (struct shown){                                                              \
                    .metric = reason_metric((m), (l), &(l)->rows->column, (l)->ledger->column.v[i_].reason),           \
                };                                                                                                     \
            give_counter(&(l)->column.v[i_], (l)->ledger->column.v[i_].items);                                         \
        }                                                                                                              \
    } while (0)

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

static void show_ledger(struct ledger_metrics *m, struct shown_ledger *l)
{
    give_counter(&l->received, l->ledger->received);
    give_counter(&l->delivered, l->ledger->delivered);
    /* During a reload two ledgers can have these labels: each adds its share. */
    metric_set(l->held, l->held->value + (double)l->ledger->held - (double)l->held_given);
    l->held_given = l->ledger->held;
    GIVE_REASONS(m, l, refused);
    GIVE_REASONS(m, l, dropped);
    if (l->rows == &exporter_rows)
        give_exporter(m, l);
}

static void collect(struct metric_hook *hook)
{
    struct ledger_metrics *m = container_of(hook, struct ledger_metrics, hook);

    for (size_t i = 0; i < m->ledgers.n; i++)
        show_ledger(m, m->ledgers.v[i]);
}

struct ledger_metrics *ledger_metrics_new(struct metrics *metrics)
{
    struct ledger_metrics *m = mem_zalloc(sizeof(*m));

    m->metrics = metrics;
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
    show_ledger(m, l);
}

/* The ledger that takes this one's place begins with all that is on disk: it is not to be counted twice. */
static void withdraw_ledger(struct shown_ledger *l)
{
    uint64_t dropped = ledger_reasons_total(&l->ledger->dropped);

    take_back(l->received.metric, l->ledger->received - ledger_reasons_total(&l->ledger->refused));
    take_back(l->delivered.metric, l->ledger->delivered);
    take_back(l->held, l->ledger->held);
    take_back(l->sent.metric, l->ledger->delivered);
    take_back(l->failed.metric, dropped);
    for (size_t i = 0; i < l->dropped.n; i++)
        take_back(l->dropped.v[i].metric, l->dropped.v[i].given);
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

    if (l->ledger->durable)
        withdraw_ledger(l);
    vec_free(&l->refused);
    vec_free(&l->dropped);
    free(l);
    m->ledgers.v[i] = m->ledgers.v[--m->ledgers.n];
}

void ledger_metrics_end_durable(struct ledger_metrics *m)
{
    collect(&m->hook);
    for (size_t i = m->ledgers.n; i-- > 0;)
        if (m->ledgers.v[i]->ledger->durable)
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
