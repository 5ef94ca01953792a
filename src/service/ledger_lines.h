/* SPDX-License-Identifier: Apache-2.0 */
/* What has become of every item, in the log, when a graph has stopped, and at the end of the process. */
#ifndef SERVICE_LEDGER_LINES_H
#define SERVICE_LEDGER_LINES_H

#include "base/log.h"
#include "pipeline/ledger_book.h"
#include "service/graph.h"

/* A line each ledger that `walk` (graph_ledgers) comes to, none of them sampled away: a warning where acknowledged
 * items are lost, an error where the sums are wrong. */
void ledger_lines_log(const struct graph *g,
                      void (*walk)(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg),
                      const struct logger *log);

/* The same of all ledgers of the last graph, each with what those before it have counted (pipeline/ledger_book.h). */
void ledger_lines_log_sums(const struct graph *g, const struct ledger_book *book, const struct logger *log);

#endif
