/* SPDX-License-Identifier: Apache-2.0 */
/* Requests between services of which one side has come: they wait for the other. */
#ifndef CONNECTOR_SERVICE_GRAPH_EDGE_STORE_H
#define CONNECTOR_SERVICE_GRAPH_EDGE_STORE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/table.h"

#define EDGE_KEY_SIZE 24u /* a trace's id and a span's */

enum side { SIDE_CLIENT, SIDE_SERVER, SIDES };
enum connection { CONNECTION_PLAIN, CONNECTION_MESSAGING, CONNECTION_DATABASE, CONNECTION_VIRTUAL };

struct waiting_edge {
    struct list link; /* in the order in which they came */
    uint64_t hash;
    uint64_t expires; /* mono ns */
    double latency;   /* s */
    enum side side;   /* the one that has come */
    enum connection connection;
    bool failed;
    uint32_t service_len, peer_len, values_len;
    uint8_t key[EDGE_KEY_SIZE];
    uint8_t data[]; /* the service, the peer, the dimensions' values as they are put into keys */
};

/* One side as it comes. */
struct edge_side {
    const uint8_t *key;
    enum side side;
    enum connection connection;
    bool failed;
    double latency;
    struct bytes service, peer, values;
};

struct edge_store {
    struct table table;
    struct list by_age;
    struct budget *budget;
    uint64_t n, most;
};

void edge_store_init(struct edge_store *s, struct budget *budget, uint64_t most);
void edge_store_free(struct edge_store *s);

/* NULL: nobody waits there. */
struct waiting_edge *edge_store_find(const struct edge_store *s, const uint8_t key[EDGE_KEY_SIZE]);

/* False: there are too many, or the budget has no room. */
bool edge_store_add(struct edge_store *s, const struct edge_side *side, uint64_t expires);
void edge_store_remove(struct edge_store *s, struct waiting_edge *e);

/* The oldest one that has expired, or NULL. */
struct waiting_edge *edge_store_expired(const struct edge_store *s, uint64_t now);

static inline struct bytes edge_service(const struct waiting_edge *e)
{
    return bytes_of(e->data, e->service_len);
}

static inline struct bytes edge_peer(const struct waiting_edge *e)
{
    return bytes_of(e->data + e->service_len, e->peer_len);
}

static inline struct bytes edge_values(const struct waiting_edge *e)
{
    return bytes_of(e->data + e->service_len + e->peer_len, e->values_len);
}

#endif
