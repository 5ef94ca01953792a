/* SPDX-License-Identifier: Apache-2.0 */
/* The series of the service_graph connector: one for each pair of services, kind of connection, outcome and values of
 * the dimensions. */
#ifndef CONNECTOR_SERVICE_GRAPH_GRAPH_SERIES_H
#define CONNECTOR_SERVICE_GRAPH_GRAPH_SERIES_H

#include "base/list.h"
#include "base/table.h"
#include "connector/observed.h"
#include "prom/series/series_top.h"

/* What a series becomes; METRIC_FAILED only where a request has. */
enum { METRIC_TOTAL, METRIC_FAILED, METRIC_SERVER, METRIC_CLIENT, METRICS };

extern const char *const graph_metric_names[METRICS];

struct graph_series {
    struct list link; /* in the order in which they came */
    uint64_t hash;
    uint64_t serial;    /* rises from one to the next that is made */
    uint64_t last_seen; /* mono ns */
    uint64_t requests;
    bool failed, is_overflow;
    struct observed server, client;
    uint32_t key_len, attributes_len;
    uint8_t data[]; /* the key, then KeyValues as fields 1 of a KeyValueList */
};

struct graph_store {
    struct series_top *top; /* is told which series are made and go; NULL: nobody is */
    struct table table;
    struct list all;
    struct budget *budget;
    struct observed_shape shape;
    struct graph_series *overflow; /* stands for what has no room */
    uint64_t n, most, next_serial; /* n: without the overflow */
};

void graph_store_init(struct graph_store *s, struct budget *budget);
void graph_store_free(struct graph_store *s);

struct graph_series *graph_store_find(const struct graph_store *s, struct bytes key, uint64_t hash);
/* NULL: there are too many, or the budget has no room. */
struct graph_series *graph_store_add(struct graph_store *s, struct bytes key, uint64_t hash, struct bytes attributes);
struct graph_series *graph_store_overflow(struct graph_store *s);
void graph_store_remove(struct graph_store *s, struct graph_series *series);

static inline struct bytes graph_series_attributes(const struct graph_series *s)
{
    return bytes_of(s->data + s->key_len, s->attributes_len);
}

#endif
