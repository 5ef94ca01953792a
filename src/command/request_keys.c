/* SPDX-License-Identifier: Apache-2.0 */
/* The tree is walked with the types of the messages that stand there (otlp/json_type.h). Where a short form stands for
 * attributes or a value, keys are the user's own. */
#include "command/request_keys.h"

#include "otlp/fields.h"
#include "otlp/json_type.h"

#include <string.h>

static void check_map(const struct json_type *type, const struct yaml_node *map, const struct key_complaint *to);

static void complain_of_key(const struct json_type *type, const struct yaml_node *map, const struct yaml_pair *pair,
                            const struct key_complaint *to)
{
    char texts[JSON_FIELDS_MAX][48];
    const char *names[JSON_FIELDS_MAX + 1];
    size_t n = 0;

    for (unsigned i = 0; i < type->pb->n_fields && n < JSON_FIELDS_MAX; i++) {
        const struct json_field *f = &type->fields[i];

        snprintf(texts[n], sizeof(texts[n]), "%.*s", (int)f->name.len, (const char *)f->name.data);
        names[n] = texts[n];
        n++;
    }
    names[n] = NULL;
    to->tell(to->arg, map, pair, nearest_of(pair->key, names));
}

static void check_value(const struct json_field *f, const struct yaml_node *value, const struct key_complaint *to)
{
    if (value->kind == YAML_MAP && !f->repeated && strcmp(f->type->pb->short_name, "AnyValue") != 0)
        check_map(f->type, value, to);
    for (size_t i = 0; value->kind == YAML_LIST && f->repeated && i < value->n; i++)
        if (value->items[i]->kind == YAML_MAP && strcmp(f->type->pb->short_name, "AnyValue") != 0)
            check_map(f->type, value->items[i], to);
}

static void check_map(const struct json_type *type, const struct yaml_node *map, const struct key_complaint *to)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_pair *pair = &map->pairs[i];
        const struct json_field *f = json_field_by_name(type, bytes_str(pair->key));

        if (f == NULL)
            complain_of_key(type, map, pair, to);
        else if (f->type != NULL)
            check_value(f, pair->value, to);
    }
}

void request_keys_check(enum signal signal, const struct yaml_node *request, const struct key_complaint *to)
{
    if (request->kind == YAML_MAP)
        check_map(json_type_of(signal_table[signal].request), request, to);
}

void request_keys_check_item(enum signal signal, const struct yaml_node *item, const struct key_complaint *to)
{
    const struct json_type *groups =
        json_field_by_number(json_type_of(signal_table[signal].request), OTLP_REQUEST_RESOURCES)->type;
    const struct json_type *scopes = json_field_by_number(groups, OTLP_RESOURCE_GROUP_SCOPES)->type;

    if (item->kind == YAML_MAP)
        check_map(json_field_by_number(scopes, OTLP_SCOPE_GROUP_ITEMS)->type, item, to);
}
