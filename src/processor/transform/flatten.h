/* SPDX-License-Identifier: Apache-2.0 */
/* flatten_data: statements of a log record may change its resource and its scope for itself alone. */
#ifndef PROCESSOR_TRANSFORM_FLATTEN_H
#define PROCESSOR_TRANSFORM_FLATTEN_H

#include "otlp/assembly.h"
#include "processor/transform/walk.h"

/* A resource or scope, as one record has it. */
struct flat_part {
    struct bytes came, schema_url;
    struct digest key;  /* of what came; of a scope without its resource's */
    struct buf content; /* what statements have made of it ... */
    struct buf url;     /* ... and of its schema_url */
    bool changed, renamed;
};

/* One group of statements, as struct transform_walk has it. */
struct flat_group {
    enum ottl_context context;
    bool (*run)(void *arg, struct ottl_evaluation *e, struct error *err);
    void *arg;
};

struct flattener {
    VEC(struct flat_group) groups; /* set by who makes it */
    struct assembly assembly;
    struct rewriter walker;
    struct flat_part resource, scope;
    struct buf record;
    struct transform_walk *walk; /* at work: its evaluation, its time and its fault */
    uint64_t copies,
        most_copies; /* bytes of resources and scopes that were made for this batch, and of how many at most */
    bool changed;    /* anything, in this batch */
};

void flattener_init(struct flattener *f);
void flattener_free(struct flattener *f);

/* Every record goes through all groups with a resource and a scope of its own, and those with equal ones stand together
 * afterwards. The batch itself when nothing changes; the caller's reference to it goes. One whose resources would
 * become too many is given up (walk->fault). */
struct batch *flattener_run(struct flattener *f, struct transform_walk *w, struct batch *batch, struct budget *budget);

#endif
