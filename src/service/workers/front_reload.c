/* SPDX-License-Identifier: Apache-2.0 */
/* All are given the new configuration: one that runs is, one that waits to be started again is started with it at once,
 * and one that is about to run the one before is given it when it does. When the last has answered: if all can, it is
 * what runs. If one cannot, those that have changed are given the one before, and the service hears why when these have
 * answered too. One that dies of it counts as one that cannot, and is started again with what ran before.
 *
 * What can go wrong: a channel is full, for its worker is busy: it is given it a little later. */
#include "service/workers/front_inside.h"

#include "service/service_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_under_way(const struct front *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->workers[i].state == WORKER_RELOADING || f->workers[i].due || f->workers[i].tries)
            return true;
    return false;
}

static void note_fault(struct front_worker *w, const char *fault)
{
    struct front *f = w->front;

    if (f->fault[0] == '\0')
        snprintf(f->fault, sizeof(f->fault), "worker %u: %s", w->number, fault);
}

static void give_config(struct front_worker *w, const struct buf *config)
{
    int rc = front_worker_give(w, CHANNEL_RELOAD, config);

    w->due = rc == -EAGAIN;
    if (rc == 0)
        front_worker_enter(w, WORKER_RELOADING);
    else if (!w->due)
        note_fault(w, uv_strerror(rc));
}

static void give_next(struct front_worker *w)
{
    if (w->state == WORKER_RUNNING) {
        give_config(w, &w->front->next);
    } else if (w->state == WORKER_NONE) {
        w->due = false;
        w->tries = true;
        front_worker_start(w);
    }
}

static void give_before(struct front_worker *w)
{
    if (w->state == WORKER_RUNNING)
        give_config(w, &w->front->config);
    else
        w->due = false; /* it has died, and is started again with that */
}

static void give_all(struct front *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        struct front_worker *w = &f->workers[i];

        if (f->fault[0] != '\0' && !f->back)
            w->due = false;
        if (w->due)
            (f->back ? give_before : give_next)(w);
    }
}

static void go_back(struct front *f)
{
    f->back = true;
    for (unsigned i = 0; i < f->n; i++)
        f->workers[i].due = f->workers[i].changed;
    give_all(f);
}

static void end_reload(struct front *f)
{
    f->reloading = false;
    for (unsigned i = 0; i < f->n; i++)
        f->workers[i].changed = false;
    if (!f->back) {
        buf_wipe(&f->config);
        f->config = f->next;
        f->next = (struct buf){ 0 };
    } else {
        buf_wipe(&f->next);
    }
    f->reloaded(f->service, f->fault);
}

void front_reload_look(struct front *f)
{
    give_all(f);
    if (is_under_way(f))
        return;
    if (f->fault[0] != '\0' && !f->back)
        go_back(f);
    if (!is_under_way(f))
        end_reload(f);
}

void front_reload_answer(struct front_worker *w, bool changed, const char *fault)
{
    w->changed = changed && !w->front->back;
    w->tries = false;
    if (!changed)
        note_fault(w, fault);
    front_look(w->front);
}

void front_reload(struct front *f, struct buf *config, void (*done)(struct service *s, const char *fault))
{
    buf_wipe(&f->next);
    f->next = *config;
    *config = (struct buf){ 0 };
    f->reloading = true;
    f->back = false;
    f->fault[0] = '\0';
    f->reloaded = done;
    for (unsigned i = 0; i < f->n; i++) {
        f->workers[i].changed = f->workers[i].tries = false;
        f->workers[i].due = true;
    }
    front_look(f);
}
