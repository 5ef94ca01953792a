/* SPDX-License-Identifier: Apache-2.0 */
/* What an item is routed by, and so whose it is on the ring: the routing keys of the Go collector's load_balancing
 * exporter, by signal. Pure logic. */
#ifndef EXPORTER_LOAD_BALANCING_ROUTING_KEY_H
#define EXPORTER_LOAD_BALANCING_ROUTING_KEY_H

#include "base/arena.h"
#include "base/random.h"
#include "base/table.h"
#include "config/option.h"
#include "exporter/load_balancing/ring.h"
#include "exporter/load_balancing/scatter.h"

enum routing_kind {
    ROUTE_TRACE_ID,
    ROUTE_SERVICE,
    ROUTE_RESOURCE,
    ROUTE_METRIC,
    ROUTE_STREAM,
    ROUTE_ATTRIBUTES,
    ROUTING_KINDS
};

/* Of `routing_key` as it is written, for a signal; ROUTING_KINDS: it is none of that signal. */
enum routing_kind routing_kind_of(const char *routing_key, enum signal signal);
/* "traceID, service or attributes" */
const char *routing_kinds_text(enum signal signal);

/* What the resource and the scope that were looked at last have of a name. */
struct known_attribute {
    struct bytes of_resource, of_scope;
    bool in_resource, in_scope;
};

struct routing_key {
    enum routing_kind kind;
    enum signal signal;
    const struct strings *attributes; /* ROUTE_ATTRIBUTES */
    const struct ring *ring;
    struct random *random;
    struct budget *budget; /* ROUTE_SERVICE, ROUTE_ATTRIBUTES of traces: is charged while a batch is walked through */
    struct buf text;
    /* Of what was looked at last, by the numbers of struct scatter_item; 0: of nothing. */
    uint64_t resources, scopes, data_messages, attributes_of;
    struct bytes resource;
    VEC(struct known_attribute) known; /* for each of the names */
    bool by_resource;                  /* ROUTE_ATTRIBUTES: the resource has all of them */
    struct table traces;               /* of this batch, whose first span of a scope has chosen for all of it there */
    struct arena memory;               /* theirs */
    uint64_t charged;                  /* for it */
    uint16_t owner;
    uint64_t resource_identity, scope_identity, metric_identity;
    uint8_t trace_id[16];
    bool has_trace_id;
};

void routing_key_begin(struct routing_key *k); /* another batch, or another ring */
void routing_key_end(struct routing_key *k);   /* the batch was walked through: what is remembered of it goes */
void routing_key_free(struct routing_key *k);

/* A scatter_choose of struct routing_key: the owner's index on the ring, which is not empty. SCATTER_DROP: data points
 * by service whose resource has no service.name. */
uint32_t routing_key_choose(void *arg, const struct scatter_item *item);

#endif
