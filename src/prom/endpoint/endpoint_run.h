/* SPDX-License-Identifier: Apache-2.0 */
/* One scrape on its way to a peer: an exposition, perhaps compressed, handed to the request in slices.
 *
 * Between two slices the loop turns. When the peer reads more slowly than we write, the run waits until its socket
 * takes more; it holds one slice, not the exposition. A peer that does not read is cut off when its time is up. */
#ifndef PROM_ENDPOINT_RUN_H
#define PROM_ENDPOINT_RUN_H

#include "prom/exposition/exposition.h"
#include "prom/endpoint/endpoint_metrics.h"

#include <uv.h>

struct endpoint_run;

/* Where runs take turns: one slice for each turn of the loop, whichever run it is of. */
struct endpoint_pace {
    struct budget *budget;
    struct loop *loop;
    uv_idle_t idle;
    struct endpoint_run *head, *tail; /* ready to write a slice */
};

void endpoint_pace_init(struct endpoint_pace *p, struct loop *loop, struct budget *budget);
void endpoint_pace_close(struct endpoint_pace *p, uv_close_cb on_closed); /* p->idle.data is the caller's */

struct endpoint_run {
    struct endpoint_run *next_ready;
    struct endpoint_run *next, **link; /* among the runs of one listener */
    struct endpoint_pace *pace;
    struct endpoint_counters *counters;
    struct http_request *req;
    struct exposition *exposition; /* NULL: all is written */
    struct gzip_stream *gzip;      /* NULL: as it is */
    struct buf plain, packed;      /* of the slice */
    struct clock_timer limit;
    uint64_t began;   /* mono */
    uint64_t charged; /* to the budget */
    enum endpoint_outcome outcome;
    bool ready, writing, gone;
};

/* Begin the answer; the exposition is the run's. It becomes the request's context and is in the list *runs until
 * endpoint_run_close(), which frees it. */
void endpoint_run_start(struct endpoint_pace *pace, struct endpoint_counters *counters, struct http_request *req,
                        struct exposition *exposition, const struct accept *accept, struct endpoint_run **runs);

/* The request's on_writable and on_close. */
void endpoint_run_resume(struct endpoint_run *run);
void endpoint_run_close(struct endpoint_run *run, bool aborted);

/* End it before it is complete: the peer sees a broken body, never a short one. */
void endpoint_run_cut(struct endpoint_run *run);

#endif
