/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of what sends own telemetry. Nobody but src/service/own/ includes this.
 *
 *     own_source.c   the node: when something is sent, and that it is bounded
 *     own_metrics.c  all instruments as one request
 *     own_resource.c who we are
 *     own_rows.c     options */
#ifndef SERVICE_OWN_INSIDE_H
#define SERVICE_OWN_INSIDE_H

#include "otlp/assembly.h"
#include "service/own/own_source.h"
#include "service/own/own_resource.h"

#define OWN_BYTES_MOST (1u << 20) /* of items that wait */

struct own_node {
    struct node node;
    const struct own_source_config *config;
    struct own_resource resource;
    struct assembly assembly;
    uint64_t items, arrival, charged;
    struct clock_timer timer;
    struct ack ack; /* of what was sent */
    bool is_out, stopping;
    void (*stopped)(struct node *node);
    struct metric *dropped;
};

static inline struct own_node *own_node_of(struct node *node)
{
    return container_of(node, struct own_node, node);
}

/* Attributes as whole fields `number`. */
void own_put_text(struct buf *out, uint32_t number, const char *key, struct bytes value);
void own_put_int(struct buf *out, uint32_t number, const char *key, int64_t value);
void own_put_resource(struct buf *out, const struct own_resource *r); /* a Resource, as field 1 */
void own_put_scope(struct buf *out, const char *version);             /* an InstrumentationScope, as field 1 */

/* own_metrics.c: all that shows, as a request; how many points it has. */
uint64_t own_metrics_write(struct own_node *n, struct buf *out);

#endif
