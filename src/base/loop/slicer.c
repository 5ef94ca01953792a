/* SPDX-License-Identifier: Apache-2.0 */
/* An idle handle of libuv keeps the loop from sleeping while there is something to do. All slices of one turn share
 * its time: the turn is known by the clock's time, which is the same in all of it. */
#include "base/loop/slicer.h"

#include <stdlib.h>

struct slicer {
    struct loop *loop;
    bool (*step)(void *arg);
    void *arg;
    uint64_t turn, spent; /* ns; the turn that it has worked in, and how long */
    bool working, again;
    uv_idle_t idle;
};

/* False: there is no more. */
static bool work_slice(struct slicer *s)
{
    uint64_t turn = clock_mono(&s->loop->clock), began = uv_hrtime(), now = began;
    bool more = true;

    if (turn != s->turn)
        s->spent = 0;
    s->turn = turn;
    s->working = true;
    while (more && s->spent + (now - began) < SLICER_NS) {
        s->again = false;
        more = s->step(s->arg) || s->again;
        now = uv_hrtime();
    }
    s->working = false;
    s->spent += now - began;
    return more;
}

static void on_idle(uv_idle_t *idle)
{
    struct slicer *s = idle->data;

    if (s->loop->clock.manual) /* it may stand still from one turn to the next */
        s->spent = 0;
    if (!work_slice(s))
        uv_idle_stop(idle);
}

struct slicer *slicer_new(struct loop *l, bool (*step)(void *arg), void *arg)
{
    struct slicer *s = mem_zalloc(sizeof(*s));

    s->loop = l;
    s->step = step;
    s->arg = arg;
    uv_idle_init(&l->uv, &s->idle);
    s->idle.data = s;
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void slicer_free(struct slicer *s)
{
    if (s != NULL)
        uv_close((uv_handle_t *)&s->idle, on_closed);
}

void slicer_start(struct slicer *s)
{
    if (s->working)
        s->again = true;
    else if (work_slice(s))
        uv_idle_start(&s->idle, on_idle);
}
