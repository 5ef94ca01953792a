/* SPDX-License-Identifier: Apache-2.0 */
/* A number for what a decoded struct says: each row's value is hashed by its kind, and the hashes are chained in the
 * order of the table. What the user ordered without meaning by it (the keys of a map) is added up instead, so that its
 * order does not show; locations and comments never come here. A group that is off is nothing, whatever stands in it.
 */
#include "config/decode.h"

static uint64_t of_bytes(const void *data, size_t n)
{
    return bytes_hash(bytes_of(data, n));
}

static uint64_t of_text(const char *s)
{
    return s != NULL ? of_bytes(s, strlen(s)) : 0;
}

static uint64_t chain_hashes(uint64_t before, uint64_t next)
{
    const uint64_t both[] = { before, next };

    return of_bytes(both, sizeof(both));
}

static uint64_t of_strings(const struct strings *list)
{
    uint64_t h = list->n;

    for (size_t i = 0; i < list->n; i++)
        h = chain_hashes(h, of_text(list->v[i]));
    return h;
}

static uint64_t of_map(const struct string_map *map)
{
    uint64_t sum = map->n;

    for (size_t i = 0; i < map->n; i++)
        sum += chain_hashes(of_text(map->v[i].key), of_text(map->v[i].value));
    return sum;
}

static uint64_t of_node(const struct yaml_node *n)
{
    uint64_t h = n != NULL ? chain_hashes(n->kind, n->n) : 0;

    if (n == NULL)
        return h;
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        h = chain_hashes(h, of_node(n->items[i]));
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        h += chain_hashes(of_text(n->pairs[i].key), of_node(n->pairs[i].value));
    if (n->kind == YAML_SCALAR)
        h = chain_hashes(chain_hashes(yaml_type(n), of_text(n->text)), of_text(n->original));
    return h;
}

static uint64_t of_list(const struct option *o, const struct option_list *list)
{
    uint64_t h = list->n;

    for (size_t i = 0; i < list->n; i++)
        h = chain_hashes(h, fingerprint_struct(o->options, (const char *)list->v + i * o->size));
    return h;
}

static uint64_t of_value(const struct option *o, const void *field)
{
    switch (o->kind) {
    case OPTION_BOOL:
        return *(const bool *)field;
    case OPTION_ENUM:
        return (uint64_t) * (const int *)field;
    case OPTION_UINT:
    case OPTION_INT:
    case OPTION_DOUBLE:
    case OPTION_DURATION:
        return of_bytes(field, sizeof(uint64_t));
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_EXTENSION:
        return of_text(*(const char *const *)field);
    case OPTION_STRINGS:
        return of_strings(field);
    case OPTION_MAP:
    case OPTION_HEADERS:
        return of_map(field);
    case OPTION_GROUP:
        return o->mode == GROUP_PLAIN || *(const bool *)field ? fingerprint_struct(o->options, field) : 0;
    case OPTION_LIST:
        return of_list(o, field);
    case OPTION_NODE:
        return of_node(*(const struct yaml_node *const *)field);
    case OPTION_IGNORED:
    case OPTION_REFUSED:
    case OPTION_END:
        break;
    }
    return 0;
}

uint64_t fingerprint_struct(const struct option *rows, const void *in)
{
    uint64_t h = 1; /* a group that is on and has no rows is not one that is off */

    for (const struct option *o = rows; o->kind != OPTION_END; o++)
        h = chain_hashes(h, of_value(o, (const char *)in + o->offset));
    return h;
}
