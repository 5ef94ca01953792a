/* SPDX-License-Identifier: Apache-2.0 */
/* A long answer takes its block along to the thread, and the fetch is free for what comes next. */
#include "receiver/prometheus/answer.h"

#include "base/loop/loop.h"

#define LONG_ANSWER (64 * 1024ul) /* half a millisecond to read */

static void read_on_thread(struct job *job)
{
    struct answer *a = container_of(job, struct answer, job);

    a->read(a);
}

static void let_go(struct answer *a)
{
    block_unref(a->block);
    a->block = NULL;
    a->text = bytes_of(NULL, 0);
    a->busy = false;
}

static void on_read(struct job *job)
{
    struct answer *a = container_of(job, struct answer, job);

    let_go(a);
    a->done(a);
}

static void on_dropped(struct job *job)
{
    struct answer *a = container_of(job, struct answer, job);

    let_go(a);
    a->free(a);
}

void answer_take(struct answer *a, struct fetch *f, struct loop *l)
{
    error_clear(&a->err);
    a->text = f->body;
    if (f->body.len <= LONG_ANSWER) {
        a->read(a);
        a->text = bytes_of(NULL, 0);
        fetch_release(f);
        a->done(a);
        return;
    }
    a->block = block_ref(f->block);
    a->busy = true;
    fetch_release(f);
    a->job = (struct job){ .work = read_on_thread, .done = on_read, .drop = on_dropped };
    job_start(l, JOB_CPU, &a->job);
}

void answer_drop(struct answer *a)
{
    if (a != NULL && a->busy)
        job_abandon(&a->job);
    else if (a != NULL)
        a->free(a);
}
