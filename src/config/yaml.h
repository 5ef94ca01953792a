/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a tree that knows where each node stands.
 *
 * Scalars keep their text; what type a plain scalar has is asked when somebody needs to know (yaml_type), after the
 * rules of go-yaml v3, which the Go collector reads with: yes/no/on/off are strings, 0123 and 0o17 are octal. Anchors,
 * aliases and merge keys are resolved while reading, in copies; the number of nodes, their depth and the size of a
 * document are bounded, so no document can blow up. Nodes live in the arena given to the reader and may be changed by
 * whoever owns the tree. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/fault.h"

#define YAML_MAX_BYTES (16u << 20)
#define YAML_MAX_NODES 200000u
#define YAML_MAX_KEYS 10000u /* of one map: finding one is a walk */
#define YAML_MAX_DEPTH 100u

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_MAP, YAML_LIST };

/* What a scalar is, once read. */
enum yaml_type { YAML_STR, YAML_INT, YAML_FLOAT, YAML_BOOL, YAML_NIL, YAML_TIME };

struct yaml_pair {
    const char *key;
    int line, column; /* of the key */
    struct yaml_node *value;
};

struct yaml_node {
    enum yaml_kind kind;
    const char *file;
    int line, column;
    /* SCALAR */
    const char *text;     /* NUL-terminated; embedded NULs are refused while reading */
    bool plain;           /* without quotes: may be a number, a bool, null */
    const char *original; /* of a value that came from ${...}: the text as it was, for string fields; else NULL */
    bool quoted;          /* that ${...} stood in quotes or behind !!str: text, where any type may stand */
    const char *comment;  /* written beside it, for the reader; NULL: none */
    const char *source;   /* as it stands in the file, where that is not the text itself; else NULL */
    /* MAP, LIST */
    size_t n, cap;
    union {
        struct yaml_pair *pairs;
        struct yaml_node **items;
    };
};

/* The document in `text`; what cannot be meant is reported. NULL when the rest cannot be read for it; else the tree
 * without it, for other faults to be found. An empty document is a NULL node's kind: YAML_NULL.
 * `line` and `column` are where the text begins in `file` (1, 1 for a whole file). */
struct yaml_node *yaml_read(struct arena *a, struct bytes text, const char *file, int line, int column,
                            struct faults *faults);

enum yaml_type yaml_type(const struct yaml_node *n);  /* of a NULL or SCALAR node */
bool yaml_int(const struct yaml_node *n, int64_t *v); /* false: not an integer, or out of range */
bool yaml_uint(const struct yaml_node *n, uint64_t *v);
bool yaml_float(const struct yaml_node *n, double *v); /* integers too */
bool yaml_bool(const struct yaml_node *n, bool *v);
const char *yaml_type_name(const struct yaml_node *n); /* "a map", "a list", "the number 5" ...: for messages */

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /* NULL when absent or not a map */
/* The same at a path of keys, "a::b"; "": the node itself. */
const struct yaml_node *yaml_at(const struct yaml_node *n, const char *path);
const struct yaml_pair *yaml_pair(const struct yaml_node *map, const char *key);

/* Append it in quotes, as JSON has them, which is YAML too. */
struct buf;
void yaml_put_quoted(struct buf *out, const char *text);

/* Where the byte at an offset of a scalar's text stands in the file. */
void yaml_locate(const struct yaml_node *n, size_t offset, int *line, int *column);

/* Building: nodes at the location of `at`. */
struct yaml_node *yaml_new(struct arena *a, enum yaml_kind kind, const struct yaml_node *at);
struct yaml_node *yaml_scalar(struct arena *a, const char *text, bool plain, const struct yaml_node *at);
struct yaml_node *yaml_copy(struct arena *a, const struct yaml_node *n); /* all of it, its texts too; NULL of NULL */
void yaml_put(struct arena *a, struct yaml_node *map, const char *key, int line, int column, struct yaml_node *value);
void yaml_push(struct arena *a, struct yaml_node *list, struct yaml_node *item);

void yaml_put_float(struct buf *out, double v); /* finite; in as few digits as read back the same */

/* Write the tree as YAML (block style) or JSON. */
void yaml_write(const struct yaml_node *n, struct buf *out, bool json);

#endif
