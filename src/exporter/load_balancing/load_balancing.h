/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the load_balancing exporter. Nobody but this folder includes this.
 *
 *     load_balancing.c          the component: its life, and what comes in
 *     load_balancing_options.c  what may be written
 *     load_balancing_metrics.c  what is counted and shown
 *     deliver.c                 a batch taken apart and handed to members: what comes in, and what is moved
 *     members.c                 who is on the ring, as the resolver says
 *     member.c                  the life of one
 *     member_files.c            queues on disk, and those of members that have gone
 *     member_source.h           resolvers: static, dns, k8s, file
 *     ring.c routing_key.c identity.c   whose an item is
 *     scatter.c                 a batch taken apart by its items
 *
 * A member is an otlp_grpc exporter with a queue of its own (exporter/otlp/otlp_grpc.h); its node is none of the
 * graph's, but it books in the ledger of the balancer's. */
#ifndef EXPORTER_LOAD_BALANCING_H
#define EXPORTER_LOAD_BALANCING_H

#include "exporter/load_balancing/member_source.h"
#include "exporter/load_balancing/routing_key.h"
#include "exporter/otlp/otlp_grpc.h"
#include "pipeline/split.h"

#define MEMBERS_MOST 500u  /* on the ring; what the resolver says beyond is left out */
#define LEAVING_MOST 1000u /* that still have something; a warning says so, and the next ones wait for them */
#define SHOWN_MOST 1000u   /* endpoints with metrics of their own, as long as the process lives */
#define DEFAULT_PORT ":4317"

struct resolver_config {
    struct static_resolver_config {
        bool on;
        struct strings hostnames;
    } of_static;
    struct dns_resolver_config {
        bool on;
        const char *hostname, *port;
        duration interval, timeout;
    } dns;
    struct k8s_resolver_config {
        bool on;
        const char *service;
        struct strings ports;
        duration timeout;
        bool return_hostnames;
        const char *api_server; /* "": that of the pod's cluster */
    } k8s;
    struct file_resolver_config {
        bool on;
        const char *path;
    } file;
};

struct load_balancing_config {
    const char *routing_key;
    struct strings routing_attributes;
    struct protocol_config {
        struct otlp_grpc_exporter_config otlp;
    } protocol;
    struct resolver_config resolver;
};

extern const struct option load_balancing_options[];
void load_balancing_finish(void *config, struct check *ck);
void load_balancing_check(const void *config, struct check *ck);
void load_balancing_check_use(const void *config, enum signal signal, struct check *ck);

struct balancer;

enum member_state {
    MEMBER_NEW,
    MEMBER_FAILED,   /* on the ring, but it could not be made or started; tried again */
    MEMBER_HERE,     /* on the ring */
    MEMBER_LEAVING,  /* what it has is moved to those on the ring */
    MEMBER_STOPPING, /* takes nothing more */
    MEMBER_STOPPED,
    MEMBER_STATES
};

struct member {
    struct list link;
    struct balancer *balancer;
    enum member_state state; /* changed by member.c alone */
    char *endpoint;          /* as it was resolved; of a queue that was found on the disk, its directory's name */
    char *name;              /* the same as a file's name */
    uint16_t at;             /* on the ring */
    bool wanted;             /* while the resolver's list is gone through */
    bool remove_files;       /* nothing is left in its queue on disk */
    struct otlp_exporter exporter;
    struct consumer moves; /* where its attempts go while it leaves */
    struct turn_task end;
    struct metric *queue;
};

enum balancer_phase {
    BALANCER_RUNNING,
    BALANCER_MOVING,   /* it ends: members that are leaving hand over what they have */
    BALANCER_STOPPING, /* so do all others */
    BALANCER_STOPPED
};

struct balancer_metrics {
    struct metric_hook hook;
    struct metric *members, *leaving, *moved, *backends, *updates, *resolutions[2];
};

struct balancer {
    struct node node;
    const struct load_balancing_config *config;
    struct host host; /* what members are lent: finds extensions for the balancer's node */
    bool waits;       /* senders wait for the members' answers */
    struct list members;
    VEC(struct member *) on_ring;
    size_t n_leaving;
    struct ring ring;
    struct routing_key key;
    struct scatter scatter;
    VEC(struct batch *) parts;
    struct splitter carrying, waiting;
    struct list moves; /* under way */
    struct member_source *source;
    bool resolved;             /* once */
    enum balancer_phase phase; /* changed by enter_phase() */
    uint64_t deadline;
    bool hurried;
    void (*stopped)(struct node *node);
    struct clock_timer tick;
    struct complaint failing, unresolved, crowded, nameless;
    struct balancer_metrics m;
};

static inline struct balancer *balancer_of(struct node *node)
{
    return container_of(node, struct balancer, node);
}

/* load_balancing.c */
void balancer_member_gone(struct balancer *b);

/* deliver.c */
void deliver_batch(struct balancer *b, struct batch *batch, struct ack *ack);    /* from a sender; takes both over */
void deliver_moved(struct consumer *self, struct batch *batch, struct ack *ack); /* from a member that leaves */
void deliver_forget(struct balancer *b); /* what is on its way; the members have gone */

/* members.c */
void members_tick(struct balancer *b); /* those that have nothing more go, those that failed are tried again */
void members_gone(struct balancer *b, struct member *m);            /* it has stopped */
void members_listen(struct balancer *b);                            /* the resolver begins */
void members_stop(struct balancer *b, bool all, uint64_t deadline); /* else those that leave */
void members_hurry(struct balancer *b);                             /* those that stop */
size_t members_count(const struct balancer *b, enum member_state state);

/* member.c */
/* What is dialled: the ring's text, and the port where there is none. For the caller to free. */
char *member_target(const char *endpoint);
/* load_balancing_options.c: UV_EINVAL and `err` where it can be no member. */
int member_endpoint_check(const char *endpoint, struct error *err);
struct member *member_new(struct balancer *b, const char *endpoint, const char *name);
void member_free(struct member *m);
void member_start(struct member *m);                   /* HERE, or FAILED */
bool member_open(struct member *m, struct error *err); /* the exporter alone */
void member_leave(struct member *m);
void member_return(struct member *m); /* it left, and is resolved again */
void member_stop(struct member *m, uint64_t deadline);
static inline bool member_is_open(const struct member *m)
{
    return m->exporter.sender != NULL;
}

/* member_files.c */
char *member_file_name(const char *endpoint);
bool member_files_prepare(struct balancer *b, struct error *err); /* the directory above those of members */
void member_files_adopt(struct balancer *b); /* queues of members that are not on the ring begin to leave */
void member_files_remove(struct member *m);

/* load_balancing_metrics.c */
extern const struct metric_row *const load_balancing_metric_rows[];
void balancer_metrics_init(struct balancer *b);
void balancer_metrics_close(struct balancer *b);
void member_metrics_init(struct member *m);
void member_metrics_close(struct member *m);
void balancer_each_member(const struct node *node, void (*visit)(const struct node_member *m, void *arg), void *arg);

#endif
