/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon: configuration, loop, own telemetry and graph, from the first line of the log to the last.
 *
 * SIGTERM and SIGINT stop it: receivers first, what is held is handed on, at most service::shutdown_timeout long. A
 * second one of these cuts that short (a second is left to close what is open), a third ends the process on the spot.
 * SIGHUP reads the configuration anew: with a fault in it the old one runs on and the log names every fault; else the
 * old graph is stopped as above and the new one started. If that does not start, the old one is started again. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "service/config.h"
#include "service/graph.h"

/* The process's exit codes; EXIT_CODE_OPEN is the graph's. */
#define EXIT_CODE_OK 0     /* ended by a signal, in order */
#define EXIT_CODE_FAILED 1 /* the configuration has faults, or something did not start; the log or stderr says what */

/* Runs until a signal ends it; returns the exit code. `watch`: a change of a configuration's file is a SIGHUP. */
int service_run(const struct config_sources *sources, const struct component *const *registry, bool watch);

/* A process that works for one that was started with service::workers: the command line `otelcd worker`, which only
 * that one writes. */
int service_work(const struct component *const *registry);

#endif
