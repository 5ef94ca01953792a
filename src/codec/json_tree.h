/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON value of a stranger as a tree, of which only what is wanted is kept: for answers of servers, where a few
 * fields of large objects matter. All of it is in an arena. */
#ifndef CODEC_JSON_TREE_H
#define CODEC_JSON_TREE_H

#include "base/arena.h"
#include "base/error.h"
#include "codec/json_scan.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT };

struct json_node {
    struct bytes key;  /* its name, in an object */
    struct bytes text; /* of a string: its content; of a number or bool: as it is written. A NUL is behind it */
    struct json_node *first, *next;
    enum json_kind kind;
    uint32_t n; /* what is in a list or an object */
};

struct json_tree_rules {
    size_t max_nodes;   /* more are a fault */
    unsigned max_depth; /* of lists and objects that are kept; deeper is a fault */
    size_t max_memory;  /* of the arena, before another value is read; 0: any */
    /* Is the member `key` kept, of an object that is (a list's item too) the member `parent`? NULL: all are. */
    bool (*keep)(struct bytes parent, struct bytes key);
};

/* The value at s->p, which moves behind it. NULL: it is none, or beyond the rules; s->fault says what was expected. */
struct json_node *json_tree_read(struct json_scan *s, struct arena *a, const struct json_tree_rules *rules);

/* The whole of `text`. NULL and `err`, with the location. */
struct json_node *json_tree_parse(struct bytes text, struct arena *a, const struct json_tree_rules *rules,
                                  struct error *err);

/* "metadata.name" from `n`; of two members of one name the last. NULL where there is none, or `n` is NULL. */
const struct json_node *json_at(const struct json_node *n, const char *path);
/* The text there of a string, number or bool; else empty. */
struct bytes json_text_at(const struct json_node *n, const char *path);
bool json_true_at(const struct json_node *n, const char *path);

/* err: the member's value is not `what`. False, for who returns that. */
bool json_node_refuse(const struct json_node *n, const char *what, struct error *err);

#define json_each(item, of)                                                                                            \
    for (const struct json_node *item = (of) != NULL ? (of)->first : NULL; (item) != NULL; (item) = (item)->next)

#endif
