/* SPDX-License-Identifier: Apache-2.0 */
/* A value is a literal, a list or map of values, an enum, or arithmetic over numbers, converters and paths. Signs in a
 * row of one rank become one chain, so that a long sum is no deep tree. */
#include "ottl/ottl_inside.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- enums ---- */

#define METRICS (OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_DATAPOINT))
#define SPANS (OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SPANEVENT))

static const struct ottl_symbol symbols[] = {
    { "SPAN_KIND_UNSPECIFIED", 0, SPANS },
    { "SPAN_KIND_INTERNAL", 1, SPANS },
    { "SPAN_KIND_SERVER", 2, SPANS },
    { "SPAN_KIND_CLIENT", 3, SPANS },
    { "SPAN_KIND_PRODUCER", 4, SPANS },
    { "SPAN_KIND_CONSUMER", 5, SPANS },
    { "STATUS_CODE_UNSET", 0, SPANS },
    { "STATUS_CODE_OK", 1, SPANS },
    { "STATUS_CODE_ERROR", 2, SPANS },
    { "AGGREGATION_TEMPORALITY_UNSPECIFIED", 0, METRICS },
    { "AGGREGATION_TEMPORALITY_DELTA", 1, METRICS },
    { "AGGREGATION_TEMPORALITY_CUMULATIVE", 2, METRICS },
    { "METRIC_DATA_TYPE_NONE", 0, METRICS },
    { "METRIC_DATA_TYPE_GAUGE", 1, METRICS },
    { "METRIC_DATA_TYPE_SUM", 2, METRICS },
    { "METRIC_DATA_TYPE_HISTOGRAM", 3, METRICS },
    { "METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM", 4, METRICS },
    { "METRIC_DATA_TYPE_SUMMARY", 5, METRICS },
    { "FLAG_NONE", 0, OTTL_IN(OTTL_DATAPOINT) },
    { "FLAG_NO_RECORDED_VALUE", 1, OTTL_IN(OTTL_DATAPOINT) },
    { "SEVERITY_NUMBER_UNSPECIFIED", 0, OTTL_IN(OTTL_LOG) },
};

const struct ottl_symbol *ottl_symbols(size_t *n)
{
    *n = sizeof(symbols) / sizeof(*symbols);
    return symbols;
}

/* SEVERITY_NUMBER_WARN3 is 15. */
static bool find_severity(struct bytes word, int64_t *value)
{
    static const char *const names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
    static const char prefix[] = "SEVERITY_NUMBER_";
    uint8_t last;

    if (word.len < sizeof(prefix) || memcmp(word.data, prefix, sizeof(prefix) - 1) != 0)
        return false;
    word = bytes_skip(word, sizeof(prefix) - 1);
    last = word.data[word.len - 1];
    if (last >= '2' && last <= '4')
        word.len--;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (bytes_is(word, names[i])) {
            *value = i * 4 + 1 + (last >= '2' && last <= '4' ? last - '1' : 0);
            return true;
        }
    return false;
}

static struct ottl_node *parse_symbol(struct parser *p)
{
    const struct token *t = p->token;
    struct ottl_node *n = node_new(p, NODE_LITERAL, t->at);
    const char *names[sizeof(symbols) / sizeof(*symbols) + 1] = { NULL }, *near;
    size_t known = 0;
    unsigned in = OTTL_IN(p->how.context);
    char word[64];

    p->token++;
    n->value = ottl_int(0);
    if ((in & OTTL_IN(OTTL_LOG)) != 0 && find_severity(t->text, &n->value.integer))
        return n;
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        if ((symbols[i].contexts & in) == 0)
            continue;
        if (bytes_is(t->text, symbols[i].name)) {
            n->value.integer = symbols[i].value;
            return n;
        }
        names[known++] = symbols[i].name;
    }
    snprintf(word, sizeof(word), "%.*s", (int)t->text.len, (const char *)t->text.data);
    near = nearest_of(word, names);
    return parse_fail(p, t->at, "the context %s has no name %s%s%s%s", ottl_context_names[p->how.context], word,
                      near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

/* ---- literals ---- */

static struct ottl_node *parse_number(struct parser *p)
{
    const struct token *t = p->token++;
    struct ottl_node *n = node_new(p, NODE_LITERAL, t->at);
    char text[400];

    if (t->text.len >= sizeof(text))
        return parse_fail(p, t->at, "a number of more than %zu digits", sizeof(text) - 1);
    memcpy(text, t->text.data, t->text.len);
    text[t->text.len] = '\0';
    errno = 0;
    if (t->kind == TOKEN_FLOAT)
        n->value = ottl_double(strtod(text, NULL));
    else
        n->value = ottl_int(strtoll(text, NULL, 10));
    if (t->kind == TOKEN_INT && errno == ERANGE)
        return parse_fail(p, t->at, "an integer is at most %lld", (long long)INT64_MAX);
    return n;
}

static struct ottl_node *parse_bytes(struct parser *p)
{
    const struct token *t = p->token++;
    struct ottl_node *n = node_new(p, NODE_LITERAL, t->at);
    size_t len = (t->text.len - 2) / 2;
    uint8_t *out;

    if (t->text.len % 2 != 0)
        return parse_fail(p, t->at, "bytes have two digits each");
    out = arena_alloc(&p->program->arena, len);
    for (size_t i = 0; i < len; i++) {
        char digits[3] = { (char)t->text.data[2 + i * 2], (char)t->text.data[3 + i * 2], '\0' };

        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    n->value = ottl_bytes(OTTL_BYTES, bytes_of(out, len));
    return n;
}

static struct ottl_node *parse_string(struct parser *p)
{
    struct ottl_node *n = node_new(p, NODE_LITERAL, p->token->at);

    n->value.type = OTTL_STRING;
    return ottl_unquote(&p->program->arena, p->token++, &n->value.bytes, p->fault) ? n : NULL;
}

static struct ottl_node *parse_list(struct parser *p)
{
    struct ottl_node *n = node_new(p, NODE_LIST, p->token->at), *kid;

    p->token++;
    while (!token_is(p->token, ']')) {
        if (n->n > 0 && !parse_sign(p, ',', "in the list"))
            return NULL;
        kid = parse_value(p);
        if (kid == NULL)
            return NULL;
        node_push(p, n, kid);
    }
    p->token++;
    return n;
}

static struct ottl_node *parse_map(struct parser *p)
{
    struct ottl_node *n = node_new(p, NODE_MAP, p->token->at), *key, *value;

    p->token++;
    while (!token_is(p->token, '}')) {
        if (n->n > 0 && token_is(p->token, ','))
            p->token++;
        if (p->token->kind != TOKEN_STRING)
            return parse_fail(p, p->token->at, "a map is written {\"key\": value, ...}");
        key = parse_string(p);
        if (key == NULL || !parse_sign(p, ':', "behind the key"))
            return NULL;
        value = parse_value(p);
        if (value == NULL)
            return NULL;
        node_push(p, n, key);
        node_push(p, n, value);
    }
    p->token++;
    return n;
}

static struct ottl_node *parse_constant(struct parser *p, struct ottl_value v)
{
    struct ottl_node *n = node_new(p, NODE_LITERAL, p->token->at);

    p->token++;
    n->value = v;
    return n;
}

/* ---- arithmetic ---- */

static struct ottl_node *parse_sum(struct parser *p);

static struct ottl_node *parse_converter(struct parser *p)
{
    struct ottl_node *call = parse_call(p, false), *n;

    if (call == NULL || !token_is(p->token, '['))
        return call;
    n = node_new(p, NODE_INDEX, call->at);
    node_push(p, n, call);
    return parse_keys(p, n) ? n : NULL;
}

static struct ottl_node *parse_word(struct parser *p)
{
    const struct token *t = p->token;
    bool upper = true, local = false;
    struct ottl_node *n;

    if (token_is(t + 1, '('))
        return parse_converter(p);
    n = parse_local(p, &local);
    if (local)
        return n;
    for (size_t i = 0; i < t->text.len; i++)
        upper &= !islower(t->text.data[i]);
    return upper ? parse_symbol(p) : parse_path(p);
}

static struct ottl_node *negate_node(struct parser *p, struct ottl_node *kid, size_t at)
{
    struct ottl_node *n;

    if (kid->kind == NODE_LITERAL && kid->value.type == OTTL_DOUBLE)
        kid->value.number = -kid->value.number;
    else if (kid->kind == NODE_LITERAL && kid->value.type == OTTL_INT)
        kid->value.integer = -kid->value.integer;
    else {
        n = node_new(p, NODE_NEGATE, at);
        node_push(p, n, kid);
        return n;
    }
    return kid;
}

static struct ottl_node *parse_operand(struct parser *p)
{
    const struct token *sign = p->token;
    struct ottl_node *n;

    if (token_is(sign, '-') || token_is(sign, '+'))
        p->token++;
    if (token_is(p->token, '(')) {
        p->token++;
        if (!parse_enter(p))
            return NULL;
        n = parse_sum(p);
        p->depth--;
        if (n != NULL && !parse_sign(p, ')', "in the arithmetic"))
            n = NULL;
    } else if (p->token->kind == TOKEN_INT || p->token->kind == TOKEN_FLOAT) {
        n = parse_number(p);
    } else if (p->token->kind == TOKEN_WORD) {
        n = parse_word(p);
    } else if (p->token->kind == TOKEN_END) {
        return parse_fail(p, p->token->at, "the text ends where a value is missing");
    } else {
        return parse_fail(p, p->token->at, "a value is missing before `%.*s`", (int)p->token->text.len,
                          (const char *)p->token->text.data);
    }
    return n != NULL && token_is(sign, '-') ? negate_node(p, n, sign->at) : n;
}

/* Operands with one of two signs in between. */
static struct ottl_node *parse_chain(struct parser *p, const char *signs, struct ottl_node *(*parse)(struct parser *))
{
    struct ottl_node *first = parse(p), *n, *kid;
    struct buf ops = { 0 };

    if (first == NULL || !(token_is(p->token, signs[0]) || token_is(p->token, signs[1])))
        return first;
    n = node_new(p, NODE_CHAIN, first->at);
    node_push(p, n, first);
    do {
        buf_putc(&ops, (char)(p->token++)->text.data[0]);
        kid = parse(p);
        if (kid != NULL)
            node_push(p, n, kid);
    } while (kid != NULL && (token_is(p->token, signs[0]) || token_is(p->token, signs[1])));
    n->ops = arena_strdup(&p->program->arena, buf_cstr(&ops));
    buf_free(&ops);
    return kid != NULL ? n : NULL;
}

static struct ottl_node *parse_product(struct parser *p)
{
    return parse_chain(p, "*/", parse_operand);
}

static struct ottl_node *parse_sum(struct parser *p)
{
    return parse_chain(p, "+-", parse_product);
}

static struct ottl_node *parse_deep(struct parser *p)
{
    const struct token *t = p->token;

    if (lambda_begins(t))
        return parse_fail(p, t->at, "(...) => stands only as an argument that takes one");
    if (token_is(t, '['))
        return parse_list(p);
    if (token_is(t, '{'))
        return parse_map(p);
    if (token_is_word(t, "nil"))
        return parse_constant(p, ottl_nil());
    if (token_is_word(t, "true") || token_is_word(t, "false"))
        return parse_constant(p, ottl_bool(t->text.len == 4));
    if (t->kind == TOKEN_STRING)
        return parse_string(p);
    if (t->kind == TOKEN_BYTES)
        return parse_bytes(p);
    return parse_sum(p);
}

struct ottl_node *parse_value(struct parser *p)
{
    struct ottl_node *n;

    if (!parse_enter(p))
        return NULL;
    n = parse_deep(p);
    p->depth--;
    return n;
}
