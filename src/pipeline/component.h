/* SPDX-License-Identifier: Apache-2.0 */
/* A component is one const struct; an instance of it in a running graph is a node.
 *
 * The life of a node: the graph allocates `node_size` zeroed bytes, fills in `struct node` (its first member), and
 * calls create() with the decoded configuration. Nodes are started from the exporters back to the receivers and
 * stopped from the receivers on; stop() comes also to one whose start() has failed. A reload keeps nodes whose
 * configuration is the same, and stops and starts others around them. After stop() has called back,
 * nothing is sent to the node any more and it sends nothing; destroy() frees what create() and start() made (the graph
 * frees the node itself).
 *
 * How many nodes: receivers and exporters one per (id, signal), unless .shared: then one per id for all signals;
 * processors one per pipeline; connectors one per (id, from-signal, to-signal). Extensions one per id. */
#ifndef PIPELINE_COMPONENT_H
#define PIPELINE_COMPONENT_H

#include "base/budget.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "base/metrics.h"
#include "config/option.h"
#include "pipeline/consumer.h"
#include "pipeline/health.h"
#include "pipeline/ledger_book.h"
#include "pipeline/trace/tracer.h"

enum component_kind {
    COMPONENT_RECEIVER,
    COMPONENT_PROCESSOR,
    COMPONENT_EXPORTER,
    COMPONENT_CONNECTOR,
    COMPONENT_EXTENSION,
    COMPONENT_KINDS
};

struct node;
struct service_view;
struct site;
struct storage;
struct arena;
struct faults;
struct yaml_node;
struct gatekeeper;
struct client_authenticator;
struct sender_options;

/* What the service lends to every node. It has no other way out. */
struct host {
    struct loop *loop;
    struct budget *budget;
    struct budget *shares;     /* of the budget, by signal; NULL: it is not divided */
    struct peer_shares *peers; /* base/peer_shares.h: what unfinished requests of one peer may hold */
    struct metrics *metrics;
    struct metrics *shown;      /* what is served in their place: with workers, those of all; NULL: the same */
    struct ledger_book ledgers; /* of all graphs that run here, and that have */
    enum metric_level level;    /* service::telemetry::metrics::level */
    struct log_sink *log;
    struct tracer tracer;                      /* our own spans */
    struct listener_shared *listeners;         /* net/socket/listener.h: for whoever listens */
    struct scrape_endpoints *scrape_endpoints; /* prom/endpoint/scrape_endpoint.h: listeners that several may share */
    struct site *site;                         /* page/site.h: what is served beside /metrics; NULL: nothing */
    const struct service_view *view;           /* pipeline/service_view.h: what may be seen of all this */
    const char *version;
    const char *instance_id; /* our service.instance.id */
    unsigned workers;        /* processes that share the work; 1: this one alone */
    unsigned worker;         /* which of them this is, from 1 on; 0: none of them, or it is alone */
    bool front;              /* they work for this one, whose nodes do not run but for extensions */
    uint32_t forwarded;      /* bits of enum coding: of what wants_packed says in the running graph */
    bool client_address;     /* a node of the running graph reads METADATA_ADDRESS: receivers have to put it there */
    /* The storage (pipeline/storage.h) that the extension `id` offers to this exporter; NULL when it is none, which
     * validation has found out before. The extension's, for as long as the exporter lives. */
    const struct storage *(*find_storage)(const struct node *node, const char *id);
    /* Likewise who may come in (net/message/gate.h), and what a client says of itself (pipeline/authenticator.h); NULL
     * for an id that is "". From create() on. */
    struct gatekeeper *(*find_gatekeeper)(const struct node *node, const char *id);
    struct client_authenticator *(*find_client_authenticator)(const struct node *node, const char *id);
    bool alone;                     /* this is a trial: nobody outside is asked anything */
    struct strings auth_attributes; /* of all nodes of the running graph, wants_auth: receivers put them there */
};

/* What data of a signal is charged to; of none (SIGNAL_COUNT): the whole. */
static inline struct budget *host_budget(const struct host *host, enum signal signal)
{
    return host->shares != NULL && signal != SIGNAL_COUNT ? &host->shares[signal] : host->budget;
}

static inline struct metrics *host_shown(const struct host *host)
{
    return host->shown != NULL ? host->shown : host->metrics;
}

/* What a component needs for itself (config_claims.c). `path`: of the key, as for check_fail(). An address that is
 * shared may be that of others that share it, by the same authenticator ("" = none) and TLS (tls_config_hash(); who has
 * none takes that of others). */
struct claims;
struct http_server_config; /* config/server_rows.h */
void claim_address(struct claims *c, const char *path, const char *endpoint, const char *transport);
void claim_shared_address(struct claims *c, const char *path, const struct http_server_config *server);
void claim_directory(struct claims *c, const char *path, const char *directory);
/* A file or directory that it makes, writes or removes; others may do so too. Directories and unix sockets that are
 * claimed need not be named again. The text is copied. */
void claim_writes(struct claims *c, const char *file);
void claim_output(struct claims *c, const char *output); /* the same, unless it is stdout or stderr */

/* One of the pipelines behind a connector: its tap. */
struct pipeline_end {
    const char *pipeline; /* "traces/2" */
    struct consumer *in;
};

/* One of the peers of an exporter that has several, which come and go. */
struct node_member {
    const char *endpoint;
    const char *state;           /* "here", "leaving", "failed" */
    const struct sender *sender; /* NULL while it has failed */
    const struct health *health; /* HEALTH_CAUSES of them */
};

struct node {
    struct consumer in; /* first: what others send to. NULL consume for receivers and extensions */
    const struct component *component;
    const char *id;       /* "otlp/2", as the user wrote it */
    enum signal signal;   /* of what comes in; for .shared receivers SIGNAL_COUNT */
    const char *pipeline; /* processors: "metrics/2"; else NULL */
    struct host *host;
    uint32_t wants_packed;     /* set by create(): a bit for each coding that it sends on as it came (otlp/batch.h) */
    bool wants_client_address; /* set by create(): it reads METADATA_ADDRESS of what comes in */
    struct strings wants_auth; /* likewise, of who sent it: METADATA_AUTH and an attribute's name, each */
    struct logger log;         /* carries id, kind and signal */
    struct ledger *ledger;     /* processors: the pipeline's. Exporters: their own, which the graph keeps in front; NULL
                                * when .shared, for there is one for each signal. An ack that comes in always books in it */
    /* Where to send, by signal: receivers, processors and connectors. NULL: that signal has no pipeline here. A reload
     * may change that between two turns of the loop, for a receiver of several signals. */
    struct consumer *out[SIGNAL_COUNT];
    /* Connectors: those that out[] sends to, one by one, for who chooses among them; in the order written. */
    const struct pipeline_end *ends;
    size_t n_ends;
    struct health health[HEALTH_CAUSES]; /* what it says of itself */
    bool kept_behind;                    /* processors: an exporter behind keeps on disk what it has accepted */
    struct sender *sender;               /* exporters with a queue (queue/sender.h); else NULL */
    const char *peer;                    /* exporters: whom they send to, for people; NULL: nobody, or it is not said */
    struct clients *clients;             /* receivers that are sent requests (pipeline/clients.h); else NULL */
    /* Exporters with several peers and queues: each of them, for who shows it. Else NULL. */
    void (*each_member)(const struct node *node, void (*visit)(const struct node_member *m, void *arg), void *arg);
    /* Exporters that keep what they have accepted in memory, when a reload replaces them: before stop(), and after it
     * while is_handing(), what they hold is for `to`. NULL: nobody takes it (any more). Themselves NULL where there is
     * never such a thing. */
    void (*hand_over)(struct node *node, struct consumer *to);
    bool (*is_handing)(const struct node *node);
    /* Between stop() and done(): what this node waits for that can be neither cut short nor freed ("the disk"); NULL:
     * nothing. Itself NULL where there is never such a thing. */
    const char *(*blocked_on)(const struct node *node);
};

/* How it lives where several processes share the work (service::workers). */
enum component_spread {
    SPREAD_ALONE, /* not at all: `alone` says why */
    SPREAD_EACH,  /* each of them has its own */
    SPREAD_FRONT, /* extensions about the whole: in the process that the others work for, and only there */
};

struct component {
    const char *type;           /* "otlp_grpc" */
    const char *const *aliases; /* old spellings, NULL-terminated; each warns once when used */
    enum component_kind kind;
    uint32_t signals; /* SIGNAL_BITs it takes */
    uint32_t makes;   /* connectors: SIGNAL_BITs that come out of each; 0: the signal that goes in */
    bool shared;
    const char *stability; /* "stable", "beta", "alpha": as the Go collector says of it */
    enum component_spread spread;
    const char *alone;   /* "it waits for all spans of a trace" */
    const char *summary; /* one sentence */
    const char *safe;    /* what SAFE means here, one sentence: exporters, receivers, and who answers before what is
                          * behind it has; NULL: the answer is that of what is behind */
    size_t config_size;
    const struct option *options;            /* ends with OPT_END */
    const struct metric_row *const *metrics; /* what it counts, NULL-terminated; for the reference */
    size_t node_size;

    /* What stands elsewhere is put into its body before that is decoded; faults are reported at `path` and at their
     * places. `body` is a map, in `a`, and may be changed. May be NULL. */
    void (*gather)(struct arena *a, struct yaml_node *body, const char *path, struct faults *faults);
    /* What follows from other values is written into the decoded configuration, before check() sees it. `ck` says what
     * the user wrote; nothing is reported. May be NULL. */
    void (*finish)(void *config, struct check *ck);
    /* What one row cannot say (max >= min); report through check_fail. May be NULL. */
    void (*check)(const void *config, struct check *ck);
    /* Processors and exporters: what hangs on the signal; called for each that a pipeline uses it for, after check().
     * May be NULL. */
    void (*check_use)(const void *config, enum signal signal, struct check *ck);
    /* Connectors: what hangs on the pipelines behind it. Called for each signal that goes in, after check(); `ends` are
     * the ids of those of that signal. May be NULL. */
    void (*check_ends)(const void *config, enum signal signal, const struct strings *ends, struct check *ck);
    /* Exporters: what SAFE was said of survives the process, by this configuration: it is in a file, or stays on a
     * disk until it is delivered. NULL: never. */
    bool (*keeps)(const void *config);
    /* Exporters with a queue (queue/sender.h): what is before an attempt by this configuration, in memory, wherever it
     * is kept; false: nothing. For who plays the peer (service/trial.h). May be NULL. */
    bool (*queue)(const void *config, struct sender_options *o);
    /* What nobody else may have, so that what is valid can start; by claim_*(). May be NULL. */
    void (*claim)(const void *config, struct claims *claims);
    /* What a node does with a batch, of components that have nothing else to set before they start. NULL: create() sets
     * node->in.consume, or nothing is sent to them. */
    void (*consume)(struct consumer *self, struct batch *batch, struct ack *ack);
    /* Allocate; no I/O. May be NULL. */
    int (*create)(struct node *node, const void *config, struct error *err);
    int (*start)(struct node *node, struct error *err); /* bind, arm timers; may be NULL */
    /* Take no more, hand on what is held, then call done(node) once, now or later. NULL: nothing to do.
     * `deadline` is the mono time after which the service tears down regardless. */
    void (*stop)(struct node *node, uint64_t deadline, void (*done)(struct node *));
    /* Between stop() and done(): the deadline is now. NULL: nothing here waits for it. */
    void (*hurry)(struct node *node);
    void (*destroy)(struct node *node); /* may be NULL */
    /* A reload may keep a node whose configuration is the same as before, with all that it has. Both may be NULL.
     * is_stale(): something outside has changed that it only looks at when it starts (its file was moved away): it is
     * replaced all the same. on_reload(): it runs on after a reload, which has set the budget's limits anew. */
    bool (*is_stale)(struct node *node);
    void (*on_reload)(struct node *node);
    /* Extensions: what they are for others. */
    bool (*provides)(const void *config, enum capability capability); /* NULL: what the calls below are there for */
    const struct storage *(*storage)(const struct node *node);        /* pipeline/storage.h */
    struct gatekeeper *(*gatekeeper)(struct node *node);              /* net/message/gate.h */
    struct client_authenticator *(*client_authenticator)(struct node *node); /* pipeline/authenticator.h */
};

/* How a component is written: its table says what it is, what is told of it, what may be configured and what runs.
 * Three lines of it take their fields together, those that not every component has by name:
 *
 *     const struct component span_processor = {
 *         COMPONENT_TYPE("span", COMPONENT_PROCESSOR, .signals = SIGNAL_BIT(SIGNAL_TRACES), .stability = "alpha"),
 *         .spread = SPREAD_EACH,
 *         .summary = "Edits names and status of spans, and makes attributes of names.",
 *         COMPONENT_CONFIG(struct span_config, options, .check = check),
 *         .metrics = metric_rows,
 *         COMPONENT_NODE(struct span, .create = create, .destroy = destroy),
 *     };
 *
 * COMPONENT_TYPE is what it is: its name, its kind, and with what it deals. COMPONENT_CONFIG is the struct that `rows`
 * decode into, and what is asked of such a configuration before there is a node (gather to claim, provides).
 * COMPONENT_NODE is the struct of a node, whose first member is a struct node, and what is done with one. */
#define COMPONENT_TYPE(type_, kind_, ...) .type = (type_), .kind = (kind_), ##__VA_ARGS__
#define COMPONENT_CONFIG(T, rows, ...) .config_size = sizeof(T), .options = (rows), ##__VA_ARGS__
#define COMPONENT_NODE(T, ...) .node_size = sizeof(T), ##__VA_ARGS__

/* Makes the component's part of a node, whose own part is filled in. */
static inline int node_create(struct node *node, const void *config, struct error *err)
{
    const struct component *c = node->component;

    node->in.consume = c->consume;
    return c->create != NULL ? c->create(node, config, err) : 0;
}

/* One object that all nodes of one component id share (memory_limiter's checker): *slot starts NULL and lives
 * as long as one of them, also when a reload replaces some and keeps others. */
void **node_shared(struct node *node);

/* The end of every array of components. registry.c holds the array of all; the graph is given it. */
extern const struct component *const component_registry[];

const struct component *component_find(const struct component *const *all, enum component_kind kind, struct bytes type,
                                       bool *by_alias);

#endif
