/* SPDX-License-Identifier: Apache-2.0 */
/* Series of the service graph: found in a table by the bytes of their key, and gone over in a list in the order in
 * which they were made. Each is one piece of memory, key and attributes behind the struct, with two distributions
 * beside it.
 *
 * What can go wrong: there are as many as may be, or the budget has no room: NULL, and the caller counts in the one
 * series for all others (graph_store_overflow()), which is always given room. */
#include "connector/service_graph/graph_series.h"

#include "base/mem.h"
#include "connector/overflow_attributes.h"
#include "otlp/fields.h"

#include <stdlib.h>

#define ALLOCATOR_COST 16u

const char *const graph_metric_names[METRICS] = {
    [METRIC_TOTAL] = "traces_service_graph_request_total",
    [METRIC_FAILED] = "traces_service_graph_request_failed_total",
    [METRIC_SERVER] = "traces_service_graph_request_server",
    [METRIC_CLIENT] = "traces_service_graph_request_client",
};

static uint64_t hash_of(const void *entry)
{
    return ((const struct graph_series *)entry)->hash;
}

static bool has_key(const void *entry, const void *key)
{
    const struct graph_series *s = entry;

    return bytes_equal(bytes_of(s->data, s->key_len), *(const struct bytes *)key);
}

void graph_store_init(struct graph_store *s, struct budget *budget)
{
    *s = (struct graph_store){ .budget = budget, .shape = { .budget = budget } };
    table_init(&s->table, hash_of, budget);
    list_init(&s->all);
}

void graph_store_free(struct graph_store *s)
{
    struct graph_series *series;

    while ((series = list_pop(&s->all, struct graph_series, link)) != NULL)
        graph_store_remove(s, series);
    table_free(&s->table);
}

struct graph_series *graph_store_find(const struct graph_store *s, struct bytes key, uint64_t hash)
{
    return table_find(&s->table, hash, has_key, &key);
}

static size_t size_of(const struct graph_store *s, size_t data)
{
    return sizeof(struct graph_series) + data + 2 * observed_size(&s->shape) + 3u * (size_t)ALLOCATOR_COST;
}

static struct graph_series *make_series(struct graph_store *s, struct bytes key, struct bytes attributes)
{
    struct graph_series *made = mem_zalloc(sizeof(*made) + key.len + attributes.len);

    made->serial = s->next_serial++;
    made->key_len = (uint32_t)key.len;
    made->attributes_len = (uint32_t)attributes.len;
    if (key.len > 0)
        memcpy(made->data, key.data, key.len);
    memcpy(made->data + key.len, attributes.data, attributes.len);
    observed_init(&made->server, &s->shape);
    observed_init(&made->client, &s->shape);
    list_push(&s->all, &made->link);
    return made;
}

static void free_series(struct graph_store *s, struct graph_series *series)
{
    list_remove(&series->link);
    observed_free(&series->server, &s->shape);
    observed_free(&series->client, &s->shape);
    budget_give(s->budget, size_of(s, (size_t)series->key_len + series->attributes_len));
    free(series);
}

/* Of all metrics but that of failures, which few have. */
static void tell_of(struct graph_store *s, void (*tell)(struct series_top *top, struct bytes metric))
{
    for (unsigned i = 0; i < METRICS; i++)
        if (i != METRIC_FAILED)
            tell(s->top, bytes_str(graph_metric_names[i]));
}

struct graph_series *graph_store_add(struct graph_store *s, struct bytes key, uint64_t hash, struct bytes attributes)
{
    struct graph_series *made;

    if ((s->most > 0 && s->n >= s->most) || !budget_take(s->budget, size_of(s, key.len + attributes.len)))
        return NULL;
    made = make_series(s, key, attributes);
    made->hash = hash;
    if (!table_insert(&s->table, made, hash)) {
        free_series(s, made);
        return NULL;
    }
    s->n++;
    tell_of(s, series_top_made);
    series_top_attributes(s->top, attributes, OTLP_LIST_VALUES);
    return made;
}

struct graph_series *graph_store_overflow(struct graph_store *s)
{
    struct buf attributes = { 0 };

    if (s->overflow != NULL)
        return s->overflow;
    overflow_attributes_put(&attributes);
    budget_charge(s->budget, size_of(s, attributes.len));
    s->overflow = make_series(s, bytes_of(NULL, 0), buf_bytes(&attributes));
    s->overflow->is_overflow = true;
    buf_free(&attributes);
    return s->overflow;
}

void graph_store_remove(struct graph_store *s, struct graph_series *series)
{
    if (series->is_overflow) {
        s->overflow = NULL;
    } else {
        table_remove(&s->table, series, series->hash);
        tell_of(s, series_top_gone);
        s->n--;
    }
    free_series(s, series);
}
