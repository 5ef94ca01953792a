/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side of service/workers/front.h: a service whose configuration, callers and orders come from the front,
 * and which says to that how it is. Signals have no effect on it. When the front dies it ends at once. */
#ifndef SERVICE_WORKER_H
#define SERVICE_WORKER_H

#include "service/graph.h"
#include "service/workers/worker_config.h"

struct service;
struct worker;

/* Waits for what the front gives at first. NULL: there is no front; stderr has been told. */
struct worker *worker_new(void);
const struct worker_config *worker_config(const struct worker *w);
unsigned worker_number(const struct worker *w);

/* From now on it listens to the front, and `s` has its callers from there. */
void worker_join(struct worker *w, struct service *s);
/* It listens no more, for the loop is about to close: done(s) when that is so. */
void worker_leave(struct worker *w, void (*done)(struct service *s));
void worker_free(struct worker *w);

void worker_say_running(struct worker *w); /* at first, and after each reload */
void worker_say_failed(struct worker *w, const char *text);
/* Numbers. `last`: they do not change any more. */
void worker_tell(struct worker *w, const struct graph *g, bool last);

#endif
