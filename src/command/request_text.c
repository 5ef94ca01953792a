/* SPDX-License-Identifier: Apache-2.0 */
/* A tree is written out as JSON, with short forms made long on the way, and JSON is read as the receiver reads it: so a
 * mistake has the same words. */
#include "command/request_text.h"

#include "codec/json_scan.h"
#include "otlp/json.h"

#include <string.h>
#include <uv.h>

static const char *const first_keys[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = "resourceSpans",
    [SIGNAL_METRICS] = "resourceMetrics",
    [SIGNAL_LOGS] = "resourceLogs",
    [SIGNAL_PROFILES] = "resourceProfiles",
};

static enum signal signal_of_key(struct bytes key)
{
    unsigned s = 0;

    while (s < SIGNAL_COUNT && !bytes_is(key, first_keys[s]))
        s++;
    return (enum signal)s;
}

static bool complain_signal(struct error *err)
{
    error_set(err, UV_EINVAL,
              "a request begins with resourceSpans, resourceMetrics, resourceLogs or resourceProfiles, by which its "
              "signal is known");
    return false;
}

/* Of profiles the dictionary may come first. */
static enum signal find_signal(struct bytes json)
{
    struct json_scan s = { .p = json.data, .end = bytes_end(json) };
    enum signal found = SIGNAL_COUNT;
    struct bytes key;

    if (json.len > 0 && json_expect(&s, '{', ""))
        while (found == SIGNAL_COUNT && json_peek(&s) == '"' && json_string(&s, &key)) {
            found = signal_of_key(key);
            if (!json_expect(&s, ':', "") || json_peek(&s) == 0 || !json_skip(&s) || json_peek(&s) != ',')
                break;
            s.p++;
        }
    buf_free(&s.scratch);
    return found;
}

static bool read_signal(enum signal signal, struct bytes json, struct buf *wire, struct error *err)
{
    struct text_repairs repairs = { 0 };

    return json_request_to_wire(signal_table[signal].request, json, REQUEST_MAX, wire, &repairs, err) == 0;
}

bool request_read(struct bytes json, enum signal *signal, struct buf *wire, struct error *err)
{
    *signal = find_signal(json);
    return *signal == SIGNAL_COUNT ? complain_signal(err) : read_signal(*signal, json, wire, err);
}

void text_put_json(struct buf *out, const char *text)
{
    const struct yaml_node n = { .kind = YAML_SCALAR, .text = text };

    yaml_write(&n, out, true);
    out->len--; /* the line's end */
}

/* ---- trees ---- */

static void put_value(struct buf *out, const struct yaml_node *n);

static void put_string(struct buf *out, const char *s)
{
    text_put_json(out, s);
}

static void put_scalar(struct buf *out, const struct yaml_node *n)
{
    int64_t integer;
    uint64_t natural;
    bool boolean;

    switch (yaml_type(n)) {
    case YAML_INT:
        if (yaml_int(n, &integer))
            buf_printf(out, "%lld", (long long)integer);
        else if (yaml_uint(n, &natural))
            buf_printf(out, "%llu", (unsigned long long)natural);
        else
            put_string(out, n->text);
        break;
    case YAML_BOOL:
        buf_puts(out, yaml_bool(n, &boolean) && boolean ? "true" : "false");
        break;
    case YAML_NIL:
        buf_puts(out, "null");
        break;
    default: /* of floats the digits as they are written */
        put_string(out, n->text);
    }
}

static bool is_any_value(const struct yaml_node *n)
{
    static const char *const keys[] = { "stringValue", "boolValue",   "intValue",   "doubleValue",
                                        "arrayValue",  "kvlistValue", "bytesValue", NULL };

    if (n->kind != YAML_MAP || n->n != 1)
        return false;
    for (size_t i = 0; keys[i] != NULL; i++)
        if (strcmp(n->pairs[0].key, keys[i]) == 0)
            return true;
    return false;
}

static void put_any(struct buf *out, const struct yaml_node *n);

static void put_pairs(struct buf *out, const struct yaml_node *map)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < map->n; i++) {
        buf_puts(out, i == 0 ? "{\"key\":" : ",{\"key\":");
        put_string(out, map->pairs[i].key);
        buf_puts(out, ",\"value\":");
        put_any(out, map->pairs[i].value);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void put_any_scalar(struct buf *out, const struct yaml_node *n)
{
    switch (yaml_type(n)) {
    case YAML_INT:
        buf_puts(out, "{\"intValue\":");
        put_scalar(out, n);
        break;
    case YAML_BOOL:
        buf_puts(out, "{\"boolValue\":");
        put_scalar(out, n);
        break;
    case YAML_FLOAT:
        buf_puts(out, "{\"doubleValue\":");
        put_string(out, n->text);
        break;
    case YAML_NIL:
        buf_putc(out, '{');
        break;
    default:
        buf_puts(out, "{\"stringValue\":");
        put_string(out, n->text);
    }
    buf_putc(out, '}');
}

static void put_list(struct buf *out, const struct yaml_node *list,
                     void (*put)(struct buf *out, const struct yaml_node *item))
{
    buf_putc(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put(out, list->items[i]);
    }
    buf_putc(out, ']');
}

static void put_any(struct buf *out, const struct yaml_node *n)
{
    if (is_any_value(n)) {
        put_value(out, n);
    } else if (n->kind == YAML_MAP) {
        buf_puts(out, "{\"kvlistValue\":{\"values\":");
        put_pairs(out, n);
        buf_puts(out, "}}");
    } else if (n->kind == YAML_LIST) {
        buf_puts(out, "{\"arrayValue\":{\"values\":");
        put_list(out, n, put_any);
        buf_puts(out, "}}");
    } else {
        put_any_scalar(out, n);
    }
}

static bool is_attributes(const char *key)
{
    return strcmp(key, "attributes") == 0 || strcmp(key, "filteredAttributes") == 0 || strcmp(key, "metadata") == 0;
}

/* {key: ..., value: ...} and a log record's body. */
static bool holds_any(const struct yaml_node *map, const char *key)
{
    return strcmp(key, "body") == 0 || (strcmp(key, "value") == 0 && yaml_get(map, "key") != NULL);
}

static void put_map(struct buf *out, const struct yaml_node *map)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_pair *p = &map->pairs[i];

        if (i > 0)
            buf_putc(out, ',');
        put_string(out, p->key);
        buf_putc(out, ':');
        if (is_attributes(p->key) && p->value->kind == YAML_MAP)
            put_pairs(out, p->value);
        else if (holds_any(map, p->key))
            put_any(out, p->value);
        else
            put_value(out, p->value);
    }
    buf_putc(out, '}');
}

static void put_value(struct buf *out, const struct yaml_node *n)
{
    if (n->kind == YAML_MAP) {
        put_map(out, n);
    } else if (n->kind == YAML_LIST) {
        put_list(out, n, put_value);
    } else {
        put_scalar(out, n);
    }
}

/* The location in the JSON that was made for it means nothing to who wrote YAML: what stands behind it does. */
static void forget_location(struct error *err)
{
    const char *at = strstr(err->text, "line 1 column ");
    const char *behind = at == err->text ? strchr(at, ':') : NULL;

    if (behind != NULL)
        memmove(err->text, behind + 2, strlen(behind + 2) + 1);
}

static bool read_made(enum signal signal, struct buf *json, struct buf *wire, struct error *err)
{
    bool ok = read_signal(signal, buf_bytes(json), wire, err);

    if (!ok)
        forget_location(err);
    buf_free(json);
    return ok;
}

bool request_from_tree(const struct yaml_node *tree, enum signal *signal, struct buf *wire, struct error *err)
{
    struct buf json = { 0 };

    *signal = SIGNAL_COUNT;
    for (size_t i = 0; tree->kind == YAML_MAP && i < tree->n && *signal == SIGNAL_COUNT; i++)
        *signal = signal_of_key(bytes_str(tree->pairs[i].key));
    if (*signal == SIGNAL_COUNT)
        return complain_signal(err);
    put_value(&json, tree);
    return read_made(*signal, &json, wire, err);
}

bool request_from_items(enum signal signal, const struct yaml_node *items, const struct yaml_node *resource,
                        struct buf *wire, struct error *err)
{
    static const char *const scopes[SIGNAL_COUNT] = {
        [SIGNAL_TRACES] = "scopeSpans", [SIGNAL_METRICS] = "scopeMetrics", [SIGNAL_LOGS] = "scopeLogs"
    };
    static const char *const keys[SIGNAL_COUNT] = {
        [SIGNAL_TRACES] = "spans", [SIGNAL_METRICS] = "metrics", [SIGNAL_LOGS] = "logRecords"
    };
    struct buf json = { 0 };

    if (items->kind != YAML_LIST || (resource != NULL && resource->kind != YAML_MAP)) {
        error_set(err, UV_EINVAL,
                  items->kind != YAML_LIST ? "the items are a list" : "the resource is a map of attributes");
        return false;
    }
    buf_printf(&json, "{\"%s\":[{", first_keys[signal]);
    if (resource != NULL) {
        buf_puts(&json, "\"resource\":{\"attributes\":");
        put_pairs(&json, resource);
        buf_puts(&json, "},");
    }
    buf_printf(&json, "\"%s\":[{\"%s\":", scopes[signal], keys[signal]);
    put_value(&json, items);
    buf_puts(&json, "}]}]}");
    return read_made(signal, &json, wire, err);
}
