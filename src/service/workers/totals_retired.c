/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of ledgers whose worker is gone. A queue on disk is found by the worker that comes next, whose ledger
 * begins with all that it has counted: that is taken back here. What was only in memory is lost, and counted so. */
#include "service/workers/totals_inside.h"

#include "pipeline/ledger/ledger_metrics.h"

#include <string.h>

static bool has_label(const struct metric *m, const char *name, const char *value)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i].name, name) == 0)
            return strcmp(m->labels[i].value, value) == 0;
    return value[0] == '\0';
}

/* Of those that are gone: what counts that ledger by that name; of no reason ("") or of this one. */
static struct metric *find_retired(const struct totals *t, const struct told_ledger *l, const char *name,
                                   const char *reason)
{
    bool by_signal = strncmp(name, "otelcd_exporter_", 16) == 0;

    for (size_t i = 0; i < t->retired.families.n; i++) {
        const struct metric_family *f = t->retired.families.v[i];

        for (size_t k = 0; strcmp(f->row->name, name) == 0 && k < f->members.n; k++)
            if (has_label(f->members.v[k], l->kind, l->id) && has_label(f->members.v[k], "reason", reason) &&
                (!by_signal || has_label(f->members.v[k], "signal", signal_table[l->signal].name)))
                return f->members.v[k];
    }
    return NULL;
}

/* By how much another one of these labels counts the same. */
static void change_retired(const struct totals *t, const struct told_ledger *l, const char *name, const char *reason,
                           double by)
{
    struct metric *m = find_retired(t, l, name, reason);

    if (m != NULL)
        metric_set(m, m->value + by);
}

static const char *const sent_names[SIGNAL_COUNT][2] = {
    [SIGNAL_TRACES] = { "otelcol_exporter_sent_spans", "otelcol_exporter_send_failed_spans" },
    [SIGNAL_METRICS] = { "otelcol_exporter_sent_metric_points", "otelcol_exporter_send_failed_metric_points" },
    [SIGNAL_LOGS] = { "otelcol_exporter_sent_log_records", "otelcol_exporter_send_failed_log_records" },
    [SIGNAL_PROFILES] = { "otelcol_exporter_sent_profile_samples", "otelcol_exporter_send_failed_profile_samples" },
};

/* Its successor begins with what is on the disk: all but what was refused. */
void totals_withdraw(const struct totals *t, const struct told_ledger *l)
{
    change_retired(t, l, "otelcd_exporter_received_items", "", -(double)l->received);
    change_retired(t, l, "otelcd_exporter_delivered_items", "", -(double)l->delivered);
    change_retired(t, l, sent_names[l->signal][0], "", -(double)l->delivered);
}

void totals_withdraw_reason(const struct totals *t, const struct told_ledger *l, const struct told_reason *r)
{
    if (r->refused) {
        change_retired(t, l, "otelcd_exporter_received_items", "", (double)r->items);
        return;
    }
    change_retired(t, l, "otelcd_exporter_dropped_items", r->reason, -(double)r->items);
    change_retired(t, l, sent_names[l->signal][1], "", -(double)r->items);
}

void totals_count_lost(struct totals *t, const struct told_ledger *l)
{
    bool exporter = strcmp(l->kind, "exporter") == 0;
    const char *name = exporter ? "otelcd_exporter_dropped_items" : "otelcd_pipeline_dropped_items";
    struct metric_label labels[3] = { { totals_word(t, l->kind), l->id } };
    size_t n = 1, i = 0;

    while (ledger_metric_rows[i] != NULL && strcmp(ledger_metric_rows[i]->name, name) != 0)
        i++;
    if (exporter)
        labels[n++] = (struct metric_label){ "signal", signal_table[l->signal].name };
    labels[n++] = (struct metric_label){ "reason", totals_lost };
    metric_add(metrics_get(&t->retired, totals_row(t, ledger_metric_rows[i]), labels, n), l->held);
    if (exporter)
        change_retired(t, l, sent_names[l->signal][1], "", (double)l->held);
}
