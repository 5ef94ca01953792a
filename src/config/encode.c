/* SPDX-License-Identifier: Apache-2.0 */
/* A struct back into a tree, for print-config and the page, and to tell a value from its default (config/check.c): the
 * rows are walked, and each writes its field as its kind has it. A group that is off is written so that reading it
 * again leaves it off; a 0 that stands for another value says for which.
 *
 * What must not be seen is not: secrets, and what may be one in a URL (the part before the @, the values of the query),
 * unless `reveal`. */
#include "config/decode.h"

#include <math.h>
#include <stdio.h>

static struct yaml_node *text_node(struct arena *a, bool plain, const char *text)
{
    return yaml_scalar(a, text, plain, NULL);
}

static struct yaml_node *strings_node(struct arena *a, const struct strings *list, bool hide)
{
    struct yaml_node *n = yaml_new(a, YAML_LIST, NULL);

    for (size_t i = 0; i < list->n; i++)
        yaml_push(a, n, text_node(a, false, hide ? "[REDACTED]" : list->v[i]));
    return n;
}

static struct yaml_node *map_node(struct arena *a, const struct option *o, const struct string_map *map, bool hide)
{
    struct yaml_node *n = yaml_new(a, YAML_MAP, NULL);

    for (size_t i = 0; i < map->n; i++) {
        struct yaml_node *value = text_node(a, false, hide ? "[REDACTED]" : map->v[i].value), *list;

        if (o->repeats) { /* a name's values are next to each other */
            list = i > 0 && strcmp(map->v[i].key, map->v[i - 1].key) == 0 ? n->pairs[n->n - 1].value
                                                                          : yaml_new(a, YAML_LIST, NULL);
            yaml_push(a, list, value);
            value = list;
            if (list->n > 1)
                continue;
        }
        yaml_put(a, n, map->v[i].key, 0, 0, value);
    }
    return n;
}

static bool repeats_a_name(const struct string_map *map)
{
    for (size_t i = 0; i < map->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(map->v[i].key, map->v[k].key) == 0)
                return true;
    return false;
}

/* A map, where it can be one. */
static struct yaml_node *headers_node(struct arena *a, const struct option *o, const struct string_map *map, bool hide)
{
    struct yaml_node *n;

    if (!repeats_a_name(map))
        return map_node(a, o, map, hide);
    n = yaml_new(a, YAML_LIST, NULL);
    for (size_t i = 0; i < map->n; i++) {
        struct yaml_node *header = yaml_new(a, YAML_MAP, NULL);

        yaml_put(a, header, "name", 0, 0, text_node(a, false, map->v[i].key));
        yaml_put(a, header, "value", 0, 0, text_node(a, false, hide ? "[REDACTED]" : map->v[i].value));
        yaml_push(a, n, header);
    }
    return n;
}

static struct yaml_node *duration_node(struct arena *a, duration v)
{
    struct buf b = { 0 };
    struct yaml_node *n;

    duration_print(v.ns, &b);
    n = text_node(a, false, buf_cstr(&b));
    buf_free(&b);
    return n;
}

static struct yaml_node *list_node(struct arena *a, const struct option *o, const struct option_list *list, bool reveal)
{
    struct yaml_node *n = yaml_new(a, o->keyed ? YAML_MAP : YAML_LIST, NULL);

    for (size_t i = 0; i < list->n; i++) {
        const char *at = (const char *)list->v + i * o->size, *key;

        if (!o->keyed) {
            yaml_push(a, n, encode_struct(a, o->options, at, reveal));
            continue;
        }
        memcpy(&key, at + o->options[0].offset, sizeof(key));
        yaml_put(a, n, key, 0, 0, encode_struct(a, o->options + 1, at, reveal));
    }
    return n;
}

static struct yaml_node *double_node(struct arena *a, double v)
{
    struct buf b = { 0 };
    struct yaml_node *n;

    if (isfinite(v))
        yaml_put_float(&b, v);
    else
        buf_puts(&b, isnan(v) ? ".nan" : v > 0 ? ".inf" : "-.inf");
    n = text_node(a, true, buf_cstr(&b));
    buf_free(&b);
    return n;
}

static struct yaml_node *number_node(struct arena *a, const struct option *o, const void *field)
{
    char text[40];

    if (o->kind == OPTION_UINT)
        snprintf(text, sizeof(text), "%llu", (unsigned long long)*(const uint64_t *)field);
    else if (o->kind == OPTION_INT)
        snprintf(text, sizeof(text), "%lld", (long long)*(const int64_t *)field);
    else
        return double_node(a, *(const double *)field);
    return text_node(a, true, text);
}

/* An optional group that is off prints as nothing where that means off, so that what is printed can be read again. */
static struct yaml_node *group_node(struct arena *a, const struct option *o, const void *field, bool reveal)
{
    struct yaml_node *off;

    if (o->mode == GROUP_PLAIN || *(const bool *)field)
        return encode_struct(a, o->options, field, reveal);
    if (o->mode != GROUP_SOME)
        return yaml_new(a, YAML_NULL, NULL);
    off = yaml_new(a, YAML_MAP, NULL);
    yaml_put(a, off, "enabled", 0, 0, text_node(a, true, "false"));
    return off;
}

/* "?token=abc&a" as "?token=[REDACTED]&a". */
static void put_query(struct buf *out, const char *query)
{
    while (*query != '\0') {
        size_t n = strcspn(query, "=&");

        buf_put(out, bytes_of(query, n));
        query += n;
        if (*query == '=') {
            buf_puts(out, "=[REDACTED]");
            query += strcspn(query, "&");
        }
        if (*query == '&')
            buf_putc(out, *query++);
    }
}

/* "http://user:password@host/path?token=x" without what may be a secret: before the @, and the query's values. */
static struct yaml_node *string_node(struct arena *a, const char *text, bool reveal)
{
    const char *scheme = reveal ? NULL : strstr(text, "://");
    const char *host = scheme != NULL ? scheme + 3 : text, *query = scheme != NULL ? strchr(host, '?') : NULL;
    const char *at = scheme != NULL ? memrchr(host, '@', strcspn(host, "/?#")) : NULL;
    struct yaml_node *n;
    struct buf b = { 0 };

    if (at == NULL && query == NULL)
        return text_node(a, false, text);
    buf_put(&b, bytes_of(text, (size_t)(host - text)));
    if (at != NULL) {
        buf_puts(&b, "[REDACTED]");
        host = at;
    }
    buf_put(&b, bytes_of(host, query != NULL ? (size_t)(query - host) : strlen(host)));
    if (query != NULL)
        put_query(&b, query);
    n = text_node(a, false, buf_cstr(&b));
    buf_free(&b);
    return n;
}

static struct yaml_node *value_node(struct arena *a, const struct option *o, const void *field, bool reveal)
{
    switch (o->kind) {
    case OPTION_BOOL:
        return text_node(a, true, *(const bool *)field ? "true" : "false");
    case OPTION_DURATION:
        return duration_node(a, *(const duration *)field);
    case OPTION_STRING:
        return string_node(a, *(const char *const *)field, reveal);
    case OPTION_EXTENSION:
        return text_node(a, false, *(const char *const *)field);
    case OPTION_SECRET:
        return text_node(a, false,
                         **(const char *const *)field == '\0' || reveal ? *(const char *const *)field : "[REDACTED]");
    case OPTION_ENUM:
        return text_node(a, false, o->names[*(const int *)field]);
    case OPTION_STRINGS:
        return strings_node(a, field, o->secret && !reveal);
    case OPTION_MAP:
        return map_node(a, o, field, o->secret && !reveal);
    case OPTION_HEADERS:
        return headers_node(a, o, field, !reveal);
    case OPTION_LIST:
        return list_node(a, o, field, reveal);
    case OPTION_GROUP:
        return group_node(a, o, field, reveal);
    case OPTION_NODE: {
        const struct yaml_node *n = *(const struct yaml_node *const *)field;
        struct yaml_node *copy = yaml_new(a, YAML_NULL, NULL);

        if (n != NULL)
            *copy = *n;
        return copy;
    }
    default:
        return number_node(a, o, field);
    }
}

/* Is what stands there 0, though another value is meant? */
static bool means_another(const struct option *o, const struct yaml_node *value)
{
    return o->zero != NULL && value->kind == YAML_SCALAR &&
           (strcmp(value->text, "0") == 0 || strcmp(value->text, "0s") == 0);
}

struct yaml_node *encode_struct(struct arena *a, const struct option *rows, const void *in, bool reveal)
{
    struct yaml_node *n = yaml_new(a, YAML_MAP, NULL);

    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        struct yaml_node *value;

        if (option_is_word(o) || o->deprecated != NULL)
            continue;
        value = value_node(a, o, (const char *)in + o->offset, reveal);
        if (means_another(o, value))
            value->comment = arena_printf(a, "that is %s", o->zero);
        if (value->kind != YAML_NULL)
            yaml_put(a, n, o->key, 0, 0, value);
    }
    return n;
}
