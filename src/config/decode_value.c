/* SPDX-License-Identifier: Apache-2.0 */
/* A value by its row's kind, for all kinds that have no table of their own: a number, a duration, a word of an enum, a
 * text, a list or map of texts, or the node itself. decode_simple() picks the one for the row; what is read goes into
 * the field.
 *
 * What can go wrong: a value of another type, or out of bounds. It is a fault with what is wanted, what stands there
 * and what was most likely meant (without the quotes, with another unit, the nearest word), and leaves the default in
 * the field. */
#include "config/decode_inside.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* --- paths and words --- */

const char *decoder_join(struct decoder *d, const char *path, const char *key)
{
    return path[0] != '\0' ? arena_printf(d->arena, "%s::%s", path, key) : key;
}

const char *decoder_list(struct decoder *d, const char *const *names)
{
    struct buf b = { 0 };
    const char *text;

    for (size_t i = 0; names[i] != NULL; i++) {
        if (i > 0)
            buf_puts(&b, names[i + 1] != NULL ? ", " : " or ");
        buf_puts(&b, names[i][0] != '\0' ? names[i] : "\"\"");
    }
    text = arena_strdup(d->arena, buf_cstr(&b));
    buf_free(&b);
    return text;
}

const char *decoder_nearest(struct decoder *d, const char *word, const char *const *names)
{
    const char *near = nearest_of(word, names);

    return near != NULL ? arena_printf(d->arena, "; did you mean \"%s\"?", near) : "";
}

/* What stands there, for "..., got X". Longer texts are not repeated. */
static const char *show_value(struct decoder *d, const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR)
        return yaml_type_name(n);
    assert(n->text != NULL);
    return strlen(n->text) <= 60 ? arena_printf(d->arena, "%s \"%s\"", yaml_type_name(n), n->text) : yaml_type_name(n);
}

/* Would it be right without its quotes? */
static bool is_quoted(const struct yaml_node *n, const char *wanted)
{
    struct yaml_node bare = *n;
    double v;
    bool b;

    bare.plain = true;
    return n->kind == YAML_SCALAR && !n->plain &&
           (strcmp(wanted, "true or false") == 0 ? yaml_bool(&bare, &b) : yaml_float(&bare, &v));
}

/* 512MiB, where only a number can stand. */
static bool is_with_unit(const char *text, const char *wanted)
{
    size_t digits = strspn(text, "0123456789"), blanks = strspn(text + digits, " ");

    return digits > 0 && text[digits + blanks] != '\0' && strcmp(wanted, "an integer") == 0 &&
           text[digits + blanks + strspn(text + digits + blanks, "BKMGTbkmgtip%")] == '\0';
}

/* What was most likely meant. */
static const char *hint_for(const struct yaml_node *n, const char *wanted)
{
    const char *text = n->kind == YAML_SCALAR && n->text != NULL ? n->text : "";
    bool map = strncmp(wanted, "a map", 5) == 0;

    if (strstr(text, "${") != NULL && strchr(text, '}') == NULL)
        return "; the brace of ${ is not closed";
    if (map && strchr(text, ':') != NULL)
        return "; a key is followed by a colon and a space";
    if (map && n->kind == YAML_LIST)
        return "; write its keys without a dash in front";
    if (strcmp(wanted, "a list") == 0 && n->kind == YAML_MAP)
        return "; write a dash in front of each element";
    if (is_with_unit(text, wanted))
        return "; write the number alone, without a unit";
    return is_quoted(n, wanted) ? "; write it without quotes" : "";
}

void decoder_wrong_type(struct decoder *d, const struct yaml_node *n, const char *path, const char *wanted)
{
    const char *hint = hint_for(n, wanted);

    fault_add(d->faults, n, path, false, "expected %s, got %s%s", wanted, show_value(d, n), hint);
}

/* --- values --- */

/* The string a node stands for, or NULL after a fault. */
static const char *string_of(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path)
{
    if (n->original != NULL)
        return n->original;
    if (n->kind == YAML_SCALAR && (o->scalar || yaml_type(n) == YAML_STR))
        return n->text;
    if (n->kind == YAML_SCALAR)
        fault_add(d->faults, n, path, false, "expected a string, got %s; put it in quotes: \"%s\"", show_value(d, n),
                  n->text);
    else
        decoder_wrong_type(d, n, path, "a string");
    return NULL;
}

static bool parse_duration_node(struct decoder *d, const struct yaml_node *n, const char *path, int64_t *ns)
{
    if (n->kind == YAML_SCALAR && yaml_int(n, ns)) {
        if (*ns != 0 && *ns < 1000000 && *ns > -1000000)
            fault_add(d->faults, n, path, true,
                      "a duration without a unit is in nanoseconds; write %ss or %sms if you meant that", n->text,
                      n->text);
        return true;
    }
    if (n->kind == YAML_SCALAR && (yaml_type(n) == YAML_STR || n->original != NULL) && duration_parse(n->text, ns))
        return true;
    if (n->kind == YAML_SCALAR)
        fault_add(d->faults, n, path, false, "\"%s\" is not a duration; write 300ms, 5s or 2m", n->text);
    else
        decoder_wrong_type(d, n, path, "a duration like 300ms, 5s or 2m");
    return false;
}

static void out_of_range(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path)
{
    if (o->min != NULL && o->max != NULL)
        fault_add(d->faults, n, path, false, "%s is out of range: it must be between %s and %s", n->text, o->min,
                  o->max);
    else if (o->min != NULL)
        fault_add(d->faults, n, path, false, "%s is out of range: it must be %s or more", n->text, o->min);
    else
        fault_add(d->faults, n, path, false, "%s is out of range: it must be %s or less", n->text, o->max);
}

#define EXACT 9007199254740992.0 /* 2^53 */

/* A number with a fraction where a whole one belongs: cut, as the Go collector does without a word. */
static bool cut_fraction(struct decoder *d, const struct yaml_node *n, const char *path, double *v)
{
    if (!yaml_float(n, v) || !(fabs(*v) < EXACT))
        return false;
    *v = trunc(*v);
    fault_add(d->faults, n, path, true, "%s is read as %.0f: write a whole number", n->text, *v + 0.0);
    return true;
}

static void decode_uint(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                        char *field)
{
    uint64_t v;
    int64_t negative;
    double cut;

    if (!yaml_uint(n, &v)) {
        if (yaml_int(n, &negative) || (yaml_float(n, &cut) && cut < 0)) {
            fault_add(d->faults, n, path, false, "%s is out of range: it must not be negative", n->text);
            return;
        }
        if (!cut_fraction(d, n, path, &cut)) {
            decoder_wrong_type(d, n, path, "an integer");
            return;
        }
        v = (uint64_t)cut;
    }
    if ((o->min != NULL && v < strtoull(o->min, NULL, 10)) || (o->max != NULL && v > strtoull(o->max, NULL, 10)))
        out_of_range(d, o, n, path);
    else
        memcpy(field, &v, sizeof(v));
}

static void decode_int(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                       char *field)
{
    int64_t v;
    double cut;

    if (!yaml_int(n, &v)) {
        if (!cut_fraction(d, n, path, &cut)) {
            decoder_wrong_type(d, n, path, "an integer");
            return;
        }
        v = (int64_t)cut;
    }
    if ((o->min != NULL && v < strtoll(o->min, NULL, 10)) || (o->max != NULL && v > strtoll(o->max, NULL, 10)))
        out_of_range(d, o, n, path);
    else
        memcpy(field, &v, sizeof(v));
}

static void decode_double(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                          char *field)
{
    double v;

    if (!yaml_float(n, &v))
        decoder_wrong_type(d, n, path, "a number");
    else if ((o->min != NULL && v < strtod(o->min, NULL)) || (o->max != NULL && v > strtod(o->max, NULL)))
        out_of_range(d, o, n, path);
    else
        memcpy(field, &v, sizeof(v));
}

static void decode_duration(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                            char *field)
{
    int64_t ns, bound;

    if (!parse_duration_node(d, n, path, &ns))
        return;
    if ((o->min != NULL && duration_parse(o->min, &bound) && ns < bound) ||
        (o->max != NULL && duration_parse(o->max, &bound) && ns > bound))
        out_of_range(d, o, n, path);
    else
        memcpy(field, &(duration){ ns }, sizeof(duration));
}

static int enum_index(const struct option *o, const char *word)
{
    for (int i = 0; o->names[i] != NULL; i++)
        if (o->nocase ? strcasecmp(o->names[i], word) == 0 : strcmp(o->names[i], word) == 0)
            return i;
    return -1;
}

static void decode_enum(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                        char *field)
{
    const char *word = n->kind == YAML_SCALAR && n->original == NULL && n->plain ? n->text : string_of(d, o, n, path);
    int i = word != NULL ? enum_index(o, word) : -1;

    if (word != NULL && i < 0)
        fault_add(d->faults, n, path, false, "\"%s\" is not one of %s%s", word, decoder_list(d, o->names),
                  decoder_nearest(d, word, o->names));
    else if (i >= 0)
        memcpy(field, &i, sizeof(i));
}

static void decode_string(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                          char *field)
{
    const char *s = string_of(d, o, n, path);

    if (s != NULL && o->kind == OPTION_STRING && o->names != NULL && enum_index(o, s) < 0)
        fault_add(d->faults, n, path, false, "\"%s\" is not one of %s%s", s, decoder_list(d, o->names),
                  decoder_nearest(d, s, o->names));
    else if (s != NULL)
        memcpy(field, &s, sizeof(s));
}

static void push_string(struct decoder *d, struct strings *list, size_t *cap, const char *s)
{
    if (list->n == *cap) {
        const char **wider = arena_alloc(d->arena, (*cap * 2 + 4) * sizeof(*wider));

        if (list->n > 0)
            memcpy(wider, list->v, list->n * sizeof(*wider));
        list->v = wider;
        *cap = *cap * 2 + 4;
    }
    list->v[list->n++] = s;
}

static void split_strings(struct decoder *d, const char *s, struct strings *list, size_t *cap)
{
    while (s != NULL && *s != '\0') {
        size_t len = strcspn(s, ",");

        push_string(d, list, cap, arena_strndup(d->arena, s, len));
        s += len + (s[len] == ',');
    }
}

/* A list of strings; a plain string is split at commas. */
static void decode_strings(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                           char *field)
{
    struct strings list = { 0 };
    size_t cap = 0;

    if (n->kind == YAML_LIST) {
        for (size_t i = 0; i < n->n; i++) {
            const struct yaml_node *item = n->items[i];
            const char *s =
                item->kind == YAML_NULL ? "" : string_of(d, o, item, arena_printf(d->arena, "%s::%zu", path, i));

            if (s != NULL)
                push_string(d, &list, &cap, s);
        }
    } else {
        const char *s =
            n->kind == YAML_SCALAR && (o->scalar || yaml_type(n) == YAML_STR) ? string_of(d, o, n, path) : NULL;

        if (s == NULL)
            decoder_wrong_type(d, n, path, "a list of strings");
        split_strings(d, s, &list, &cap);
    }
    memcpy(field, &list, sizeof(list));
}

static const char *map_value(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                             const char *key)
{
    return n->kind == YAML_NULL && n->original == NULL ? "" : string_of(d, o, n, decoder_join(d, path, key));
}

/* Room for n more. */
static struct string_pair *grow_pairs(struct decoder *d, const struct string_map *map, size_t n)
{
    struct string_pair *v = arena_zalloc(d->arena, (map->n + n + 1) * sizeof(*v));

    if (map->n > 0)
        memcpy(v, map->v, map->n * sizeof(*v));
    return v;
}

/* The values of one name: a list of them, or a text that is split at commas; an empty one is none. */
static void decode_repeated(struct decoder *d, const struct option *o, const struct yaml_pair *pair, const char *path,
                            struct string_map *map)
{
    const struct yaml_node *n = pair->value;
    struct strings list = { 0 };
    size_t cap = 0;

    if (n->kind == YAML_LIST)
        for (size_t i = 0; i < n->n; i++) {
            const char *value = map_value(d, o, n->items[i], path, pair->key);

            if (value != NULL)
                push_string(d, &list, &cap, value);
        }
    else
        split_strings(d, map_value(d, o, n, path, pair->key), &list, &cap);
    map->v = grow_pairs(d, map, list.n);
    for (size_t i = 0; i < list.n; i++)
        map->v[map->n++] = (struct string_pair){ pair->key, list.v[i] };
}

static void decode_map(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                       char *field)
{
    struct string_map map = { 0 };

    if (n->kind != YAML_MAP) {
        decoder_wrong_type(d, n, path, "a map of names to strings");
        return;
    }
    if (!o->repeats)
        map.v = arena_zalloc(d->arena, n->n * sizeof(*map.v));
    for (size_t i = 0; i < n->n; i++) {
        const char *value = o->repeats ? NULL : map_value(d, o, n->pairs[i].value, path, n->pairs[i].key);

        if (o->repeats)
            decode_repeated(d, o, &n->pairs[i], path, &map);
        else if (value != NULL)
            map.v[map.n++] = (struct string_pair){ n->pairs[i].key, value };
    }
    memcpy(field, &map, sizeof(map));
}

/* A map, or a list of {name, value}. */
static void decode_headers(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                           char *field)
{
    struct string_map map = { 0 };

    if (n->kind != YAML_LIST) {
        decode_map(d, o, n, path, field);
        return;
    }
    map.v = arena_zalloc(d->arena, n->n * sizeof(*map.v));
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *name = yaml_get(n->items[i], "name"), *value = yaml_get(n->items[i], "value");
        const char *k, *v;

        if (name == NULL || value == NULL || n->items[i]->n != 2) {
            fault_add(d->faults, n->items[i], path, false, "a header is written `- name: x` with `value: y` below it");
            continue;
        }
        k = string_of(d, o, name, path);
        v = string_of(d, o, value, path);
        if (k != NULL && v != NULL)
            map.v[map.n++] = (struct string_pair){ k, v };
    }
    memcpy(field, &map, sizeof(map));
}

/* Text from a variable is the variable's, blanks and quotes included, and stays text when the reference was quoted. */
static struct yaml_node *as_any(struct arena *a, struct yaml_node *n)
{
    const char *text = n->original;

    if (text != NULL && (n->quoted ? text[0] != '\0' : n->kind == YAML_SCALAR && yaml_type(n) == YAML_STR))
        return yaml_scalar(a, text, false, n);
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        n->pairs[i].value = as_any(a, n->pairs[i].value);
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        n->items[i] = as_any(a, n->items[i]);
    return n;
}

static void decode_node(struct decoder *d, const struct option *o, const struct yaml_node *n, char *field)
{
    if (o->any)
        n = as_any(d->arena, yaml_copy(d->arena, n));
    memcpy(field, &n, sizeof(n));
}

void decode_simple(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path, char *field)
{
    bool b;

    switch (o->kind) {
    case OPTION_BOOL:
        if (yaml_bool(n, &b))
            memcpy(field, &b, sizeof(b));
        else
            decoder_wrong_type(d, n, path, "true or false");
        break;
    case OPTION_UINT:
        decode_uint(d, o, n, path, field);
        break;
    case OPTION_INT:
        decode_int(d, o, n, path, field);
        break;
    case OPTION_DOUBLE:
        decode_double(d, o, n, path, field);
        break;
    case OPTION_DURATION:
        decode_duration(d, o, n, path, field);
        break;
    case OPTION_STRING:
    case OPTION_SECRET: /* struct secret is one pointer */
    case OPTION_EXTENSION:
        decode_string(d, o, n, path, field);
        break;
    case OPTION_ENUM:
        decode_enum(d, o, n, path, field);
        break;
    case OPTION_STRINGS:
        decode_strings(d, o, n, path, field);
        break;
    case OPTION_MAP:
        decode_map(d, o, n, path, field);
        break;
    case OPTION_HEADERS:
        decode_headers(d, o, n, path, field);
        break;
    case OPTION_NODE:
        decode_node(d, o, n, field);
        break;
    case OPTION_LIST:
    case OPTION_GROUP:
    case OPTION_IGNORED:
    case OPTION_REFUSED:
    case OPTION_END:
        break;
    }
}
