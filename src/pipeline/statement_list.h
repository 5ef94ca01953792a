/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of OTTL as a component has them: checked when the configuration is read, run over items with an error mode,
 * their faults counted by statement and told with back-off. */
#ifndef PIPELINE_STATEMENT_LIST_H
#define PIPELINE_STATEMENT_LIST_H

#include "ottl/ottl.h"
#include "pipeline/component.h"

/* What becomes of a text that fails on an item. */
enum error_mode {
    ERRORS_IGNORE,    /* as if it had not been there; logged */
    ERRORS_SILENT,    /* the same without a line */
    ERRORS_PROPAGATE, /* the batch is rejected */
};

extern const char *const error_mode_names[]; /* for OPT_ENUM */
#define ERROR_MODE_ROW(T, what_)                                                                                       \
    OPT_ENUM(T, error_mode, error_mode_names, "ignore",                                                                \
             "What becomes of a " what_                                                                                \
             " that fails: it is passed over (ignore logs it, silent does not), or the batch is rejected "             \
             "(propagate).")

/* The error mode of that name; false: there is none. */
bool error_mode_find(const char *name, int *mode);

/* For the component's own list of rows. */
extern const struct metric_row statement_fault_row;

/* One text of a configuration. */
struct statement_text {
    const char *path; /* as for check_fail(): where it stands */
    const char *text;
    struct ottl_reading how;
    bool condition;
    int errors; /* enum error_mode */
};

/* The contexts of a signal: OTTL_IN() bits. */
extern const unsigned statement_contexts[SIGNAL_COUNT];

bool statement_is_text(const struct yaml_node *n);

/* A group of texts under one context: {context, error_mode, conditions, statements}. */
struct statement_group {
    enum ottl_context context; /* OTTL_CONTEXTS: not said */
    int errors;                /* -1: not said */
    struct strings conditions, statements;
};

/* False: there is a fault, which `ck` is told where it is not NULL. */
bool statement_group_read(struct statement_group *g, const struct yaml_node *node, const char *path, unsigned contexts,
                          struct check *ck);
void statement_group_free(struct statement_group *g);

/* The texts of a list of YAML; false: something in it is none. */
bool statement_strings_read(struct strings *s, const struct yaml_node *list, const char *path, struct check *ck);

/* What is wrong with it, told at its location; false: something is. */
bool statement_check(const struct statement_text *t, struct check *ck);

struct statement {
    struct ottl_program *program;
    int errors;
    struct metric *faults;  /* NULL until the first */
    struct metric *counted; /* for the component */
    struct complaint complaint;
};

/* Zeroed is empty. */
struct statement_list {
    struct node *node;
    VEC(struct statement) v;
};

/* A text that has passed. */
struct statement *statement_list_add(struct statement_list *l, struct node *node, const struct statement_text *t);
void statement_list_free(struct statement_list *l);

/* The first condition that is true of the item that the evaluation has begun with, or NULL. *failed: one that was to
 * propagate has failed, and the batch with it; `err` says how. */
struct statement *statement_list_test(struct statement_list *l, struct ottl_evaluation *e, bool *failed,
                                      struct error *err);

/* Run all, in order. False: one that was to propagate has failed. */
bool statement_list_run(struct statement_list *l, struct ottl_evaluation *e, struct error *err);

/* Run the list's one statement: *ran says whether its condition was true and it has not failed. False as above. */
bool statement_list_run_one(struct statement_list *l, struct ottl_evaluation *e, bool *ran, struct error *err);

/* The time now as OTTL has it. */
int64_t statement_now(const struct node *node);

#endif
