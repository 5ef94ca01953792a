/* SPDX-License-Identifier: Apache-2.0 */
/* Spans that wait for a decision, as they came in on the wire.
 *
 * A fragment is a run of spans of one trace that came one behind another in one scope, tags and all, in memory of its
 * own: when it goes, its memory does, whatever else came in the same request. What stands around the spans (a
 * resource, a scope, their schema URLs) is a head, kept once for all fragments that have the same. All of it is charged
 * to the budget, whatever its limit: who puts it in keeps `bytes` small. */
#ifndef PROCESSOR_TAIL_SAMPLING_SPAN_STORE_H
#define PROCESSOR_TAIL_SAMPLING_SPAN_STORE_H

#include "base/budget.h"
#include "otlp/rewrite.h"

/* The fields of a ResourceSpans but its scopes, or of a ScopeSpans but its spans. */
struct head {
    struct head *next;   /* in its slot */
    struct head *parent; /* of a scope: its resource, one reference; else NULL */
    uint64_t hash;
    uint64_t number;       /* in the order in which they were first seen */
    uint64_t batch_number; /* the last batch that it went out with; 0: none */
    size_t refs;
    size_t len;
    uint8_t data[];
};

struct fragment {
    struct fragment *next; /* of its list */
    struct head *scope;    /* one reference */
    uint32_t len, spans;
    uint8_t data[];
};

struct fragments {
    struct fragment *first, **last;
    uint64_t spans;
    uint64_t bytes; /* of wire: without what is shared */
};

struct span_store {
    struct head **slots; /* a power of two */
    size_t n_slots, n_heads;
    uint64_t next_number;
    uint64_t bytes; /* that all of it takes in memory */
    struct budget *budget;
    uint64_t charged;
};

void span_store_init(struct span_store *s, struct budget *budget);
void span_store_free(struct span_store *s); /* no fragment is left */

/* Go through the batch's scopes: `take` gets each ScopeSpans, and its head, which is there until it returns. `scratch`
 * is kept for the next time. */
void span_store_scopes(struct span_store *s, const struct batch *batch, struct pieces *scratch,
                       void (*take)(void *arg, struct bytes scope_group, struct head *scope), void *arg);

/* Put a copy of `run`, `n` spans with their tags, at the end of `to`. */
void span_store_add(struct span_store *s, struct fragments *to, struct head *scope, struct bytes run, uint32_t n);

/* What `bytes` has become is charged, or given back: after a batch, not for each span. */
void span_store_charge(struct span_store *s);

void fragments_init(struct fragments *f);
/* All of `from` behind `to`; `from` is empty then. */
void fragments_move(struct fragments *to, struct fragments *from);
struct fragment *fragments_pop(struct fragments *f); /* NULL: empty */

void fragment_free(struct span_store *s, struct fragment *f); /* one that was popped */
void fragments_free(struct span_store *s, struct fragments *f);

static inline struct bytes head_bytes(const struct head *h)
{
    return bytes_of(h->data, h->len);
}

static inline struct bytes fragment_bytes(const struct fragment *f)
{
    return bytes_of(f->data, f->len);
}

#endif
