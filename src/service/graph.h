/* SPDX-License-Identifier: Apache-2.0 */
/* The running graph: pipelines of nodes, made from a configuration, started and stopped in order.
 *
 * In front of every pipeline stands a tap, which books received items in the pipeline's ledger and gives the
 * first processor an ack of its own; in front of every exporter stands a tap, which does the same for the exporter's
 * ledger and keeps otelcol_exporter_sent/send_failed_*. A fan-out stands wherever one sender has several
 * receivers; it copies nothing. */
#ifndef PIPELINE_GRAPH_H
#define PIPELINE_GRAPH_H

#include "pipeline/component.h"

struct config; /* service/config.h */
struct config_pipeline;
struct graph;

/* Whether that connector turns what comes in as `from` into `to`. */
bool connector_supports(const struct component *connector, enum signal from, enum signal to);

/* The process's exit code when something was still open at the end: a disk that does not answer, or a defect of otelcd;
 * the log says what. */
#define EXIT_CODE_OPEN 3

/* Every fault that graph_build would find in how pipelines and components are wired: signals that a component does not
 * carry, connectors with one end, cycles. Returns how many; each is handed to `fault`, with the pipeline where there
 * is one that it can be pinned to. */
size_t graph_check(const struct config *config,
                   void (*fault)(void *arg, const struct config_pipeline *pipeline, const char *text), void *arg);

/* Nothing is started; the config outlives the graph. The error names the first fault. */
int graph_build(struct graph **out, struct host *host, const struct config *config, struct error *err);

/* Exporters first, receivers last. On failure what was started is stopped by graph_stop as usual. */
int graph_start(struct graph *g, struct error *err);

/* Receivers first. done() when every node has stopped; what has not by `deadline` (mono ns) is named in the log, told
 * to stop at once, and a second later no longer waited for. Items still held then are booked as dropped{shutdown}.
 * A queue whose disk does not answer even then ends the process with EXIT_CODE_OPEN: what waits for it cannot be freed.
 */
void graph_stop(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg);

/* The deadline is now (a second signal). No effect unless stopping. */
void graph_hurry(struct graph *g);

void graph_free(struct graph *g); /* before start, or after done() */

/* Walk the ledgers: for /metrics and the shutdown log. */
void graph_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg);

#endif
