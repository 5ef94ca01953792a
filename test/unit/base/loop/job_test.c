/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/loop.h"
#include "base/mem.h"
#include "support/stuck.h"

#include <check.h>
#include <stdlib.h>

static struct loop loop;
static struct stuck stuck;

struct counted {
    struct job job;
    uv_thread_t thread; /* that worked */
    unsigned worked, done, dropped;
    struct counted *abandons; /* in its done() */
};

static void count_work(struct job *job)
{
    struct counted *c = container_of(job, struct counted, job);

    c->thread = uv_thread_self();
    c->worked++;
}

static void count_done(struct job *job)
{
    struct counted *c = container_of(job, struct counted, job);

    c->done++;
    if (c->abandons != NULL)
        job_abandon(&c->abandons->job);
}

static void count_dropped(struct job *job)
{
    container_of(job, struct counted, job)->dropped++;
}

static struct counted counted(void)
{
    return (struct counted){ .job = { .work = count_work, .done = count_done, .drop = count_dropped } };
}

static void set_up(void)
{
    loop_init(&loop, true);
}

static void tear_down(void)
{
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

START_TEST(work_is_done_beside_the_loop_and_handed_back_on_it)
{
    uv_thread_t here = uv_thread_self();

    for (int kind = 0; kind < JOB_KINDS; kind++) {
        struct counted c = counted();

        for (unsigned round = 1; round <= 3; round++) {
            job_start(&loop, (enum job_kind)kind, &c.job);
            uv_run(&loop.uv, UV_RUN_DEFAULT);
            ck_assert_uint_eq(c.worked, round);
            ck_assert_uint_eq(c.done, round);
            ck_assert(!uv_thread_equal(&c.thread, &here));
        }
        ck_assert_uint_eq(c.dropped, 0);
    }
}
END_TEST

START_TEST(a_sync_never_waits_for_cpu_work)
{
    struct counted sync = counted();

    stuck_begin(&stuck, &loop, JOB_CPU);
    job_start(&loop, JOB_DISK, &sync.job);
    while (sync.done == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    ck_assert_uint_eq(stuck.ended, 0);
    stuck_end(&stuck, &loop);
}
END_TEST

START_TEST(cpu_work_never_waits_for_a_disk_that_hangs)
{
    struct counted json = counted();

    stuck_begin(&stuck, &loop, JOB_DISK);
    job_start(&loop, JOB_CPU, &json.job);
    while (json.done == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    ck_assert_uint_eq(stuck.ended, 0);
    stuck_end(&stuck, &loop);
}
END_TEST

START_TEST(what_is_abandoned_before_it_began_is_dropped_at_once_and_never_worked_on)
{
    struct counted c = counted();

    stuck_begin(&stuck, &loop, JOB_CPU);
    job_start(&loop, JOB_CPU, &c.job);
    job_abandon(&c.job);
    ck_assert_uint_eq(c.dropped, 1);
    stuck_end(&stuck, &loop);
    ck_assert_uint_eq(c.worked + c.done, 0);
    ck_assert_uint_eq(c.dropped, 1);
}
END_TEST

static uv_sem_t begun, go;

static void work_slowly(struct job *job)
{
    uv_sem_post(&begun);
    uv_sem_wait(&go);
    count_work(job);
}

START_TEST(what_is_abandoned_at_work_is_dropped_when_the_work_is_over)
{
    struct counted c = counted();

    uv_sem_init(&begun, 0);
    uv_sem_init(&go, 0);
    c.job.work = work_slowly;
    job_start(&loop, JOB_DISK, &c.job);
    uv_sem_wait(&begun);
    job_abandon(&c.job);
    ck_assert_uint_eq(c.dropped, 0); /* a thread still reads it */
    uv_sem_post(&go);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    ck_assert_uint_eq(c.worked, 1);
    ck_assert_uint_eq(c.done, 0);
    ck_assert_uint_eq(c.dropped, 1);
    uv_sem_destroy(&begun);
    uv_sem_destroy(&go);
}
END_TEST

START_TEST(an_owner_that_goes_when_one_of_its_jobs_is_done_takes_the_others_along)
{
    struct counted first = counted(), second = counted();

    uv_sem_init(&begun, 0);
    uv_sem_init(&go, 0);
    first.abandons = &second;
    second.job.work = work_slowly;
    job_start(&loop, JOB_DISK, &second.job);
    job_start(&loop, JOB_DISK, &first.job);
    while (first.done == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    uv_sem_post(&go);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    ck_assert_uint_eq(second.worked, 1);
    ck_assert_uint_eq(second.done, 0);
    ck_assert_uint_eq(second.dropped, 1);
    uv_sem_destroy(&begun);
    uv_sem_destroy(&go);
}
END_TEST

START_TEST(jobs_of_a_kind_are_all_done_however_many_there_are)
{
    enum { MANY = 1000 };
    struct counted *many = mem_zalloc(MANY * sizeof(*many));

    for (int i = 0; i < MANY; i++) {
        many[i] = counted();
        job_start(&loop, i % 2 ? JOB_CPU : JOB_DISK, &many[i].job);
    }
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    for (int i = 0; i < MANY; i++)
        ck_assert_uint_eq(many[i].worked + many[i].done, 2);
    free(many);
}
END_TEST

/* The last test of a process: a thread stays. */
START_TEST(a_loop_that_closes_does_not_wait_for_a_disk_that_hangs)
{
    static struct counted c;
    static struct loop own;

    uv_sem_init(&begun, 0);
    uv_sem_init(&go, 0);
    c = counted();
    c.job.work = work_slowly;
    loop_init(&own, true);
    job_start(&own, JOB_DISK, &c.job);
    uv_sem_wait(&begun);
    ck_assert_int_eq(loop_close(&own, NULL, NULL), 1);
    uv_sem_post(&go); /* too late: nobody is told */
    ck_assert_uint_eq(c.done + c.dropped, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("job");
    TCase *tc = tcase_create("job");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, work_is_done_beside_the_loop_and_handed_back_on_it);
    tcase_add_test(tc, a_sync_never_waits_for_cpu_work);
    tcase_add_test(tc, cpu_work_never_waits_for_a_disk_that_hangs);
    tcase_add_test(tc, what_is_abandoned_before_it_began_is_dropped_at_once_and_never_worked_on);
    tcase_add_test(tc, what_is_abandoned_at_work_is_dropped_when_the_work_is_over);
    tcase_add_test(tc, an_owner_that_goes_when_one_of_its_jobs_is_done_takes_the_others_along);
    tcase_add_test(tc, jobs_of_a_kind_are_all_done_however_many_there_are);
    tcase_add_test(tc, a_loop_that_closes_does_not_wait_for_a_disk_that_hangs);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
