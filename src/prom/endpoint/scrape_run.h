/* SPDX-License-Identifier: Apache-2.0 */
/* One scrape on its way to a peer: an exposition, perhaps compressed, handed to the request in slices.
 *
 * Between two slices the loop turns. When the peer reads more slowly than we write, the run waits until its socket
 * takes more; it holds one slice, not the exposition. A peer that does not read is cut off when its time is up. */
#ifndef PROM_SCRAPE_RUN_H
#define PROM_SCRAPE_RUN_H

#include "prom/exposition/exposition.h"
#include "prom/endpoint/scrape_metrics.h"

#include <uv.h>

struct scrape_run;

/* Where runs take turns: one slice for each turn of the loop, whichever run it is of. */
struct scrape_pace {
    struct budget *budget;
    struct clock *clock;
    uv_idle_t idle;
    struct scrape_run *head, *tail; /* ready to write a slice */
};

void scrape_pace_init(struct scrape_pace *p, uv_loop_t *loop, struct clock *clock, struct budget *budget);
void scrape_pace_close(struct scrape_pace *p, uv_close_cb on_closed); /* p->idle.data is the caller's */

struct scrape_run {
    struct scrape_run *next_ready;
    struct scrape_run *next, **link; /* among the runs of one listener */
    struct scrape_pace *pace;
    struct scrape_counters *counters;
    struct http_request *req;
    struct exposition *exposition; /* NULL: all is written */
    struct gzip_stream *gzip;      /* NULL: as it is */
    struct buf plain, packed;      /* of the slice */
    struct clock_timer limit;
    uint64_t began;   /* mono */
    uint64_t charged; /* to the budget */
    enum scrape_outcome outcome;
    bool ready, writing, gone;
};

/* Begin the answer; the exposition is the run's. It becomes the request's context and is in the list *runs until
 * scrape_run_close(), which frees it. */
void scrape_run_start(struct scrape_pace *pace, struct scrape_counters *counters, struct http_request *req,
                      struct exposition *exposition, const struct accept *accept, struct scrape_run **runs);

/* The request's on_writable and on_close. */
void scrape_run_resume(struct scrape_run *run);
void scrape_run_close(struct scrape_run *run, bool aborted);

/* End it before it is complete: the peer sees a broken body, never a short one. */
void scrape_run_cut(struct scrape_run *run);

#endif
