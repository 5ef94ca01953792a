/* SPDX-License-Identifier: Apache-2.0 */
/* A text becomes words (lexer.c), the words a tree: a statement is a call of an editor and a condition, and a condition
 * is made of `or`, `and` and `not`, in that order of binding, over comparisons. Names are looked up as they are met, so
 * that the tree is ready to run and the first fault has the place of its word. Whether a parenthesis holds a condition
 * or arithmetic is seen at what stands behind its end. Text, nesting and arguments are bounded; nothing is parsed
 * twice. */
#include "ottl/ottl_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct ottl_node *node_new(struct parser *p, enum node_kind kind, size_t at)
{
    struct ottl_node *n = arena_zalloc(&p->program->arena, sizeof(*n));

    n->kind = kind;
    n->at = at;
    return n;
}

/* Room doubles: there is some as long as n is no power of two. */
void node_push(struct parser *p, struct ottl_node *n, struct ottl_node *kid)
{
    if ((n->n & (n->n - 1)) == 0) {
        struct ottl_node **wider =
            arena_alloc(&p->program->arena, (n->n > 0 ? n->n * 2 : 1) * sizeof(struct ottl_node *));

        if (n->n > 0)
            memcpy(wider, n->kids, n->n * sizeof(struct ottl_node *));
        n->kids = wider;
    }
    n->kids[n->n++] = kid;
}

struct ottl_node *parse_fail(struct parser *p, size_t at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    p->fault->at = at;
    vsnprintf(p->fault->text, sizeof(p->fault->text), fmt, args);
    va_end(args);
    return NULL;
}

bool parse_sign(struct parser *p, char sign, const char *behind)
{
    if (token_is(p->token, sign)) {
        p->token++;
        return true;
    }
    if (p->token->kind == TOKEN_END)
        parse_fail(p, p->token->at, "the text ends where `%c` is missing %s", sign, behind);
    else
        parse_fail(p, p->token->at, "`%c` is missing %s, before `%.*s`", sign, behind, (int)p->token->text.len,
                   (const char *)p->token->text.data);
    return false;
}

bool parse_enter(struct parser *p)
{
    if (p->depth == OTTL_MAX_NESTING) {
        parse_fail(p, p->token->at, "nested deeper than %u levels", OTTL_MAX_NESTING);
        return false;
    }
    p->depth++;
    return true;
}

/* ---- conditions ---- */

static struct ottl_node *parse_or(struct parser *p);

/* Behind the parenthesis that closes the one at `t`. */
static const struct token *skip_parenthesis(const struct token *t)
{
    size_t open = 0;

    for (; t->kind != TOKEN_END; t++) {
        open += token_is(t, '(');
        if (token_is(t, ')') && --open == 0)
            return t + 1;
    }
    return t;
}

/* What stands behind a value and makes it one of a comparison. */
static bool is_behind_value(const struct token *t)
{
    return t->kind == TOKEN_COMPARE || token_is(t, '+') || token_is(t, '-') || token_is(t, '*') || token_is(t, '/');
}

static struct ottl_node *parse_inner(struct parser *p)
{
    struct ottl_node *n;

    p->token++;
    if (!parse_enter(p))
        return NULL;
    n = parse_or(p);
    p->depth--;
    return n != NULL && parse_sign(p, ')', "behind the condition") ? n : NULL;
}

static bool is_joined(const struct token *t)
{
    return token_is_word(t, "and") || token_is_word(t, "or");
}

/* A value by itself: true, false, or a converter. */
static struct ottl_node *truth_of(struct parser *p, struct ottl_node *v)
{
    struct ottl_node *n;

    if (v->kind == NODE_LITERAL && v->value.type == OTTL_BOOL)
        return v;
    if (v->kind != NODE_CALL && v->kind != NODE_INDEX)
        return parse_fail(p, v->at, "a condition compares (with == != < <= > >=), or is a converter such as IsMatch()");
    n = node_new(p, NODE_TRUTH, v->at);
    node_push(p, n, v);
    return n;
}

static enum ottl_operator operator_of(struct bytes text)
{
    static const char *const operators[] = { "==", "!=", "<", "<=", ">", ">=" };
    unsigned i = 0;

    while (i < 5 && !bytes_is(text, operators[i]))
        i++;
    return (enum ottl_operator)i;
}

static enum direct direct_of(const struct ottl_node *n)
{
    const struct ottl_node *path = n->kids[0], *literal = n->kids[1];
    enum path_shape shape;

    if (path->kind != NODE_PATH || literal->kind != NODE_LITERAL || path->in_points || path->row->outer != 0 ||
        path->row->in_data)
        return DIRECT_NOT;
    shape = path->row->shape;
    if ((shape == PATH_INT || shape == PATH_FIXED32 || shape == PATH_FIXED64) && path->part == PART_ITEM &&
        path->row->number[0] > 0 && path->row->number[0] < 16 && literal->value.type == OTTL_INT)
        return DIRECT_NUMBER;
    if (shape == PATH_MAP && path->n == 1 && path->kids[0]->kind == NODE_LITERAL &&
        path->kids[0]->value.type == OTTL_STRING && literal->value.type == OTTL_STRING && n->op <= OTTL_NE)
        return DIRECT_ATTRIBUTE;
    return DIRECT_NOT;
}

static struct ottl_node *parse_comparison(struct parser *p)
{
    struct ottl_node *left, *right, *n;
    bool any_value = p->any_value;

    if (token_is(p->token, '(') && !lambda_begins(p->token) && !is_behind_value(skip_parenthesis(p->token)))
        return parse_inner(p);
    p->any_value = false;
    left = parse_value(p);
    if (left == NULL)
        return NULL;
    if (token_is(p->token, '='))
        return parse_fail(p, p->token->at, "write == to compare");
    if (p->token->kind != TOKEN_COMPARE)
        return any_value && !is_joined(p->token) ? left : truth_of(p, left);
    n = node_new(p, NODE_COMPARE, p->token->at);
    n->op = operator_of(p->token->text);
    p->token++;
    right = parse_value(p);
    if (right == NULL)
        return NULL;
    node_push(p, n, left);
    node_push(p, n, right);
    n->direct = direct_of(n);
    return n;
}

static struct ottl_node *parse_not(struct parser *p)
{
    struct ottl_node *kid, *n;

    if (!token_is_word(p->token, "not"))
        return parse_comparison(p);
    n = node_new(p, NODE_NOT, p->token->at);
    p->any_value = false;
    p->token++;
    kid = parse_comparison(p);
    if (kid == NULL)
        return NULL;
    node_push(p, n, kid);
    return n;
}

/* One or several, with `word` in between. */
static struct ottl_node *parse_joined(struct parser *p, const char *word, enum node_kind kind,
                                      struct ottl_node *(*parse)(struct parser *))
{
    struct ottl_node *first = parse(p), *n, *kid;

    if (first == NULL || !token_is_word(p->token, word))
        return first;
    n = node_new(p, kind, first->at);
    node_push(p, n, first);
    while (token_is_word(p->token, word)) {
        p->token++;
        kid = parse(p);
        if (kid == NULL)
            return NULL;
        node_push(p, n, kid);
    }
    return n;
}

static struct ottl_node *parse_and(struct parser *p)
{
    return parse_joined(p, "and", NODE_AND, parse_not);
}

static struct ottl_node *parse_or(struct parser *p)
{
    return parse_joined(p, "or", NODE_OR, parse_and);
}

struct ottl_node *parse_condition_or_value(struct parser *p)
{
    p->any_value = true;
    return parse_or(p);
}

/* ---- whole texts ---- */

static bool parse_end(struct parser *p)
{
    const struct token *t = p->token;

    if (t->kind == TOKEN_END)
        return true;
    if (is_behind_value(t) || token_is(t, ')') || token_is(t, ']'))
        parse_fail(p, t->at, "`%.*s` is one too many", (int)t->text.len, (const char *)t->text.data);
    else if (p->program->editor != NULL && p->program->where == NULL)
        parse_fail(p, t->at, "the text should end before `%.*s`; a condition begins with `where`", (int)t->text.len,
                   (const char *)t->text.data);
    else
        parse_fail(p, t->at, "the text should end before `%.*s`; conditions are joined by `and` and `or`",
                   (int)t->text.len, (const char *)t->text.data);
    return false;
}

static bool parse_statement(struct parser *p)
{
    struct ottl_program *program = p->program;
    const struct token *t = p->token;

    if (t->kind != TOKEN_WORD || !token_is(t + 1, '(')) {
        parse_fail(p, t->at, "a statement begins with an editor, such as set(...)");
        return false;
    }
    program->editor = parse_call(p, true);
    if (program->editor == NULL)
        return false;
    if (token_is(p->token, '[')) {
        parse_fail(p, p->token->at, "only paths and converters may be indexed");
        return false;
    }
    if (!token_is_word(p->token, "where"))
        return parse_end(p);
    p->token++;
    program->where = parse_or(p);
    return program->where != NULL && parse_end(p);
}

static bool parse_condition(struct parser *p)
{
    p->program->where = parse_or(p);
    return p->program->where != NULL && parse_end(p);
}

static struct ottl_program *parse_text(const char *text, struct ottl_reading how, bool (*parse)(struct parser *),
                                       struct ottl_fault *fault)
{
    struct ottl_program *program = mem_zalloc(sizeof(*program));
    struct parser p = { .program = program, .how = how, .fault = fault };
    size_t len = strlen(text);
    bool good = false;

    program->context = how.context;
    if (len > OTTL_MAX_TEXT) {
        ottl_fault_set(fault, 0, "longer than %u bytes", OTTL_MAX_TEXT);
    } else {
        program->text = arena_strdup(&program->arena, text);
        p.token = ottl_lex(&program->arena, bytes_of(program->text, len), fault);
        good = p.token != NULL && parse(&p);
    }
    if (good)
        return program;
    ottl_program_free(program);
    return NULL;
}

struct ottl_program *ottl_parse_condition(const char *text, struct ottl_reading how, struct ottl_fault *fault)
{
    return parse_text(text, how, parse_condition, fault);
}

struct ottl_program *ottl_parse_statement(const char *text, struct ottl_reading how, struct ottl_fault *fault)
{
    return parse_text(text, how, parse_statement, fault);
}

void ottl_program_free(struct ottl_program *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->prepared.n; i++)
        if (p->prepared.v[i]->function->release != NULL)
            p->prepared.v[i]->function->release(p->prepared.v[i]->state);
    vec_free(&p->prepared);
    arena_free(&p->arena);
    free(p);
}

const char *ottl_program_text(const struct ottl_program *p)
{
    return p->text;
}

enum ottl_context ottl_program_context(const struct ottl_program *p)
{
    return p->context;
}

unsigned ottl_program_writes(const struct ottl_program *p)
{
    static const unsigned bits[PARTS] = { OTTL_CHANGED_RESOURCE, OTTL_CHANGED_SCOPE, OTTL_CHANGED_METRIC,
                                          OTTL_CHANGED_ITEM, OTTL_CHANGED_BELOW };
    unsigned writes = 0;

    for (unsigned i = 0; p->editor != NULL && i < p->editor->n; i++) {
        enum ottl_kind kind = p->editor->function->args[i].kind;
        const struct ottl_node *n = p->editor->kids[i];

        if (n != NULL && (kind == OTTL_TAKES_TARGET || kind == OTTL_TAKES_TARGET_MAP) && n->row->shape != PATH_CACHE)
            writes |= bits[n->part];
    }
    if (p->editor != NULL && p->editor->function->appends)
        writes |= OTTL_APPENDS;
    return writes;
}
