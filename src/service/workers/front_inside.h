/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the front. Nobody but src/service/workers/front*.c includes this.
 *
 *     front.c         all of them: numbers, ready, the end
 *     front_share.c   whether there are any
 *     front_worker.c  one of them: its process, and what it says
 *     front_reload.c  another configuration for all of them */
#ifndef SERVICE_FRONT_INSIDE_H
#define SERVICE_FRONT_INSIDE_H

#include "base/loop/loop.h"
#include "service/workers/front.h"
#include "service/workers/own_relay.h"

#include <uv.h>

enum worker_state {
    WORKER_NONE, /* not yet, or waits to be started again */
    WORKER_STARTING,
    WORKER_RUNNING,
    WORKER_RELOADING,
    WORKER_STOPPING,
    WORKER_ENDED, /* for good */
};

struct front_worker {
    struct door_taker taker;
    struct front *front;
    unsigned number;
    enum worker_state state;
    int pid;
    uv_process_t *process; /* NULL: none */
    int channel, doors;    /* -1: none */
    uv_poll_t *channel_poll, *doors_poll;
    VEC(struct channel_message) late; /* heard while somebody waited for numbers */
    struct turn_task late_task;
    struct buf told;           /* what it told last */
    struct told_process takes; /* of that */
    struct own_waiting own;    /* of its own telemetry */
    bool gone;                 /* of the one before, which has died; its successor has not told anything yet */
    bool asked;                /* for its numbers, and has not answered */
    bool due;                  /* of a reload: it has not been given what the others are on their way to */
    bool tries;                /* it was started with that, and does not run yet */
    bool changed;              /* it runs it */
    bool ran;                  /* this process of it has been ready */
    uint64_t asked_at;         /* mono ns */
    uint64_t restarts, born;   /* born: mono ns */
    uint64_t pause;            /* ns: before it is started again */
    struct clock_timer timer;
    struct metric *up, *crowd, *restarted;
    int exit_code;
};

struct front {
    struct service *service;
    struct front_worker *workers;
    unsigned n;
    struct view_worker *shown; /* n of them */
    struct doors doors;
    struct totals totals;
    struct metric_hook hook;
    bool fresh;              /* the sums are of this turn */
    struct turn_task stale;  /* they are not any more */
    struct clock_timer ask;  /* for numbers, now and then */
    struct clock_timer end;  /* they end whether they want to or not */
    struct turn_task look;   /* at what they come to together */
    struct buf config, next; /* what they run; what they are on their way to */
    struct own_relay own;    /* telemetry of theirs */
    bool ready, stopping, reloading;
    bool back; /* of a reload: they go back */
    char fault[600];
    void (*reloaded)(struct service *s, const char *fault);
    void (*done)(struct service *s);
};

/* Something has changed: look at all of them at the end of this turn. */
void front_look(struct front *f);
/* They cannot all be started. No effect once they were. */
void front_fail(struct front *f, const char *text);

void front_worker_init(struct front_worker *w, struct front *f, unsigned number);
/* With what the others run, or are on their way to (`tries`). Not before its pause is over, unless it tries. */
void front_worker_start(struct front_worker *w);
void front_worker_enter(struct front_worker *w, enum worker_state to);
void front_worker_stop(struct front_worker *w, uint64_t left); /* ns that it has for that */
void front_worker_kill(struct front_worker *w);
void front_worker_ask(struct front_worker *w);
/* What it has said. Not `all`: numbers alone, the rest later. */
void front_worker_hear(struct front_worker *w, bool all);
/* Give it that: 0, or a negative errno; -EAGAIN: not now, or it is not there. */
int front_worker_give(struct front_worker *w, enum channel_kind kind, const struct buf *config);

/* A reload is under way: what is next? */
void front_reload_look(struct front *f);
/* It has answered, or died. */
void front_reload_answer(struct front_worker *w, bool changed, const char *fault);

#endif
