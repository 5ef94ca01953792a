/* SPDX-License-Identifier: Apache-2.0 */
/* A tree into a struct, by the rows of an option table; and the struct back into a tree, to be printed.
 *
 * No weak typing: a string is no number and a number is no string. Every fault is
 * reported at its location with its path, what is allowed and the nearest right spelling, and decoding goes on. */
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include "config/option.h"
#include "config/yaml.h"

/* Fill `out` (zeroed, of the table's struct): defaults first, then what `node` says. NULL or YAML_NULL: all
 * defaults. Strings live in the arena. `path` names the node in faults. */
void decode_struct(struct arena *a, const struct option *rows, const struct yaml_node *node, const char *path,
                   void *out, struct faults *faults);

/* "300ms", "1h30m", "-1.5s", "0": Go's time.ParseDuration. */
bool duration_parse(const char *text, int64_t *ns);
void duration_print(int64_t ns, struct buf *out); /* as Go prints it: "1h30m0s" */

/* The effective values as a tree; secrets as [REDACTED] unless `reveal`. */
struct yaml_node *encode_struct(struct arena *a, const struct option *rows, const void *in, bool reveal);

/* The same number for the same values, whatever the order of keys, the comments and the locations were; another one,
 * but for one case in 2^64, as soon as a value differs. */
uint64_t fingerprint_struct(const struct option *rows, const void *in);

/* What a component's check() is handed. */
struct check {
    struct faults *faults;
    const struct yaml_node *node;     /* the component's body; may be NULL */
    const struct yaml_node *location; /* where the component stands */
    const char *path;                 /* "receivers::otlp" */
    const struct option *rows;
    const void *config; /* decoded by them */
    size_t size;
};

#endif
