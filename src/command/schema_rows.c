/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of row has a schema of its value, written as JSON and read as the YAML that JSON is. A bare key is accepted
 * where decode_null() makes something of it; a whole number may have a fraction, which is cut with a warning; a word
 * that YAML reads as a number (a TLS version of 1.2) may stand there as one. */
#include "command/schema.h"

#include "base/mem.h"
#include "config/decode.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define VARIABLE "{\"$ref\": \"#/$defs/variable\"}"
/* In text that has a ${...} somewhere nothing can be checked. */
#define WITH_VARIABLE "{\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}"
#define DURATION                                                                                                       \
    "{\"type\": \"string\", \"pattern\": "                                                                             \
    "\"^[-+]?(0|(([0-9]+\\\\.?[0-9]*|\\\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$\"}"
#define ANY_SCALAR "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}"
#define TEXT "{\"type\": [\"string\", \"null\"]}"

struct yaml_node *schema_read(struct arena *a, const char *json)
{
    struct faults faults = { 0 };
    struct yaml_node *n = yaml_read(a, bytes_str(json), "schema", 1, 1, &faults);

    assert(n != NULL && faults.n_errors == 0);
    faults_free(&faults);
    return n;
}

void schema_put(struct arena *a, struct yaml_node *map, const char *key, const char *json)
{
    yaml_put(a, map, key, 0, 0, schema_read(a, json));
}

static struct yaml_node *new_map(struct arena *a)
{
    return yaml_new(a, YAML_MAP, NULL);
}

static void put_text(struct arena *a, struct yaml_node *map, const char *key, const char *text)
{
    yaml_put(a, map, key, 0, 0, yaml_scalar(a, text, false, NULL));
}

struct yaml_node *schema_or(struct arena *a, struct yaml_node *schema, bool null)
{
    struct yaml_node *n = new_map(a), *any = yaml_new(a, YAML_LIST, NULL);

    yaml_push(a, any, schema);
    if (null)
        yaml_push(a, any, schema_read(a, "{\"type\": \"null\"}"));
    yaml_push(a, any, schema_read(a, VARIABLE));
    yaml_put(a, n, "anyOf", 0, 0, any);
    return n;
}

/* --- values --- */

static struct yaml_node *number_schema(struct arena *a, const struct option *o)
{
    struct yaml_node *n = schema_read(a, "{\"type\": \"number\"}");

    if (o->min != NULL || o->kind == OPTION_UINT)
        schema_put(a, n, "minimum", o->min != NULL ? o->min : "0");
    if (o->max != NULL)
        schema_put(a, n, "maximum", o->max);
    return schema_or(a, n, o->min == NULL || strtod(o->min, NULL) <= 0);
}

static void put_bound(struct arena *a, struct yaml_node *n, const char *key, const char *bound)
{
    int64_t ns;

    if (bound != NULL && duration_parse(bound, &ns))
        schema_put(a, n, key, arena_printf(a, "%lld", (long long)ns));
}

static struct yaml_node *duration_schema(struct arena *a, const struct option *o)
{
    struct yaml_node *n = new_map(a), *any = yaml_new(a, YAML_LIST, NULL);
    struct yaml_node *ns = schema_read(a, "{\"type\": \"integer\"}");
    int64_t least = 0;

    put_bound(a, ns, "minimum", o->min);
    put_bound(a, ns, "maximum", o->max);
    yaml_push(a, any, schema_read(a, DURATION));
    yaml_push(a, any, ns);
    yaml_push(a, any, schema_read(a, WITH_VARIABLE));
    if (o->min == NULL || (duration_parse(o->min, &least) && least <= 0))
        yaml_push(a, any, schema_read(a, "{\"type\": \"null\"}"));
    yaml_put(a, n, "anyOf", 0, 0, any);
    return n;
}

/* "[Nn][Oo]": any case. Words have letters, digits, dashes and underscores alone. */
static void put_folded(struct buf *out, const char *word)
{
    for (; *word != '\0'; word++)
        if (isalpha((unsigned char)*word))
            buf_printf(out, "[%c%c]", toupper((unsigned char)*word), tolower((unsigned char)*word));
        else
            buf_putc(out, *word);
}

/* As text, and as what YAML makes of it without quotes. */
static void push_word(struct arena *a, struct yaml_node *list, const char *word, bool typed)
{
    struct yaml_node *plain = yaml_scalar(a, word, true, NULL);

    yaml_push(a, list, yaml_scalar(a, word, false, NULL));
    if (typed && word[0] != '\0' && yaml_type(plain) != YAML_STR)
        yaml_push(a, list, plain);
}

static struct yaml_node *names_schema(struct arena *a, const struct option *o)
{
    struct yaml_node *n = new_map(a), *list = yaml_new(a, YAML_LIST, NULL), *any = yaml_new(a, YAML_LIST, NULL);
    struct buf pattern = { 0 };

    buf_puts(&pattern, "^(");
    for (size_t i = 0; o->names[i] != NULL; i++) {
        push_word(a, list, o->names[i], o->kind == OPTION_ENUM || o->scalar);
        buf_puts(&pattern, i > 0 ? "|" : "");
        put_folded(&pattern, o->names[i]);
    }
    buf_puts(&pattern, ")$");
    if (o->nocase)
        put_text(a, n, "pattern", buf_cstr(&pattern));
    else
        yaml_put(a, n, "enum", 0, 0, list);
    if (o->nocase)
        put_text(a, n, "type", "string");
    buf_free(&pattern);
    yaml_push(a, any, n);
    yaml_push(a, any, schema_read(a, "{\"type\": \"null\"}"));
    yaml_push(a, any, schema_read(a, WITH_VARIABLE));
    n = new_map(a);
    yaml_put(a, n, "anyOf", 0, 0, any);
    return n;
}

/* A default that is no empty text stands in for what is required. */
static bool must_be_written(const struct option *o)
{
    return o->required && !(option_is_text(o) && o->def != NULL && o->def[0] != '\0');
}

static struct yaml_node *text_schema(struct arena *a, const struct option *o)
{
    if (o->names != NULL && o->kind == OPTION_STRING)
        return names_schema(a, o);
    if (o->required)
        return schema_read(a, o->scalar ? "{\"type\": [\"string\", \"number\", \"boolean\"], \"minLength\": 1}"
                                        : "{\"type\": \"string\", \"minLength\": 1}");
    return schema_read(a, o->scalar ? ANY_SCALAR : TEXT);
}

/* A list of such, or text that is split at commas. */
static struct yaml_node *words_schema(struct arena *a, const struct option *o)
{
    struct yaml_node *n = schema_read(a, "{\"anyOf\": [{\"type\": \"array\"}, " TEXT "]}"), *word = names_schema(a, o);

    schema_put(a, word, "not", "{\"type\": \"null\"}");
    yaml_put(a, yaml_get(n, "anyOf")->items[0], "items", 0, 0, word);
    return n;
}

static struct yaml_node *strings_schema(struct arena *a, const struct option *o)
{
    if (o->names != NULL)
        return words_schema(a, o);
    return schema_read(a, arena_printf(a,
                                       "{\"anyOf\": [{\"type\": \"array\", \"items\": %s}, %s, "
                                       "{\"type\": \"null\"}]}",
                                       o->scalar ? ANY_SCALAR : TEXT, o->scalar ? ANY_SCALAR : TEXT));
}

static struct yaml_node *map_schema(struct arena *a, const struct option *o)
{
    const char *one = o->scalar ? ANY_SCALAR : TEXT;
    const char *value =
        o->repeats ? arena_printf(a, "{\"anyOf\": [%s, {\"type\": \"array\", \"items\": %s}]}", one, one) : one;

    return schema_or(a, schema_read(a, arena_printf(a, "{\"type\": \"object\", \"additionalProperties\": %s}", value)),
                     true);
}

static struct yaml_node *headers_schema(struct arena *a, const struct option *o)
{
    const char *one = o->scalar ? "{\"type\": [\"string\", \"number\", \"boolean\"]}" : "{\"type\": \"string\"}";
    struct yaml_node *n = map_schema(a, o);
    struct yaml_node *list = schema_read(
        a, arena_printf(a,
                        "{\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": {\"name\": %s, "
                        "\"value\": %s}, \"required\": [\"name\", \"value\"], \"additionalProperties\": false}}",
                        one, one));

    yaml_push(a, n->pairs[0].value, list);
    return n;
}

static struct yaml_node *group_schema(struct arena *a, const struct option *o)
{
    bool optional = o->mode != GROUP_PLAIN;

    return schema_or(a, schema_of_rows(a, o->options, optional), optional || !schema_is_required(o->options));
}

static struct yaml_node *list_schema(struct arena *a, const struct option *o)
{
    const struct option *rows = o->options + (o->keyed ? 1 : 0);
    struct yaml_node *n = schema_read(a, o->keyed ? "{\"type\": \"object\"}" : "{\"type\": \"array\"}");

    yaml_put(a, n, o->keyed ? "additionalProperties" : "items", 0, 0,
             schema_or(a, schema_of_rows(a, rows, false), !schema_is_required(rows)));
    return schema_or(a, n, true);
}

static struct yaml_node *value_schema(struct arena *a, const struct option *o)
{
    switch (o->kind) {
    case OPTION_BOOL:
        return schema_or(a, schema_read(a, "{\"type\": \"boolean\"}"), true);
    case OPTION_UINT:
    case OPTION_INT:
    case OPTION_DOUBLE:
        return number_schema(a, o);
    case OPTION_DURATION:
        return duration_schema(a, o);
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_EXTENSION:
        return text_schema(a, o);
    case OPTION_ENUM:
        return names_schema(a, o);
    case OPTION_STRINGS:
        return strings_schema(a, o);
    case OPTION_MAP:
        return map_schema(a, o);
    case OPTION_HEADERS:
        return headers_schema(a, o);
    case OPTION_GROUP:
        return group_schema(a, o);
    case OPTION_LIST:
        return list_schema(a, o);
    case OPTION_REFUSED:
        return schema_or(a, schema_read(a, "{\"type\": \"array\", \"maxItems\": 0}"), true);
    case OPTION_NODE:
    case OPTION_IGNORED:
    case OPTION_END:
        break;
    }
    return new_map(a);
}

/* --- tables --- */

static struct yaml_node *default_node(struct arena *a, const struct option *o)
{
    if (option_is_text(o) || o->kind == OPTION_ENUM || o->kind == OPTION_DURATION)
        return yaml_scalar(a, o->def, false, NULL);
    return schema_read(a, o->def);
}

static struct yaml_node *row_schema(struct arena *a, const struct option *o)
{
    struct yaml_node *n = value_schema(a, o);

    put_text(a, n, "description",
             option_is_word(o) && o->kind == OPTION_IGNORED ? arena_printf(a, "Has no effect here: %s", o->help)
                                                            : o->help);
    if (o->def != NULL)
        yaml_put(a, n, "default", 0, 0, default_node(a, o));
    if (option_is_word(o) || o->deprecated != NULL)
        schema_put(a, n, "deprecated", "true");
    return n;
}

bool schema_is_required(const struct option *rows)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++)
        if (must_be_written(o) || (o->kind == OPTION_GROUP && o->mode == GROUP_PLAIN && schema_is_required(o->options)))
            return true;
    return false;
}

struct yaml_node *schema_of_rows(struct arena *a, const struct option *rows, bool optional)
{
    struct yaml_node *n = schema_read(a, "{\"type\": \"object\"}");
    struct yaml_node *properties = new_map(a), *required = yaml_new(a, YAML_LIST, NULL);

    if (optional)
        yaml_put(a, properties, "enabled", 0, 0, schema_or(a, schema_read(a, "{\"type\": \"boolean\"}"), false));
    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        if (!optional || strcmp(o->key, "enabled") != 0)
            yaml_put(a, properties, o->key, 0, 0, row_schema(a, o));
        if (must_be_written(o) || (o->kind == OPTION_GROUP && o->mode == GROUP_PLAIN && schema_is_required(o->options)))
            yaml_push(a, required, yaml_scalar(a, o->key, false, NULL));
    }
    yaml_put(a, n, "properties", 0, 0, properties);
    if (required->n > 0)
        yaml_put(a, n, "required", 0, 0, required);
    schema_put(a, n, "additionalProperties", "false");
    return n;
}
