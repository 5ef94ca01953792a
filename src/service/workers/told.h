/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker tells of itself: its process, its metrics, its ledgers, its nodes, all of one moment. Read where it
 * lies, by the same program that has written it. */
#ifndef SERVICE_TOLD_H
#define SERVICE_TOLD_H

#include "base/metrics.h"
#include "queue/sender.h"
#include "pipeline/clients.h"
#include "service/graph.h"

struct told_process {
    uint64_t pid, resident, used, peak, limit, refusals, connections;
    uint64_t signals[SIGNAL_COUNT]; /* of `used` */
    uint64_t own[SIGNAL_COUNT]; /* items of own telemetry that wait to be given to the front; told_write() sets it */
    double cpu;                 /* seconds */
};

#define TOLD_LABELS 24

struct told_metric {
    struct metric_row row;
    struct metric_label labels[TOLD_LABELS];
    size_t n_labels;
    double value;
    uint64_t count;
    const uint64_t *buckets; /* row.n_bounds + 1; of histograms */
};

struct told_reason {
    bool refused; /* else dropped */
    const char *reason;
    uint64_t items;
};

struct told_ledger {
    const char *kind, *id;
    uint64_t signal, received, delivered, held, disk;
    size_t n_reasons;
};

struct told_member {
    const char *endpoint, *state;
    const struct health *health;    /* HEALTH_CAUSES */
    const struct sender_fill *fill; /* NULL: it has no queue. Its unit is the next one */
    const char *unit;
};

struct told_node {
    uint64_t kind, from, to;
    const char *id, *pipeline;      /* pipeline: "" for none */
    const char *peer;               /* "": none, or it is not said */
    const struct health *health;    /* HEALTH_CAUSES */
    const struct sender_fill *fill; /* NULL: it has no queue. Its unit is not told */
    uint64_t forgotten;             /* of its clients */
};

/* Of own telemetry's nodes nothing is told: the front has them (service/workers/own_relay.h). */
void told_write(struct buf *out, const struct told_process *p, struct metrics *metrics, const struct graph *g);

/* Called one by one, in the order: metrics, ledgers each with its reasons behind it, nodes each with its members and
 * clients. Texts and arrays lie in what is read. Any may be NULL. */
struct told_reader {
    void (*metric)(void *arg, const struct told_metric *m);
    void (*ledger)(void *arg, const struct told_ledger *l);
    void (*reason)(void *arg, const struct told_ledger *l, const struct told_reason *r);
    void (*node)(void *arg, const struct told_node *n);
    void (*member)(void *arg, const struct told_node *n, const struct told_member *m);
    void (*client)(void *arg, const struct told_node *n, const struct client *c);
    void *arg;
};

/* False: it ends too early. */
bool told_read(struct bytes in, struct told_process *p, const struct told_reader *r);

#endif
