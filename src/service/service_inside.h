/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the running daemon. Nobody but src/service/service.c and reload/ includes this.
 *
 *     service.c         from the first line of the log to the last
 *     reload/reload.c   a new configuration
 *     reload/leavers.c  what a reload has left behind, until the last answer has come
 *     workers/front.h   the processes that work for this one
 *     workers/worker.h  this process as one of them */
#ifndef SERVICE_SERVICE_INSIDE_H
#define SERVICE_SERVICE_INSIDE_H

#include "base/list.h"
#include "base/loop/loop.h"
#include "base/peer_shares.h"
#include "net/socket/listener.h"
#include "page/site.h"
#include "service/confine.h"
#include "service/control/control.h"
#include "service/graph.h"
#include "service/memory.h"
#include "service/notify.h"
#include "service/own_telemetry.h"
#include "service/process_metrics.h"
#include "service/reload/config_watch.h"
#include "service/service.h"
#include "service/signals.h"
#include "service/view.h"
#include "service/workers/front.h"
#include "service/workers/worker.h"

enum service_stage { STARTING, RUNNING, RELOADING, STOPPING, ENDED };

/* A configuration and what was made of it. */
struct running {
    struct config *config;
    struct graph *graph;
    struct own_telemetry telemetry;
};

/* A reload under way. */
struct reload {
    struct config *config; /* the new one, and its graph, until they have taken over */
    struct graph *graph;
    struct config *before;       /* what ran, for when the new one does not start */
    struct own_telemetry ending; /* of `before`, where it is another one now */
    bool drained;                /* what is not kept has stopped */
    bool untold;                 /* `ending` has stopped */
    bool started;                /* all of the new configuration runs, or has failed to */
    bool failed;                 /* it has */
    bool back;                   /* `before` is what is made again */
    bool shared;                 /* the workers have done it too */
};

struct service {
    struct config_sources sources;
    struct source_files files; /* that its configuration names, beside sources.uris */
    const struct component *const *registry;
    struct loop loop;
    struct budget budget;
    struct budget shares[SIGNAL_COUNT];
    struct peer_shares peers;
    struct metrics metrics;
    struct log_sink sink;
    struct logger log;
    struct host host;
    bool sandboxed; /* service::sandbox at the start of the process */
    struct confinement confinement;
    struct process_metrics process;
    struct memory_keeper memory;
    struct live_view view;  /* of `now`, for those who show it */
    struct site site;       /* the page of it */
    struct control control; /* the page for who may stop us */
    struct notify notify;
    struct listener_shared listeners; /* while reloading: what stops hands over to what starts */
    char instance_id[37];
    enum service_stage phase;
    struct running now;
    struct reload reload;
    struct config_watch *watch;     /* NULL: nobody asked for it */
    struct list leavers;            /* the older ones first */
    struct clock_timer leavers_due; /* while there are some: to look whether they are idle */
    bool reload_again;              /* SIGHUP came while reloading */
    uint64_t ends;                  /* signals that ask to end */
    uint64_t end_by;                /* mono ns; 0: nobody has asked */
    struct clock_timer leave_due;   /* asked while reloading: then what the reload waits for is hurried */
    struct signals signals;
    struct clock_timer log_flush; /* while a slow reader has not taken all of the log */
    struct front *front;          /* with workers, in the process that they work for; else NULL */
    struct worker *worker;        /* in a worker; else NULL */
    struct buf for_workers;       /* what a reload under way is going to give them */
    int exit_code;
};

void service_enter_phase(struct service *s, enum service_stage to);
void service_log_faults(struct service *s, const struct faults *faults);
/* If it began to stop now; not later than the end that somebody has asked for. */
uint64_t service_deadline(struct service *s, const struct config *config);

/* Something runs: the configuration that was asked for or, after a failed reload, the one before; `text` says which
 * when addresses that nobody listens on any more are closed. What came meanwhile has its turn. */
void service_begin_running(struct service *s, enum log_level level, const char *text);
void service_say_ready(struct service *s);
/* What is said of the service as a whole; a worker leaves it to the front. */
void service_say(struct service *s, enum log_level level, const char *text);
/* As if it had come from outside. */
void service_signal(struct service *s, int number);
/* What is stopping has no time left: all of it, or what a reload waits for. */
void service_hurry(struct service *s);
/* Own metrics, where this process serves them. */
int service_serve_own(struct service *s, struct error *err);
/* The configuration; with workers also what these are going to be given for it. */
struct config *service_load(struct service *s, struct buf *for_workers);
/* It cannot go on: it stops, and the exit code says so. */
void service_stop_failed(struct service *s, const struct error *err);

/* RUNNING: reads the configuration again. service_begin_running() follows, now or later. */
void service_reload(struct service *s);

#define LEAVERS_MOST 16 /* more, and a reload waits until there are fewer */

/* What is not kept of a graph: it stops, and is freed when nothing of it is under way any more. The configuration's
 * reference goes with it. done() when all of it has stopped, or the deadline has passed; now or later. */
void leavers_add(struct service *s, struct graph *g, struct config *config, void (*done)(struct service *s));
/* What they have on disk is counted by those who come: before these start. */
void leavers_end_durable(struct service *s);
void leavers_hurry(struct service *s);
/* What they hold still is given up: the process ends. */
void leavers_give_up(struct service *s);
size_t leavers_count(struct service *s);

#endif
