/* SPDX-License-Identifier: Apache-2.0 */
/* All are given the new configuration at once. When the last has answered: if all can, it is what runs. If one cannot,
 * those that have changed are given the one before, and the service hears why when these have answered too. One that
 * dies meanwhile counts as one that cannot, and is started again with what ran before. */
#include "service/workers/front_inside.h"

#include "service/service_inside.h"

#include <stdio.h>
#include <string.h>

static bool is_under_way(const struct front *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->workers[i].state == WORKER_RELOADING)
            return true;
    return false;
}

static void give(struct front_worker *w, const struct buf *config)
{
    if (front_worker_give(w, CHANNEL_RELOAD, config))
        w->state = WORKER_RELOADING;
}

static void go_back(struct front *f)
{
    f->back = true;
    for (unsigned i = 0; i < f->n; i++)
        if (f->workers[i].state == WORKER_RUNNING && f->workers[i].changed)
            give(&f->workers[i], &f->config);
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

bool front_reload_look(struct front *f)
{
    if (is_under_way(f))
        return true;
    if (f->fault[0] != '\0' && !f->back) {
        go_back(f);
        if (is_under_way(f))
            return true;
    }
    end_reload(f);
    return true;
}

void front_reload_answer(struct front_worker *w, bool changed, const char *fault)
{
    struct front *f = w->front;

    w->changed = changed && !f->back;
    if (!changed && f->fault[0] == '\0')
        snprintf(f->fault, sizeof(f->fault), "worker %u: %s", w->number, fault);
    front_look(f);
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
        f->workers[i].changed = false;
        if (f->workers[i].state == WORKER_RUNNING)
            give(&f->workers[i], &f->next);
        if (f->workers[i].state != WORKER_RELOADING)
            snprintf(f->fault, sizeof(f->fault), "worker %u does not run now: it has died, and is started again soon",
                     f->workers[i].number);
    }
    front_look(f);
}
