/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration: a list of locations and sentences, gathered over a whole run so that the user
 * mends all of it at once. */
#ifndef CONFIG_FAULT_H
#define CONFIG_FAULT_H

#include "base/arena.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct fault {
    const char *file; /* "otelcd.yaml", "--set", "env:X" */
    int line, column; /* 1-based; 0 = the whole document */
    const char *path; /* "exporters::otlp/2::endpoint"; "" = the document */
    const char *text;
    bool warning;
    const char *variable; /* of a warning that this one is not set; else NULL */
};

struct faults {
    struct arena arena; /* the strings */
    VEC(struct fault) list;
    size_t n_errors;
};

struct yaml_node;

/* At `node`'s location (NULL: none). `path` is copied. Past 200 faults no more are kept (but errors are counted). */
void fault_add(struct faults *f, const struct yaml_node *node, const char *path, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void fault_vadd(struct faults *f, const char *file, int line, int column, const char *path, bool warning,
                const char *fmt, va_list args) __attribute__((format(printf, 7, 0)));

/* The warning that a variable is not set, at its use. `file`, `line` and `column` as in struct fault. */
void fault_unset(struct faults *f, const struct yaml_node *node, const char *path, const char *name);

/* What is not set below `path` need not be told: nothing there can be used. */
void faults_forget_unset(struct faults *f, const char *path);

/* When all is found: a variable that is not set is told where it causes an error, as a part of that, and else once. */
void faults_settle(struct faults *f);

/* There were more than are kept. */
bool faults_are_cut(const struct faults *f);

/* In the order of their locations. */
void faults_sort(struct faults *f);

/* Where its text begins to say what to write instead: behind the "; " or ": " after what is wrong. NULL: it does not.
 */
const char *fault_remedy(const struct fault *x);

/* One line each, sorted: "file:line:column: path: text". */
void faults_print(struct faults *f, FILE *to);
/* "2 faults, 1 warning"; nothing when there are none. */
void faults_print_count(const struct faults *f, FILE *to);
void faults_free(struct faults *f);

/* The name in the NULL-terminated list that is nearest to `word`, or NULL when none is near. */
const char *nearest_of(const char *word, const char *const *names);

#endif
