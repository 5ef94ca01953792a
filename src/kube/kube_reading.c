/* SPDX-License-Identifier: Apache-2.0 */
/* A run has the text and what becomes of it. It is read at once, or by a job; what was read is charged, the text is not
 * any more, and the objects go into the store one after another. Behind those of the last page comes the sweep.
 *
 * What can go wrong: the budget has no room for what a thread would make of the text; then nothing is read. It is
 * charged with the most that may come of it before the thread begins, for what strangers say is not to be kept in
 * memory that nobody has asked for. Whoever stops while a thread reads abandons the job: the run goes when the thread
 * has left it. */
#include "kube/kube_reading.h"

#include "base/loop/job.h"
#include "base/loop/slicer.h"

#include <stdlib.h>
#include <uv.h>

#define GROWTH 64u   /* times its text: what is made of small objects at most */
#define ROOM_PART 2u /* of the budget's room: others want some meanwhile */

struct run {
    struct job job;
    struct kube_reading *of;
    struct budget *budget;
    struct json_tree_rules rules;
    struct buf text;
    uint64_t charged; /* for the text; once it is read, for what waits to be taken */
    bool is_page, on_thread;
    struct kube_page page;
    struct kube_event event;
    struct error err;
};

struct kube_reading {
    struct kube_reading_options o;
    struct slicer *slicer;
    struct run *run; /* NULL: none */
};

static void free_run(struct run *run)
{
    budget_give(run->budget, run->charged);
    buf_free(&run->text);
    kube_page_free(&run->page);
    kube_event_free(&run->event);
    free(run);
}

static void on_dropped(struct job *job)
{
    free_run(container_of(job, struct run, job));
}

/* ---- reading ---- */

static void read_text(struct run *run)
{
    struct bytes text = buf_bytes(&run->text);

    if (run->is_page)
        (void)kube_page_read(text, &run->rules, &run->page, &run->err);
    else
        (void)kube_event_read(text, &run->rules, &run->event, &run->err);
}

static void read_on_thread(struct job *job)
{
    read_text(container_of(job, struct run, job));
}

/* ---- taking ---- */

static void tell_event(struct kube_reading *r)
{
    struct run *run = r->run;

    if (run->err.code == 0 && run->event.code == 0)
        (void)kube_event_take(&run->event, r->o.store, &run->err);
    r->run = NULL;
    r->o.event_done(r->o.owner, &run->event, &run->err);
    free_run(run);
}

/* What is kept of the objects that wait is charged; of each that goes into the store, it is charged there. */
static void charge_rest(struct run *run)
{
    if (run->charged > run->page.size)
        budget_give(run->budget, run->charged - run->page.size);
    else
        budget_charge(run->budget, run->page.size - run->charged);
    run->charged = run->page.size;
}

/* False: there is no other, or it was refused. */
static bool take_next(struct kube_reading *r)
{
    struct run *run = r->run;
    const struct kube_page *page = &run->page;
    const struct kube_item *item = page->taken < page->items.n ? &page->items.v[page->taken] : NULL;
    uint64_t next = item != NULL ? item->memory.total + sizeof(*item) : 0;
    struct error err;

    budget_give(run->budget, next);
    run->charged -= next;
    if (kube_page_take(&run->page, r->o.store, &err))
        return true;
    if (err.code != 0)
        run->err = err;
    return false;
}

static bool sweep_some(struct kube_reading *r)
{
    size_t gone = 0;
    bool more = kube_store_sweep(r->o.store, &gone);

    r->run->page.changed |= gone > 0;
    return more;
}

static bool take_some(void *arg)
{
    struct kube_reading *r = arg;
    struct run *run = r->run;

    if (run == NULL)
        return false;
    if (take_next(r) || (run->err.code == 0 && run->page.next.len == 0 && sweep_some(r)))
        return true;
    r->run = NULL;
    r->o.page_done(r->o.owner, &run->page, &run->err);
    free_run(run);
    return false;
}

static void take_run(struct run *run)
{
    struct kube_reading *r = run->of;

    buf_free(&run->text);
    charge_rest(run);
    if (run->is_page)
        slicer_start(r->slicer);
    else
        tell_event(r);
}

static void on_read(struct job *job)
{
    struct run *run = container_of(job, struct run, job);

    run->on_thread = false;
    take_run(run);
}

/* ---- its life ---- */

/* False: there is no room for what may come of the text. */
static bool charge_ahead(struct run *run)
{
    uint64_t most = GROWTH * run->text.len, room = budget_room(run->budget) / ROOM_PART;

    most = most < KUBE_PAGE_MOST ? most : KUBE_PAGE_MOST;
    most = most < room ? most : room;
    if (most < run->text.len || !budget_take(run->budget, most)) {
        error_set(&run->err, UV_EMSGSIZE, "no room in the memory budget for what is read of %zu KiB",
                  run->text.len >> 10);
        return false;
    }
    run->charged += most;
    if (run->is_page)
        run->page.most = most;
    else
        run->rules.max_memory = most;
    return true;
}

static void begin_reading(struct kube_reading *r, bool is_page, struct buf *text, uint64_t charged)
{
    struct run *run = r->run = mem_zalloc(sizeof(*run));

    run->of = r;
    run->budget = r->o.store->budget;
    run->rules = *r->o.rules;
    run->is_page = is_page;
    run->text = *text;
    run->charged = charged;
    *text = (struct buf){ 0 };
    if (run->text.len <= KUBE_LONG || !charge_ahead(run)) {
        if (run->err.code == 0)
            read_text(run);
        take_run(run);
        return;
    }
    run->on_thread = true;
    run->job = (struct job){ .work = read_on_thread, .done = on_read, .drop = on_dropped };
    job_start(r->o.loop, JOB_CPU, &run->job);
}

void kube_reading_page(struct kube_reading *r, struct buf *text, uint64_t charged)
{
    begin_reading(r, true, text, charged);
}

void kube_reading_event(struct kube_reading *r, struct buf *line, uint64_t charged)
{
    begin_reading(r, false, line, charged);
}

bool kube_reading_is_busy(const struct kube_reading *r)
{
    return r->run != NULL;
}

void kube_reading_stop(struct kube_reading *r)
{
    struct run *run = r->run;

    r->run = NULL;
    if (run != NULL && run->on_thread)
        job_abandon(&run->job);
    else if (run != NULL)
        free_run(run);
}

struct kube_reading *kube_reading_new(const struct kube_reading_options *o)
{
    struct kube_reading *r = mem_zalloc(sizeof(*r));

    r->o = *o;
    r->slicer = slicer_new(o->loop, take_some, r);
    return r;
}

void kube_reading_free(struct kube_reading *r)
{
    if (r == NULL)
        return;
    kube_reading_stop(r);
    slicer_free(r->slicer);
    free(r);
}
