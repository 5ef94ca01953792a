/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers tell (service/workers/told.h), as one: metrics by each row's rule, ledgers summed, of each node the
 * worst health, its queue and its clients. What a worker had counted when it died stays in the sums. */
#ifndef SERVICE_TOTALS_H
#define SERVICE_TOTALS_H

#include "service/workers/told.h"

struct totals {
    struct metrics *front;        /* of this process */
    struct metrics merged;        /* what is shown */
    struct metrics retired;       /* counters of workers that are gone */
    VEC(struct ledger *) ledgers; /* of these */
    VEC(struct metric_row *) rows;
    VEC(char *) words;           /* texts that have to stay */
    struct told_process process; /* sums; pid is none */
    struct told_process gone;    /* what those that are gone have counted */
};

void totals_init(struct totals *t, struct metrics *front);
void totals_free(struct totals *t);

/* `mirror` is a graph of the same configuration that does not run: its ledgers, healths, queues and clients become
 * those of all. NULL: there is none now. */
void totals_begin(struct totals *t, struct graph *mirror);
/* Of one worker; what it says of its process alone is in *p. False: it says nothing that can be read. */
bool totals_add(struct totals *t, struct graph *mirror, struct bytes told, struct told_process *p);
/* That is a process that runs. */
void totals_take(struct totals *t, const struct told_process *p);
/* What counts on of one that has ended. */
void totals_take_gone(struct told_process *sum, const struct told_process *p);

/* The same of one that is gone, when its successor has told or when there is none. What it held is lost, unless it is
 * on a disk. */
void totals_retire(struct totals *t, struct bytes told);

#endif
