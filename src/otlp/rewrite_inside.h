/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the rewriter: where its walk is. */
#ifndef OTLP_REWRITE_INSIDE_H
#define OTLP_REWRITE_INSIDE_H

#include "otlp/rewrite.h"
#include "otlp/view.h"

struct level {
    uint32_t number;      /* that this message is in its parent */
    const uint8_t *from;  /* the source is copied up to here */
    const uint8_t *start; /* of its tag */
    const uint8_t *end;   /* of the message */
    size_t tag, content;  /* where they stand in the output, when it is open */
    uint64_t kept, lost;  /* children */
    bool open;
    bool edited;  /* resources and scopes: field 1 is written anew; what the source has of it goes */
    bool renamed; /* the same of their schema_url */
};

/* The numbers of an item's fields: its attributes, and what is below it. */
struct item_fields {
    unsigned attributes, below, below_attributes; /* 0: nothing is below */
};

struct walk {
    struct rewriter *w;
    const struct rewrite_visitor *visitor;
    const struct batch *batch;
    struct budget *budget;
    const struct segment *segment;
    struct level levels[LEVELS + 1]; /* the last two: of an item that has something below */
    struct visit at;
    struct bytes containers[2]; /* ResourceSpans and ScopeSpans, or their like ... */
    struct bytes heads[2];      /* ... and the Resource and InstrumentationScope in them, once they were asked for */
    bool found[2];
    struct bytes schemas[2]; /* the same of their schema_url */
    bool schema_found[2];
    struct item_fields fields; /* of the items that come next */
    struct block *out;         /* NULL: nothing written yet */
    size_t len;                /* of what is in it */
    size_t slice;              /* begins in it; what is before has been made a slice */
    bool changed;
    bool replaced; /* something was put in, and not only left out */
    uint64_t dropped, made;
};

/* The Resource or InstrumentationScope of the container where the walk is. */
struct bytes walk_head(struct walk *k, unsigned level);

#endif
