/* SPDX-License-Identifier: Apache-2.0 */
/* An expression is evaluated by walking its tree: paths step by step, from a set of nodes to the next, which is sorted
 * and without doubles; predicates with the position in the axis. Each node that is looked at is a step for the caller,
 * and texts are by their length, so what an expression of a few bytes may take is limited. */
#include "codec/xpath/xpath_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void xpath_nodes_add(struct arena *a, struct xpath_nodes *nodes, struct xpath_node n)
{
    if (nodes->n == nodes->cap) {
        struct xpath_node *more = arena_alloc(a, (2 * nodes->cap + 4) * sizeof(*more));

        if (nodes->n > 0)
            memcpy(more, nodes->v, nodes->n * sizeof(*more));
        nodes->v = more;
        nodes->cap = 2 * nodes->cap + 4;
    }
    nodes->v[nodes->n++] = n;
}

static int compare_order(const void *a, const void *b)
{
    uint32_t x = xpath_order(*(const struct xpath_node *)a), y = xpath_order(*(const struct xpath_node *)b);

    return (x > y) - (x < y);
}

static bool sort_nodes(const struct xpath_context *c, struct xpath_nodes *nodes)
{
    size_t n = 0;

    if (nodes->n < 2)
        return true;
    if (!xpath_spend(c, nodes->n))
        return false;
    qsort(nodes->v, nodes->n, sizeof(*nodes->v), compare_order);
    for (size_t i = 0; i < nodes->n; i++)
        if (n == 0 || xpath_order(nodes->v[n - 1]) != xpath_order(nodes->v[i]))
            nodes->v[n++] = nodes->v[i];
    nodes->n = n;
    return true;
}

/* ---- tests ---- */

static bool has_name(const struct xpath_step *s, struct bytes prefix, struct bytes name)
{
    if (s->test == TEST_ANY_NAME)
        return s->prefix.len == 0 || bytes_equal(s->prefix, prefix);
    return bytes_equal(s->name, name) && bytes_equal(s->prefix, prefix);
}

static bool has_target(const struct xpath_step *s, struct bytes text)
{
    if (s->name.len == 0)
        return true;
    return text.len >= s->name.len && memcmp(text.data, s->name.data, s->name.len) == 0 &&
           (text.len == s->name.len || text.data[s->name.len] <= ' ');
}

static bool passes_test(const struct xpath_step *s, struct xpath_node n)
{
    switch (s->test) {
    case TEST_NODE:
        return true;
    case TEST_NAME:
    case TEST_ANY_NAME:
        if (n.attribute != NULL)
            return s->axis == AXIS_ATTRIBUTE && has_name(s, n.attribute->prefix, n.attribute->name);
        return n.node->kind == XML_ELEMENT && has_name(s, n.node->prefix, n.node->name);
    case TEST_TEXT:
        return n.attribute == NULL && (n.node->kind == XML_TEXT || n.node->kind == XML_CDATA);
    case TEST_COMMENT:
        return n.attribute == NULL && n.node->kind == XML_COMMENT;
    default:
        return n.attribute == NULL && n.node->kind == XML_INSTRUCTION && has_target(s, n.node->text);
    }
}

/* ---- axes ---- */

struct gathering {
    const struct xpath_context *c;
    const struct xpath_step *step;
    struct xpath_nodes *out;
};

static bool gather_node(const struct gathering *g, struct xml_node *node, struct xml_attribute *attribute)
{
    struct xpath_node n = { node, attribute };

    if (!xpath_spend(g->c, 1))
        return false;
    if (passes_test(g->step, n))
        xpath_nodes_add(g->c->run->arena, g->out, n);
    return true;
}

static bool gather_below(const struct gathering *g, struct xml_node *top)
{
    for (struct xml_node *n = xml_next(top, top); n != NULL; n = xml_next(n, top))
        if (!gather_node(g, n, NULL))
            return false;
    return true;
}

static bool gather_above(const struct gathering *g, struct xml_node *n)
{
    for (; n != NULL; n = n->parent)
        if (!gather_node(g, n, NULL))
            return false;
    return true;
}

static bool gather_siblings(const struct gathering *g, struct xml_node *n, bool following)
{
    for (n = following ? n->next : n->previous; n != NULL; n = following ? n->next : n->previous)
        if (!gather_node(g, n, NULL))
            return false;
    return true;
}

/* All behind the node but what is in it. */
static bool gather_following(const struct gathering *g, struct xml_node *n)
{
    while (n != NULL && n->next == NULL)
        n = n->parent;
    for (n = n != NULL ? n->next : NULL; n != NULL; n = xml_next(n, g->c->document))
        if (!gather_node(g, n, NULL))
            return false;
    return true;
}

static bool is_above(const struct xml_node *above, const struct xml_node *n)
{
    while (n != NULL && n != above)
        n = n->parent;
    return n != NULL;
}

/* All before the node but what it is in, the nearest first. */
static bool gather_preceding(const struct gathering *g, struct xml_node *to)
{
    size_t from = g->out->n, end;

    for (struct xml_node *n = xml_next(g->c->document, g->c->document); n != NULL && n != to;
         n = xml_next(n, g->c->document))
        if (!is_above(n, to) && !gather_node(g, n, NULL))
            return false;
    end = g->out->n;
    for (size_t i = from; i + 1 < end; i++, end--) {
        struct xpath_node swap = g->out->v[i];

        g->out->v[i] = g->out->v[end - 1];
        g->out->v[end - 1] = swap;
    }
    return true;
}

static bool gather_attributes(const struct gathering *g, struct xml_node *n)
{
    for (struct xml_attribute *a = n->attributes; a != NULL; a = a->next)
        if (!gather_node(g, n, a))
            return false;
    return true;
}

/* An attribute has what it is in above it, and nothing beside or below. */
static bool gather_of_attribute(const struct gathering *g, struct xpath_node n)
{
    switch (g->step->axis) {
    case AXIS_PARENT:
        return gather_node(g, n.node, NULL);
    case AXIS_ANCESTOR:
        return gather_above(g, n.node);
    case AXIS_ANCESTOR_OR_SELF:
        return gather_node(g, n.node, n.attribute) && gather_above(g, n.node);
    case AXIS_SELF:
    case AXIS_DESCENDANT_OR_SELF:
        return gather_node(g, n.node, n.attribute);
    default:
        return true;
    }
}

static bool gather_axis(const struct gathering *g, struct xpath_node from)
{
    struct xml_node *n = from.node;

    if (from.attribute != NULL)
        return gather_of_attribute(g, from);
    switch (g->step->axis) {
    case AXIS_CHILD:
        return n->first == NULL || (gather_node(g, n->first, NULL) && gather_siblings(g, n->first, true));
    case AXIS_DESCENDANT:
        return gather_below(g, n);
    case AXIS_DESCENDANT_OR_SELF:
        return gather_node(g, n, NULL) && gather_below(g, n);
    case AXIS_PARENT:
        return n->parent == NULL || gather_node(g, n->parent, NULL);
    case AXIS_ANCESTOR:
        return gather_above(g, n->parent);
    case AXIS_ANCESTOR_OR_SELF:
        return gather_above(g, n);
    case AXIS_FOLLOWING_SIBLING:
    case AXIS_PRECEDING_SIBLING:
        return gather_siblings(g, n, g->step->axis == AXIS_FOLLOWING_SIBLING);
    case AXIS_FOLLOWING:
        return gather_following(g, n);
    case AXIS_PRECEDING:
        return gather_preceding(g, n);
    case AXIS_ATTRIBUTE:
        return gather_attributes(g, n);
    default:
        return gather_node(g, n, NULL);
    }
}

/* ---- paths ---- */

/* Those that the predicate is true of, by their position; a number is a position. */
static bool keep_true(const struct xpath_context *c, const struct xpath_expr *predicate, struct xpath_nodes *nodes)
{
    size_t n = 0;

    for (size_t i = 0; i < nodes->n; i++) {
        struct xpath_context inner = { c->run, c->document, nodes->v[i], i + 1, nodes->n };
        struct xpath_value v = { 0 };

        if (!xpath_eval(&inner, predicate, &v))
            return false;
        if (v.type == XPATH_NUMBER ? v.number >= (double)(i + 1) && v.number <= (double)(i + 1) : xpath_boolean(&v))
            nodes->v[n++] = nodes->v[i];
    }
    nodes->n = n;
    return true;
}

static bool keep_all_true(const struct xpath_context *c, const struct xpath_exprs *predicates,
                          struct xpath_nodes *nodes)
{
    for (size_t i = 0; i < predicates->n; i++)
        if (!keep_true(c, predicates->v[i], nodes))
            return false;
    return true;
}

static bool take_step(const struct xpath_context *c, const struct xpath_step *s, struct xpath_nodes *nodes)
{
    struct xpath_nodes found = { 0 };

    for (size_t i = 0; i < nodes->n; i++) {
        struct xpath_nodes of_one = { 0 };
        bool apart = s->predicates.n > 0;
        struct gathering g = { c, s, apart ? &of_one : &found };

        if (!gather_axis(&g, nodes->v[i]) || (apart && !keep_all_true(c, &s->predicates, &of_one)))
            return false;
        for (size_t k = 0; k < of_one.n; k++)
            xpath_nodes_add(c->run->arena, &found, of_one.v[k]);
    }
    *nodes = found;
    return sort_nodes(c, nodes);
}

static bool eval_path(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    struct xpath_node from = e->absolute ? (struct xpath_node){ c->document, NULL } : c->node;
    struct xpath_value begin = { 0 };

    if (e->left != NULL) {
        if (!xpath_eval(c, e->left, &begin) || !keep_all_true(c, &e->predicates, &begin.nodes))
            return false;
    } else {
        xpath_nodes_add(c->run->arena, &begin.nodes, from);
    }
    for (const struct xpath_step *s = e->steps; s != NULL; s = s->next)
        if (!take_step(c, s, &begin.nodes))
            return false;
    *v = begin;
    v->type = XPATH_NODES;
    return true;
}

static bool eval_union(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    struct xpath_value more = { 0 };

    if (!xpath_eval(c, e->left, v) || !xpath_eval(c, e->right, &more))
        return false;
    for (size_t i = 0; i < more.nodes.n; i++)
        xpath_nodes_add(c->run->arena, &v->nodes, more.nodes.v[i]);
    return sort_nodes(c, &v->nodes);
}

/* ---- operators ---- */

static bool eval_logic(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    struct xpath_value side = { 0 };
    bool truth;

    if (!xpath_eval(c, e->left, &side))
        return false;
    truth = xpath_boolean(&side);
    if (truth == (e->op == OP_AND)) {
        if (!xpath_eval(c, e->right, &side))
            return false;
        truth = xpath_boolean(&side);
    }
    *v = (struct xpath_value){ .type = XPATH_BOOLEAN, .boolean = truth };
    return true;
}

static double compute_number(enum xpath_operator op, double x, double y)
{
    switch (op) {
    case OP_ADD:
        return x + y;
    case OP_SUB:
        return x - y;
    case OP_MUL:
        return x * y;
    case OP_DIV:
        return x / y;
    default:
        return fmod(x, y);
    }
}

static bool eval_binary(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    struct xpath_value x = { 0 }, y = { 0 };
    double a, b;

    if (e->op == OP_OR || e->op == OP_AND)
        return eval_logic(c, e, v);
    if (!xpath_eval(c, e->left, &x) || !xpath_eval(c, e->right, &y))
        return false;
    if (e->op <= OP_GT) {
        *v = (struct xpath_value){ .type = XPATH_BOOLEAN };
        return xpath_compare(c, e->op, &x, &y, &v->boolean);
    }
    if (!xpath_number(c, &x, &a) || !xpath_number(c, &y, &b))
        return false;
    *v = (struct xpath_value){ .type = XPATH_NUMBER, .number = compute_number(e->op, a, b) };
    return true;
}

static bool eval_negate(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    struct xpath_value x = { 0 };

    if (!xpath_eval(c, e->left, &x))
        return false;
    *v = (struct xpath_value){ .type = XPATH_NUMBER };
    if (!xpath_number(c, &x, &v->number))
        return false;
    v->number = -v->number;
    return true;
}

bool xpath_eval(const struct xpath_context *c, const struct xpath_expr *e, struct xpath_value *v)
{
    if (!xpath_spend(c, 1))
        return false;
    switch (e->kind) {
    case EXPR_PATH:
        return eval_path(c, e, v);
    case EXPR_UNION:
        return eval_union(c, e, v);
    case EXPR_BINARY:
        return eval_binary(c, e, v);
    case EXPR_NEGATE:
        return eval_negate(c, e, v);
    case EXPR_NUMBER:
        *v = (struct xpath_value){ .type = XPATH_NUMBER, .number = e->number };
        return true;
    case EXPR_TEXT:
        *v = (struct xpath_value){ .type = XPATH_TEXT, .text = e->text };
        return true;
    default:
        return e->function->call(c, &e->args, v);
    }
}

bool xpath_select(const struct xpath *x, const struct xpath_run *run, struct xml_node *document,
                  struct xpath_nodes *found)
{
    struct xpath_context c = { run, document, { document, NULL }, 1, 1 };
    struct xpath_value v = { 0 };

    if (!xpath_eval(&c, x->expr, &v))
        return false;
    *found = v.type == XPATH_NODES ? v.nodes : (struct xpath_nodes){ 0 };
    return true;
}
