/* SPDX-License-Identifier: Apache-2.0 */
/* The clock says when something is sent, and one more time the stop. What was sent is answered when it is in the
 * exporter's queue, so that as a rule nothing is out when the next is due.
 *
 * What can go wrong: the answer is still to come, the queue is full, or the budget has no room. Then what there is to
 * send is dropped and counted, and nobody waits: of metrics the next has all of it anew. Nothing is logged, for a line
 * could be what is sent; the exporter says what its peer answers. */
#include "service/own/own_inside.h"

#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/digest.h"
#include "otlp/fields.h"

#include <stdlib.h>

#define SPANS_PAUSE (100 * NS_PER_MS)

static const struct metric_row dropped_row =
    METRIC_ROW("otelcd_telemetry_dropped_items", METRIC_COUNTER, "{item}",
               "Points of otelcd's own telemetry that were not taken by what sends them: there was no room.");

static const struct metric_row *const metric_rows[] = { &dropped_row, NULL };

/* --- what is written --- */

void own_put_string(struct buf *out, uint32_t number, struct bytes value)
{
    struct buf repaired = { 0 };

    if (!utf8_valid(value)) {
        utf8_repair(value, &repaired);
        value = buf_bytes(&repaired);
    }
    pb_put_bytes(out, number, value);
    buf_free(&repaired);
}

/* Up to the content of its value; put_end() ends it. */
struct attribute {
    size_t attribute, any;
};

static struct attribute put_begin(struct buf *out, uint32_t number, const char *key)
{
    struct attribute a = { .attribute = pb_begin(out, number) };

    pb_put_str(out, OTLP_KEY_VALUE_KEY, key);
    a.any = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    return a;
}

static void put_end(struct buf *out, struct attribute a)
{
    pb_end(out, a.any);
    pb_end(out, a.attribute);
}

void own_put_text(struct buf *out, uint32_t number, const char *key, struct bytes value)
{
    struct attribute a = put_begin(out, number, key);

    own_put_string(out, OTLP_ANY_STRING, value);
    put_end(out, a);
}

void own_put_int(struct buf *out, uint32_t number, const char *key, int64_t value)
{
    struct attribute a = put_begin(out, number, key);

    pb_put_uint(out, OTLP_ANY_INT, (uint64_t)value);
    put_end(out, a);
}

void own_put_double(struct buf *out, uint32_t number, const char *key, double value)
{
    struct attribute a = put_begin(out, number, key);

    pb_put_double(out, OTLP_ANY_DOUBLE, value);
    put_end(out, a);
}

void own_put_bool(struct buf *out, uint32_t number, const char *key, bool value)
{
    struct attribute a = put_begin(out, number, key);

    pb_put_uint(out, OTLP_ANY_BOOL, value);
    put_end(out, a);
}

void own_put_resource(struct buf *out, const struct own_resource *r)
{
    size_t resource = pb_begin(out, OTLP_RESOURCE_GROUP_RESOURCE);

    for (size_t i = 0; i < r->n; i++)
        own_put_text(out, OTLP_RESOURCE_ATTRIBUTES, r->v[i].name, bytes_str(r->v[i].value));
    pb_end(out, resource);
}

void own_scope_begin(struct buf *out, const char *version)
{
    pb_put_str(out, OTLP_SCOPE_NAME, "otelcd");
    pb_put_str(out, OTLP_SCOPE_VERSION, version);
}

/* --- sending --- */

static struct budget *budget_of(const struct own_node *n)
{
    return host_budget(n->node.host, n->node.signal);
}

static void send_waiting(struct own_node *n);

static void finish_stop(struct own_node *n)
{
    void (*stopped)(struct node *) = n->stopped;

    if (!n->stopping || n->is_out || stopped == NULL)
        return;
    n->stopped = NULL;
    stopped(&n->node);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct own_node *n = container_of(ack, struct own_node, ack);

    if (outcome->verdict != VERDICT_SAFE)
        metric_add(n->dropped, n->sent_items);
    n->is_out = false;
    if (n->due || n->stopping)
        send_waiting(n);
    finish_stop(n);
}

static void send_batch(struct own_node *n, struct batch *batch)
{
    n->is_out = true;
    n->sent_items = batch->items;
    ack_init(&n->ack, &n->node.host->loop->turn, NULL, 0, true, on_settled);
    consumer_send(n->node.out[n->node.signal], batch, &n->ack);
}

static void send_metrics(struct own_node *n)
{
    struct buf request = { 0 };
    uint64_t points = own_metrics_write(n, &request);
    struct block *block = n->is_out || points == 0 ? NULL : block_new(budget_of(n), request.len);

    if (block == NULL) {
        metric_add(n->dropped, points);
    } else {
        memcpy(block->data, request.data, request.len);
        send_batch(n, batch_new(SIGNAL_METRICS, block, bytes_of(block->data, request.len), points,
                                clock_mono(&n->node.host->loop->clock)));
    }
    buf_free(&request);
}

static void on_interval(struct clock_timer *t)
{
    struct own_node *n = container_of(t, struct own_node, timer);

    clock_start(&n->node.host->loop->clock, t, n->config->delay, on_interval);
    send_metrics(n);
}

/* --- items that wait --- */

static void charge_node(struct own_node *n)
{
    uint64_t size = n->items > 0 ? assembly_size(&n->assembly) : 0;

    if (size > n->charged)
        budget_charge(budget_of(n), size - n->charged);
    else
        budget_give(budget_of(n), n->charged - size);
    n->charged = size;
}

/* If nothing is out. */
static void send_waiting(struct own_node *n)
{
    struct batch *batch;

    n->due = n->is_out && n->items > 0;
    if (n->is_out || n->items == 0)
        return;
    clock_stop(&n->node.host->loop->clock, &n->timer);
    n->sent = clock_mono(&n->node.host->loop->clock);
    batch = assembly_batch(&n->assembly, n->node.signal, budget_of(n), n->items, n->arrival);
    assembly_clear(&n->assembly);
    n->group = NULL;
    n->items = 0;
    charge_node(n);
    send_batch(n, batch);
}

static void on_due(struct clock_timer *t)
{
    send_waiting(container_of(t, struct own_node, timer));
}

/* To be received makes a span too: what is sent to ourselves would go round as fast as it can. Spans have a pause
 * between two sendings, unless half of those that may wait do. */
static void start_timer(struct own_node *n, uint64_t delay)
{
    struct clock *clock = &n->node.host->loop->clock;
    uint64_t now = clock_mono(clock), next = n->sent + SPANS_PAUSE;

    if (n->node.signal == SIGNAL_TRACES && n->sent > 0 && n->items < n->config->queue_items / 2 && next > now + delay)
        delay = next - now;
    clock_start(clock, &n->timer, delay, on_due);
}

bool own_admit(struct own_node *n)
{
    bool room =
        n->items < n->config->queue_items && n->charged < OWN_BYTES_MOST && budget_room(budget_of(n)) >= OWN_ROOM_LEAST;

    if (!room)
        metric_add(n->dropped, 1);
    return room;
}

struct message *own_scope_message(struct own_node *n, struct bytes scope)
{
    const struct digest key = digest_plain(scope);
    struct buf resource = { 0 };
    struct message *m;
    bool made;

    if (n->group == NULL) {
        own_put_resource(&resource, &n->resource);
        n->group = assembly_add(&n->assembly, n->assembly.root, OTLP_REQUEST_RESOURCES);
        assembly_put(&n->assembly, n->group, assembly_keep(&n->assembly, buf_bytes(&resource)));
        buf_free(&resource);
    }
    m = assembly_find(&n->assembly, n->group, OTLP_RESOURCE_GROUP_SCOPES, &key, &made);
    if (made)
        assembly_put_field(&n->assembly, m, OTLP_SCOPE_GROUP_SCOPE, assembly_keep(&n->assembly, scope));
    return m;
}

void own_take(struct own_node *n, struct message *scope, struct bytes item)
{
    const struct own_source_config *c = n->config;

    assembly_put_field(&n->assembly, scope, OTLP_SCOPE_GROUP_ITEMS, assembly_keep(&n->assembly, item));
    if (n->items++ == 0) {
        n->arrival = clock_mono(&n->node.host->loop->clock);
        start_timer(n, c->delay);
    }
    if (n->items == c->batch_items || (n->items > c->batch_items && n->items == c->queue_items / 2))
        start_timer(n, 0);
    charge_node(n);
}

/* --- life --- */

uint64_t own_source_waiting(const struct node *node)
{
    const struct own_node *n = container_of_const(node, struct own_node, node);

    return n->items + (n->is_out ? n->sent_items : 0);
}

struct metric *own_source_dropped(struct metrics *metrics, enum signal signal)
{
    const struct metric_label label = { "signal", signal_table[signal].name };

    return metrics_get(metrics, &dropped_row, &label, 1);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct own_node *n = own_node_of(node);

    (void)err;
    n->config = config;
    own_resource_init(&n->resource, node->host->instance_id, node->host->worker, &n->config->resource);
    assembly_init(&n->assembly);
    n->dropped = own_source_dropped(node->host->metrics, node->signal);
    metric_add(n->dropped, 0);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct own_node *n = own_node_of(node);

    (void)err;
    if (node->signal == SIGNAL_METRICS)
        clock_start(&node->host->loop->clock, &n->timer, n->config->delay, on_interval);
    else if (node->signal == SIGNAL_LOGS)
        own_log_start(n);
    else
        own_trace_start(n);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct own_node *n = own_node_of(node);

    (void)deadline;
    clock_stop(&node->host->loop->clock, &n->timer);
    n->stopping = true;
    n->stopped = done;
    if (node->signal == SIGNAL_METRICS) {
        send_metrics(n);
    } else {
        (node->signal == SIGNAL_LOGS ? own_log_stop : own_trace_stop)(n);
        send_waiting(n);
    }
    finish_stop(n);
}

static void destroy(struct node *node)
{
    struct own_node *n = own_node_of(node);

    clock_stop(&node->host->loop->clock, &n->timer);
    if (n->is_out)
        ack_cancel(&n->ack);
    budget_give(budget_of(n), n->charged);
    assembly_free(&n->assembly);
    own_resource_free(&n->resource);
}

const struct component own_source = {
    COMPONENT_TYPE("own_telemetry", COMPONENT_RECEIVER, .signals = SIGNAL_STABLE, .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Sends otelcd's own telemetry.",
    .config_size = sizeof(struct own_source_config),
    .metrics = metric_rows,
    COMPONENT_NODE(struct own_node, .create = create, .start = start, .stop = stop, .destroy = destroy),
};
