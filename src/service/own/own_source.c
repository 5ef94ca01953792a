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
#include "otlp/fields.h"

#include <stdlib.h>

static const struct metric_row dropped_row =
    METRIC_ROW("otelcd_telemetry_dropped_items", METRIC_COUNTER, "{item}",
               "Points of otelcd's own telemetry that were not taken by what sends them: there was no room.");

static const struct metric_row *const metric_rows[] = { &dropped_row, NULL };

/* --- what is written --- */

/* What strangers wrote may be no UTF-8. */
static void put_string(struct buf *out, uint32_t number, struct bytes value)
{
    struct buf visible = { 0 };

    if (!utf8_valid(value)) {
        log_put_visible(&visible, value);
        value = buf_bytes(&visible);
    }
    pb_put_bytes(out, number, value);
    buf_free(&visible);
}

void own_put_text(struct buf *out, uint32_t number, const char *key, struct bytes value)
{
    size_t attribute = pb_begin(out, number), any;

    pb_put_str(out, OTLP_KEY_VALUE_KEY, key);
    any = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    put_string(out, OTLP_ANY_STRING, value);
    pb_end(out, any);
    pb_end(out, attribute);
}

void own_put_int(struct buf *out, uint32_t number, const char *key, int64_t value)
{
    size_t attribute = pb_begin(out, number), any;

    pb_put_str(out, OTLP_KEY_VALUE_KEY, key);
    any = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    pb_put_uint(out, OTLP_ANY_INT, (uint64_t)value);
    pb_end(out, any);
    pb_end(out, attribute);
}

void own_put_resource(struct buf *out, const struct own_resource *r)
{
    size_t resource = pb_begin(out, OTLP_RESOURCE_GROUP_RESOURCE);

    for (size_t i = 0; i < r->n; i++)
        own_put_text(out, OTLP_RESOURCE_ATTRIBUTES, r->v[i].name, bytes_str(r->v[i].value));
    pb_end(out, resource);
}

void own_put_scope(struct buf *out, const char *version)
{
    size_t scope = pb_begin(out, OTLP_SCOPE_GROUP_SCOPE);

    pb_put_str(out, OTLP_SCOPE_NAME, "otelcd");
    pb_put_str(out, OTLP_SCOPE_VERSION, version);
    pb_end(out, scope);
}

/* --- sending --- */

static struct budget *budget_of(const struct own_node *n)
{
    return host_budget(n->node.host, n->node.signal);
}

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
        metric_add(n->dropped, n->items);
    n->is_out = false;
    finish_stop(n);
}

static void send_batch(struct own_node *n, struct batch *batch)
{
    n->is_out = true;
    n->items = batch->items;
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

static void on_due(struct clock_timer *t)
{
    struct own_node *n = container_of(t, struct own_node, timer);

    clock_start(&n->node.host->loop->clock, t, n->config->delay, on_due);
    send_metrics(n);
}

/* --- life --- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct own_node *n = own_node_of(node);
    const struct metric_label label = { "signal", signal_table[node->signal].name };

    (void)err;
    n->config = config;
    own_resource_init(&n->resource, node->host->instance_id, &n->config->resource);
    n->dropped = metrics_get(node->host->metrics, &dropped_row, &label, 1);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct own_node *n = own_node_of(node);

    (void)err;
    clock_start(&node->host->loop->clock, &n->timer, n->config->delay, on_due);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct own_node *n = own_node_of(node);

    (void)deadline;
    clock_stop(&node->host->loop->clock, &n->timer);
    n->stopping = true;
    n->stopped = done;
    send_metrics(n);
    finish_stop(n);
}

static void destroy(struct node *node)
{
    struct own_node *n = own_node_of(node);

    clock_stop(&node->host->loop->clock, &n->timer);
    if (n->is_out)
        ack_cancel(&n->ack);
    own_resource_free(&n->resource);
}

const struct component own_source = {
    .type = "own_telemetry",
    .kind = COMPONENT_RECEIVER,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS),
    .stability = "alpha",
    .summary = "Sends otelcd's own telemetry.",
    .config_size = sizeof(struct own_source_config),
    .metrics = metric_rows,
    .node_size = sizeof(struct own_node),
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};
