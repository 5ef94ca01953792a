/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the transform processor: its configuration and its groups of statements. */
#ifndef PROCESSOR_TRANSFORM_TRANSFORM_H
#define PROCESSOR_TRANSFORM_TRANSFORM_H

#include "otlp/rewrite.h"
#include "pipeline/item_count.h"
#include "pipeline/statement_list.h"

struct transform_config {
    int error_mode;
    const struct yaml_node *trace_statements, *metric_statements, *log_statements, *profile_statements;
};

extern const struct option transform_options[];

void transform_check(const void *config, struct check *ck);

/* What a group of the context may write: its own message, and the resource and scope that this is in. OTTL_CHANGED_
 * bits. */
unsigned transform_own_message(enum ottl_context context);
unsigned transform_may_write(enum ottl_context context);

/* Statements that run one after the other on each item of one context. */
struct transform_group {
    enum ottl_context context;
    unsigned writes;                  /* OTTL_CHANGED_ bits: what its statements may change */
    struct statement_list conditions; /* none: always */
    struct statement_list statements;
};

/* A resource or scope as statements on what is in it have made it. */
struct transform_parent {
    bool changed;
    struct buf content;
};

struct transform_parents {
    VEC(struct transform_parent) v; /* those of the batch, in the order of the walk */
    size_t next;                    /* while they are written */
};

struct transform {
    struct node node;
    struct transform_parents resources, scopes;
    VEC(struct transform_group *) groups;
    struct transform_group *group; /* at work */
    struct rewriter rewriter;
    struct ottl_evaluation *evaluation;
    struct error fault; /* of the batch */
    struct item_count items;
};

/* Every text of the signal, group by group: begin() before those of a group. With `ck` faults are reported. */
struct transform_reader {
    void (*begin)(void *arg, enum ottl_context context);
    void (*take)(void *arg, const struct statement_text *t);
    void *arg;
};
void transform_read(const struct transform_config *c, enum signal signal, struct check *ck,
                    const struct transform_reader *r);

#endif
