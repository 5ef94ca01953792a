/* SPDX-License-Identifier: Apache-2.0 */
/* What processors that edit or drop items share: a batch is rewritten (otlp/rewrite.h) and goes on in the same turn. */
#ifndef PROCESSOR_REWRITING_H
#define PROCESSOR_REWRITING_H

#include "otlp/rewrite.h"
#include "pipeline/item_count.h"

/* A processor's struct begins with it. */
struct rewriting {
    struct node node;
    struct rewriter rewriter;
    struct rewrite_visitor visitor; /* .arg: the processor itself */
    const char *dropped;            /* the reason that dropped items are booked with */
    const struct batch *batch;      /* the one being rewritten */
    struct item_count items;
};

/* In create(): the node consumes from now on. The visitor is the caller's to fill in. */
void rewriting_init(struct rewriting *r, const char *dropped);
void rewriting_free(struct rewriting *r);

static inline struct rewriting *rewriting_of(struct node *node)
{
    return container_of(node, struct rewriting, node);
}

#endif
