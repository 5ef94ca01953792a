/* SPDX-License-Identifier: Apache-2.0 */
/* A client's span (or a producer's) and the server's (or a consumer's) that has it as parent are one request. The side
 * that comes first waits in the edge store; with the other the request is counted in its series. A client's span that
 * names a database is a request by itself. What waits in vain is a request to a server that sends no spans, or of a
 * user who does not, where that is configured.
 *
 * What can go wrong: too many wait; then spans are left out, and counted. There are too many series; then requests are
 * counted in the one that stands for the rest. */
#include "connector/service_graph/service_graph.h"

#include "codec/utf8.h"
#include "connector/key_parts.h"
#include "connector/span_reading.h"
#include "otlp/any_value.h"

#include <string.h>

#define NS_PER_SECOND 1e9
#define TEXT_MOST 1024u /* bytes of a name or value: a resource's are put into the keys of all of its spans */

enum { KIND_SERVER = 2, KIND_CLIENT = 3, KIND_PRODUCER = 4, KIND_CONSUMER = 5 };
enum { STATUS_ERROR = 2 };

static const char *const connections[] = { "", "messaging_system", "database", "virtual_node" };
static const char *const virtual_sides[] = { "", "client", "server" };

/* A whole request. */
struct request {
    enum connection connection;
    bool failed;
    unsigned virtual_side; /* 0: both have sent spans; else 1 + the side that has not */
    struct bytes service[SIDES], values[SIDES];
    double latency[SIDES];
};

/* ---- texts ---- */

/* As text, of TEXT_MOST bytes at most: in place where it is a string, else in `scratch`. */
static struct bytes text_of(struct bytes any, struct buf *scratch)
{
    struct value v = value_read(any);

    if (v.type == VALUE_STRING)
        return v.bytes.data != NULL ? utf8_cut(v.bytes, TEXT_MOST) : bytes_of("", 0);
    scratch->len = 0;
    any_value_put(scratch, any);
    return scratch->len > 0 ? utf8_cut(buf_bytes(scratch), TEXT_MOST) : bytes_of("", 0);
}

/* ---- series ---- */

static void put_attribute(struct service_graph *p, const char *prefix, const char *name, const struct value *value)
{
    struct buf *out = &p->attributes;
    size_t entry = pb_begin(out, OTLP_LIST_VALUES), key = pb_begin(out, OTLP_KEY_VALUE_KEY), any;

    buf_puts(out, prefix);
    buf_puts(out, name);
    pb_end(out, key);
    any = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    value_put(out, value);
    pb_end(out, any);
    pb_end(out, entry);
}

static void put_text(struct service_graph *p, const char *prefix, const char *name, struct bytes text)
{
    put_attribute(p, prefix, name, &(struct value){ .type = VALUE_STRING, .bytes = text });
}

static void put_dimensions(struct service_graph *p, const char *prefix, struct bytes values)
{
    const struct strings *names = &p->config->dimensions;
    struct bytes value;

    for (size_t i = 0; i < names->n; i++)
        if (key_part_next(&values, &value))
            put_text(p, prefix, names->v[i], value);
}

static struct bytes make_attributes(struct service_graph *p, const struct request *r)
{
    p->attributes.len = 0;
    put_text(p, "", "client", r->service[SIDE_CLIENT]);
    put_text(p, "", "server", r->service[SIDE_SERVER]);
    put_text(p, "", "connection_type", bytes_str(connections[r->connection]));
    put_attribute(p, "", "failed", &(struct value){ .type = VALUE_BOOL, .boolean = r->failed });
    put_dimensions(p, "client_", r->values[SIDE_CLIENT]);
    put_dimensions(p, "server_", r->values[SIDE_SERVER]);
    if (p->config->virtual_node_extra_label)
        put_text(p, "", "virtual_node", bytes_str(virtual_sides[r->virtual_side]));
    return buf_bytes(&p->attributes);
}

static struct bytes make_key(struct service_graph *p, const struct request *r)
{
    const uint8_t head[] = { (uint8_t)r->connection, r->failed, (uint8_t)r->virtual_side };

    p->key.len = 0;
    buf_append(&p->key, head, sizeof(head));
    for (unsigned i = 0; i < SIDES; i++) {
        key_part_put(&p->key, r->service[i]);
        buf_put(&p->key, r->values[i]);
    }
    return buf_bytes(&p->key);
}

static struct graph_series *overflow_series(struct service_graph *p)
{
    metric_add(p->overflowed, 1);
    if (complaint_due(&p->overflow, &p->node.host->loop->clock))
        log_warn(&p->node.log, "Too many series: what is new goes to the one with otel.metric.overflow=true",
                 F_UINT("series", p->series.n), F_UINT("max_series", p->config->max_series),
                 F_UINT("repeated", complaint_taken(&p->overflow)));
    return graph_store_overflow(&p->series);
}

static void count_request(struct service_graph *p, const struct request *r)
{
    struct bytes key = make_key(p, r);
    uint64_t hash = bytes_hash(key);
    struct graph_series *s = graph_store_find(&p->series, key, hash);

    if (s == NULL)
        s = graph_store_add(&p->series, key, hash, make_attributes(p, r));
    if (s == NULL)
        s = overflow_series(p);
    s->requests++;
    s->failed |= r->failed;
    s->last_seen = clock_mono(&p->node.host->loop->clock);
    observed_add(&s->server, &p->series.shape, r->latency[SIDE_SERVER], 1);
    observed_add(&s->client, &p->series.shape, r->latency[SIDE_CLIENT], 1);
}

/* ---- sides ---- */

static struct request request_of(struct service_graph *p, const struct edge_side *side,
                                 const struct waiting_edge *waiting)
{
    struct request r = { .connection = side->connection, .failed = side->failed };

    r.values[SIDE_CLIENT] = r.values[SIDE_SERVER] = buf_bytes(&p->absent);
    if (waiting != NULL) {
        r.failed |= waiting->failed;
        r.service[waiting->side] = edge_service(waiting);
        r.values[waiting->side] = edge_values(waiting);
        r.latency[waiting->side] = waiting->latency;
    }
    r.service[side->side] = side->service;
    r.values[side->side] = side->values;
    r.latency[side->side] = side->latency;
    return r;
}

static void leave_out(struct service_graph *p)
{
    metric_add(p->dropped_spans, 1);
    if (complaint_due(&p->crowded, &p->node.host->loop->clock))
        log_warn(&p->node.log, "Too many requests wait for their other side: spans are left out of the graph",
                 F_UINT("waiting", p->edges.n), F_UINT("max_items", p->config->store.max_items),
                 F_UINT("repeated", complaint_taken(&p->crowded)));
}

/* `database`: its name, or no data. */
static void take_side(struct service_graph *p, struct edge_side *side, struct bytes database)
{
    struct waiting_edge *waiting = edge_store_find(&p->edges, side->key);
    uint64_t expires = clock_mono(&p->node.host->loop->clock) + (uint64_t)p->config->store.ttl.ns;
    bool whole = database.data != NULL || (waiting != NULL && waiting->side != side->side);
    struct request r;

    if (whole) {
        r = request_of(p, side, waiting);
        if (database.data != NULL) {
            r.connection = CONNECTION_DATABASE;
            r.service[SIDE_SERVER] = database;
            r.latency[SIDE_SERVER] = side->latency;
        }
        count_request(p, &r);
        metric_add(p->total_edges, waiting == NULL);
        if (waiting != NULL)
            edge_store_remove(&p->edges, waiting);
        return;
    }
    if (waiting != NULL) { /* the same side again: the later span counts */
        side->failed |= waiting->failed;
        expires = waiting->expires;
        edge_store_remove(&p->edges, waiting);
    } else if (p->edges.n < p->edges.most) {
        metric_add(p->total_edges, 1);
    }
    if (!edge_store_add(&p->edges, side, expires))
        leave_out(p);
}

bool service_graph_expire(struct service_graph *p, unsigned most)
{
    uint64_t now = clock_mono(&p->node.host->loop->clock);
    struct waiting_edge *e;

    for (unsigned i = 0; i < most; i++) {
        struct edge_side side;
        struct request r;

        e = edge_store_expired(&p->edges, now);
        if (e == NULL)
            return true;
        metric_add(p->expired_edges, 1);
        side = (struct edge_side){ e->key,     e->side,         CONNECTION_VIRTUAL, e->failed,
                                   e->latency, edge_service(e), edge_peer(e),       edge_values(e) };
        r = request_of(p, &side, NULL);
        r.virtual_side = 1 + (e->side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT);
        if (e->side == SIDE_CLIENT)
            r.service[SIDE_SERVER] = side.peer.len > 0 ? side.peer : bytes_str("unknown");
        else
            r.service[SIDE_CLIENT] = bytes_str("user");
        if (p->config->virtual_node_peer_attributes.n > 0 &&
            (e->side == SIDE_CLIENT || memcmp(e->key + 16, "\0\0\0\0\0\0\0\0", 8) == 0))
            count_request(p, &r);
        edge_store_remove(&p->edges, e);
    }
    return false;
}

/* ---- spans ---- */

/* The resource's slots as texts, once for all of its spans. */
static void read_texts(struct service_graph *p)
{
    p->resource_texts.len = 0;
    for (size_t i = 0; i < p->names.n; i++) {
        struct bytes v = p->resource_slots.v[i], text;

        if (v.data == NULL)
            continue;
        text = text_of(v, &p->text);
        p->texts[i] = (struct graph_text){ p->resource_texts.len, text.len };
        buf_put(&p->resource_texts, text);
    }
}

/* The slot's text, of the resource before the span; no data: neither has it. */
static struct bytes read_text(struct service_graph *p, size_t slot, struct buf *scratch)
{
    struct bytes v = p->span_slots.v[slot];

    if (p->resource_slots.v[slot].data == NULL)
        return v.data != NULL ? text_of(v, scratch) : v;
    if (p->texts[slot].len == 0)
        return bytes_of("", 0);
    return bytes_of(p->resource_texts.data + p->texts[slot].at, p->texts[slot].len);
}

/* The values of the dimensions, as they stand in keys. */
static struct bytes read_values(struct service_graph *p)
{
    p->values.len = 0;
    for (size_t i = 0; i < p->config->dimensions.n; i++)
        key_part_put(&p->values, read_text(p, p->dimensions[i], &p->text));
    return buf_bytes(&p->values);
}

/* The first that names the server. */
static struct bytes read_peer(struct service_graph *p)
{
    for (size_t i = 0; i < p->config->virtual_node_peer_attributes.n; i++)
        if (p->span_slots.v[p->peers[i]].data != NULL)
            return text_of(p->span_slots.v[p->peers[i]], &p->peer_text);
    return bytes_of(NULL, 0);
}

static struct bytes read_database(struct service_graph *p)
{
    for (size_t i = 0; i < p->config->database_name_attributes.n; i++) {
        struct bytes v = read_text(p, p->databases[i], &p->database_text);

        if (v.data == NULL)
            continue;
        return v.len > 0 ? v : bytes_of(NULL, 0);
    }
    return bytes_of(NULL, 0);
}

static void put_id(uint8_t *at, struct bytes id, size_t size)
{
    memset(at, 0, size);
    if (id.len == size)
        memcpy(at, id.data, size);
}

static void count_span(struct service_graph *p, struct bytes message)
{
    struct span_reading s = span_reading_of(message, &p->span_slots, &p->names);
    uint8_t key[EDGE_KEY_SIZE];
    struct edge_side side;
    bool client;

    if (s.kind < KIND_SERVER || s.kind > KIND_CONSUMER)
        return;
    client = s.kind == KIND_CLIENT || s.kind == KIND_PRODUCER;
    put_id(key, s.trace_id, 16);
    put_id(key + 16, client ? s.span_id : s.parent_id, 8);
    side = (struct edge_side){ .key = key,
                               .side = client ? SIDE_CLIENT : SIDE_SERVER,
                               .connection = s.kind >= KIND_PRODUCER ? CONNECTION_MESSAGING : CONNECTION_PLAIN,
                               .failed = s.status == STATUS_ERROR,
                               .latency = s.end > s.start ? (double)(s.end - s.start) / NS_PER_SECOND : 0,
                               .service = p->service,
                               .values = read_values(p) };
    if (client)
        side.peer = read_peer(p);
    take_side(p, &side, client ? read_database(p) : bytes_of(NULL, 0));
}

static void read_service(struct service_graph *p, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);

    p->service = bytes_of(NULL, 0);
    for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);)
        if (bytes_is(a.key, "service.name")) {
            p->service = text_of(a.value, &p->service_text);
            return;
        }
}

static void count_resource(struct service_graph *p, struct bytes group)
{
    struct bytes resource = resource_group_view(group).resource;
    struct pb_reader scopes = pb_reader(group);

    read_service(p, resource);
    if (p->service.len == 0)
        return;
    slots_read(&p->resource_slots, &p->names, resource, OTLP_RESOURCE_ATTRIBUTES);
    read_texts(p);
    for (struct bytes scope; message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &scope);) {
        struct pb_reader spans = pb_reader(scope);

        for (struct bytes span; message_next(&spans, OTLP_SCOPE_GROUP_ITEMS, &span);)
            count_span(p, span);
    }
}

void service_graph_count(struct service_graph *p, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        for (struct bytes group; message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
            count_resource(p, group);
    }
}
