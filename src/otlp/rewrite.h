/* SPDX-License-Identifier: Apache-2.0 */
/* A batch with some of its messages left out or changed, made by splicing.
 *
 * The rewriter walks the path of a batch (otlp/path.h) and asks a visitor about each resource, scope, metric and item.
 * What the visitor keeps is copied in runs as long as possible, and resources in which nothing changes are not even
 * copied: the new batch points into the old one's blocks. Fields that nobody knows stay, for nobody takes them out.
 * Where nothing changes at all the result is the batch that came in. */
#ifndef OTLP_REWRITE_H
#define OTLP_REWRITE_H

#include "base/vec.h"
#include "otlp/batch.h"
#include "otlp/path.h"

enum rewrite_verdict {
    REWRITE_KEEP, /* as it is; what is below it is visited */
    REWRITE_PASS, /* as it is, and so is all that is below it */
    REWRITE_DROP, /* it goes, with all that is below it */
    REWRITE_EDIT, /* the pieces are its content from now on. What is below a resource or scope is visited; a metric or
                   * an item is replaced whole */
};

/* The new content of a message, put end to end; neighbours become one. They must stay where they are until the visitor
 * is called again. */
struct pieces {
    struct bytes *v;
    size_t n, cap;
    size_t len; /* of all */
};

static inline void pieces_add(struct pieces *p, struct bytes piece)
{
    if (piece.len == 0)
        return;
    p->len += piece.len;
    if (p->n > 0 && bytes_end(p->v[p->n - 1]) == piece.data)
        p->v[p->n - 1].len += piece.len;
    else
        *vec_push(p) = piece;
}

struct item {
    struct bytes message;
    unsigned attributes; /* number of its attributes' field */
    unsigned data;       /* in metrics: number of the metric's field that it is in, 5 to 11; else 0 */
};

/* What is NULL keeps. The bytes are the content of a Resource, an InstrumentationScope, a Metric (data points
 * and all); no bytes when it is missing. EDIT then adds it. */
struct rewrite_visitor {
    enum rewrite_verdict (*resource)(void *arg, struct bytes resource, struct pieces *edit);
    enum rewrite_verdict (*scope)(void *arg, struct bytes scope, struct pieces *edit);
    enum rewrite_verdict (*metric)(void *arg, struct bytes metric, struct pieces *edit);
    enum rewrite_verdict (*item)(void *arg, const struct item *item, struct pieces *edit); /* not in profiles */
    void *arg;
};

/* One run of the result: of the old batch's segment, or of the new block. */
struct rewrite_slice {
    struct block *block; /* NULL: the new one */
    const uint8_t *data; /* of the old one */
    size_t at, len;      /* at: in the new one */
};

/* What a walk needs; kept for the next one. A zeroed struct is ready. */
struct rewriter {
    struct pieces edit;
    struct buf merged[2]; /* resources and scopes that came in several parts */
    VEC(struct rewrite_slice) slices;
};

void rewriter_free(struct rewriter *w);

/* The batch as the visitor wants it: `b` itself, with one more reference, when nothing changes; NULL when no item is
 * left. What is copied is charged to `budget` whatever its limit. *dropped: items that went. The caller's reference to
 * `b` stays. Metadata and arrival are those of `b`. Profiles: nothing may be dropped. */
struct batch *rewrite_batch(struct rewriter *w, struct batch *b, const struct rewrite_visitor *visitor,
                            struct budget *budget, uint64_t *dropped);

#endif
