/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table, and a list by age: all wait equally long, so the oldest expires first. */
#include "connector/service_graph/edge_store.h"

#include "base/mem.h"

#include <stdlib.h>

#define ALLOCATOR_COST 16u

static uint64_t hash_of(const void *entry)
{
    return ((const struct waiting_edge *)entry)->hash;
}

static bool has_key(const void *entry, const void *key)
{
    return memcmp(((const struct waiting_edge *)entry)->key, key, EDGE_KEY_SIZE) == 0;
}

void edge_store_init(struct edge_store *s, struct budget *budget, uint64_t most)
{
    *s = (struct edge_store){ .budget = budget, .most = most };
    table_init(&s->table, hash_of, budget);
    list_init(&s->by_age);
}

void edge_store_free(struct edge_store *s)
{
    struct waiting_edge *e;

    while ((e = list_pop(&s->by_age, struct waiting_edge, link)) != NULL)
        edge_store_remove(s, e);
    table_free(&s->table);
}

struct waiting_edge *edge_store_find(const struct edge_store *s, const uint8_t key[EDGE_KEY_SIZE])
{
    return table_find(&s->table, bytes_hash(bytes_of(key, EDGE_KEY_SIZE)), has_key, key);
}

static size_t size_of(size_t data)
{
    return sizeof(struct waiting_edge) + data + ALLOCATOR_COST;
}

static uint8_t *put_bytes(uint8_t *at, struct bytes b)
{
    if (b.len > 0)
        memcpy(at, b.data, b.len);
    return at + b.len;
}

static struct waiting_edge *make_edge(const struct edge_side *side, uint64_t expires)
{
    struct waiting_edge *e = mem_zalloc(sizeof(*e) + side->service.len + side->peer.len + side->values.len);

    e->hash = bytes_hash(bytes_of(side->key, EDGE_KEY_SIZE));
    e->expires = expires;
    e->latency = side->latency;
    e->side = side->side;
    e->connection = side->connection;
    e->failed = side->failed;
    e->service_len = (uint32_t)side->service.len;
    e->peer_len = (uint32_t)side->peer.len;
    e->values_len = (uint32_t)side->values.len;
    memcpy(e->key, side->key, EDGE_KEY_SIZE);
    put_bytes(put_bytes(put_bytes(e->data, side->service), side->peer), side->values);
    return e;
}

bool edge_store_add(struct edge_store *s, const struct edge_side *side, uint64_t expires)
{
    size_t size = size_of(side->service.len + side->peer.len + side->values.len);
    struct waiting_edge *e;

    if (s->n >= s->most || !budget_take(s->budget, size))
        return false;
    e = make_edge(side, expires);
    if (!table_insert(&s->table, e, e->hash)) {
        budget_give(s->budget, size);
        free(e);
        return false;
    }
    list_push(&s->by_age, &e->link);
    s->n++;
    return true;
}

void edge_store_remove(struct edge_store *s, struct waiting_edge *e)
{
    table_remove(&s->table, e, e->hash);
    list_remove(&e->link);
    budget_give(s->budget, size_of((size_t)e->service_len + e->peer_len + e->values_len));
    free(e);
    s->n--;
}

struct waiting_edge *edge_store_expired(const struct edge_store *s, uint64_t now)
{
    struct waiting_edge *oldest = list_first(&s->by_age, struct waiting_edge, link);

    return oldest != NULL && now > oldest->expires ? oldest : NULL;
}
