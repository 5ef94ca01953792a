/* SPDX-License-Identifier: Apache-2.0 */
/* For each item the bytes that the Go collector hashes for it are put together and looked up on the ring. What hangs on
 * the resource alone is looked up once for each resource, identities once for what they are of, and a trace id not
 * again while it stays the same.
 *
 * Attributes are looked for in the resource, then in the scope, then in the item itself; the text is name=value| of
 * each, or name=| of one that nothing has. Of logs and metrics those come first that the resource has, then those of
 * the scope. The spans that a trace has in one scope go together, where the first of them goes. */
#include "exporter/load_balancing/routing_key.h"

#include "exporter/load_balancing/identity.h"
#include "otlp/any_value.h"
#include "otlp/view.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE "service.name"

struct name {
    const char *name;
    enum routing_kind kind;
    uint32_t signals;
};

static const struct name names[] = {
    { "", ROUTE_TRACE_ID, SIGNAL_BIT(SIGNAL_TRACES) },
    { "", ROUTE_SERVICE, SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS) },
    { "traceID", ROUTE_TRACE_ID, SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS) },
    { "service", ROUTE_SERVICE, SIGNAL_STABLE },
    { "resource", ROUTE_RESOURCE, SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS) },
    { "metric", ROUTE_METRIC, SIGNAL_BIT(SIGNAL_METRICS) },
    { "streamID", ROUTE_STREAM, SIGNAL_BIT(SIGNAL_METRICS) },
    { "attributes", ROUTE_ATTRIBUTES, SIGNAL_STABLE },
};

enum routing_kind routing_kind_of(const char *routing_key, enum signal signal)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].name, routing_key) == 0 && (names[i].signals & SIGNAL_BIT(signal)) != 0)
            return names[i].kind;
    return ROUTING_KINDS;
}

const char *routing_kinds_text(enum signal signal)
{
    return signal == SIGNAL_TRACES ? "traceID, service or attributes"
           : signal == SIGNAL_LOGS ? "service, traceID, resource or attributes"
                                   : "service, resource, metric, streamID or attributes";
}

void routing_key_begin(struct routing_key *k)
{
    k->resources = k->scopes = k->data_messages = k->attributes_of = 0;
    k->has_trace_id = false;
}

void routing_key_end(struct routing_key *k)
{
    if (k->traces.slots != NULL)
        table_free(&k->traces);
    arena_reset(&k->memory);
    if (k->charged > 0)
        budget_give(k->budget, k->charged);
    k->charged = 0;
}

void routing_key_free(struct routing_key *k)
{
    routing_key_end(k);
    arena_free(&k->memory);
    buf_free(&k->text);
    vec_free(&k->known);
}

static uint16_t find_text(const struct routing_key *k)
{
    return ring_find(k->ring, buf_bytes(&k->text));
}

/* ---- trace ids ---- */

/* Spans have theirs in front, as encoders write them. */
static struct bytes trace_id_of(const struct routing_key *k, struct bytes item)
{
    if (k->signal == SIGNAL_LOGS)
        return pb_find_bytes(item, OTLP_LOG_TRACE_ID);
    if (item.len >= 18 && item.data[0] == PB_TAG(OTLP_SPAN_TRACE_ID, PB_LEN) && item.data[1] == 16)
        return bytes_of(item.data + 2, 16);
    return pb_find_bytes(item, OTLP_SPAN_TRACE_ID);
}

/* Log records of no trace are spread. */
static uint16_t find_random(struct routing_key *k)
{
    uint64_t any = random_next(k->random);

    return ring_find(k->ring, bytes_of(&any, sizeof(any)));
}

static uint16_t find_trace(struct routing_key *k, struct bytes item)
{
    static const uint8_t none[16];
    static const char hex[] = "0123456789abcdef";
    struct bytes id = trace_id_of(k, item);

    if (id.len != 16)
        id = bytes_of(none, 16);
    if (k->signal == SIGNAL_LOGS && memcmp(id.data, none, 16) == 0)
        return find_random(k);
    if (k->has_trace_id && memcmp(id.data, k->trace_id, 16) == 0)
        return k->owner;
    memcpy(k->trace_id, id.data, 16);
    k->has_trace_id = true;
    k->text.len = 0;
    if (k->signal == SIGNAL_LOGS)
        for (size_t i = 0; i < 16; i++) {
            buf_putc(&k->text, hex[id.data[i] >> 4]);
            buf_putc(&k->text, hex[id.data[i] & 15]);
        }
    else
        buf_put(&k->text, id);
    k->owner = find_text(k);
    return k->owner;
}

/* ---- attributes ---- */

static void put_kind(struct buf *out, uint64_t kind)
{
    static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };

    buf_puts(out, kind < ARRAY_LEN(kinds) ? kinds[kind] : "");
}

/* What is no attribute and is asked for like one. */
static bool put_pseudo(struct routing_key *k, const char *name, struct bytes item)
{
    if (k->signal == SIGNAL_TRACES && strcmp(name, "span.kind") == 0)
        put_kind(&k->text, span_view(item).kind);
    else if (k->signal == SIGNAL_TRACES && strcmp(name, "span.name") == 0)
        buf_put(&k->text, span_view(item).name);
    else if (k->signal == SIGNAL_LOGS && strcmp(name, "log.severity") == 0)
        buf_put(&k->text, log_view(item).severity_text);
    else if (k->signal == SIGNAL_LOGS && strcmp(name, "log.body") == 0)
        any_value_put(&k->text, log_view(item).body);
    else
        return false;
    return true;
}

static uint32_t attributes_of_item(const struct routing_key *k, const struct scatter_item *item)
{
    return k->signal == SIGNAL_TRACES ? OTLP_SPAN_ATTRIBUTES
           : k->signal == SIGNAL_LOGS ? OTLP_LOG_ATTRIBUTES
                                      : identity_point_attributes(item->data);
}

static const struct strings *wanted_of(const struct routing_key *k)
{
    static const char *service[] = { SERVICE };
    static const struct strings only_service = { service, 1 };

    return k->kind == ROUTE_ATTRIBUTES ? k->attributes : &only_service;
}

/* A resource or scope is looked through once for all of its items. */
static void look_up(struct routing_key *k, struct bytes message, uint32_t number, bool scope)
{
    const struct strings *wanted = wanted_of(k);

    while (k->known.n < wanted->n)
        *vec_push(&k->known) = (struct known_attribute){ 0 };
    for (size_t i = 0; i < wanted->n; i++) {
        struct known_attribute *a = &k->known.v[i];

        if (scope)
            a->in_scope = attribute_find(message, number, bytes_str(wanted->v[i]), &a->of_scope);
        else
            a->in_resource = attribute_find(message, number, bytes_str(wanted->v[i]), &a->of_resource);
    }
}

static void put_attribute(struct routing_key *k, size_t at, const struct scatter_item *item)
{
    const char *name = wanted_of(k)->v[at];
    const struct known_attribute *a = &k->known.v[at];
    struct bytes key = bytes_str(name), value = a->in_resource ? a->of_resource : a->of_scope;

    buf_put(&k->text, key);
    buf_putc(&k->text, '=');
    if (a->in_resource || a->in_scope ||
        (!put_pseudo(k, name, item->item) && attribute_find(item->item, attributes_of_item(k, item), key, &value)))
        any_value_put(&k->text, value);
    buf_putc(&k->text, '|');
}

enum tier { TIER_RESOURCE, TIER_SCOPE, TIER_ITEM, TIERS };

/* Of traces all are in the order in which they were written. */
static enum tier tier_of(const struct routing_key *k, const struct known_attribute *a)
{
    if (k->signal == SIGNAL_TRACES || a->in_resource)
        return TIER_RESOURCE;
    return a->in_scope ? TIER_SCOPE : TIER_ITEM;
}

static void put_attributes(struct routing_key *k, const struct scatter_item *item)
{
    size_t n = wanted_of(k)->n;

    k->text.len = 0;
    k->by_resource = true;
    for (int tier = TIER_RESOURCE; tier < TIERS; tier++)
        for (size_t i = 0; i < n; i++)
            if ((int)tier_of(k, &k->known.v[i]) == tier)
                put_attribute(k, i, item);
    for (size_t i = 0; i < n; i++)
        k->by_resource &= k->known.v[i].in_resource;
}

/* ---- traces whose spans go together ---- */

struct trace_key {
    uint64_t scopes; /* the how manyth scope */
    uint8_t id[16];
};

struct trace_owner {
    struct trace_key key;
    uint16_t owner;
};

static uint64_t trace_hash(const void *entry)
{
    const struct trace_key *key = entry; /* the first of a trace_owner */

    return bytes_hash(bytes_of(key, sizeof(*key)));
}

static bool trace_is(const void *entry, const void *key)
{
    return memcmp(entry, key, sizeof(struct trace_key)) == 0;
}

static struct trace_key trace_key_of(const struct routing_key *k, const struct scatter_item *item)
{
    struct trace_key key = { .scopes = item->scopes };
    struct bytes id = trace_id_of(k, item->item);

    if (id.len == sizeof(key.id))
        memcpy(key.id, id.data, sizeof(key.id));
    return key;
}

static const struct trace_owner *find_known(const struct routing_key *k, const struct trace_key *key)
{
    return k->traces.slots != NULL ? table_find(&k->traces, trace_hash(key), trace_is, key) : NULL;
}

static void keep_trace(struct routing_key *k, const struct trace_key *key, uint16_t owner)
{
    struct trace_owner *t;

    if (!budget_take(k->budget, sizeof(*t)))
        return; /* as where it is too crowded */
    k->charged += sizeof(*t);
    t = arena_alloc(&k->memory, sizeof(*t));
    *t = (struct trace_owner){ *key, owner };
    if (k->traces.slots == NULL)
        table_init(&k->traces, trace_hash, k->budget);
    (void)table_insert(&k->traces, t, trace_hash(t)); /* where it is too crowded the next span chooses for itself */
}

static uint16_t find_attributes(struct routing_key *k, const struct scatter_item *item)
{
    struct trace_key key = { 0 };
    const struct trace_owner *known;

    if (k->attributes_of == item->resources && k->by_resource)
        return k->owner;
    if (k->signal == SIGNAL_TRACES) {
        key = trace_key_of(k, item);
        known = find_known(k, &key);
        if (known != NULL)
            return known->owner;
    }
    k->attributes_of = item->resources;
    put_attributes(k, item);
    k->owner = find_text(k);
    if (k->signal == SIGNAL_TRACES && !k->by_resource)
        keep_trace(k, &key, k->owner);
    return k->owner;
}

/* ---- what hangs on the resource, or on metrics ---- */

/* service.name itself, of log records and data points. */
static uint16_t find_service(struct routing_key *k)
{
    struct bytes value;
    struct value v = { .type = VALUE_EMPTY };
    bool there = attribute_find(k->resource, OTLP_RESOURCE_ATTRIBUTES, bytes_str(SERVICE), &value);

    if (there)
        v = value_read(value);
    if (!there && k->signal == SIGNAL_METRICS)
        return RING_NONE;
    return ring_find(k->ring, v.type == VALUE_STRING ? v.bytes : bytes_str(""));
}

static uint16_t find_identity(struct routing_key *k, const char *kind, uint64_t identity)
{
    k->text.len = 0;
    identity_put(&k->text, kind, identity);
    return find_text(k);
}

/* True when the resource is another. */
static bool enter_resource(struct routing_key *k, const struct scatter_item *item)
{
    if (k->resources == item->resources)
        return false;
    k->resources = item->resources;
    k->resource = resource_group_view(item->resource_group).resource;
    return true;
}

static uint16_t find_stream(struct routing_key *k, const struct scatter_item *item)
{
    if (enter_resource(k, item))
        k->resource_identity = identity_resource(k->resource);
    if (k->scopes != item->scopes) {
        k->scopes = item->scopes;
        k->scope_identity = identity_scope(k->resource_identity, scope_group_view(item->scope_group).scope);
    }
    if (k->data_messages != item->data_messages) {
        k->data_messages = item->data_messages;
        k->metric_identity = identity_metric(k->scope_identity, item->metric, item->data);
    }
    return find_identity(k, "stream", identity_stream(k->metric_identity, item->item, item->data));
}

static uint16_t find_by_resource(struct routing_key *k, const struct scatter_item *item)
{
    if (enter_resource(k, item))
        k->owner =
            k->kind == ROUTE_RESOURCE ? find_identity(k, "resource", identity_resource(k->resource)) : find_service(k);
    return k->owner;
}

static uint16_t find_metric(struct routing_key *k, const struct scatter_item *item)
{
    if (k->data_messages != item->data_messages) {
        k->data_messages = item->data_messages;
        k->owner = ring_find(k->ring, metric_view(item->metric).name);
    }
    return k->owner;
}

static uint16_t find_by_attributes(struct routing_key *k, const struct scatter_item *item)
{
    if (enter_resource(k, item))
        look_up(k, k->resource, OTLP_RESOURCE_ATTRIBUTES, false);
    if (k->scopes != item->scopes) {
        k->scopes = item->scopes;
        look_up(k, scope_group_view(item->scope_group).scope, OTLP_SCOPE_ATTRIBUTES, true);
    }
    return find_attributes(k, item);
}

uint32_t routing_key_choose(void *arg, const struct scatter_item *item)
{
    struct routing_key *k = arg;
    uint16_t owner;

    switch (k->kind) {
    case ROUTE_TRACE_ID:
        owner = find_trace(k, item->item);
        break;
    case ROUTE_SERVICE:
        owner = k->signal == SIGNAL_TRACES ? find_by_attributes(k, item) : find_by_resource(k, item);
        break;
    case ROUTE_RESOURCE:
        owner = find_by_resource(k, item);
        break;
    case ROUTE_METRIC:
        owner = find_metric(k, item);
        break;
    case ROUTE_STREAM:
        owner = find_stream(k, item);
        break;
    default:
        owner = find_by_attributes(k, item);
        break;
    }
    return owner == RING_NONE ? SCATTER_DROP : owner;
}
