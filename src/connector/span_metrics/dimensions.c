/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns are made regular expressions; they look at all attributes. */
#include "connector/span_metrics/dimensions.h"

#include "config/yaml.h"
#include "connector/span_metrics/span_metrics_config.h"
#include "otlp/any_value.h"
#include "otlp/any_value_yaml.h"
#include "otlp/view.h"

#include <stdlib.h>
#include <string.h>

/* ---- patterns ---- */

static void put_literal(struct buf *out, char c)
{
    if (strchr("\\.+*?()|[]{}^$", c) != NULL)
        buf_putc(out, '\\');
    buf_putc(out, c);
}

/* The class from its `[` on; NULL: it does not end. */
static const char *put_class(struct buf *out, const char *p)
{
    buf_putc(out, '[');
    p++;
    if (*p == '!') {
        buf_putc(out, '^');
        p++;
    }
    for (; *p != ']'; p++) {
        if (*p == '\0')
            return NULL;
        if (*p == '[' || *p == '^' || *p == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *p);
    }
    buf_putc(out, ']');
    return p + 1;
}

/* Behind what begins at `p`; NULL: it is malformed. */
static const char *put_glob_part(struct buf *out, const char *p, unsigned *depth)
{
    if (p[0] == '*' && p[1] == '*') {
        buf_puts(out, ".*");
        return p + 2;
    }
    if (*p == '[')
        return put_class(out, p);
    if (*p == '\\' && p[1] != '\0') {
        put_literal(out, p[1]);
        return p + 2;
    }
    if (*p == '*') {
        buf_puts(out, "[^.]*");
    } else if (*p == '?') {
        buf_puts(out, "[^.]");
    } else if (*p == '{') {
        buf_puts(out, "(?:");
        ++*depth;
    } else if (*p == '}' && *depth > 0) {
        buf_putc(out, ')');
        --*depth;
    } else if (*p == ',' && *depth > 0) {
        buf_putc(out, '|');
    } else {
        put_literal(out, *p);
    }
    return p + 1;
}

struct regex *dimension_glob(const char *text, struct error *err)
{
    struct buf out = { 0 };
    struct regex *made = NULL;
    unsigned depth = 0;
    const char *p = text;

    buf_puts(&out, "(?s)\\A(?:");
    while (p != NULL && *p != '\0')
        p = put_glob_part(&out, p, &depth);
    buf_puts(&out, ")\\z");
    if (p == NULL || depth > 0)
        error_set(err, 1, "%s is not closed", p == NULL ? "a [" : "a {");
    else
        made = regex_new(buf_cstr(&out), err);
    buf_free(&out);
    return made;
}

bool dimension_glob_matches(struct regex *glob, struct bytes name)
{
    return regex_search(glob, name);
}

/* ---- lists ---- */

static struct bytes keep_fallback(struct arena *a, const struct yaml_node *n)
{
    struct buf value = { 0 };
    struct bytes kept;

    if (n == NULL || n->kind == YAML_NULL)
        return bytes_of(NULL, 0);
    any_value_from_yaml(&value, n);
    kept = bytes_of(arena_strndup(a, value.data, value.len), value.len);
    buf_free(&value);
    return kept;
}

void dimension_list_add(struct dimension_list *l, struct slot_names *names, struct arena *a,
                        const struct option_list *written)
{
    struct error err;

    for (size_t i = 0; i < written->n; i++) {
        const struct dimension_config *c = (const struct dimension_config *)written->v + i;

        if (c->glob != NULL && c->glob[0] != '\0')
            l->globs[l->n_globs++] = dimension_glob(c->glob, &err);
        else
            l->v[l->n++] = (struct dimension){ bytes_str(c->name), slot_names_add(names, bytes_str(c->name)),
                                               keep_fallback(a, c->fallback) };
    }
}

void dimension_list_free(struct dimension_list *l)
{
    for (size_t i = 0; i < l->n_globs; i++)
        regex_free(l->globs[i]);
}

/* ---- by pattern ---- */

static bool has_attribute(const struct slots *s, struct bytes name)
{
    struct pb_reader r = pb_reader(s->message);

    for (struct attribute a; attribute_next(&r, s->number, &a);)
        if (bytes_equal(a.key, name))
            return true;
    return false;
}

static bool is_wanted(const struct dimension_list *l, struct bytes name)
{
    for (size_t i = 0; i < l->n_globs; i++)
        if (dimension_glob_matches(l->globs[i], name))
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return bytes_compare(((const struct found_attribute *)a)->name, ((const struct found_attribute *)b)->name);
}

static bool is_found(const found_attributes *found, size_t from, struct bytes name)
{
    for (size_t i = from; i < found->n; i++)
        if (bytes_equal(found->v[i].name, name))
            return true;
    return false;
}

static struct bytes value_of(struct bytes value)
{
    return value.data != NULL ? value : bytes_of("", 0);
}

/* Those of the message that neither of the others has, sorted. */
static void find_in(const struct dimension_list *l, const struct slots *in, const struct slots *before,
                    const struct slots *before_that, found_attributes *found)
{
    struct pb_reader r = pb_reader(in->message);
    size_t from = found->n;

    for (struct attribute a; attribute_next(&r, in->number, &a);) {
        if (!is_wanted(l, a.key) || is_found(found, from, a.key) || (before != NULL && has_attribute(before, a.key)) ||
            (before_that != NULL && has_attribute(before_that, a.key)))
            continue;
        *vec_push(found) = (struct found_attribute){ a.key, value_of(a.value) };
    }
    if (found->n > from)
        qsort(found->v + from, found->n - from, sizeof(*found->v), compare_names);
}

void dimension_list_find(const struct dimension_list *l, const struct dimension_sources *s, found_attributes *found)
{
    if (l->n_globs == 0)
        return;
    find_in(l, s->span, NULL, NULL, found);
    if (s->event != NULL)
        find_in(l, s->event, s->span, NULL, found);
    find_in(l, s->resource, s->span, s->event, found);
}
