/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers tell (service/workers/told.h), as one: metrics by each row's rule, ledgers summed, of each node the
 * worst health, its queue and its clients. What a worker had counted when it died stays in the sums. */
#ifndef SERVICE_TOTALS_H
#define SERVICE_TOTALS_H

#include "service/workers/told.h"

/* Of an exporter that has several. */
struct totals_member {
    const struct node *node; /* of the mirror */
    char *endpoint;
    const char *state;
    struct health health[HEALTH_CAUSES];
    struct sender *queue; /* of all workers; NULL: no one has one */
};

struct totals {
    struct metrics *front;                /* of this process */
    struct metrics merged;                /* what is shown */
    struct metrics retired;               /* counters of workers that are gone */
    struct metrics idle;                  /* where those nodes of this process count that do not run: shown nowhere */
    VEC(struct ledger *) ledgers;         /* of these */
    VEC(const struct metric_row *) known; /* the one of each name, whoever came with it first */
    VEC(struct metric_row *) rows;        /* of these, those that were made here */
    VEC(struct totals_member) members;    /* of the nodes of this process that workers have told of last */
    VEC(char *) words;                    /* texts that have to stay */
    struct told_process process;          /* sums; pid is none */
    struct told_process gone;             /* what those that are gone have counted */
};

/* `shown`: the merged ones, as host->shown has them. */
static inline struct metrics *totals_idle(struct metrics *shown)
{
    return &container_of(shown, struct totals, merged)->idle;
}

void totals_init(struct totals *t, struct metrics *front);
void totals_free(struct totals *t);

/* `mirror` is a graph of the same configuration that does not run: its ledgers, healths, queues and clients become
 * those of all. NULL: there is none now. */
void totals_begin(struct totals *t, struct graph *mirror);
/* Of one worker; what it says of its process alone is in *p. False: it says nothing that can be read. `gone`: it has
 * died, and its successor has told nothing yet; what it counted and held is as it was, what it was like is not. */
bool totals_add(struct totals *t, struct graph *mirror, struct bytes told, bool gone, struct told_process *p);
/* That is a process that runs. */
void totals_take(struct totals *t, const struct told_process *p);
/* What counts on of one that has ended. */
void totals_take_gone(struct told_process *sum, const struct told_process *p);

/* The same of one that is gone, when its successor has told or when there is none. What it held is lost, unless it is
 * on a disk. */
void totals_retire(struct totals *t, struct bytes told);

#endif
