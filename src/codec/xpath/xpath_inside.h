/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of XPath: the tree of an expression, and values. */
#ifndef CODEC_XPATH_XPATH_INSIDE_H
#define CODEC_XPATH_XPATH_INSIDE_H

#include "base/vec.h"
#include "codec/regex.h"
#include "codec/xpath/xpath.h"

enum xpath_axis {
    AXIS_CHILD,
    AXIS_DESCENDANT,
    AXIS_DESCENDANT_OR_SELF,
    AXIS_PARENT,
    AXIS_ANCESTOR,
    AXIS_ANCESTOR_OR_SELF,
    AXIS_FOLLOWING_SIBLING,
    AXIS_PRECEDING_SIBLING,
    AXIS_FOLLOWING,
    AXIS_PRECEDING,
    AXIS_ATTRIBUTE,
    AXIS_SELF,
    AXES,
};

enum xpath_test { TEST_NAME, TEST_ANY_NAME, TEST_NODE, TEST_TEXT, TEST_COMMENT, TEST_INSTRUCTION };

struct xpath_expr;

struct xpath_exprs {
    struct xpath_expr **v;
    size_t n, cap;
};

struct xpath_step {
    enum xpath_axis axis;
    enum xpath_test test;
    struct bytes prefix, name; /* NAME; of ANY_NAME the prefix, or none; of INSTRUCTION the target, or none */
    struct xpath_exprs predicates;
    struct xpath_step *next;
};

/* Operators, the weakest first; those of one level stand together. */
enum xpath_operator { OP_OR, OP_AND, OP_EQ, OP_NE, OP_LE, OP_LT, OP_GE, OP_GT, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD };

enum xpath_kind {
    EXPR_PATH,   /* steps from the context's node, from the document, or from what `left` selects */
    EXPR_BINARY, /* left op right */
    EXPR_UNION,  /* left and right */
    EXPR_NEGATE, /* left */
    EXPR_NUMBER,
    EXPR_TEXT,
    EXPR_CALL,
};

struct xpath_expr {
    enum xpath_kind kind;
    enum xpath_operator op;
    bool absolute;
    struct xpath_expr *left, *right;
    struct xpath_exprs predicates; /* PATH with `left`: of what that selects */
    struct xpath_step *steps;
    double number;
    struct bytes text;
    struct regex *pattern; /* TEXT: compiled, where it is the pattern of a call; the xpath's to free */
    const struct xpath_function *function;
    struct xpath_exprs args;
};

struct xpath {
    struct arena arena;
    struct xpath_expr *expr;
    VEC(struct regex *) patterns;
};

enum xpath_type { XPATH_NODES, XPATH_NUMBER, XPATH_TEXT, XPATH_BOOLEAN };

struct xpath_value {
    enum xpath_type type;
    struct xpath_nodes nodes;
    double number;
    bool boolean;
    struct bytes text;
};

struct xpath_context {
    const struct xpath_run *run;
    struct xml_node *document;
    struct xpath_node node;
    size_t position, size;
};

/* What the first argument is to be: a path, or anything. GIVES: nodes are what it makes of them. */
enum xpath_takes { TAKES_ANY, TAKES_NODES, TAKES_AND_GIVES_NODES, TAKES_PATTERN /* as the second */ };

struct xpath_function {
    const char *name;
    unsigned min, max;
    enum xpath_takes takes;
    bool (*call)(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v);
};

/* ---- reading (xpath_scan.c) ---- */

struct xpath_parser {
    struct arena *arena;
    struct xpath *xpath;
    const char *start, *p, *end;
    struct xpath_fault *fault;
    unsigned depth, operators;
};

/* The fault, at the offset where it is; NULL. */
void *xpath_fail(struct xpath_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xpath_skip_space(struct xpath_parser *p);
/* Is this next, and is it taken? Space in front is passed over. */
bool xpath_is_next(struct xpath_parser *p, const char *text);
bool xpath_take(struct xpath_parser *p, const char *text);
bool xpath_take_word(struct xpath_parser *p, const char *word); /* a whole name */
/* A name without a colon; the empty text: there is none. */
struct bytes xpath_peek_name(struct xpath_parser *p);
struct bytes xpath_take_name(struct xpath_parser *p);
bool xpath_take_literal(struct xpath_parser *p, struct bytes *text); /* in quotes; false: a fault */

const struct xpath_function *xpath_function_find(struct bytes name);

/* matches() and replace(), in xpath_pattern.c. */
bool xpath_call_matches(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v);
bool xpath_call_replace(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v);

bool xpath_eval(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v);
bool xpath_text_of_node(const struct xpath_context *c, struct xpath_node node, struct bytes *text);
/* The value as one of that type; the first node's text is that of nodes. */
bool xpath_text(const struct xpath_context *c, const struct xpath_value *v, struct bytes *text);
bool xpath_number(const struct xpath_context *c, const struct xpath_value *v, double *number);
bool xpath_boolean(const struct xpath_value *v);
double xpath_read_number(struct bytes text);
/* Results; xpath_give_made() takes the content of the buf into the arena. Always true. */
bool xpath_give_text(struct xpath_value *v, struct bytes text);
bool xpath_give_boolean(struct xpath_value *v, bool truth);
bool xpath_give_made(const struct xpath_context *c, struct xpath_value *v, struct buf *out);
/* Argument i as text; of one that is not there the node at work. */
bool xpath_text_at(const struct xpath_context *c, const struct xpath_exprs *args, size_t i, struct bytes *text);
/* The text of a text or of the first node; that of a number or boolean is empty. */
bool xpath_text_only_at(const struct xpath_context *c, const struct xpath_exprs *args, size_t i, struct bytes *text);
bool xpath_compare(const struct xpath_context *c, enum xpath_operator op, const struct xpath_value *x,
                   const struct xpath_value *y, bool *result);
void xpath_nodes_add(struct arena *a, struct xpath_nodes *nodes, struct xpath_node n);

static inline bool xpath_spend(const struct xpath_context *c, uint64_t steps)
{
    return c->run->spend(c->run->arg, steps);
}

#endif
