/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of what sends own telemetry. Nobody but src/service/own/ includes this.
 *
 *     own_source.c   the node: when something is sent, and that it is bounded
 *     own_metrics.c  all instruments as one request
 *     own_log.c      lines of the log as records
 *     own_trace.c    spans
 *     own_resource.c who we are
 *     own_rows.c     options */
#ifndef SERVICE_OWN_INSIDE_H
#define SERVICE_OWN_INSIDE_H

#include "otlp/assembly.h"
#include "service/own/own_source.h"
#include "service/own/own_resource.h"

#define OWN_BYTES_MOST (1u << 20)   /* of items that wait */
#define OWN_ROOM_LEAST (256u << 10) /* less is left to users' data */

struct own_node {
    struct node node;
    const struct own_source_config *config;
    struct own_resource resource;
    struct assembly assembly; /* of items that wait; not for metrics, which are all made when they are sent */
    struct message *group;    /* in it: of the resource; NULL: it is empty */
    uint64_t items, arrival, charged, sent_items;
    uint64_t sent; /* mono ns: when items that waited were sent last; 0: never */
    struct clock_timer timer;
    struct ack ack; /* of what was sent */
    bool is_out, due, stopping;
    struct log_watcher watcher;
    struct trace_watcher spans;
    void (*stopped)(struct node *node);
    struct metric *dropped;
};

static inline struct own_node *own_node_of(struct node *node)
{
    return container_of(node, struct own_node, node);
}

/* Items that wait. Is there room for one more? Else it is counted as dropped. */
bool own_admit(struct own_node *n);
struct message *own_scope_message(struct own_node *n, struct bytes scope); /* where items of that scope go */
/* One more: the fields of its message, which are copied. It is sent in time. */
void own_take(struct own_node *n, struct message *scope, struct bytes item);

/* Text that may be no UTF-8. */
void own_put_string(struct buf *out, uint32_t number, struct bytes value);
/* Attributes as whole fields `number`. */
void own_put_text(struct buf *out, uint32_t number, const char *key, struct bytes value);
void own_put_int(struct buf *out, uint32_t number, const char *key, int64_t value);
void own_put_double(struct buf *out, uint32_t number, const char *key, double value);
void own_put_bool(struct buf *out, uint32_t number, const char *key, bool value);
void own_put_resource(struct buf *out, const struct own_resource *r); /* a Resource, as field 1 */
void own_scope_begin(struct buf *out, const char *version);           /* the first fields of one */

/* own_metrics.c: all that shows, as a request; how many points it has. */
uint64_t own_metrics_write(struct own_node *n, struct buf *out);

/* own_log.c */
void own_put_field(struct buf *out, uint32_t number, const struct log_field *f); /* as an attribute; long text is cut */
struct message *own_scope_of(struct own_node *n, const struct logger *lg);       /* where items of that component go */
void own_log_start(struct own_node *n);
void own_log_stop(struct own_node *n);

/* own_trace.c */
void own_trace_start(struct own_node *n);
void own_trace_stop(struct own_node *n);

#endif
