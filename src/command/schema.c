/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd schema`: the whole configuration. Sections have a pattern for the ids of each component, old names included;
 * what stands behind it comes from its rows, and from rules where a component checks more (schema_rules.c). What refers
 * to something else is no matter of a schema: `otelcd validate` says it. */
#include "command/command.h"
#include "command/schema.h"

#include "base/mem.h"
#include "service/config.h"

#include <stdio.h>
#include <string.h>

/* What a name behind the / may not have: blanks, controls and these. */
#define NAME "(/[^\\\\u0000-\\\\u0020\\\\u007f$+<=>^`|~]+)?\\\\s*$\""

static const char *pattern_of(struct arena *a, const char *type)
{
    const struct yaml_node *n = schema_read(a, arena_printf(a, "\"^\\\\s*%s" NAME, type));

    return n->text;
}

static struct yaml_node *component_schema(struct arena *a, const struct component *c)
{
    static const struct option none[] = { OPT_END };
    const struct option *rows = c->options != NULL ? c->options : none;
    const char *name = arena_printf(a, "%s.%s", config_sections[c->kind], c->type);
    struct yaml_node *map = schema_of_rows(a, rows, false), *n;
    bool needed = schema_put_rules(a, name, rows, map);

    n = schema_or(a, map, !needed && !schema_is_required(rows));
    yaml_put(a, n, "description", 0, 0, yaml_scalar(a, c->summary, false, NULL));
    return n;
}

/* Each component has its schema once, in $defs, whatever it is called. */
static void put_reference(struct arena *a, struct yaml_node *patterns, const struct component *c, const char *name)
{
    const char *json = arena_printf(a, "{\"$ref\": \"#/$defs/%s.%s\"%s}", config_sections[c->kind], c->type,
                                    name != c->type ? ", \"deprecated\": true" : "");

    schema_put(a, patterns, pattern_of(a, name), json);
}

/* The old logging exporter knew its verbosity as the level of the log. */
static void put_loglevel(struct arena *a, struct yaml_node *component)
{
    struct yaml_node *map = yaml_get(component, "anyOf")->items[0], *level;

    level = schema_read(a, "{\"type\": \"string\", \"deprecated\": true, \"pattern\": "
                           "\"^([Dd][Ee][Bb][Uu][Gg]|[Ii][Nn][Ff][Oo]|[Ww][Aa][Rr][Nn]|[Ee][Rr][Rr][Oo][Rr]|"
                           "[Dd]?[Pp][Aa][Nn][Ii][Cc]|[Ff][Aa][Tt][Aa][Ll]|.*\\\\$\\\\{.*)$\"}");
    yaml_put(a, yaml_get(map, "properties"), "loglevel", 0, 0, level);
    schema_put(a, map, "not", "{\"required\": [\"loglevel\", \"verbosity\"]}");
}

static void put_component(struct arena *a, struct yaml_node *patterns, struct yaml_node *defs,
                          const struct component *c)
{
    yaml_put(a, defs, arena_printf(a, "%s.%s", config_sections[c->kind], c->type), 0, 0, component_schema(a, c));
    put_reference(a, patterns, c, c->type);
    for (const char *const *alias = c->aliases; alias != NULL && *alias != NULL; alias++) {
        struct yaml_node *n;

        if (c->kind != COMPONENT_EXPORTER || strcmp(*alias, "logging") != 0) {
            put_reference(a, patterns, c, *alias);
            continue;
        }
        n = component_schema(a, c);
        put_loglevel(a, n);
        schema_put(a, n, "deprecated", "true");
        yaml_put(a, patterns, pattern_of(a, *alias), 0, 0, n);
    }
}

/* Receivers and exporters there must be. */
static struct yaml_node *section_schema(struct arena *a, struct yaml_node *defs, enum component_kind kind)
{
    bool needed = kind == COMPONENT_RECEIVER || kind == COMPONENT_EXPORTER;
    struct yaml_node *n = schema_read(a, "{\"type\": \"object\"}"), *patterns = yaml_new(a, YAML_MAP, NULL);

    for (const struct component *const *c = component_registry; *c != NULL; c++)
        if ((*c)->kind == kind)
            put_component(a, patterns, defs, *c);
    yaml_put(a, n, "patternProperties", 0, 0, patterns);
    schema_put(a, n, "additionalProperties", "false");
    if (needed)
        schema_put(a, n, "minProperties", "1");
    return schema_or(a, n, !needed);
}

#define IDS "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1}, "
#define OR_VARIABLE ", {\"$ref\": \"#/$defs/variable\"}]}"
#define SOME_IDS "{\"anyOf\": [" IDS "\"minItems\": 1}" OR_VARIABLE

static struct yaml_node *pipelines_schema(struct arena *a)
{
    struct yaml_node *n = schema_read(a, "{\"type\": \"object\", \"minProperties\": 1}");
    struct yaml_node *patterns = yaml_new(a, YAML_MAP, NULL);

    schema_put(a, patterns, pattern_of(a, "(traces|metrics|logs|profiles)"),
               "{\"anyOf\": [{\"type\": \"object\", \"properties\": {\"receivers\": " SOME_IDS
               ", \"processors\": {\"anyOf\": [" IDS "\"uniqueItems\": true}, {\"type\": \"null\"}" OR_VARIABLE
               ", \"exporters\": " SOME_IDS
               "}, \"required\": [\"receivers\", \"exporters\"], \"additionalProperties\": false}" OR_VARIABLE);
    yaml_put(a, n, "patternProperties", 0, 0, patterns);
    schema_put(a, n, "additionalProperties", "false");
    return schema_or(a, n, false);
}

static void replace_value(struct yaml_node *map, const char *key, struct yaml_node *value)
{
    const struct yaml_pair *pair = yaml_pair(map, key);

    map->pairs[pair - map->pairs].value = value;
}

static struct yaml_node *service_schema(struct arena *a)
{
    struct yaml_node *n = schema_of_rows(a, service_options, false), *properties = yaml_get(n, "properties");

    replace_value(properties, "pipelines", pipelines_schema(a));
    replace_value(properties, "extensions",
                  schema_read(a, "{\"anyOf\": [" IDS "\"minItems\": 0}, {\"type\": \"null\"}" OR_VARIABLE));
    schema_put(a, n, "required", "[\"pipelines\"]");
    (void)schema_put_rules(a, "service", service_options, n);
    return schema_or(a, n, false);
}

static struct yaml_node *whole_schema(struct arena *a)
{
    struct yaml_node *n = schema_read(
        a, "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"Configuration of otelcd\", "
           "\"$defs\": {\"variable\": {\"type\": \"string\", \"description\": \"A value from elsewhere: ${env:NAME}, "
           "${env:NAME:-default} or ${file:PATH}.\", \"pattern\": \"^\\\\s*\\\\$\\\\{[\\\\s\\\\S]*\\\\}\\\\s*$\"}}, "
           "\"type\": \"object\", \"required\": [\"receivers\", \"exporters\", \"service\"]}");
    struct yaml_node *properties = yaml_new(a, YAML_MAP, NULL);

    schema_put_shared(a, yaml_get(n, "$defs"));
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        yaml_put(a, properties, config_sections[kind], 0, 0,
                 section_schema(a, yaml_get(n, "$defs"), (enum component_kind)kind));
    yaml_put(a, properties, "service", 0, 0, service_schema(a));
    yaml_put(a, n, "properties", 0, 0, properties);
    schema_put(a, n, "additionalProperties", "false");
    return n;
}

int command_schema(const struct arguments *arguments)
{
    struct arena a = { 0 };
    struct buf out = { 0 };

    (void)arguments;
    yaml_write(whole_schema(&a), &out, true);
    fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
    arena_free(&a);
    return 0;
}
