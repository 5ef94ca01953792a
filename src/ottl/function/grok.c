/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractGrokPatterns(): a grok pattern is written out as one regular expression. Each %{NAME} becomes its definition,
 * in a group where it has a name to be kept under; groups are told apart by their number, for names may have dots in
 * them. Definitions name others at most so many levels deep, and what is written out has the size of a pattern. */
#include "ottl/function/grok.h"

#include "base/mem.h"
#include "base/unconst.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <stdio.h>

#define MAX_LEVELS 20

enum grok_type { GROK_STRING, GROK_INT, GROK_LONG, GROK_FLOAT, GROK_BOOL };

struct grok_group {
    char *name;
    enum grok_type type;
};

struct grok {
    struct regex *re;
    struct buf text; /* of the pattern that `re` was made of */
    VEC(struct grok_group) groups;
    bool named_only;
    VEC(struct grok_definition) own; /* given in the statement; the strings are ours */
};

static void forget_groups(struct grok *g)
{
    for (size_t i = 0; i < g->groups.n; i++)
        free(g->groups.v[i].name);
    vec_free(&g->groups);
    regex_free(g->re);
    g->re = NULL;
}

static void release_grok(void *state)
{
    struct grok *g = state;

    if (g == NULL)
        return;
    forget_groups(g);
    buf_free(&g->text);
    for (size_t i = 0; i < g->own.n; i++)
        free_const(g->own.v[i].name);
    vec_free(&g->own);
    free(g);
}

static const char *find_definition(const struct grok *g, struct bytes name)
{
    for (size_t i = g->own.n; i > 0; i--)
        if (bytes_is(name, g->own.v[i - 1].name))
            return g->own.v[i - 1].pattern;
    for (const struct grok_definition *d = grok_definitions; d->name != NULL; d++)
        if (bytes_is(name, d->name))
            return d->pattern;
    return NULL;
}

static enum grok_type read_type(struct bytes text)
{
    return bytes_is(text, "int")                                 ? GROK_INT
           : bytes_is(text, "long")                              ? GROK_LONG
           : bytes_is(text, "float") || bytes_is(text, "double") ? GROK_FLOAT
           : bytes_is(text, "bool") || bytes_is(text, "boolean") ? GROK_BOOL
                                                                 : GROK_STRING;
}

static bool expand_pattern(struct grok *g, struct bytes pattern, unsigned level, struct buf *out, struct error *err);

/* NAME, NAME:alias or NAME:alias:type, what stands between %{ and }. */
static bool expand_name(struct grok *g, struct bytes inside, unsigned level, struct buf *out, struct error *err)
{
    struct bytes part[3] = { inside, { 0 }, { 0 } };
    const char *definition;
    bool kept;

    for (int i = 0; i < 2; i++) {
        const uint8_t *colon = part[i].len > 0 ? memchr(part[i].data, ':', part[i].len) : NULL;

        if (colon == NULL)
            break;
        part[i + 1] = bytes_of(colon + 1, part[i].len - (size_t)(colon - part[i].data) - 1);
        part[i].len = (size_t)(colon - part[i].data);
    }
    definition = find_definition(g, part[0]);
    if (definition == NULL) {
        error_set(err, -1, "there is no pattern definition \"%.*s\"", (int)(part[0].len < 60 ? part[0].len : 60),
                  (const char *)part[0].data);
        return false;
    }
    kept = part[1].len > 0 || !g->named_only;
    buf_puts(out, kept ? "(" : "(?:");
    if (kept)
        *vec_push(&g->groups) =
            (struct grok_group){ bytes_dup(part[1].len > 0 ? part[1] : part[0]), read_type(part[2]) };
    if (!expand_pattern(g, bytes_str(definition), level + 1, out, err))
        return false;
    buf_putc(out, ')');
    return true;
}

/* A group of the pattern's own: (?P<name>...) or (?<name>...) is kept, one without a name keeps nothing. */
static size_t take_group(struct grok *g, struct bytes rest, struct buf *out)
{
    size_t begin = rest.len > 3 && rest.data[1] == '?' && rest.data[2] == '<'                          ? 3
                   : rest.len > 4 && rest.data[1] == '?' && rest.data[2] == 'P' && rest.data[3] == '<' ? 4
                                                                                                       : 0;
    const uint8_t *end = begin > 0 ? memchr(rest.data + begin, '>', rest.len - begin) : NULL;

    if (end != NULL) {
        *vec_push(&g->groups) =
            (struct grok_group){ bytes_dup(bytes_of(rest.data + begin, (size_t)(end - rest.data) - begin)),
                                 GROK_STRING };
        buf_putc(out, '(');
        return (size_t)(end - rest.data) + 1;
    }
    buf_puts(out, rest.len > 1 && rest.data[1] == '?' ? "(" : "(?:");
    return 1;
}

static bool expand_pattern(struct grok *g, struct bytes pattern, unsigned level, struct buf *out, struct error *err)
{
    bool in_class = false;

    if (level > MAX_LEVELS) {
        error_set(err, -1, "definitions name one another more than %d levels deep", MAX_LEVELS);
        return false;
    }
    for (size_t i = 0; i < pattern.len;) {
        struct bytes rest = bytes_skip(pattern, i);
        uint8_t c = rest.data[0];

        if (out->len > REGEX_MAX_PATTERN) {
            error_set(err, -1, "the pattern has more than %u bytes when it is written out", REGEX_MAX_PATTERN);
            return false;
        }
        if (c == '\\' && rest.len > 1) {
            buf_append(out, rest.data, 2);
            i += 2;
        } else if (c == '%' && rest.len > 2 && rest.data[1] == '{' && !in_class) {
            const uint8_t *end = memchr(rest.data, '}', rest.len);
            size_t n = end != NULL ? (size_t)(end - rest.data) : rest.len;

            if (!expand_name(g, bytes_of(rest.data + 2, n - 2), level, out, err))
                return false;
            i += n + (end != NULL);
        } else if (c == '(' && !in_class) {
            i += take_group(g, rest, out);
        } else {
            in_class = c == '[' || (in_class && c != ']');
            buf_putc(out, (char)c);
            i++;
        }
    }
    return true;
}

static bool compile_grok(struct grok *g, struct bytes pattern, struct error *err)
{
    struct buf out = { 0 };

    forget_groups(g);
    g->text.len = 0;
    buf_put(&g->text, pattern);
    if (pattern.len > 0 && memchr(pattern.data, 0, pattern.len) != NULL)
        error_set(err, -1, "the pattern has a NUL in it");
    else if (expand_pattern(g, pattern, 0, &out, err))
        g->re = regex_new(buf_cstr(&out), err);
    buf_free(&out);
    return g->re != NULL;
}

/* NAME=pattern */
static bool read_definitions(struct ottl_prepare *p, struct grok *g)
{
    for (size_t i = 0; ottl_known(p, 3) && i < p->args[3].n; i++) {
        char *text = bytes_dup(p->args[3].values[i].bytes), *equals = strchr(text, '=');

        if (equals == NULL || equals == text) {
            free(text);
            return ottl_refuse(p, 3, "definition %zu is not of the form NAME=pattern", i);
        }
        *equals = '\0';
        *vec_push(&g->own) = (struct grok_definition){ text, equals + 1 };
    }
    return true;
}

static bool prepare_grok(struct ottl_prepare *p)
{
    struct grok *g = mem_zalloc(sizeof(*g));

    p->state = g;
    g->named_only = ottl_known(p, 2) && p->args[2].boolean;
    if (!read_definitions(p, g))
        return false;
    p->at = 1;
    return !ottl_known(p, 1) || compile_grok(g, p->args[1].bytes, &p->err);
}

/* By the type that the pattern names; text that is none of it stays text. */
static struct ottl_value typed_value(struct bytes text, enum grok_type type)
{
    char number[64], *end = number;
    struct ottl_value v = ottl_string(text);

    if (type == GROK_STRING || text.len == 0 || text.len >= sizeof(number))
        return v;
    if (type == GROK_BOOL)
        return bytes_is(text, "true") || bytes_is(text, "false") ? ottl_bool(bytes_is(text, "true")) : v;
    snprintf(number, sizeof(number), "%.*s", (int)text.len, (const char *)text.data);
    v = type == GROK_FLOAT ? ottl_double(strtod(number, &end)) : ottl_int(strtoll(number, &end, 10));
    return *end == '\0' ? v : ottl_string(text);
}

static bool call_grok(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes found[REGEX_MAX_GROUPS + 1], text = c->args[0].bytes;
    struct grok *g = c->state;
    struct error err = { 0 };
    struct buf out = { 0 };
    bool matches;

    if (g->re == NULL || !bytes_equal(buf_bytes(&g->text), c->args[1].bytes))
        if (!ottl_spend(c, 10000) || (!compile_grok(g, c->args[1].bytes, &err) && !ottl_fail(c, "%s", err.text)))
            return false;
    if (!ottl_spend(c, 2 + text.len / 16) || !ottl_find(c, g->re, text, 0, found, &matches))
        return false;
    if (matches)
        for (unsigned i = 1; i <= regex_groups(g->re) && i <= g->groups.n; i++) {
            struct ottl_value v = typed_value(found[i], g->groups.v[i - 1].type);

            if (found[i].len > 0)
                ottl_put_pair(&out, bytes_str(g->groups.v[i - 1].name), &v);
        }
    attributes_keep_last(&out);
    return ottl_give(c, &out, OTTL_MAP, result);
}

const struct ottl_function ottl_functions_grok[] = {
    CONVERTER("ExtractGrokPatterns", call_grok, "a map",
              TAKES(ARGUMENT("target", STRING), ARGUMENT("pattern", STRING), OPTION("named_captures_only", BOOL),
                    LIST_OPTION("pattern_definitions", STRING)),
              "What the parts of the grok pattern, such as %{IP:client} or %{NUMBER:status:int}, take; definitions of "
              "one's own are written NAME=pattern.",
              .prepare = prepare_grok, .release = release_grok),
    { 0 },
};
