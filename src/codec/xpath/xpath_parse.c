/* SPDX-License-Identifier: Apache-2.0 */
/* An expression is read by descent: operators by their levels, operands, paths step by step. Whether a `*` or a name
 * such as `div` is an operator is told by where it stands. What can go wrong: it is none, is nested too deep, or wants
 * what is not served; the fault has the place. */
#include "base/ascii.h"
#include "base/library.h"
#include "base/mem.h"
#include "codec/xpath/xpath_inside.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 50u
#define MAX_OPERATORS 1000u /* their left sides are in each other */

static bool count_operator(struct xpath_parser *p)
{
    return ++p->operators <= MAX_OPERATORS || xpath_fail(p, "it has more than %u operators", MAX_OPERATORS) != NULL;
}

static struct xpath_expr *make_expr(struct xpath_parser *p, enum xpath_kind kind)
{
    struct xpath_expr *e = arena_zalloc(p->arena, sizeof(*e));

    e->kind = kind;
    return e;
}

static void add_expr(struct xpath_parser *p, struct xpath_exprs *list, struct xpath_expr *e)
{
    if (list->n == list->cap) {
        struct xpath_expr **more = arena_alloc(p->arena, (2 * list->cap + 4) * sizeof(struct xpath_expr *));

        if (list->n > 0)
            memcpy(more, list->v, list->n * sizeof(struct xpath_expr *));
        list->v = more;
        list->cap = 2 * list->cap + 4;
    }
    list->v[list->n++] = e;
}

static struct xpath_expr *parse_expr(struct xpath_parser *p);

static bool parse_predicates(struct xpath_parser *p, struct xpath_exprs *predicates)
{
    while (xpath_take(p, "[")) {
        struct xpath_expr *e = parse_expr(p);

        if (e == NULL)
            return false;
        add_expr(p, predicates, e);
        if (!xpath_take(p, "]"))
            return xpath_fail(p, "a ] is wanted here") != NULL;
    }
    return true;
}

/* ---- steps ---- */

static const char *const axis_names[AXES] = {
    [AXIS_CHILD] = "child",
    [AXIS_DESCENDANT] = "descendant",
    [AXIS_DESCENDANT_OR_SELF] = "descendant-or-self",
    [AXIS_PARENT] = "parent",
    [AXIS_ANCESTOR] = "ancestor",
    [AXIS_ANCESTOR_OR_SELF] = "ancestor-or-self",
    [AXIS_FOLLOWING_SIBLING] = "following-sibling",
    [AXIS_PRECEDING_SIBLING] = "preceding-sibling",
    [AXIS_FOLLOWING] = "following",
    [AXIS_PRECEDING] = "preceding",
    [AXIS_ATTRIBUTE] = "attribute",
    [AXIS_SELF] = "self",
};

static bool parse_axis(struct xpath_parser *p, struct xpath_step *s)
{
    const char *before;
    struct bytes name;

    s->axis = AXIS_CHILD;
    if (xpath_take(p, "@")) {
        s->axis = AXIS_ATTRIBUTE;
        return true;
    }
    before = p->p;
    name = xpath_take_name(p);
    if (name.len == 0 || !xpath_take(p, "::")) {
        p->p = before;
        return true;
    }
    for (unsigned i = 0; i < AXES; i++)
        if (bytes_is(name, axis_names[i])) {
            s->axis = (enum xpath_axis)i;
            return true;
        }
    p->p = before;
    return xpath_fail(p, "there is no axis \"%.*s\"", (int)(name.len < 40 ? name.len : 40), (const char *)name.data) !=
           NULL;
}

static const struct {
    const char *name;
    enum xpath_test test;
} node_types[] = {
    { "node", TEST_NODE },
    { "text", TEST_TEXT },
    { "comment", TEST_COMMENT },
    { "processing-instruction", TEST_INSTRUCTION },
};

/* Is the name that of a sort of nodes? */
static bool find_type(struct bytes name, enum xpath_test *test)
{
    for (size_t i = 0; i < sizeof(node_types) / sizeof(*node_types); i++)
        if (bytes_is(name, node_types[i].name)) {
            *test = node_types[i].test;
            return true;
        }
    return false;
}

static bool parse_test(struct xpath_parser *p, struct xpath_step *s)
{
    s->test = TEST_ANY_NAME;
    if (xpath_take(p, "*"))
        return true;
    s->name = xpath_take_name(p);
    if (s->name.len == 0)
        return xpath_fail(p, "the name of an element or attribute is wanted here") != NULL;
    if (p->p != p->end && *p->p == ':' && p->end - p->p > 1 && p->p[1] != ':') {
        p->p++;
        s->prefix = s->name;
        if (xpath_take(p, "*"))
            return true;
        s->name = xpath_take_name(p);
        s->test = TEST_NAME;
        return s->name.len > 0 || xpath_fail(p, "a name is wanted behind the prefix") != NULL;
    }
    s->test = TEST_NAME;
    if (!find_type(s->name, &s->test) || !xpath_take(p, "(")) {
        s->test = TEST_NAME;
        return true;
    }
    s->name = bytes_of(NULL, 0);
    if (s->test == TEST_INSTRUCTION && (xpath_is_next(p, "'") || xpath_is_next(p, "\"")) &&
        !xpath_take_literal(p, &s->name))
        return false;
    return xpath_take(p, ")") || xpath_fail(p, "a ) is wanted here") != NULL;
}

static struct xpath_step *make_step(struct xpath_parser *p, enum xpath_axis axis)
{
    struct xpath_step *s = arena_zalloc(p->arena, sizeof(*s));

    s->axis = axis;
    s->test = TEST_NODE;
    return s;
}

static struct xpath_step *parse_step(struct xpath_parser *p)
{
    struct xpath_step *s;

    if (xpath_take(p, ".."))
        return make_step(p, AXIS_PARENT);
    if (xpath_take(p, "."))
        return make_step(p, AXIS_SELF);
    s = make_step(p, AXIS_CHILD);
    return parse_axis(p, s) && parse_test(p, s) && parse_predicates(p, &s->predicates) ? s : NULL;
}

/* Steps with / and // in between; `last` is where the first goes. */
static bool parse_steps(struct xpath_parser *p, struct xpath_step **last)
{
    for (;;) {
        struct xpath_step *s = parse_step(p);

        if (s == NULL)
            return false;
        *last = s;
        last = &s->next;
        if (xpath_take(p, "//")) {
            *last = make_step(p, AXIS_DESCENDANT_OR_SELF);
            last = &(*last)->next;
        } else if (!xpath_take(p, "/")) {
            return true;
        }
    }
}

static bool begins_step(struct xpath_parser *p)
{
    return xpath_is_next(p, "*") || xpath_is_next(p, "@") || xpath_is_next(p, ".") || xpath_peek_name(p).len > 0;
}

static struct xpath_expr *parse_location(struct xpath_parser *p)
{
    struct xpath_expr *e = make_expr(p, EXPR_PATH);
    struct xpath_step **last = &e->steps;

    if (xpath_take(p, "//")) {
        e->absolute = true;
        e->steps = make_step(p, AXIS_DESCENDANT_OR_SELF);
        last = &e->steps->next;
    } else if (xpath_take(p, "/")) {
        e->absolute = true;
        if (!begins_step(p))
            return e;
    }
    return parse_steps(p, last) ? e : NULL;
}

/* ---- operands ---- */

static bool gives_nodes(const struct xpath_expr *e)
{
    return e->kind == EXPR_PATH || e->kind == EXPR_UNION ||
           (e->kind == EXPR_CALL && e->function->takes == TAKES_AND_GIVES_NODES);
}

/* What the function asks of its arguments. */
static bool check_arguments(struct xpath_parser *p, struct xpath_expr *e)
{
    struct xpath_expr *pattern = e->args.n > 1 ? e->args.v[1] : NULL;
    enum xpath_takes takes = e->function->takes;
    struct error err;

    if (e->args.n < e->function->min || e->args.n > e->function->max)
        return xpath_fail(p, "%s() takes %u to %u arguments, not %zu", e->function->name, e->function->min,
                          e->function->max, e->args.n) != NULL;
    if ((takes == TAKES_NODES || takes == TAKES_AND_GIVES_NODES) && e->args.n > 0 && !gives_nodes(e->args.v[0]))
        return xpath_fail(p, "%s() takes a path", e->function->name) != NULL;
    if (takes != TAKES_PATTERN || pattern == NULL)
        return true;
    if (pattern->kind != EXPR_TEXT) /* compiled for each call, which then cannot say what is missing */
        return library_load(LIBRARY_RE2, &err) == 0 || xpath_fail(p, "%s", err.text) != NULL;
    pattern->pattern = regex_new_bytes(pattern->text, &err);
    if (pattern->pattern == NULL)
        return xpath_fail(p, "%s", err.text) != NULL;
    *vec_push(&p->xpath->patterns) = pattern->pattern;
    return true;
}

static struct xpath_expr *parse_call(struct xpath_parser *p)
{
    struct xpath_expr *e = make_expr(p, EXPR_CALL);
    const char *before = p->p;
    struct bytes name = xpath_take_name(p);

    e->function = xpath_function_find(name);
    if (e->function == NULL) {
        p->p = before;
        return xpath_fail(p, "there is no function \"%.*s\" in XPath 1.0, or it is not served",
                          (int)(name.len < 40 ? name.len : 40), (const char *)name.data);
    }
    xpath_take(p, "(");
    while (!xpath_take(p, ")")) {
        struct xpath_expr *arg;

        if (e->args.n > 0 && !xpath_take(p, ","))
            return xpath_fail(p, "a , or ) is wanted here");
        arg = parse_expr(p);
        if (arg == NULL)
            return NULL;
        add_expr(p, &e->args, arg);
    }
    return check_arguments(p, e) ? e : NULL;
}

static struct xpath_expr *parse_number(struct xpath_parser *p)
{
    struct xpath_expr *e = make_expr(p, EXPR_NUMBER);
    const char *from = p->p;

    while (p->p != p->end && (ascii_is_digit(*p->p) || *p->p == '.'))
        p->p++;
    e->number = xpath_read_number(bytes_of(from, (size_t)(p->p - from)));
    return e;
}

/* A name with a parenthesis behind it that is no sort of nodes. */
static bool begins_call(struct xpath_parser *p)
{
    struct bytes name = xpath_peek_name(p);
    const char *before = p->p;
    enum xpath_test test;
    bool call;

    if (name.len == 0 || find_type(name, &test))
        return false;
    p->p += name.len;
    call = xpath_is_next(p, "(");
    p->p = before;
    return call;
}

static struct xpath_expr *parse_primary(struct xpath_parser *p)
{
    struct xpath_expr *e;

    if (xpath_take(p, "(")) {
        e = parse_expr(p);
        return e == NULL || xpath_take(p, ")") ? e : xpath_fail(p, "a ) is wanted here");
    }
    if (xpath_is_next(p, "'") || xpath_is_next(p, "\"")) {
        e = make_expr(p, EXPR_TEXT);
        return xpath_take_literal(p, &e->text) ? e : NULL;
    }
    if (xpath_is_next(p, "$"))
        return xpath_fail(p, "there are no variables");
    return begins_call(p) ? parse_call(p) : parse_number(p);
}

static bool begins_primary(struct xpath_parser *p)
{
    xpath_skip_space(p);
    if (p->p == p->end)
        return false;
    return strchr("('\"$", *p->p) != NULL || ascii_is_digit(*p->p) ||
           (*p->p == '.' && p->end - p->p > 1 && ascii_is_digit(p->p[1])) || begins_call(p);
}

static struct xpath_expr *parse_path(struct xpath_parser *p)
{
    struct xpath_expr *inner, *e;
    struct xpath_step **last;

    if (!begins_primary(p))
        return parse_location(p);
    inner = parse_primary(p);
    if (inner == NULL || !(xpath_is_next(p, "[") || xpath_is_next(p, "/")))
        return inner;
    if (!gives_nodes(inner))
        return xpath_fail(p, "what is in front of this is no path");
    e = make_expr(p, EXPR_PATH);
    e->left = inner;
    last = &e->steps;
    if (!parse_predicates(p, &e->predicates))
        return NULL;
    if (xpath_take(p, "//")) {
        e->steps = make_step(p, AXIS_DESCENDANT_OR_SELF);
        last = &e->steps->next;
    } else if (!xpath_take(p, "/")) {
        return e;
    }
    return parse_steps(p, last) ? e : NULL;
}

static struct xpath_expr *parse_union(struct xpath_parser *p)
{
    struct xpath_expr *left = parse_path(p), *e;

    while (left != NULL && xpath_take(p, "|")) {
        e = make_expr(p, EXPR_UNION);
        e->left = left;
        e->right = count_operator(p) ? parse_path(p) : NULL;
        if (e->right == NULL)
            return NULL;
        if (!gives_nodes(e->left) || !gives_nodes(e->right))
            return xpath_fail(p, "| stands between paths");
        left = e;
    }
    return left;
}

static struct xpath_expr *parse_unary(struct xpath_parser *p)
{
    struct xpath_expr *e;
    bool negate = false, minus = false;

    while (xpath_take(p, "-")) {
        minus = true;
        negate = !negate;
    }
    e = parse_union(p);
    if (e == NULL || !minus)
        return e;
    for (unsigned i = 0; i < (negate ? 1u : 2u); i++) {
        struct xpath_expr *n = make_expr(p, EXPR_NEGATE);

        n->left = e;
        e = n;
    }
    return e;
}

/* ---- operators ---- */

static const struct {
    const char *sign, *word;
    enum xpath_operator op;
    unsigned level;
} operators[] = {
    { NULL, "or", OP_OR, 0 },   { NULL, "and", OP_AND, 1 }, { "=", NULL, OP_EQ, 2 },  { "!=", NULL, OP_NE, 2 },
    { "<=", NULL, OP_LE, 3 },   { "<", NULL, OP_LT, 3 },    { ">=", NULL, OP_GE, 3 }, { ">", NULL, OP_GT, 3 },
    { "+", NULL, OP_ADD, 4 },   { "-", NULL, OP_SUB, 4 },   { "*", NULL, OP_MUL, 5 }, { NULL, "div", OP_DIV, 5 },
    { NULL, "mod", OP_MOD, 5 },
};

#define LEVELS 6u

static bool take_operator(struct xpath_parser *p, unsigned level, enum xpath_operator *op)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++)
        if (operators[i].level == level &&
            (operators[i].sign != NULL ? xpath_take(p, operators[i].sign) : xpath_take_word(p, operators[i].word))) {
            *op = operators[i].op;
            return true;
        }
    return false;
}

static struct xpath_expr *parse_level(struct xpath_parser *p, unsigned level)
{
    struct xpath_expr *left = level < LEVELS ? parse_level(p, level + 1) : parse_unary(p);
    enum xpath_operator op;

    while (left != NULL && level < LEVELS && take_operator(p, level, &op)) {
        struct xpath_expr *e = make_expr(p, EXPR_BINARY);

        e->op = op;
        e->left = left;
        e->right = count_operator(p) ? parse_level(p, level + 1) : NULL;
        if (e->right == NULL)
            return NULL;
        left = e;
    }
    return left;
}

static struct xpath_expr *parse_expr(struct xpath_parser *p)
{
    struct xpath_expr *e;

    if (++p->depth > MAX_DEPTH)
        return xpath_fail(p, "it is nested too deep");
    e = parse_level(p, 0);
    p->depth--;
    return e;
}

struct xpath *xpath_new(struct bytes text, struct xpath_fault *fault)
{
    struct xpath *x = mem_zalloc(sizeof(*x));
    const char *copy = arena_strndup(&x->arena, text.data, text.len);
    struct xpath_parser p = {
        .arena = &x->arena, .xpath = x, .start = copy, .p = copy, .end = copy + text.len, .fault = fault
    };

    *fault = (struct xpath_fault){ 0 };
    x->expr = parse_expr(&p);
    xpath_skip_space(&p);
    if (x->expr != NULL && p.p != p.end)
        x->expr = xpath_fail(&p, "the expression has ended before this");
    if (x->expr != NULL)
        return x;
    xpath_free(x);
    return NULL;
}

void xpath_free(struct xpath *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->patterns.n; i++)
        regex_free(x->patterns.v[i]);
    vec_free(&x->patterns);
    arena_free(&x->arena);
    free(x);
}
