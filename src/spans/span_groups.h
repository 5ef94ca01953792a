/* SPDX-License-Identifier: Apache-2.0 */
/* A request of traces, written span by span: as long as resource and scope are those of the span before, it joins the
 * same group; else another is begun. */
#ifndef SPANS_SPAN_GROUPS_H
#define SPANS_SPAN_GROUPS_H

#include "base/buf.h"

struct span_groups {
    struct buf *out;
    struct buf resource, scope; /* messages: filled in for the next span */
    struct buf last_resource, last_scope;
    size_t group, scope_group; /* marks of what is open */
    bool open;
};

/* With resource and scope as they are, which are empty then. `span`: a message. */
void span_groups_put(struct span_groups *g, struct bytes span);
/* All that is open is closed, and memory given back; `out` stays the caller's. */
void span_groups_end(struct span_groups *g);

#endif
