/* SPDX-License-Identifier: Apache-2.0 */
/* job_start() puts the job into its pool's queue and wakes a thread, or makes one while there are few. The thread takes
 * the job, works, puts it among the finished and wakes the loop, where on_finished() hands each back by done() or, when
 * it was abandoned meanwhile, by drop().
 *
 * What can go wrong: no thread can be made: then the loop's own does the work. Work that never ends, at a disk that is
 * gone or a resolver that hangs: the others of its pool go on with the threads that are left, and jobs_close() does not
 * wait for it. */
#include "base/loop/job.h"

#include "base/loop/loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define CPU_THREADS 4   /* more would take the processors from the loop */
#define DISK_THREADS 8  /* most of them only wait, and some perhaps for ever */
#define NAME_THREADS 16 /* all of them only wait; each for another name */
#define DNS_THREADS 4   /* who has to dial does not wait for these */
#define MOST_THREADS NAME_THREADS

struct pool {
    struct jobs *jobs;
    struct list queue;
    size_t queued;
    size_t pending; /* started and not handed back; the loop's */
    pthread_cond_t wake;
    pthread_t threads[MOST_THREADS];
    size_t n, most;
    size_t idle;
};

struct jobs {
    pthread_mutex_t lock; /* for the lists, each job's state and link, idle and closed */
    struct pool pools[JOB_KINDS];
    struct list finished;
    bool closed;
    size_t pending; /* of all pools */
    uv_async_t async;
};

static const struct pool_row {
    const char *name; /* of its threads */
    size_t most;
} pool_rows[JOB_KINDS] = {
    [JOB_CPU] = { "job-cpu", CPU_THREADS },
    [JOB_DISK] = { "job-disk", DISK_THREADS },
    [JOB_NAME] = { "job-name", NAME_THREADS },
    [JOB_DNS] = { "job-dns", DNS_THREADS },
};

static void enter_state(struct job *job, enum job_state to)
{
    static const uint8_t allowed[JOB_STATES] = {
        [JOB_IDLE] = 1 << JOB_QUEUED,
        [JOB_QUEUED] = 1 << JOB_RUNNING | 1 << JOB_IDLE, /* taken out before it began */
        [JOB_RUNNING] = 1 << JOB_FINISHED,
        [JOB_FINISHED] = 1 << JOB_IDLE,
    };

    assert(allowed[job->state] & 1 << to);
    job->state = to;
}

/* --- on a thread --- */

/* Called, and returns, with the lock held. */
static void run_first(struct pool *p)
{
    struct jobs *all = p->jobs;
    struct job *job = list_pop(&p->queue, struct job, link);

    p->queued--;
    enter_state(job, JOB_RUNNING);
    pthread_mutex_unlock(&all->lock);
    job->work(job);
    pthread_mutex_lock(&all->lock);
    enter_state(job, JOB_FINISHED);
    list_push(&all->finished, &job->link);
    if (!all->closed)
        uv_async_send(&all->async);
}

static void *work_until_closed(void *arg)
{
    struct pool *p = arg;

    pthread_mutex_lock(&p->jobs->lock);
    while (!p->jobs->closed) {
        if (!list_empty(&p->queue)) {
            run_first(p);
            continue;
        }
        p->idle++;
        pthread_cond_wait(&p->wake, &p->jobs->lock);
        p->idle--;
    }
    pthread_mutex_unlock(&p->jobs->lock);
    return NULL;
}

/* Signals are the loop's thread's. */
static bool add_thread(struct pool *p)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    sigdelset(&all, SIGPROF); /* a profile's, meant for this thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&p->threads[p->n], NULL, work_until_closed, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return false;
    (void)pthread_setname_np(p->threads[p->n], pool_rows[p - p->jobs->pools].name);
    p->n++;
    return true;
}

/* --- on the loop --- */

static void hand_back(struct jobs *all, struct job *job)
{
    enter_state(job, JOB_IDLE);
    all->pools[job->kind].pending--;
    if (--all->pending == 0)
        uv_unref((uv_handle_t *)&all->async);
    if (job->abandoned)
        job->drop(job);
    else
        job->done(job);
}

static void on_finished(uv_async_t *async)
{
    struct jobs *all = container_of(async, struct jobs, async);
    struct list finished;
    struct job *job;

    list_init(&finished);
    pthread_mutex_lock(&all->lock);
    list_move(&finished, &all->finished);
    pthread_mutex_unlock(&all->lock);
    while ((job = list_pop(&finished, struct job, link)) != NULL)
        hand_back(all, job);
}

static struct jobs *open_jobs(struct loop *loop)
{
    struct jobs *all = mem_zalloc(sizeof(*all));

    pthread_mutex_init(&all->lock, NULL);
    list_init(&all->finished);
    uv_async_init(&loop->uv, &all->async, on_finished);
    uv_unref((uv_handle_t *)&all->async);
    for (int i = 0; i < JOB_KINDS; i++) {
        struct pool *p = &all->pools[i];

        p->jobs = all;
        p->most = pool_rows[i].most;
        list_init(&p->queue);
        pthread_cond_init(&p->wake, NULL);
    }
    return all;
}

void job_start(struct loop *loop, enum job_kind kind, struct job *job)
{
    struct jobs *all = loop->jobs == NULL ? loop->jobs = open_jobs(loop) : loop->jobs;
    struct pool *p = &all->pools[kind];

    p->pending++;
    if (all->pending++ == 0)
        uv_ref((uv_handle_t *)&all->async);
    job->jobs = all;
    job->kind = kind;
    job->abandoned = false;
    pthread_mutex_lock(&all->lock);
    enter_state(job, JOB_QUEUED);
    list_push(&p->queue, &job->link);
    p->queued++;
    if (p->queued > p->idle && p->n < p->most && !add_thread(p) && p->n == 0)
        run_first(p);
    else
        pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&all->lock);
}

void job_abandon(struct job *job)
{
    struct jobs *all = job->jobs;
    bool begun;

    assert(job->drop != NULL && !job->abandoned);
    job->abandoned = true;
    pthread_mutex_lock(&all->lock);
    begun = job->state != JOB_QUEUED;
    if (!begun) {
        list_remove(&job->link);
        all->pools[job->kind].queued--;
    }
    pthread_mutex_unlock(&all->lock);
    if (!begun)
        hand_back(all, job);
}

/* --- the end --- */

static void free_jobs(uv_handle_t *async)
{
    struct jobs *all = container_of(async, struct jobs, async);

    for (int i = 0; i < JOB_KINDS; i++)
        pthread_cond_destroy(&all->pools[i].wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static void end_threads(struct pool *p, bool wait)
{
    for (size_t i = 0; i < p->n; i++) {
        if (wait)
            pthread_join(p->threads[i], NULL);
        else
            pthread_detach(p->threads[i]);
    }
}

bool jobs_close(struct jobs *jobs)
{
    bool all_done;

    if (jobs == NULL)
        return true;
    all_done = jobs->pending == 0;
    pthread_mutex_lock(&jobs->lock);
    jobs->closed = true;
    for (int i = 0; i < JOB_KINDS; i++)
        pthread_cond_broadcast(&jobs->pools[i].wake);
    pthread_mutex_unlock(&jobs->lock);
    for (int i = 0; i < JOB_KINDS; i++)
        end_threads(&jobs->pools[i], all_done);
    uv_close((uv_handle_t *)&jobs->async, all_done ? free_jobs : NULL);
    return jobs->pending == jobs->pools[JOB_NAME].pending + jobs->pools[JOB_DNS].pending;
}

bool jobs_own(const struct jobs *jobs, const uv_handle_t *handle)
{
    return jobs != NULL && handle == (const uv_handle_t *)&jobs->async;
}
