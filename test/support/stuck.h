/* SPDX-License-Identifier: Apache-2.0 */
/* A pool that is stuck: so many jobs wait on its threads that nothing else begins there. */
#ifndef SUPPORT_STUCK_H
#define SUPPORT_STUCK_H

#include "base/loop/loop.h"

#define STUCK_JOBS 24 /* more than any pool has threads */

struct stuck {
    struct job jobs[STUCK_JOBS];
    unsigned begun; /* by threads, so atomically */
    unsigned ended;
    uv_sem_t sem;
};

void stuck_begin(struct stuck *s, struct loop *loop, enum job_kind kind);
void stuck_end(struct stuck *s, struct loop *loop); /* all go on; returns when they are done */

#endif
