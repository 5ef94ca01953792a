/* SPDX-License-Identifier: Apache-2.0 */
/* The running graph: pipelines of nodes, made from a configuration, started and stopped in order.
 *
 * In front of every pipeline stands its entry, which books received items in the pipeline's ledger and gives the
 * first processor an ack of its own; in front of every exporter stands a gate, which does the same for the exporter's
 * ledger and keeps otelcol_exporter_sent/send_failed_*. A fan-out stands wherever one sender has several
 * receivers; it copies nothing. */
#ifndef PIPELINE_GRAPH_H
#define PIPELINE_GRAPH_H

#include "pipeline/component.h"

struct config; /* config/load.h */
struct graph;

int graph_build(struct graph **out, struct host *host, const struct config *config, struct error *err);

/* Exporters first, receivers last. On failure what was started is stopped by graph_stop as usual. */
int graph_start(struct graph *g, struct error *err);

/* Receivers first. done() when every node has stopped, at `deadline` (mono ns) at the latest; items still held
 * then are booked as dropped{shutdown}. */
void graph_stop(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg);

void graph_free(struct graph *g); /* after stop; every ledger has been logged by then */

/* Walk the ledgers: for /metrics and the shutdown log. */
void graph_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg);

#endif
