/* SPDX-License-Identifier: Apache-2.0 */
/* One scrape on its way to a peer: an exposition, perhaps compressed, handed to the request in slices.
 *
 * Between two slices the loop turns. When the peer reads more slowly than we write, the run waits until its socket
 * takes more; it holds one slice, not the exposition. A peer that does not take a slice within RUN_STALL_MAX, or all
 * within the time it gives itself, is cut off. */
#ifndef PROM_ENDPOINT_RUN_H
#define PROM_ENDPOINT_RUN_H

#include "base/list.h"
#include "prom/exposition/exposition.h"
#include "prom/endpoint/endpoint_metrics.h"

#include <uv.h>

struct endpoint_run;

/* Where runs take turns: one slice for each turn of the loop, whichever run it is of. */
struct endpoint_pace {
    struct budget *budget;
    struct loop *loop;
    uv_idle_t idle;
    struct list ready; /* runs that write a slice next */
};

void endpoint_pace_init(struct endpoint_pace *p, struct loop *loop, struct budget *budget);
void endpoint_pace_close(struct endpoint_pace *p, uv_close_cb on_closed); /* p->idle.data is the caller's */

#define RUN_STALL_MAX (10 * NS_PER_S)

enum run_state {
    RUN_BEGUN,   /* nothing is written of the body */
    RUN_READY,   /* it has its place among those that write a slice */
    RUN_WRITING, /* inside the server's calls, which may end it */
    RUN_STALLED, /* the socket is full */
    RUN_WRITTEN, /* all is with the server, and perhaps waits there for the peer */
    RUN_GONE,
};

struct endpoint_run {
    enum run_state state;
    struct list ready; /* among those of its pace */
    struct list link;  /* among the runs of one listener */
    struct endpoint_pace *pace;
    struct endpoint_counters *counters;
    struct http_request *req;
    struct exposition *exposition; /* NULL: all is written */
    struct gzip_stream *gzip;      /* NULL: as it is */
    struct buf plain, packed;      /* of the slice */
    struct clock_timer limit, stall;
    uint64_t began;   /* mono */
    uint64_t stalled; /* mono: since when, or since when it is written */
    bool cut;         /* endpoint_run_cut(): it goes as soon as it can */
    uint64_t charged; /* to the budget */
    enum endpoint_outcome outcome;
};

/* Begin the answer; the exposition is the run's. It becomes the request's context and is in the list `runs` until
 * endpoint_run_close(), which frees it. */
void endpoint_run_start(struct endpoint_pace *pace, struct endpoint_counters *counters, struct http_request *req,
                        struct exposition *exposition, const struct accept *accept, struct list *runs);

/* The request's on_writable and on_close. */
void endpoint_run_resume(struct endpoint_run *run);
void endpoint_run_close(struct endpoint_run *run, bool aborted);

/* End it before it is complete: the peer sees a broken body, never a short one. */
void endpoint_run_cut(struct endpoint_run *run);

/* Runs that are not cut, for peers of that host (http_request_network()); NULL: of all. */
size_t endpoint_run_count(const struct list *runs, const uint8_t *network);

/* Of those in the list, the one to cut so that another is served: it has waited for its peer for RUN_STALL_SOME at
 * least, to take more or the rest; of these one of the peer with most runs, and of its the one that waits longest.
 * `of`: of that peer alone; NULL: of any. NULL: all read. */
#define RUN_STALL_SOME (NS_PER_S / 4)
struct endpoint_run *endpoint_run_slowest(struct list *runs, const uint8_t *of);

#endif
