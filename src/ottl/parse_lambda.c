/* SPDX-License-Identifier: Apache-2.0 */
/* A lambda is names in parentheses, => and a value or condition in which the names stand for what the function gives
 * it. Each name that is around has a slot, counted from the outside in, so that one inside of another sees the names of
 * both; a name of the inner one hides the same of the outer one, and a path. */
#include "ottl/ottl_inside.h"

static bool is_name(const struct token *t)
{
    static const char *const words[] = { "not", "or", "and", "nil", "true", "false" };

    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (token_is_word(t, words[i]))
            return false;
    return t->kind == TOKEN_WORD && ((t->text.data[0] >= 'a' && t->text.data[0] <= 'z') || bytes_is(t->text, "_"));
}

static bool is_arrow(const struct token *t)
{
    return token_is(t, '=') && t[1].kind == TOKEN_COMPARE && bytes_is(t[1].text, ">") && t[1].at == t->at + 1;
}

bool lambda_begins(const struct token *t)
{
    if (!token_is(t, '('))
        return false;
    for (t++; t->kind == TOKEN_WORD || token_is(t, ',');)
        t++;
    return token_is(t, ')') && is_arrow(t + 1);
}

static bool take_name(struct parser *p, unsigned outside, uint8_t *slot)
{
    const struct token *t = p->token++;

    *slot = NO_SLOT;
    if (!is_name(t)) {
        parse_fail(p, t->at, "a name of a lambda is a word in lower case, or _ where it is not wanted");
        return false;
    }
    if (bytes_is(t->text, "_"))
        return true;
    for (unsigned i = outside; i < p->n_locals; i++)
        if (bytes_equal(p->locals[i], t->text)) {
            parse_fail(p, t->at, "the name %.*s comes twice", (int)t->text.len, (const char *)t->text.data);
            return false;
        }
    if (p->n_locals == MAX_LOCALS) {
        parse_fail(p, t->at, "more than %u names of lambdas inside of each other", MAX_LOCALS);
        return false;
    }
    *slot = (uint8_t)p->n_locals;
    p->locals[p->n_locals++] = t->text;
    return true;
}

static const char *shape_of(unsigned names)
{
    return names == 0 ? "() => ..." : names == 2 ? "(key, value) => ..." : "(so_far, key, value) => ...";
}

/* Up to and with the arrow. */
static bool take_names(struct parser *p, unsigned names, struct ottl_node *n)
{
    const struct token *begin = p->token;
    unsigned outside = p->n_locals, have = 0;
    uint8_t slot;

    if (!lambda_begins(begin)) {
        parse_fail(p, begin->at, "a lambda is wanted here: %s", shape_of(names));
        return false;
    }
    for (p->token++; !token_is(p->token, ')'); have++) {
        if (have > 0 && !parse_sign(p, ',', "between names"))
            return false;
        if (!take_name(p, outside, have < names ? &n->slots[have] : &slot))
            return false;
    }
    if (have != names) {
        parse_fail(p, begin->at, "this lambda has %u names, not %u: %s", names, have, shape_of(names));
        return false;
    }
    p->token += 3;
    return true;
}

struct ottl_node *parse_lambda(struct parser *p, unsigned names)
{
    struct ottl_node *n = node_new(p, NODE_LAMBDA, p->token->at), *body = NULL;
    unsigned outside = p->n_locals;

    if (!parse_enter(p))
        return NULL;
    if (take_names(p, names, n))
        body = parse_condition_or_value(p);
    p->n_locals = outside;
    p->depth--;
    if (body == NULL)
        return NULL;
    node_push(p, n, body);
    return n;
}

struct ottl_node *parse_local(struct parser *p, bool *found)
{
    const struct token *t = p->token;
    unsigned i = p->n_locals;
    struct ottl_node *n;

    while (i > 0 && !bytes_equal(p->locals[i - 1], t->text))
        i--;
    *found = i > 0;
    if (i == 0)
        return NULL;
    n = node_new(p, NODE_LOCAL, t->at);
    n->slot = (uint8_t)(i - 1);
    p->token++;
    if (token_is(p->token, '.'))
        return parse_fail(p, p->token->at, "what %.*s stands for has no fields: a key stands in brackets, [\"key\"]",
                          (int)t->text.len, (const char *)t->text.data);
    return parse_keys(p, n) ? n : NULL;
}
