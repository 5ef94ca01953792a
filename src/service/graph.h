/* SPDX-License-Identifier: Apache-2.0 */
/* The running graph: pipelines of nodes, made from a configuration, started and stopped in order.
 *
 * In front of every pipeline stands a tap, which books received items in the pipeline's ledger and gives the
 * first processor an ack of its own; in front of every exporter stands a tap, which does the same for the exporter's
 * ledger and keeps otelcol_exporter_sent/send_failed_*. A fan-out stands wherever one sender has several
 * receivers; it copies nothing. */
#ifndef SERVICE_GRAPH_H
#define SERVICE_GRAPH_H

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

/* Nothing is started; the config outlives the graph. The error names the first fault.
 *
 * With a `previous` graph, one that runs, what is the same in both is going to stay, with its sockets, queues, series
 * and counters (reload/graph_keep.c). Until graph_take_over() the previous graph is not touched, and this one can be
 * stopped and freed. The previous graph outlives that moment. */
int graph_build(struct graph **out, struct host *host, const struct config *config, struct graph *previous,
                struct error *err);

/* Starts what can run beside that whose place it takes: all but receivers, extensions, and exporters with an address, a
 * file or a queue on disk. */
int graph_start_ahead(struct graph *g, struct error *err);

/* The moves of a reload: what is kept comes over from the previous graph, and what comes in goes the new ways. Batches
 * for an exporter that has not started wait. graph_leave() is due for the previous graph. */
void graph_take_over(struct graph *g);

void graph_tell_reload(struct graph *g); /* component.on_reload, of all that run */

/* Exporters first, receivers last; what runs already is left alone. On failure what was started is stopped by
 * graph_stop as usual. */
int graph_start(struct graph *g, struct error *err);

/* Of one that was taken over from: is there something to stop first, before the new one can start all of its own? */
bool graph_is_exclusive(const struct graph *g);

/* Receivers first. done() when every node has stopped; what has not by `deadline` (mono ns) is named in the log, told
 * to stop at once, and a second later no longer waited for. Items still held then are booked as dropped{shutdown}.
 * A queue whose disk does not answer even then ends the process with EXIT_CODE_OPEN: what waits for it cannot be freed.
 */
void graph_stop(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg);

/* The same for what a later graph has not taken over. Items that are still held after the deadline stay so, for who
 * holds them may be at work in the later graph: graph_is_idle() says when the last answer has come. */
void graph_leave(struct graph *g, uint64_t deadline, void (*done)(struct graph *, void *arg), void *arg);
/* What exporters of `g`, which leaves, hold in memory goes to those of the same id and signal in `to`. */
void graph_hand_over(struct graph *g, const struct graph *to);
bool graph_is_idle(const struct graph *g);
void graph_end_durable(
    struct graph *g); /* its queues on disk are somebody else's: nobody counts them for it any more */
/* What is held is booked as dropped{shutdown}: graph_free follows. Ends the process where a node that has not stopped
 * waits for what does not answer (component.h, blocked_on). */
void graph_give_up(struct graph *g);

/* The deadline is now (a second signal). No effect unless stopping. */
void graph_hurry(struct graph *g);

void graph_free(struct graph *g); /* before start, or after done(); of one that leaves, when it is idle or given up */

/* Walk the ledgers: for /metrics and the shutdown log. */
void graph_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg);
/* With workers: those that they have, and those of otelcd's own telemetry, which the front has. */
void graph_shared_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg);
void graph_own_ledgers(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg);
/* The same one by one, to be changed: those of a mirror are. *own: it is of otelcd's own telemetry. NULL: that pipeline
 * has none. */
size_t graph_ledger_count(const struct graph *g);
struct ledger *graph_ledger_at(const struct graph *g, size_t i, bool *own);

#endif
