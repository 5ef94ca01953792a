/* SPDX-License-Identifier: Apache-2.0 */
#include "support/stuck.h"

#include <check.h>

static struct stuck *now; /* one at a time */

static void get_stuck(struct job *job)
{
    (void)job;
    __atomic_add_fetch(&now->begun, 1, __ATOMIC_SEQ_CST);
    uv_sem_wait(&now->sem);
}

static void on_free(struct job *job)
{
    (void)job;
    now->ended++;
}

void stuck_begin(struct stuck *s, struct loop *loop, enum job_kind kind)
{
    *s = (struct stuck){ 0 };
    now = s;
    ck_assert_int_eq(uv_sem_init(&s->sem, 0), 0);
    for (int i = 0; i < STUCK_JOBS; i++) {
        s->jobs[i] = (struct job){ .work = get_stuck, .done = on_free };
        job_start(loop, kind, &s->jobs[i]);
    }
}

void stuck_end(struct stuck *s, struct loop *loop)
{
    for (int i = 0; i < STUCK_JOBS; i++)
        uv_sem_post(&s->sem);
    while (s->ended < STUCK_JOBS)
        uv_run(&loop->uv, UV_RUN_ONCE);
    uv_sem_destroy(&s->sem);
}
