/* SPDX-License-Identifier: Apache-2.0 */
/* Which attributes tell series apart. A dimension that has a name is a slot, found while a message's attributes are
 * read; one that is a pattern is made a regular expression and looks through all attributes, once for each resource,
 * span and event (dimension_list_enter()). What is found is sorted by name, and of a name the span's counts before the
 * event's and that before the resource's.
 *
 * What can go wrong: a pattern that is not closed: refused when the configuration is read. A message of many
 * attributes: patterns take the first GLOB_MOST that they match. */
#include "connector/span_metrics/dimensions.h"

#include "config/yaml.h"
#include "connector/span_metrics/span_metrics_config.h"
#include "otlp/any_value.h"
#include "otlp/text/any_value_yaml.h"
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
    for (unsigned source = 0; source < ATTRIBUTE_SOURCES; source++)
        vec_free(&l->found[source]);
}

/* ---- by pattern ---- */

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

static bool is_found(const found_attributes *found, struct bytes name)
{
    for (size_t i = 0; i < found->n; i++)
        if (bytes_equal(found->v[i].name, name))
            return true;
    return false;
}

static void add_found(found_attributes *found, struct bytes name, struct bytes value)
{
    struct found_attribute *f = vec_push(found);

    *f = (struct found_attribute){ .name = name, .value = value.data != NULL ? value : bytes_of("", 0) };
    (void)short_part_new(f->name, &f->name_digest);
    (void)short_part_new(f->value, &f->digest);
}

void dimension_list_enter(struct dimension_list *l, enum attribute_source source, const struct attribute_slots *in)
{
    struct pb_reader r = pb_reader(in->message);
    found_attributes *found = &l->found[source];
    struct attribute a;

    found->n = 0;
    while (l->n_globs > 0 && found->n < GLOB_MOST && attribute_next(&r, in->number, &a))
        if (is_wanted(l, a.key) && !is_found(found, a.key))
            add_found(found, a.key, a.value);
    if (found->n > 1)
        qsort(found->v, found->n, sizeof(*found->v), compare_names);
}

void dimension_list_find(const struct dimension_list *l, bool event, found_attributes *found)
{
    for (unsigned source = 0; source < ATTRIBUTE_SOURCES; source++) {
        const found_attributes *from = &l->found[source];

        for (size_t i = 0; (event || source != SOURCE_EVENT) && i < from->n; i++)
            if (source == SOURCE_SPAN || !is_found(found, from->v[i].name))
                *vec_push(found) = from->v[i];
    }
}

size_t dimension_list_size(const struct dimension_list *l, const struct dimension_sources *s)
{
    size_t size = 0;

    for (size_t i = 0; i < l->n; i++)
        size += dimension_value(&l->v[i], s).len;
    for (unsigned source = 0; source < ATTRIBUTE_SOURCES; source++)
        for (size_t i = 0; i < l->found[source].n; i++)
            size += l->found[source].v[i].name.len + l->found[source].v[i].value.len;
    return size;
}
