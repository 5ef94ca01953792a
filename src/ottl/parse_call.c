/* SPDX-License-Identifier: Apache-2.0 */
/* A call is checked against the row of its function: how many arguments there are, which names they have, and of those
 * that are written out their types. Then the function sees the literals, so that a pattern that is none is told at
 * load.
 */
#include "ottl/ottl_inside.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>

static void put_word(char *to, size_t size, struct bytes word)
{
    snprintf(to, size, "%.*s", (int)word.len, (const char *)word.data);
}

static const struct ottl_function *complain_function(struct parser *p, const struct token *t, bool editor)
{
    const char *names[256] = { NULL }, *near;
    const struct ottl_function *table;
    size_t n = 0;
    char word[80];

    for (size_t i = 0; (table = ottl_function_table(i)) != NULL; i++)
        for (const struct ottl_function *f = table; f->name != NULL && n + 1 < 256; f++)
            if (f->editor == editor)
                names[n++] = f->name;
    put_word(word, sizeof(word), t->text);
    near = nearest_of(word, names);
    if (near != NULL)
        parse_fail(p, t->at, "there is no %s %s; did you mean %s?", editor ? "editor" : "converter", word, near);
    else
        parse_fail(p, t->at, "there is no %s %s", editor ? "editor" : "converter", word);
    return NULL;
}

static const struct ottl_function *take_function(struct parser *p, bool editor)
{
    const struct token *t = p->token++;
    const struct ottl_function *f = ottl_function_find(t->text, editor);
    bool lower = islower(t->text.data[0]) != 0;

    if (lower != editor) {
        parse_fail(p, t->at,
                   editor ? "a statement begins with an editor, whose name is in lower case: %.*s is a converter"
                          : "an editor such as %.*s stands alone, at the beginning of a statement",
                   (int)t->text.len, (const char *)t->text.data);
        return NULL;
    }
    if (f == NULL)
        return complain_function(p, t, editor);
    if (f->contexts != OTTL_EVERYWHERE && (f->contexts & OTTL_IN(p->how.context)) == 0) {
        parse_fail(p, t->at, "%s cannot be used in the context %s", f->name, ottl_context_names[p->how.context]);
        return NULL;
    }
    return f;
}

/* "set(target, value)" */
static const char *shape_of(struct parser *p, const struct ottl_function *f)
{
    struct buf out = { 0 };
    const char *text;

    buf_printf(&out, "%s(", f->name);
    for (unsigned i = 0; f->args[i].name != NULL; i++)
        buf_printf(&out, f->args[i].optional ? "%s[%s]" : "%s%s", i > 0 ? ", " : "", f->args[i].name);
    buf_putc(&out, ')');
    text = arena_strdup(&p->program->arena, buf_cstr(&out));
    buf_free(&out);
    return text;
}

/* utf8_safe, utf8Safe and utf_8_safe are one name. */
static bool is_argument(struct bytes word, const char *name)
{
    size_t i = 0;

    for (;; i++, name++) {
        while (i < word.len && word.data[i] == '_')
            i++;
        while (*name == '_')
            name++;
        if (i == word.len || *name == '\0')
            return i == word.len && *name == '\0';
        if (tolower(word.data[i]) != tolower((unsigned char)*name))
            return false;
    }
}

/* Which argument of the row the next one is; UINT_MAX with the fault. */
static unsigned choose_argument(struct parser *p, const struct ottl_node *call, unsigned position, bool *named)
{
    const struct ottl_function *f = call->function;
    const struct token *t = p->token;
    unsigned i = 0;

    if (t->kind != TOKEN_WORD || !token_is(t + 1, '=')) {
        if (*named)
            parse_fail(p, t->at, "an argument without a name behind one with a name");
        else if (position >= call->n)
            parse_fail(p, t->at, "too many arguments: %s", shape_of(p, f));
        else
            return position;
        return UINT_MAX;
    }
    *named = true;
    while (f->args[i].name != NULL && !is_argument(t->text, f->args[i].name))
        i++;
    p->token += 2;
    if (f->args[i].name != NULL && call->kids[i] == NULL)
        return i;
    parse_fail(p, t->at,
               f->args[i].name == NULL ? "no argument is called %.*s: %s" : "the argument %.*s comes twice: %s",
               (int)t->text.len, (const char *)t->text.data, shape_of(p, f));
    return UINT_MAX;
}

static struct ottl_node *parse_function_name(struct parser *p)
{
    const struct token *t = p->token;
    struct ottl_node *n = node_new(p, NODE_FUNCTION, t->at);

    if (t->kind != TOKEN_WORD)
        return parse_fail(p, t->at, "the name of a converter is wanted here, such as SHA256");
    n->value = (struct ottl_value){ .type = OTTL_FUNCTION, .function = take_function(p, false) };
    return n->value.function != NULL ? n : NULL;
}

static bool parse_argument(struct parser *p, struct ottl_node *call, unsigned position, bool *named)
{
    unsigned i = choose_argument(p, call, position, named);
    const struct ottl_argument *a;

    if (i == UINT_MAX)
        return false;
    a = &call->function->args[i];
    call->kids[i] = a->kind == OTTL_TAKES_FUNCTION ? parse_function_name(p)
                    : a->kind == OTTL_TAKES_LAMBDA ? parse_lambda(p, a->names)
                                                   : parse_value(p);
    return call->kids[i] != NULL;
}

static bool parse_arguments(struct parser *p, struct ottl_node *call)
{
    bool named = false;

    if (!parse_sign(p, '(', "behind the function"))
        return false;
    for (unsigned position = 0; !token_is(p->token, ')'); position++) {
        if (position > 0 && !parse_sign(p, ',', "between arguments"))
            return false;
        if (!parse_argument(p, call, position, &named))
            return false;
    }
    p->token++;
    for (unsigned i = 0; i < call->n; i++)
        if (call->kids[i] == NULL && !call->function->args[i].optional) {
            parse_fail(p, call->at, "the argument %s is missing: %s", call->function->args[i].name,
                       shape_of(p, call->function));
            return false;
        }
    return true;
}

/* ---- types of what is written out ---- */

static const char *kind_name(enum ottl_kind kind)
{
    static const char *const names[] = {
        [OTTL_TAKES_ANY] = "any value",
        [OTTL_TAKES_STRING] = "a string",
        [OTTL_TAKES_STRING_LIKE] = "a value",
        [OTTL_TAKES_INT] = "an integer",
        [OTTL_TAKES_INT_LIKE] = "a value",
        [OTTL_TAKES_DOUBLE] = "a float",
        [OTTL_TAKES_DOUBLE_LIKE] = "a value",
        [OTTL_TAKES_BOOL] = "true or false",
        [OTTL_TAKES_BOOL_LIKE] = "a value",
        [OTTL_TAKES_BYTES_LIKE] = "a value",
        [OTTL_TAKES_LIST] = "a list",
        [OTTL_TAKES_MAP] = "a map",
        [OTTL_TAKES_TIME] = "a time",
        [OTTL_TAKES_DURATION] = "a duration",
        [OTTL_TAKES_TARGET] = "a path",
        [OTTL_TAKES_TARGET_MAP] = "a path that holds a map",
        [OTTL_TAKES_FUNCTION] = "a converter's name",
        [OTTL_TAKES_LAMBDA] = "(...) =>",
        [OTTL_TAKES_LATER] = "any value",
    };

    return names[kind];
}

/* Can it be seen at load that a literal does not fit? */
static bool fits_kind(enum ottl_kind kind, enum ottl_type type)
{
    switch (kind) {
    case OTTL_TAKES_STRING:
        return type == OTTL_STRING;
    case OTTL_TAKES_INT:
        return type == OTTL_INT;
    case OTTL_TAKES_DOUBLE:
        return type == OTTL_DOUBLE;
    case OTTL_TAKES_BOOL:
        return type == OTTL_BOOL;
    case OTTL_TAKES_LIST:
    case OTTL_TAKES_MAP:
    case OTTL_TAKES_TIME:
    case OTTL_TAKES_DURATION:
        return false;
    default:
        return true;
    }
}

static bool is_target(enum ottl_kind kind)
{
    return kind == OTTL_TAKES_TARGET || kind == OTTL_TAKES_TARGET_MAP;
}

static bool is_any(enum ottl_kind kind)
{
    return kind == OTTL_TAKES_ANY || kind == OTTL_TAKES_LATER;
}

static bool check_one(struct parser *p, const struct ottl_function *f, const struct ottl_argument *a,
                      const struct ottl_node *n)
{
    bool fits = true;

    if (is_target(a->kind))
        fits = n->kind == NODE_PATH;
    else if (n->kind == NODE_LITERAL)
        fits = fits_kind(a->kind, n->value.type);
    else if (n->kind == NODE_LIST)
        fits = is_any(a->kind) || a->kind == OTTL_TAKES_LIST || a->kind == OTTL_TAKES_STRING_LIKE;
    else if (n->kind == NODE_MAP)
        fits = is_any(a->kind) || a->kind == OTTL_TAKES_MAP || a->kind == OTTL_TAKES_STRING_LIKE;
    if (fits && a->literal && n->kind != NODE_LITERAL && n->kind != NODE_FUNCTION) {
        parse_fail(p, n->at, "the argument %s of %s must be written out here, as %s", a->name, f->name,
                   kind_name(a->kind));
        return false;
    }
    if (!fits)
        parse_fail(p, n->at, "the argument %s of %s takes %s%s: %s", a->name, f->name, a->list ? "a list of " : "",
                   kind_name(a->kind), shape_of(p, f));
    return fits;
}

static bool check_argument(struct parser *p, const struct ottl_function *f, unsigned i, const struct ottl_node *n)
{
    const struct ottl_argument *a = &f->args[i];

    if (!a->list)
        return check_one(p, f, a, n);
    if (n->kind != NODE_LIST) {
        if (n->kind != NODE_LITERAL && n->kind != NODE_MAP && !a->literal)
            return true;
        parse_fail(p, n->at, "the argument %s of %s takes a list: [...]", a->name, f->name);
        return false;
    }
    for (uint32_t k = 0; k < n->n; k++)
        if (!check_one(p, f, a, n->kids[k]))
            return false;
    return true;
}

/* ---- what is known at load ---- */

static bool known_value(struct parser *p, const struct ottl_node *n, bool list, struct ottl_value *v)
{
    struct ottl_value *values;

    if (n->kind == NODE_LITERAL || n->kind == NODE_FUNCTION) {
        *v = n->value;
        return true;
    }
    if (n->kind != NODE_LIST || !list)
        return false;
    values = arena_alloc(&p->program->arena, (n->n + 1) * sizeof(*values));
    for (uint32_t i = 0; i < n->n; i++)
        if (!known_value(p, n->kids[i], false, &values[i]))
            return false;
    *v = (struct ottl_value){ .type = OTTL_VALUES, .values = values, .n = n->n };
    return true;
}

static bool prepare_call(struct parser *p, struct ottl_node *call)
{
    struct ottl_value args[OTTL_MAX_ARGUMENTS] = { { .type = OTTL_NIL } };
    struct ottl_prepare pre = { .args = args, .at = UINT_MAX };

    if (call->function->prepare == NULL)
        return true;
    for (unsigned i = 0; i < call->n; i++)
        if (call->kids[i] != NULL && known_value(p, call->kids[i], call->function->args[i].list, &args[i]))
            pre.known |= 1u << i;
    if (!call->function->prepare(&pre)) {
        if (call->function->release != NULL)
            call->function->release(pre.state);
        size_t at = pre.at < call->n && call->kids[pre.at] != NULL ? call->kids[pre.at]->at : call->at;

        parse_fail(p, at, "%s: %s", call->function->name, pre.err.text);
        return false;
    }
    call->state = pre.state;
    if (pre.state != NULL)
        *vec_push(&p->program->prepared) = call;
    return true;
}

static bool finish_call(struct parser *p, struct ottl_node *call)
{
    if (!parse_arguments(p, call))
        return false;
    for (unsigned i = 0; i < call->n; i++)
        if (call->kids[i] != NULL && !check_argument(p, call->function, i, call->kids[i]))
            return false;
    return prepare_call(p, call);
}

struct ottl_node *parse_call(struct parser *p, bool editor)
{
    struct ottl_node *call = node_new(p, NODE_CALL, p->token->at);
    bool good;

    call->function = take_function(p, editor);
    if (call->function == NULL || !parse_enter(p))
        return NULL;
    call->n = ottl_function_arguments(call->function);
    call->kids = arena_zalloc(&p->program->arena, (call->n + 1) * sizeof(struct ottl_node *));
    good = finish_call(p, call);
    p->depth--;
    return good ? call : NULL;
}
