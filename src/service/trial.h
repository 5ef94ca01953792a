/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration at work without a network and without waiting: for `otelcd test` and `otelcd ottl`.
 *
 * Processors and connectors are the real ones, on a graph as the service builds it. Receivers take what they are given
 * by trial_send(), exporters keep what comes to them, extensions are left out. Time stands still at 2023-11-14
 * 22:13:20 UTC until trial_advance() moves it. */
#ifndef SERVICE_TRIAL_H
#define SERVICE_TRIAL_H

#include "otlp/batch.h"
#include "service/config.h"

struct trial;

enum trial_answer {
    TRIAL_WAITING, /* there is none yet */
    TRIAL_ACCEPTED,
    TRIAL_REJECTED, /* or a part of it was */
    TRIAL_RETRY,
};

/* What the receiver would tell its client. */
struct trial_verdict {
    enum trial_answer answer;
    uint64_t rejected; /* items */
    char why[200];     /* "" where nothing was said */
};

/* How the peer of an exporter is. */
enum trial_peer {
    TRIAL_PEER_WELL,
    TRIAL_PEER_UNREACHABLE, /* each attempt fails for now */
    TRIAL_PEER_REFUSING,    /* each attempt is refused for good */
    TRIAL_PEER_PARTIAL,     /* of each attempt it takes the first items and refuses the others for good */
};

/* A running graph of the configuration, which has no fault and is the trial's to change until trial_free(); it must be
 * used for nothing else afterwards. Warnings and errors are logged to `log`. NULL with *err: it does not start.
 * `queues`: exporters keep and try again as they are configured, on disk or not as if it were in memory; else all that
 * comes to them has come out. */
struct trial *trial_new(struct config *config, bool queues, struct log_sink *log, struct error *err);

/* Stops it and forgets what is left. */
void trial_free(struct trial *t);

/* The receiver (by its id) gets the batch, whose reference is taken over, and all that can happen without time passing
 * has happened. False: it has no pipeline of that signal. *verdict is valid until trial_free() and may still change. */
bool trial_send(struct trial *t, const char *receiver, struct batch *batch, const struct trial_verdict **verdict);

void trial_advance(struct trial *t, uint64_t ns);

/* As the daemon stops: what processors hold is handed on, if it can be before service::shutdown_timeout is over.
 * Nothing can be sent afterwards. */
void trial_stop(struct trial *t);

/* A request's bytes into a batch for trial_send(); false: they are none, *err says why. */
bool trial_batch(struct trial *t, enum signal signal, struct bytes wire, struct batch **batch, struct error *err);

/* Take the oldest batch that came to the exporter and was not taken yet; NULL: there is none. */
struct batch *trial_take(struct trial *t, const char *exporter, enum signal signal);

/* The peer of that exporter, for all its signals, is so for `ns` from now on, 0: until another word. `takes`: PARTIAL.
 */
void trial_set_peer(struct trial *t, const char *exporter, enum trial_peer is, uint64_t takes, uint64_t ns);

/* The attempts that were made at it so far, and its own ledger; 0 and NULL: there is no such exporter. */
uint64_t trial_attempts(const struct trial *t, const char *exporter, enum signal signal);
const struct ledger *trial_exporter_ledger(const struct trial *t, const char *exporter, enum signal signal);

struct budget *trial_budget(struct trial *t);
uint64_t trial_wall(struct trial *t); /* the time now, ns since 1970 */

/* The ledger of a pipeline by its id, or NULL. */
const struct ledger *trial_ledger(const struct trial *t, const char *pipeline);

#endif
