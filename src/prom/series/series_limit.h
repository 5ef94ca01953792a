/* SPDX-License-Identifier: Apache-2.0 */
/* How many series an exporter or a receiver may have, and whose they are.
 *
 * New series end where their number reaches `max_series`, or their memory its share of the budget, whichever comes
 * first. The last tenth is for senders that have less than an equal share: one that runs away does not silence the
 * others. A sender is a service (its job label), or a resource that names none. Known series go on. From half of the
 * limit on it is watched which metric grows, and by which label; a warning comes at 80 %. */
#ifndef PROM_SERIES_LIMIT_H
#define PROM_SERIES_LIMIT_H

#include "base/budget.h"
#include "base/log.h"
#include "base/loop/clock.h"
#include "base/metrics.h"
#include "prom/series/identity.h"
#include "prom/series/series_top.h"

#define SERIES_LIMIT "series_limit" /* the reason */
#define SERIES_LIMIT_ADVICE                                                                                            \
    "there are as many series as there may be: take the attribute away that has ever new values, or raise max_series " \
    "or the memory budget"

/* Of the option max_series. */
#define SERIES_LIMIT_WORDS                                                                                             \
    "Most series at one time; new ones beyond it are refused, known ones go on. The last tenth is for services that "  \
    "have less than an equal share. "
#define SERIES_LIMIT_HELP                                                                                              \
    SERIES_LIMIT_WORDS "0: as many as fit into half of the memory budget, which is the most anyway."

extern const struct metric_row series_limit_fill_row, series_limit_refused_row;
/* For the list of rows of a component that has a limit. */
#define SERIES_LIMIT_ROWS &series_limit_fill_row, &series_limit_refused_row, SERIES_TOP_ROWS

struct series_sender {
    uint64_t hash; /* of who it is */
    uint64_t series;
    uint64_t bytes;
    uint32_t resources; /* that are of it */
    char job[44];       /* for the log: as much as there is room for, "" without one */
};

/* Who is told when new series begin to be refused, once a second while they are, and when that is over: there is room
 * again, or for SERIES_LIMIT_QUIET none was. */
#define SERIES_LIMIT_QUIET (300 * NS_PER_S)

struct series_limit_watch {
    void (*turned)(struct series_limit_watch *watch, bool refuses);
};

struct series_limit {
    uint64_t max; /* the holder sets it; 0: the budget alone decides */
    uint64_t series, bytes;
    uint64_t others; /* bytes of tables */
    struct budget *budget;
    struct table senders;
    struct series_growth *growth; /* NULL: nobody is told */
    struct series_top *top;       /* likewise; the holder says which series are made and go */
};

void series_limit_init(struct series_limit *l, struct budget *budget);
void series_limit_free(struct series_limit *l); /* when all senders have gone */

/* Who tells of it, under which label: {"exporter", its id}. All outlive the limit, which stays where it is; without
 * this call nothing is counted and told. `watch` may be NULL. */
void series_limit_tell(struct series_limit *l, struct metrics *metrics, struct metric_label whose,
                       const struct logger *log, struct clock *clock, struct series_limit_watch *watch);

/* The sender of that hash and job, with one resource more. NULL: the table is crowded. */
struct series_sender *series_sender_hold(struct series_limit *l, uint64_t hash, struct bytes job);
void series_sender_release(struct series_limit *l, struct series_sender *s);

/* May a new series of that sender be made? `metric` and `labels` (rendered) are what it would be. */
bool series_limit_admits(struct series_limit *l, const struct series_sender *sender, struct bytes metric,
                         struct bytes labels);

/* It was made, or goes. */
void series_limit_count(struct series_limit *l, struct series_sender *sender, size_t bytes);
void series_limit_uncount(struct series_limit *l, struct series_sender *sender, size_t bytes);

/* A series of that sender takes so many bytes more, or fewer. */
static inline void series_limit_grow(struct series_limit *l, struct series_sender *sender, size_t bytes)
{
    l->bytes += bytes;
    sender->bytes += bytes;
}

static inline void series_limit_shrink(struct series_limit *l, struct series_sender *sender, size_t bytes)
{
    l->bytes -= bytes;
    sender->bytes -= bytes;
}

/* 0 to 1: how near the limit is. */
double series_limit_fill(const struct series_limit *l);

/* For the exporter's metric hook. */
void series_limit_collect(struct series_limit *l);

#endif
