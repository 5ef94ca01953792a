/* SPDX-License-Identifier: Apache-2.0 */
/* The front: the process that was started, where others share the work (service::workers). It has the signals, the
 * page, the metrics, the doors (service/workers/doors.h), and a graph that does not run but shows what those of the
 * workers come to. A worker that dies is started again, after a while that doubles. */
#ifndef SERVICE_FRONT_H
#define SERVICE_FRONT_H

#include "pipeline/service_view.h"
#include "service/workers/doors.h"
#include "service/workers/totals.h"

struct service;
struct front;
struct config;

extern const struct metric_row *const worker_metric_rows[]; /* NULL-terminated */

/* How many processes are started: also those that have something to deliver, and are not wanted any more; 1: this one
 * alone. 0: that cannot be, and stderr has been told why. */
unsigned front_count_workers(const struct config *config);

/* From now on others share the work of `s`: what runs here only shows what they come to. */
void front_share(struct service *s, unsigned n, struct buf *config);

/* `n` workers, of which none is there yet. `config`: what they are going to be given (service/workers/worker_config.h),
 * the front's from now on. */
struct front *front_new(struct service *s, unsigned n, struct buf *config);
void front_free(struct front *f); /* after front_stop() has called back, or without any */

/* on_ready(s) when all of them run; service_stop_failed() when one does not start. */
void front_start(struct front *f);

/* All of them or none. `config` is the front's from now on. done(s, fault): fault "" when they have done it; else what
 * stood in the way, and they are as they were. */
void front_reload(struct front *f, struct buf *config, void (*done)(struct service *s, const char *fault));

/* They end until `deadline` (mono ns), and a little later whether they want to or not; done(s) then. */
void front_stop(struct front *f, uint64_t deadline, void (*done)(struct service *s));
void front_hurry(struct front *f);          /* what they are stopping, or what a reload waits for, has no time left */
void front_kill(struct front *f);           /* at once: the process ends */
int front_exit_code(const struct front *f); /* the worst of theirs */

/* Sockets that lead to the page of each worker that runs, as many as there are; at most `most`. The caller's. */
size_t front_dial(struct front *f, int *out, size_t most);

/* One to that inside door of a worker; -1: it does not run, or has none. */
int front_dial_one(struct front *f, unsigned number, const char *door);

struct metrics *front_metrics(struct front *f); /* those of all */

#endif
