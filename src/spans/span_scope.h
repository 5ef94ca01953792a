/* SPDX-License-Identifier: Apache-2.0 */
/* The resource and scope of the span that was written last: what the next one has in common with it where it is in the
 * same, that is where they lie at the same place, need not be read again. */
#ifndef SPANS_SPAN_SCOPE_H
#define SPANS_SPAN_SCOPE_H

#include "base/arena.h"
#include "base/bytes.h"

struct span_scope {
    bool known;
    struct bytes resource, scope;
    struct arena arena; /* of texts that were made of them */
};

static inline bool span_scope_is(const struct span_scope *s, struct bytes resource, struct bytes scope)
{
    return s->known && s->resource.data == resource.data && s->resource.len == resource.len &&
           s->scope.data == scope.data && s->scope.len == scope.len;
}

static inline void span_scope_set(struct span_scope *s, struct bytes resource, struct bytes scope)
{
    s->known = true;
    s->resource = resource;
    s->scope = scope;
}

#endif
