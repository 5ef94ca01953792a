/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the transform processor: its configuration and its groups of statements. */
#ifndef PROCESSOR_TRANSFORM_TRANSFORM_H
#define PROCESSOR_TRANSFORM_TRANSFORM_H

#include "pipeline/item_count.h"
#include "pipeline/statement_list.h"
#include "processor/transform/flatten.h"

struct transform_config {
    int error_mode;
    bool flatten_data;
    const struct yaml_node *trace_statements, *metric_statements, *log_statements, *profile_statements;
};

extern const struct option transform_options[];

void transform_check(const void *config, struct check *ck);

/* Statements that run one after the other on each item of one context. */
struct transform_group {
    enum ottl_context context;
    unsigned writes;                  /* OTTL_CHANGED_ bits and OTTL_APPENDS: what its statements may do */
    struct statement_list conditions; /* none: always */
    struct statement_list statements;
};

struct transform {
    struct node node;
    VEC(struct transform_group *) groups;
    struct transform_walk walk;
    struct flattener flattener;
    bool flattens;
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
