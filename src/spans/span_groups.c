/* SPDX-License-Identifier: Apache-2.0 */
/* Groups are told apart by the bytes of resource and scope, which their makers write in one order. Spans that come
 * back to a group that was left begin another: the same to who reads it, and nothing is kept of those before. */
#include "spans/span_groups.h"

#include "codec/pb.h"
#include "otlp/fields.h"

static void swap_bufs(struct buf *a, struct buf *b)
{
    struct buf c = *a;

    *a = *b;
    *b = c;
}

static void close_scope(struct span_groups *g)
{
    if (g->open)
        pb_end(g->out, g->scope_group);
}

static void begin_scope(struct span_groups *g)
{
    g->scope_group = pb_begin(g->out, OTLP_RESOURCE_GROUP_SCOPES);
    pb_put_bytes(g->out, OTLP_SCOPE_GROUP_SCOPE, buf_bytes(&g->scope));
    swap_bufs(&g->scope, &g->last_scope);
}

static void begin_group(struct span_groups *g)
{
    g->group = pb_begin(g->out, OTLP_REQUEST_RESOURCES);
    pb_put_bytes(g->out, OTLP_RESOURCE_GROUP_RESOURCE, buf_bytes(&g->resource));
    swap_bufs(&g->resource, &g->last_resource);
}

void span_groups_put(struct span_groups *g, struct bytes span)
{
    bool same_resource = g->open && bytes_equal(buf_bytes(&g->resource), buf_bytes(&g->last_resource));
    bool same_scope = same_resource && bytes_equal(buf_bytes(&g->scope), buf_bytes(&g->last_scope));

    if (!same_scope)
        close_scope(g);
    if (!same_resource) {
        if (g->open)
            pb_end(g->out, g->group);
        begin_group(g);
    }
    if (!same_scope)
        begin_scope(g);
    g->open = true;
    pb_put_bytes(g->out, OTLP_SCOPE_GROUP_ITEMS, span);
    g->resource.len = g->scope.len = 0;
}

void span_groups_end(struct span_groups *g)
{
    close_scope(g);
    if (g->open)
        pb_end(g->out, g->group);
    g->open = false;
    buf_free(&g->resource);
    buf_free(&g->scope);
    buf_free(&g->last_resource);
    buf_free(&g->last_scope);
}
