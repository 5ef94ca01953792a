/* SPDX-License-Identifier: Apache-2.0 */
/* front_start() starts the workers (front_worker.c), which are given the configuration as it was read here. Each says
 * when it runs; when all do, the service is ready. Each second, and whenever somebody looks, they are asked for their
 * numbers, which totals.c sums up.
 *
 * A reload goes to all of them. When one says that it cannot, those that can are told to go back to what ran before.
 *
 * What can go wrong: a worker that dies. What it was given and has not taken goes to others; it is started again after
 * a while. One that does not answer in time is shown as it was when it last did. One that does not end is ended. */
#include "service/workers/front_inside.h"

#include "base/mem.h"
#include "page/status.h"
#include "service/service_inside.h"
#include "service/workers/page_relay.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_EVERY NS_PER_S
#define ANSWER_MS 250           /* how long somebody who looks waits for the workers */
#define END_WAIT (4 * NS_PER_S) /* beyond the deadline: what a worker itself waits then, and a little */

/* ---- numbers ---- */

static void sum_up(struct front *f)
{
    struct graph *mirror = f->service->view.graph;

    for (unsigned i = 0; i < f->n; i++)
        metric_set(f->workers[i].crowd, (double)f->workers[i].taker.connections);
    totals_begin(&f->totals, mirror);
    for (unsigned i = 0; i < f->n; i++) {
        struct front_worker *w = &f->workers[i];
        bool told = totals_add(&f->totals, mirror, buf_bytes(&w->told), w->gone, &w->takes);
        bool runs = told && !w->gone && w->process != NULL;

        if (runs) {
            totals_take(&f->totals, &w->takes);
        } else {
            totals_take_gone(&f->totals.process, &w->takes);
            w->takes = (struct told_process){ 0 };
        }
    }
}

/* One that was asked long ago has something else to do: nobody who looks waits for it again. */
static bool is_awaited(const struct front *f, const struct front_worker *w)
{
    return w->asked && w->channel >= 0 && clock_mono(&f->service->loop.clock) - w->asked_at < ANSWER_MS * NS_PER_MS;
}

/* Has each of them answered, or is there nothing to wait for? */
static bool has_answers(const struct front *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (is_awaited(f, &f->workers[i]))
            return false;
    return true;
}

/* Only for those that have not answered. False: none of them has, for as long as one may wait. */
static bool wait_answers(struct front *f, uint64_t until)
{
    struct pollfd fds[WORKERS_MOST];
    uint64_t now = uv_hrtime();
    nfds_t n = 0;

    for (unsigned i = 0; i < f->n; i++)
        if (is_awaited(f, &f->workers[i]))
            fds[n++] = (struct pollfd){ .fd = f->workers[i].channel, .events = POLLIN };
    if (now >= until || poll(fds, n, (int)((until - now) / NS_PER_MS) + 1) <= 0)
        return false;
    for (unsigned i = 0; i < f->n; i++)
        front_worker_hear(&f->workers[i], false);
    return true;
}

static void refresh_totals(struct front *f)
{
    uint64_t until = uv_hrtime() + ANSWER_MS * NS_PER_MS;

    if (f->fresh)
        return;
    for (unsigned i = 0; i < f->n; i++)
        front_worker_ask(&f->workers[i]);
    while (!has_answers(f) && wait_answers(f, until))
        ;
    sum_up(f);
    f->fresh = true;
    turn_defer(&f->service->loop.turn, &f->stale);
}

static void on_stale(struct turn_task *task)
{
    container_of(task, struct front, stale)->fresh = false;
}

static void on_collect(struct metric_hook *hook)
{
    refresh_totals(container_of(hook, struct front, hook));
}

static void on_ask_due(struct clock_timer *t)
{
    struct front *f = container_of(t, struct front, ask);

    for (unsigned i = 0; i < f->n; i++)
        front_worker_ask(&f->workers[i]);
    if (f->reloading)
        front_look(f); /* one that could not be given anything may be ready for it */
    clock_start(&f->service->loop.clock, t, ASK_EVERY, on_ask_due);
}

static void show_worker(const struct front_worker *w, struct view_worker *out)
{
    static const char *const names[] = {
        [WORKER_NONE] = "waiting",        [WORKER_STARTING] = "starting", [WORKER_RUNNING] = "running",
        [WORKER_RELOADING] = "reloading", [WORKER_STOPPING] = "stopping", [WORKER_ENDED] = "ended",
    };

    *out = (struct view_worker){
        .number = w->number,
        .pid = w->state == WORKER_NONE || w->state == WORKER_ENDED ? 0 : w->pid,
        .state = names[w->state],
        .connections = w->taker.connections > 0 ? (uint64_t)w->taker.connections : 0,
        .restarts = w->restarts,
        .resident = w->takes.resident,
        .cpu = w->takes.cpu,
    };
}

static void sum_view(const struct service_view *v, struct view_total *total)
{
    struct front *f = container_of_const(v, struct live_view, shown)->front;
    struct view_total own = { 0 };
    const struct told_process *p = &f->totals.process;

    refresh_totals(f);
    f->service->view.shown.sum = NULL; /* of this process alone */
    status_total(&f->service->host, &own);
    f->service->view.shown.sum = sum_view;
    *total = (struct view_total){
        .resident = own.resident + p->resident,
        .cpu = own.cpu + p->cpu,
        .used = own.used + p->used,
        .peak = p->peak,
        .limit = p->limit,
        .refusals = p->refusals,
        .workers = f->shown,
        .n_workers = f->n,
    };
    memcpy(total->signals, p->signals, sizeof(total->signals));
    for (unsigned i = 0; i < f->n; i++)
        show_worker(&f->workers[i], &f->shown[i]);
}

static void relay_page(const struct service_view *v, const struct view_inside *inside, struct page *page)
{
    struct front *f = container_of_const(v, struct live_view, shown)->front;

    page_relay_begin(f, &f->service->loop, inside, page);
}

struct metrics *front_metrics(struct front *f)
{
    return &f->totals.merged;
}

/* ---- what they come to together ---- */

static unsigned count_in(const struct front *f, enum worker_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++)
        n += f->workers[i].state == state;
    return n;
}

static void on_due(struct turn_task *task)
{
    struct front *f = container_of(task, struct front, look);

    if (f->stopping) {
        if (count_in(f, WORKER_ENDED) < f->n || f->done == NULL)
            return;
        doors_close(&f->doors);
        sum_up(f);
        f->done(f->service);
        f->done = NULL;
        return;
    }
    doors_keep(&f->doors, count_in(f, WORKER_RUNNING) < f->n);
    if (f->reloading) {
        front_reload_look(f);
        return;
    }
    if (!f->ready && count_in(f, WORKER_RUNNING) == f->n) {
        f->ready = true;
        service_say_ready(f->service);
    }
}

void front_look(struct front *f)
{
    turn_defer(&f->service->loop.turn, &f->look);
}

void front_fail(struct front *f, const char *text)
{
    struct error err = { .code = UV_EINVAL };

    if (f->stopping || f->ready)
        return;
    snprintf(err.text, sizeof(err.text), "%s", text);
    f->ready = true;
    service_stop_failed(f->service, &err);
}

/* ---- life ---- */

struct front *front_new(struct service *s, unsigned n, struct buf *config)
{
    struct front *f = mem_zalloc(sizeof(*f));

    f->service = s;
    f->n = n;
    f->config = *config;
    *config = (struct buf){ 0 };
    f->workers = mem_zalloc(n * sizeof(*f->workers));
    f->shown = mem_zalloc(n * sizeof(*f->shown));
    for (unsigned i = 0; i < n; i++)
        front_worker_init(&f->workers[i], f, i + 1);
    doors_init(&f->doors, &s->loop);
    totals_init(&f->totals, &s->metrics);
    own_relay_init(&f->own);
    f->hook.collect = on_collect;
    metrics_hook(&f->totals.merged, &f->hook);
    f->look.run = on_due;
    f->stale.run = on_stale;
    s->view.front = f;
    s->view.shown.sum = sum_view;
    s->view.shown.relay = relay_page;
    return f;
}

void front_free(struct front *f)
{
    clock_stop(&f->service->loop.clock, &f->ask);
    clock_stop(&f->service->loop.clock, &f->end);
    turn_cancel(&f->service->loop.turn, &f->look);
    turn_cancel(&f->service->loop.turn, &f->stale);
    for (unsigned i = 0; i < f->n; i++)
        buf_free(&f->workers[i].told);
    totals_free(&f->totals);
    own_relay_close(&f->own);
    buf_wipe(&f->config);
    buf_wipe(&f->next);
    free(f->workers);
    free(f->shown);
    free(f);
}

void front_start(struct front *f)
{
    clock_start(&f->service->loop.clock, &f->ask, ASK_EVERY, on_ask_due);
    for (unsigned i = 0; i < f->n && !f->stopping; i++) /* it stops when one cannot */
        front_worker_start(&f->workers[i]);
}

/* ---- the end ---- */

static void on_end_due(struct clock_timer *t)
{
    front_kill(container_of(t, struct front, end));
}

void front_stop(struct front *f, uint64_t deadline, void (*done)(struct service *s))
{
    uint64_t now = clock_mono(&f->service->loop.clock), left = deadline > now ? deadline - now : 0;

    assert(!f->stopping);
    f->stopping = true;
    f->done = done;
    doors_shut(&f->doors);
    clock_stop(&f->service->loop.clock, &f->ask);
    clock_start(&f->service->loop.clock, &f->end, left + END_WAIT, on_end_due);
    for (unsigned i = 0; i < f->n; i++)
        front_worker_stop(&f->workers[i], left);
    if (left == 0)
        front_hurry(f); /* somebody has asked twice, while it reloaded */
    front_look(f);
}

void front_hurry(struct front *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        struct front_worker *w = &f->workers[i];

        if (w->tries)
            front_worker_kill(w); /* nobody has sent it anything */
        else if (w->channel >= 0)
            (void)channel_say(w->channel, CHANNEL_HURRY, 0, NULL);
    }
}

void front_kill(struct front *f)
{
    for (unsigned i = 0; i < f->n; i++)
        front_worker_kill(&f->workers[i]);
}

int front_exit_code(const struct front *f)
{
    int code = 0;

    for (unsigned i = 0; i < f->n; i++)
        code = f->workers[i].exit_code > code ? f->workers[i].exit_code : code;
    return code;
}

static int dial_worker(struct front *f, struct front_worker *w, const char *door)
{
    int pair[2];

    if (w->state != WORKER_RUNNING || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    if (doors_give(&f->doors, &w->taker, door, pair[1]))
        return pair[0];
    close(pair[0]);
    return -1;
}

size_t front_dial(struct front *f, int *out, size_t most)
{
    size_t n = 0;

    for (unsigned i = 0; i < f->n && n < most; i++) {
        int fd = dial_worker(f, &f->workers[i], DOOR_INSIDE);

        if (fd >= 0)
            out[n++] = fd;
    }
    return n;
}

int front_dial_one(struct front *f, unsigned number, const char *door)
{
    return number > 0 && number <= f->n ? dial_worker(f, &f->workers[number - 1], door) : -1;
}
