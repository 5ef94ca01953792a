/* SPDX-License-Identifier: Apache-2.0 */
/* A path is the context that it is of, where it is written, and a field of that context, whose name may have several
 * parts; keys in brackets follow. Which field it is, is looked up here, so that a name that is none is told with those
 * that are near. */
#include "ottl/ottl_inside.h"

#include <stdio.h>

static bool is_name(const struct token *t)
{
    return t->kind == TOKEN_WORD && t->text.data[0] >= 'a' && t->text.data[0] <= 'z';
}

/* The context that the path is of, taken when it is written; OTTL_CONTEXTS with the fault. */
static enum ottl_context take_context(struct parser *p)
{
    const struct token *t = p->token;
    enum ottl_context named = token_is(t + 1, '.') ? ottl_context_find(t->text) : OTTL_CONTEXTS;

    if (named != OTTL_CONTEXTS && context_sees(p->how.context, named)) {
        p->token += 2;
        return named;
    }
    if (named != OTTL_CONTEXTS)
        parse_fail(p, t->at, "a path of the context %s cannot be used in the context %s", ottl_context_names[named],
                   ottl_context_names[p->how.context]);
    else if (p->how.bare)
        return p->how.context;
    else
        parse_fail(p, t->at, "a path begins with its context here: %s.%.*s", ottl_context_names[p->how.context],
                   (int)t->text.len, (const char *)t->text.data);
    return OTTL_CONTEXTS;
}

/* The dotted name from the next word on. */
static void take_name(struct parser *p, char *name, size_t size)
{
    size_t n = 0;

    name[0] = '\0';
    for (;;) {
        n += (size_t)snprintf(name + n, size - n, "%.*s", (int)p->token->text.len, (const char *)p->token->text.data);
        n = n < size ? n : size - 1;
        p->token++;
        if (!token_is(p->token, '.') || !is_name(p->token + 1))
            return;
        n += (size_t)snprintf(name + n, size - n, ".");
        n = n < size ? n : size - 1;
        p->token++;
    }
}

static struct ottl_node *complain_name(struct parser *p, size_t at, enum ottl_context context, const char *name)
{
    const char *names[64] = { NULL }, *near;
    size_t n = 0;

    for (const struct path_row *r = path_rows(context); r->name != NULL && n + 1 < 64; r++)
        names[n++] = r->name;
    near = nearest_of(name, names);
    if (near != NULL)
        return parse_fail(p, at, "the context %s has no field %s; did you mean %s?", ottl_context_names[context], name,
                          near);
    return parse_fail(p, at, "the context %s has no field %s", ottl_context_names[context], name);
}

/* A key has failed that is one word: a string without its quotes, most likely. */
static void advise_quotes(struct parser *p, const struct token *key)
{
    if (key->kind == TOKEN_WORD && token_is(key + 1, ']'))
        parse_fail(p, key->at, "a key is a string in quotes, [\"%.*s\"], or an integer", (int)key->text.len,
                   (const char *)key->text.data);
}

bool parse_keys(struct parser *p, struct ottl_node *n)
{
    while (token_is(p->token, '[')) {
        const struct token *first = ++p->token;
        struct ottl_node *key = parse_value(p);

        if (key == NULL)
            advise_quotes(p, first);
        if (key == NULL || !parse_sign(p, ']', "behind the key"))
            return false;
        if (key->kind == NODE_LITERAL && key->value.type != OTTL_STRING && key->value.type != OTTL_INT) {
            parse_fail(p, key->at, "a key is a string or an integer");
            return false;
        }
        node_push(p, n, key);
    }
    return true;
}

static bool may_have_keys(enum path_shape shape)
{
    return shape == PATH_MAP || shape == PATH_PROFILE_MAP || shape == PATH_METADATA || shape == PATH_ANY ||
           shape == PATH_CACHE || shape == PATH_TRACE_STATE;
}

static bool take_keys(struct parser *p, struct ottl_node *n)
{
    const struct token *bracket = p->token;
    size_t first = n->n;

    if (!parse_keys(p, n))
        return false;
    if (n->n > first && !may_have_keys(n->row->shape)) {
        parse_fail(p, bracket->at, "%s holds no keys", n->row->name);
        return false;
    }
    if ((n->row->shape == PATH_MAP || n->row->shape == PATH_PROFILE_MAP || n->row->shape == PATH_METADATA ||
         n->row->shape == PATH_CACHE) &&
        n->n > first && n->kids[first]->kind == NODE_LITERAL && n->kids[first]->value.type != OTTL_STRING) {
        parse_fail(p, n->kids[first]->at, "the key of a map is a string");
        return false;
    }
    return true;
}

struct ottl_node *parse_path(struct parser *p)
{
    size_t at = p->token->at;
    enum ottl_context context;
    const struct path_row *row;
    struct ottl_node *n;
    char name[80];

    if (!is_name(p->token))
        return parse_fail(p, at, "`%.*s` is no path, and no function is called", (int)p->token->text.len,
                          (const char *)p->token->text.data);
    context = take_context(p);
    if (context == OTTL_CONTEXTS)
        return NULL;
    if (!is_name(p->token))
        return parse_fail(p, p->token->at, "the path ends where a field is missing");
    take_name(p, name, sizeof(name));
    row = path_rows(context);
    while (row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    if (row->name == NULL)
        return complain_name(p, at, context, name);
    n = node_new(p, NODE_PATH, at);
    n->row = row;
    n->part = path_part(context);
    n->in_points = context == OTTL_DATAPOINT;
    return take_keys(p, n) ? n : NULL;
}
