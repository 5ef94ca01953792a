/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers on /metrics: otelcd_pipeline_*_items and otelcd_exporter_*_items, and the Go collector's
 * otelcol_exporter_sent_* and otelcol_exporter_send_failed_*, which are columns of an exporter's ledger.
 *
 * The numbers are copied before each collection, all columns at one moment, so every scrape sums. A ledger's numbers
 * are added to what an earlier ledger of the same labels had counted: counters go on across a reload. */
#ifndef PIPELINE_LEDGER_METRICS_H
#define PIPELINE_LEDGER_METRICS_H

#include "pipeline/ledger_book.h"

/* All rows, NULL-terminated; for the reference. */
extern const struct metric_row *const ledger_metric_rows[];

struct ledger_metrics;

/* Both outlive it. */
struct ledger_metrics *ledger_metrics_new(struct metrics *metrics, struct ledger_book *book);

/* Show this ledger from now on; received, delivered and held at once, with 0. It is at work in the book as long. */
void ledger_metrics_add(struct ledger_metrics *m, struct ledger *ledger);

/* Of one that is shown by `from`: `m` goes on with it. False: it was not. */
bool ledger_metrics_move(struct ledger_metrics *m, struct ledger_metrics *from, struct ledger *ledger);

/* Copies the final numbers of those that are on disk, and looks at them no more: another ledger begins with what is
 * there. */
void ledger_metrics_end_durable(struct ledger_metrics *m);

/* Copies the final numbers (nothing is held any more), and no ledger is looked at again. */
void ledger_metrics_free(struct ledger_metrics *m);

#endif
