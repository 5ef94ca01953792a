/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of XPath: rows, each with how many arguments it takes. One that may be left out is the node at work. */
#include "codec/xpath/xpath_inside.h"

#include "base/ascii.h"

#include <math.h>
#include <string.h>

#define TEXT_STEP 16u /* bytes of text for a step */

static bool give_number(struct xpath_value *v, double number)
{
    *v = (struct xpath_value){ .type = XPATH_NUMBER, .number = number };
    return true;
}

bool xpath_give_boolean(struct xpath_value *v, bool truth)
{
    *v = (struct xpath_value){ .type = XPATH_BOOLEAN, .boolean = truth };
    return true;
}

bool xpath_give_text(struct xpath_value *v, struct bytes text)
{
    *v = (struct xpath_value){ .type = XPATH_TEXT, .text = text };
    return true;
}

bool xpath_give_made(const struct xpath_context *c, struct xpath_value *v, struct buf *out)
{
    struct bytes b = buf_bytes(out), kept = bytes_of(arena_strndup(c->run->arena, b.data, b.len), b.len);

    buf_free(out);
    return xpath_give_text(v, kept);
}

bool xpath_text_at(const struct xpath_context *c, const struct xpath_exprs *args, size_t i, struct bytes *text)
{
    struct xpath_value v = { 0 };

    if (i >= args->n)
        return xpath_text_of_node(c, c->node, text);
    return xpath_eval(c, args->v[i], &v) && xpath_text(c, &v, text) && xpath_spend(c, text->len / TEXT_STEP);
}

bool xpath_text_only_at(const struct xpath_context *c, const struct xpath_exprs *args, size_t i, struct bytes *text)
{
    struct xpath_value v = { 0 };

    *text = bytes_of("", 0);
    if (!xpath_eval(c, args->v[i], &v))
        return false;
    return v.type == XPATH_NUMBER || v.type == XPATH_BOOLEAN ||
           (xpath_text(c, &v, text) && xpath_spend(c, text->len / TEXT_STEP));
}

static bool number_at(const struct xpath_context *c, const struct xpath_exprs *args, size_t i, double *number)
{
    struct xpath_value v = { 0 };

    if (i >= args->n) {
        v.type = XPATH_TEXT;
        return xpath_text_of_node(c, c->node, &v.text) && xpath_number(c, &v, number);
    }
    return xpath_eval(c, args->v[i], &v) && xpath_number(c, &v, number);
}

/* ---- nodes ---- */

static bool call_last(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    (void)args;
    return give_number(v, (double)c->size);
}

static bool call_position(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    (void)args;
    return give_number(v, (double)c->position);
}

static bool call_count(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct xpath_value nodes = { 0 };

    return xpath_eval(c, args->v[0], &nodes) && give_number(v, (double)nodes.nodes.n);
}

static bool call_sum(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct xpath_value nodes = { 0 };
    double sum = 0;

    if (!xpath_eval(c, args->v[0], &nodes))
        return false;
    for (size_t i = 0; i < nodes.nodes.n; i++) {
        struct bytes text;

        if (!xpath_text_of_node(c, nodes.nodes.v[i], &text))
            return false;
        sum += xpath_read_number(text);
    }
    return give_number(v, sum);
}

/* Of the first node that the argument selects, or of the one at work. False in *there: it selects none. */
static bool node_at(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_node *node, bool *there)
{
    struct xpath_value nodes = { 0 };

    *node = c->node;
    *there = true;
    if (args->n == 0)
        return true;
    if (!xpath_eval(c, args->v[0], &nodes))
        return false;
    *there = nodes.nodes.n > 0;
    if (*there)
        *node = nodes.nodes.v[0];
    return true;
}

static bool give_name(const struct xpath_context *c, const struct xpath_exprs *args, bool whole, struct xpath_value *v)
{
    struct xpath_node n;
    struct bytes prefix, name;
    struct buf out = { 0 };
    bool there;

    if (!node_at(c, args, &n, &there))
        return false;
    prefix = n.attribute != NULL ? n.attribute->prefix : n.node->prefix;
    name = n.attribute != NULL ? n.attribute->name : n.node->name;
    if (!there || !whole || prefix.len == 0)
        return xpath_give_text(v, there ? name : bytes_of("", 0));
    buf_put(&out, prefix);
    buf_putc(&out, ':');
    buf_put(&out, name);
    return xpath_give_made(c, v, &out);
}

static bool call_name(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return give_name(c, args, true, v);
}

static bool call_local_name(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return give_name(c, args, false, v);
}

/* The nearest declaration of the prefix, which names it by an attribute xmlns:prefix, or without a prefix xmlns. */
static struct bytes namespace_of(const struct xml_node *n, struct bytes prefix)
{
    for (; n != NULL; n = n->parent)
        for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next)
            if (prefix.len > 0 ? bytes_is(a->prefix, "xmlns") && bytes_equal(a->name, prefix)
                               : a->prefix.len == 0 && bytes_is(a->name, "xmlns"))
                return a->value;
    return bytes_of("", 0);
}

static bool call_namespace_uri(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes prefix;
    struct xpath_node n;
    bool there;

    if (!node_at(c, args, &n, &there))
        return false;
    prefix = n.attribute != NULL ? n.attribute->prefix : n.node->prefix;
    if (!there || (n.attribute != NULL ? prefix.len == 0 : n.node->kind != XML_ELEMENT))
        return xpath_give_text(v, bytes_of("", 0));
    if (bytes_is(prefix, "xml") || bytes_is(prefix, "xmlns"))
        return xpath_give_text(
            v, bytes_str(prefix.len == 3 ? "http://www.w3.org/XML/1998/namespace" : "http://www.w3.org/2000/xmlns/"));
    for (const struct xml_node *above = n.node; above != NULL; above = above->parent)
        if (!xpath_spend(c, 1))
            return false;
    return xpath_give_text(v, namespace_of(n.node, prefix));
}

static bool call_reverse(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct xpath_nodes reversed = { 0 };

    if (!xpath_eval(c, args->v[0], v) || !xpath_spend(c, v->nodes.n))
        return false;
    for (size_t i = v->nodes.n; i > 0; i--)
        xpath_nodes_add(c->run->arena, &reversed, v->nodes.v[i - 1]);
    v->nodes = reversed;
    return true;
}

/* ---- booleans and numbers ---- */

static bool call_boolean(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct xpath_value x = { 0 };

    return xpath_eval(c, args->v[0], &x) && xpath_give_boolean(v, xpath_boolean(&x));
}

static bool call_not(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return call_boolean(c, args, v) && xpath_give_boolean(v, !v->boolean);
}

static bool call_true(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    (void)c;
    (void)args;
    return xpath_give_boolean(v, true);
}

static bool call_false(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    (void)c;
    (void)args;
    return xpath_give_boolean(v, false);
}

static bool call_number(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    double number;

    return number_at(c, args, 0, &number) && give_number(v, number);
}

static bool call_floor(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return call_number(c, args, v) && give_number(v, floor(v->number));
}

static bool call_ceiling(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return call_number(c, args, v) && give_number(v, ceil(v->number));
}

static bool call_round(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    return call_number(c, args, v) && give_number(v, floor(v->number + 0.5));
}

/* ---- texts ---- */

static bool call_string(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes text;

    return xpath_text_at(c, args, 0, &text) && xpath_give_text(v, text);
}

static bool call_concat(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct buf out = { 0 };
    struct bytes text;

    for (size_t i = 0; i < args->n; i++) {
        if (!xpath_text_at(c, args, i, &text)) {
            buf_free(&out);
            return false;
        }
        buf_put(&out, text);
    }
    return xpath_give_made(c, v, &out);
}

/* The texts of nodes; a text is itself. */
static bool call_string_join(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct xpath_value list = { 0 };
    struct bytes text, between;
    struct buf out = { 0 };

    if (!xpath_text_only_at(c, args, 1, &between) || !xpath_eval(c, args->v[0], &list))
        return false;
    if (list.type != XPATH_NODES)
        return xpath_give_text(v, list.type == XPATH_TEXT ? list.text : bytes_of("", 0));
    for (size_t i = 0; i < list.nodes.n; i++) {
        if (!xpath_text_of_node(c, list.nodes.v[i], &text) || !xpath_spend(c, (text.len + between.len) / TEXT_STEP)) {
            buf_free(&out);
            return false;
        }
        if (i > 0)
            buf_put(&out, between);
        buf_put(&out, text);
    }
    return xpath_give_made(c, v, &out);
}

static bool call_starts_with(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, t;

    return xpath_text_at(c, args, 0, &s) && xpath_text_at(c, args, 1, &t) &&
           xpath_give_boolean(v, s.len >= t.len && (t.len == 0 || memcmp(s.data, t.data, t.len) == 0));
}

static bool call_ends_with(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, t;

    return xpath_text_at(c, args, 0, &s) && xpath_text_at(c, args, 1, &t) &&
           xpath_give_boolean(v, s.len >= t.len && (t.len == 0 || memcmp(bytes_end(s) - t.len, t.data, t.len) == 0));
}

/* Where the second is in the first; NULL: nowhere. */
static const uint8_t *find_text(struct bytes s, struct bytes t)
{
    return t.len == 0 ? s.data : s.len == 0 ? NULL : memmem(s.data, s.len, t.data, t.len);
}

static bool call_contains(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, t;

    return xpath_text_at(c, args, 0, &s) && xpath_text_at(c, args, 1, &t) &&
           xpath_give_boolean(v, t.len == 0 || find_text(s, t) != NULL);
}

/* Where the second text stands in the first, which is *s; NULL: nowhere. */
static bool find_second(const struct xpath_context *c, const struct xpath_exprs *args, struct bytes *s, struct bytes *t,
                        const uint8_t **found)
{
    if (!xpath_text_at(c, args, 0, s) || !xpath_text_at(c, args, 1, t))
        return false;
    *found = find_text(*s, *t);
    return true;
}

static bool call_substring_before(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, t;
    const uint8_t *found;

    return find_second(c, args, &s, &t, &found) &&
           xpath_give_text(v, found != NULL ? bytes_of(s.data, (size_t)(found - s.data)) : bytes_of("", 0));
}

static bool call_substring_after(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, t;
    const uint8_t *found;

    return find_second(c, args, &s, &t, &found) &&
           xpath_give_text(v, found != NULL ? bytes_skip(s, (size_t)(found - s.data) + t.len) : bytes_of("", 0));
}

static bool begins_character(uint8_t c)
{
    return (c & 0xc0) != 0x80;
}

/* Characters whose position, from 1, is at least the rounded `from`, and below it and the rounded length. */
static bool call_substring(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    double from, length = (double)INFINITY, position = 0;
    size_t begin, end;
    struct bytes s;

    if (!xpath_text_at(c, args, 0, &s) || !number_at(c, args, 1, &from) ||
        (args->n > 2 && !number_at(c, args, 2, &length)))
        return false;
    from = floor(from + 0.5);
    length = from + floor(length + 0.5);
    begin = end = s.len;
    for (size_t i = 0; i < s.len; i++) {
        if (!begins_character(s.data[i]))
            continue;
        position++;
        if (begin == s.len && position >= from && position < length)
            begin = i;
        if (begin != s.len && end == s.len && !(position < length))
            end = i;
    }
    return xpath_give_text(v, begin == s.len ? bytes_of("", 0) : bytes_of(s.data + begin, end - begin));
}

static bool call_string_length(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s;
    size_t n = 0;

    if (!xpath_text_at(c, args, 0, &s))
        return false;
    for (size_t i = 0; i < s.len; i++)
        n += begins_character(s.data[i]);
    return give_number(v, (double)n);
}

static bool call_normalize_space(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct buf out = { 0 };
    struct bytes s;

    if (!xpath_text_at(c, args, 0, &s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (ascii_is_white(s.data[i]))
            continue;
        if (out.len > 0 && ascii_is_white(s.data[i - 1]))
            buf_putc(&out, ' ');
        buf_putc(&out, (char)s.data[i]);
    }
    return xpath_give_made(c, v, &out);
}

static size_t character_len(struct bytes s, size_t at)
{
    size_t n = 1;

    while (at + n < s.len && !begins_character(s.data[at + n]))
        n++;
    return n;
}

/* Puts the character that stands at the same place in `to` as this one in `from`; itself, when it is not there. */
static void put_translated(struct buf *out, struct bytes one, struct bytes from, struct bytes to)
{
    size_t k = 0;

    for (size_t i = 0; i < from.len; i += character_len(from, i)) {
        size_t n = k < to.len ? character_len(to, k) : 0;

        if (character_len(from, i) == one.len && memcmp(from.data + i, one.data, one.len) == 0) {
            buf_append(out, to.data + k, n);
            return;
        }
        k += n;
    }
    buf_put(out, one);
}

static bool call_translate(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, from, to;
    struct buf out = { 0 };

    if (!xpath_text_at(c, args, 0, &s) || !xpath_text_at(c, args, 1, &from) || !xpath_text_at(c, args, 2, &to) ||
        !xpath_spend(c, s.len * (from.len / TEXT_STEP + 1))) /* each character is looked for */
        return false;
    for (size_t i = 0; i < s.len; i += character_len(s, i))
        put_translated(&out, bytes_of(s.data + i, character_len(s, i)), from, to);
    return xpath_give_made(c, v, &out);
}

/* Of ASCII. */
static bool call_lower_case(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct buf out = { 0 };
    struct bytes s;

    if (!xpath_text_at(c, args, 0, &s))
        return false;
    for (size_t i = 0; i < s.len; i++)
        buf_putc(&out, (char)(s.data[i] >= 'A' && s.data[i] <= 'Z' ? s.data[i] | 0x20 : s.data[i]));
    return xpath_give_made(c, v, &out);
}

static const struct xpath_function functions[] = {
    { "last", 0, 0, TAKES_ANY, call_last },
    { "position", 0, 0, TAKES_ANY, call_position },
    { "count", 1, 1, TAKES_NODES, call_count },
    { "sum", 1, 1, TAKES_NODES, call_sum },
    { "name", 0, 1, TAKES_NODES, call_name },
    { "local-name", 0, 1, TAKES_NODES, call_local_name },
    { "boolean", 1, 1, TAKES_ANY, call_boolean },
    { "not", 1, 1, TAKES_ANY, call_not },
    { "true", 0, 0, TAKES_ANY, call_true },
    { "false", 0, 0, TAKES_ANY, call_false },
    { "number", 0, 1, TAKES_ANY, call_number },
    { "floor", 1, 1, TAKES_ANY, call_floor },
    { "ceiling", 1, 1, TAKES_ANY, call_ceiling },
    { "round", 1, 1, TAKES_ANY, call_round },
    { "string", 0, 1, TAKES_ANY, call_string },
    { "concat", 2, 50, TAKES_ANY, call_concat },
    { "starts-with", 2, 2, TAKES_ANY, call_starts_with },
    { "ends-with", 2, 2, TAKES_ANY, call_ends_with },
    { "contains", 2, 2, TAKES_ANY, call_contains },
    { "substring-before", 2, 2, TAKES_ANY, call_substring_before },
    { "substring-after", 2, 2, TAKES_ANY, call_substring_after },
    { "substring", 2, 3, TAKES_ANY, call_substring },
    { "string-length", 0, 1, TAKES_ANY, call_string_length },
    { "normalize-space", 0, 1, TAKES_ANY, call_normalize_space },
    { "translate", 3, 3, TAKES_ANY, call_translate },
    { "lower-case", 1, 1, TAKES_ANY, call_lower_case },
    { "namespace-uri", 0, 1, TAKES_NODES, call_namespace_uri },
    { "reverse", 1, 1, TAKES_AND_GIVES_NODES, call_reverse },
    { "string-join", 2, 2, TAKES_ANY, call_string_join },
    { "matches", 2, 2, TAKES_PATTERN, xpath_call_matches },
    { "replace", 3, 3, TAKES_PATTERN, xpath_call_replace },
};

const struct xpath_function *xpath_function_find(struct bytes name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
        if (bytes_is(name, functions[i].name))
            return &functions[i];
    return NULL;
}
