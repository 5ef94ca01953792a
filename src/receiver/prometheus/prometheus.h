/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the prometheus receiver: jobs, their targets, and what finds them.
 *
 * A *source* of discovery (discovery.h) has lists of target groups; a job makes targets of all its sources' groups,
 * relabelled, and keeps those that it has already. A target scrapes by itself, at its own moment of each interval. */
#ifndef RECEIVER_PROMETHEUS_H
#define RECEIVER_PROMETHEUS_H

#include "base/loop/slicer.h"
#include "base/table.h"
#include "pipeline/limit_health.h"
#include "pipeline/trace/tracer.h"
#include "prom/intake/intake.h"
#include "prom/relabel/relabel.h"
#include "receiver/prometheus/discovery.h"
#include "receiver/prometheus/fetch.h"
#include "receiver/prometheus/scrape_moment.h"

struct prometheus_receiver;
struct scrape_job;

/* ---- a target ---- */

enum target_state {
    TARGET_WAITING, /* for its moment */
    TARGET_IN_LINE, /* its moment has come; as many scrapes are under way as may be */
    TARGET_FETCHING,
    TARGET_READING,    /* its page, or what came instead, waits to be taken in, or is */
    TARGET_DELIVERING, /* the pipeline has not answered yet */
    TARGET_STATES
};

/* What is taken in. */
enum target_reading { READING_PAGE, READING_FAILURE, READING_END };

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN, TARGET_HEALTHS };

/* What a target is, before it scrapes. */
struct target_plan {
    struct label_set labels; /* after relabelling, without __meta_ */
    struct buf url;
    uint64_t interval, timeout; /* ns */
    bool native_histograms, classic_to_custom, classic_too;
    uint64_t identity; /* equal for two that are the same, in any process */
};

enum plan_verdict { PLAN_KEPT, PLAN_DROPPED, PLAN_BROKEN };

/* `discovered` has what was found; on return it has all that relabelling began with. BROKEN: `err` says why. A zeroed
 * plan, or one that was used, is overwritten. */
enum plan_verdict target_plan_make(struct target_plan *p, const struct scrape_job *job, struct label_set *discovered,
                                   struct error *err);
void target_plan_free(struct target_plan *p);

struct scrape_target {
    struct list link;       /* the job's */
    struct list queue_link; /* in the receiver's line, or among those that read or send */
    struct scrape_job *job;
    uint64_t identity;
    char *name; /* its labels, for people */
    char *url;
    char *shown_url; /* as much as may stand in the log */
    enum target_state state;
    enum target_health health;
    uint64_t sync; /* the last one that met it */
    bool known;    /* it is in the job's table */
    bool leaving;  /* it is no target any more: its series end, then it goes */
    bool scraped;  /* there are series that would have to end */
    struct clock_timer timer;
    struct scrape_moment moment;
    uint64_t began;   /* mono ns */
    uint64_t time_ms; /* wall: of the samples */
    struct intake_rules rules;
    struct intake *intake;
    struct fetch fetch;
    enum target_reading reading;
    bool begun; /* READING: it is its turn */
    bool taken; /* and the page is in */
    struct intake_scrape scrape;
    struct intake_result got;
    struct intake_points *points; /* that are not sent yet */
    struct ack ack;
    uint64_t items;                           /* under the ack */
    struct traced traced;                     /* of this scrape */
    uint64_t traced_accepted, traced_refused; /* points, so far */
    char *trace_error;                        /* NULL: it went well */
    uint64_t charged;                         /* to the budget: for itself, its client and its connection */
    struct complaint complaint, refused, left_out;
};

/* NULL: the memory budget has no room for it. */
struct scrape_target *scrape_target_new(struct scrape_job *job, const struct target_plan *plan,
                                        const struct label_set *discovered);
/* Its series end in a while, and then it is gone by itself. False: it is gone now. */
bool scrape_target_leave(struct scrape_target *t);
/* It was found again before that: it goes on. */
void scrape_target_come_back(struct scrape_target *t);
/* The receiver stops. `once_more`: after one more scrape. */
void scrape_target_stop(struct scrape_target *t, bool once_more);
bool scrape_target_is_idle(const struct scrape_target *t); /* nothing is under way */
void scrape_target_free(struct scrape_target *t);
void scrape_target_begin(struct scrape_target *t);     /* in line: there is room now */
void scrape_target_read(struct scrape_target *t);      /* what was read has made its points */
void scrape_target_delivered(struct scrape_target *t); /* and they are answered for, if there were any */
void scrape_target_give_up(struct scrape_target *t);   /* what is not sent yet is not sent */

/* ---- a job ---- */

/* Why a sample of a page that was taken is not among the points. */
enum sample_left_out { LEFT_OUT_DUPLICATE, LEFT_OUT_TOO_FAR, LEFT_OUT_UNFIT, LEFT_OUT_SERIES_LIMIT, LEFT_OUT_REASONS };

/* Where the going through all that was found stands: the next target of the next list of the next source. */
struct job_sync {
    bool on, changed; /* changed: while it ran */
    uint64_t number;
    uint64_t n_found;
    size_t source, list, target;
    struct list *leaving; /* the last part: those that were not met; NULL: not yet */
    bool crowded;         /* one found no room */
};

struct scrape_job {
    struct prometheus_receiver *receiver;
    const struct scrape_job_config *config;
    struct relabel *target_rules, *sample_rules;
    struct intake_rules rules;
    struct scrape_caller caller;
    char *accept;
    enum intake_format fallback;
    uint64_t limit; /* bytes of a body */
    struct list sources;
    struct list targets;
    struct table known; /* by their identity, those that leave among them */
    struct turn_task sync;
    struct job_sync syncing;
    struct target_plan plan; /* of the one that is looked at, and what was found of it */
    struct label_set found;
    uint64_t n_leaving, n_found; /* n_found: before target_limit */
    uint64_t healths[TARGET_HEALTHS];
    char forced[120]; /* why all scrapes fail; "": they do not */
    struct complaint broken, no_room;
    struct budget_waiter room; /* while a target has none */
    struct clock_timer again;  /* then what was found is looked at again */
    uint64_t again_after;      /* ns: how long after there is some; 0: at the last look all had room */
    struct metric *targets_metric[TARGET_HEALTHS], *failures[FETCH_FAULTS + 2], *missed;
    struct metric *left_out[LEFT_OUT_REASONS];
};

int scrape_job_open(struct scrape_job *job, struct prometheus_receiver *r, const struct scrape_job_config *c,
                    struct error *err);
void scrape_job_start(struct scrape_job *job);
bool scrape_job_sync_some(struct scrape_job *job);     /* false: it knows all that was found */
void scrape_job_end_discovery(struct scrape_job *job); /* nothing is found any more */
void scrape_job_close(struct scrape_job *job);
void scrape_job_count(struct scrape_job *job, enum target_health from, enum target_health to);

/* Beside those of enum fetch_fault. */
enum { FAILURE_EXPOSITION = FETCH_FAULTS, FAILURE_TARGET_LIMIT };

/* ---- the receiver ---- */

struct prometheus_receiver {
    struct node node;
    const struct prometheus_receiver_config *config;
    struct intake_store *store;
    struct limit_health limit_health;
    struct label_set external_labels;
    struct scrape_job *jobs;
    size_t n_jobs;
    struct list line;         /* targets that wait for room */
    struct list reads, sends; /* targets whose pages, and whose batches, wait for a slice */
    struct slicer *slicer;
    uint64_t steps;
    uint64_t waiting_bytes; /* of pages */
    unsigned fetching;      /* scrapes under way, till their page is read */
    struct turn_task serve;
    bool stopping;
    void (*on_stopped)(struct node *node);
    struct metric_hook hook;
    struct metric *accepted, *refused;
};

void prometheus_enter_line(struct prometheus_receiver *r, struct scrape_target *t);
void prometheus_leave_line(struct prometheus_receiver *r, struct scrape_target *t);
void prometheus_fetched(struct prometheus_receiver *r); /* a page is read: there is room for another scrape */

/* scrape_reading.c. The target is READING, and what it reads in fetch and scrape. */
void prometheus_read(struct scrape_target *t, enum target_reading what);
void prometheus_cancel_read(struct scrape_target *t);
uint64_t prometheus_cancel_send(struct scrape_target *t); /* how many points are lost */
bool prometheus_step(void *receiver);                     /* of the slicer */

void prometheus_idle(struct prometheus_receiver *r); /* a target has nothing under way any more */
void prometheus_tell_health(struct prometheus_receiver *r, const char *why); /* why the last scrape failed; NULL: it
                                                                              * did not */

extern const struct metric_row *const prometheus_receiver_metrics[];
void prometheus_metrics_init(struct prometheus_receiver *r);
void prometheus_job_metrics_init(struct scrape_job *job);
void prometheus_metrics_close(struct prometheus_receiver *r);

#endif
