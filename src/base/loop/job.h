/* SPDX-License-Identifier: Apache-2.0 */
/* Work beside the loop, on small pools of threads: one for what computes, one for what waits for a disk, one for what
 * waits for the addresses of a name, and one for other questions to the DNS. A sync never waits for JSON, and neither
 * for a resolver that hangs.
 *
 * A job is part of its owner's struct for that work, which belongs to the job from job_start() on: work() runs on a
 * thread and touches nothing else; then done() comes on the loop, with the memory back in the owner's hands. An owner
 * that goes first abandons its job: then drop() comes in done()'s place, and touches nothing of the owner's. All but
 * work() are called on the loop's thread. */
#ifndef BASE_JOB_H
#define BASE_JOB_H

#include "base/list.h"

#include <uv.h>

struct jobs;
struct loop;

enum job_kind { JOB_CPU, JOB_DISK, JOB_NAME, JOB_DNS, JOB_KINDS };

enum job_state { JOB_IDLE, JOB_QUEUED, JOB_RUNNING, JOB_FINISHED, JOB_STATES };

struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job); /* it may be started again, or freed */
    void (*drop)(struct job *job); /* it was abandoned: free it. NULL for a job that never is */

    /* The pool's. Zeroed before the first start. */
    struct list link;
    struct jobs *jobs;
    enum job_kind kind;
    enum job_state state;
    bool abandoned;
};

/* work, done and drop are set. Jobs of a kind begin in the order in which they were started. */
void job_start(struct loop *loop, enum job_kind kind, struct job *job);

/* A job that was started and is not done. drop() comes before this returns where work() has not begun, and after
 * work() otherwise. */
void job_abandon(struct job *job);

/* --- for the loop --- */

/* Ends the threads; the memory goes when the loop has run once more. Where a job has not ended, its thread and the
 * pools are left behind. False: one of them is more than a question to a resolver that hangs. NULL is no pools. */
bool jobs_close(struct jobs *jobs);

/* Whether that handle of libuv's is the pools' own. */
bool jobs_own(const struct jobs *jobs, const uv_handle_t *handle);

#endif
