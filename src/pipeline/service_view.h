/* SPDX-License-Identifier: Apache-2.0 */
/* What may be seen of the running service, for whoever shows it (health_check, zpages): its phase, its pipelines with
 * their nodes and ledgers, its configuration. Read only. What a visit is given is valid for as long as the call. */
#ifndef PIPELINE_SERVICE_VIEW_H
#define PIPELINE_SERVICE_VIEW_H

#include "config/fault.h"
#include "pipeline/component.h"

enum service_phase {
    SERVICE_STARTING,
    SERVICE_READY,
    SERVICE_STOPPING, /* for good, or until a new configuration has taken over */
};

/* What a node is to the pipeline that it is shown in: a connector is a receiver of one and an exporter of another. */
enum view_role { VIEW_RECEIVER, VIEW_PROCESSOR, VIEW_EXPORTER };

struct view_node {
    enum view_role role;
    const struct node *node;
    const struct ledger *ledger; /* exporters: of what came from pipelines of this signal; else NULL */
};

struct view_pipeline {
    const char *id; /* "traces/2" */
    enum signal signal;
    const struct ledger *ledger;
    const struct view_node *nodes; /* in the order written: receivers, processors, exporters */
    size_t n_nodes;
};

/* What became of the last reload. */
struct view_reload {
    uint64_t n, failed; /* reloads that have ended, and those of them that changed nothing */
    uint64_t at;        /* wall ns: the last one's end; 0: there was none */
    bool under_way;     /* the next has begun */
    char fault[512];    /* why the last one changed nothing; "": it did what it should */
};

/* A point in a pipeline that batches pass: what a receiver sends into it, what an exporter is given of its signal; of a
 * processor what comes in or, `behind`, what comes out. No node: of the pipeline as a whole. */
struct view_point {
    const char *pipeline;
    enum view_role role;
    const char *node;
    bool behind;
};

/* A process that works for this one (service::workers). */
struct view_worker {
    unsigned number;
    long pid;          /* 0: none now */
    const char *state; /* "starting", "running", "reloading", "stopping", "waiting" to be started again, "ended" */
    uint64_t connections, restarts, resident;
    double cpu; /* seconds */
};

/* What it takes of the machine: this process or, with workers, all of them. */
struct view_total {
    uint64_t resident;                    /* bytes */
    double cpu;                           /* seconds */
    uint64_t used, peak, limit, refusals; /* of the budget; limit UINT64_MAX: none */
    uint64_t signals[SIGNAL_COUNT];       /* of `used` */
    const struct view_worker *workers;    /* n_workers of them */
    size_t n_workers;                     /* 0: it is alone */
};

#define VIEW_EDGES_MAX SIGNAL_COUNT /* a connector has one for each signal that goes in */

struct edge;
struct page;

/* What a component of a worker serves to the front alone: it listens there, with its id behind, transport unix. */
#define VIEW_INSIDE "@otelcd-inside/"

struct view_inside {
    unsigned worker;
    const char *door;   /* VIEW_INSIDE and the component's id */
    const char *target; /* "/debug/x?y=1" */
};

struct service_view {
    enum service_phase phase;
    uint64_t started;     /* wall ns */
    uint64_t ready_since; /* wall ns: when this configuration became ready; 0: it never was */
    void (*each_pipeline)(const struct service_view *v, void (*visit)(const struct view_pipeline *p, void *arg),
                          void *arg);
    void (*each_extension)(const struct service_view *v, void (*visit)(const struct node *extension, void *arg),
                           void *arg);
    /* The edges of that point, at most VIEW_EDGES_MAX, valid until another graph runs; 0: there is no such point. */
    size_t (*find_edges)(const struct service_view *v, const struct view_point *p, struct edge **out);
    /* The effective configuration as YAML or JSON, defaults included, secrets hidden. The service's, until the next
     * turn of the loop. */
    struct bytes (*config)(const struct service_view *v, bool json);
    struct view_reload reload;
    /* With workers: asks them, and brings up to date what is seen of pipelines and nodes. NULL: there are none. */
    void (*sum)(const struct service_view *v, struct view_total *total);
    /* With workers: has that one answer the page, now or later. NULL: there are none. */
    void (*relay)(const struct service_view *v, const struct view_inside *inside, struct page *page);
    /* Of the running configuration: what is worth a warning, with its location. */
    void (*each_warning)(const struct service_view *v, void (*visit)(const struct fault *f, void *arg), void *arg);
};

#endif
