/* SPDX-License-Identifier: Apache-2.0 */
/* From the rewriter's walk to a program: what a visitor is asked about is an item of the context whose message it is.
 * Where statements change what is above the message, the one who walks knows better (processor/transform/walk.c). */
#ifndef OTTL_VISITED_H
#define OTTL_VISITED_H

#include "otlp/rewrite.h"
#include "ottl/ottl.h"

static inline struct ottl_item visited_resource(const struct visit *at)
{
    return (struct ottl_item){ .resource = at->message, .in = at->in, .at = at };
}

static inline struct ottl_item visited_scope(const struct visit *at)
{
    return (struct ottl_item){ .resource = visit_resource(at), .scope = at->message, .in = at->in, .at = at };
}

static inline struct ottl_item visited_metric(const struct visit *at)
{
    return (struct ottl_item){
        .resource = visit_resource(at), .scope = visit_scope(at), .metric = at->metric, .in = at->in, .at = at
    };
}

/* A span, log record, data point or profile. */
static inline struct ottl_item visited_item(const struct visit *at)
{
    struct ottl_item i = visited_metric(at);

    i.item = at->message;
    i.data = at->data;
    i.ordered = at->ordered;
    return i;
}

/* A span's event or a data point's exemplar. */
static inline struct ottl_item visited_below(const struct visit *at)
{
    struct ottl_item i = visited_metric(at);

    i.item = at->item;
    i.below = at->message;
    i.index = at->index;
    i.data = at->data;
    return i;
}

#endif
