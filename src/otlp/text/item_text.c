/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is cut into requests of one item (otlp/batch.h), so that each has its own resource, scope and metric; the
 * JSON of each is read as a tree, which is brought into the readable form and written as YAML.
 *
 * A tree of more nodes than the reader of YAML takes cannot be shown. */
#include "otlp/text/item_text.h"

#include "base/log.h"
#include "otlp/json.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const struct {
    const char *resources, *scopes, *items, *item;
} keys[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = { "resourceSpans", "scopeSpans", "spans", "span" },
    [SIGNAL_METRICS] = { "resourceMetrics", "scopeMetrics", "metrics", "metric" },
    [SIGNAL_LOGS] = { "resourceLogs", "scopeLogs", "logRecords", "log" },
    [SIGNAL_PROFILES] = { "resourceProfiles", "scopeProfiles", "profiles", "profiles" },
};

/* ---- the readable form ---- */

static struct yaml_node *simplify_node(struct arena *a, struct yaml_node *n);

static int by_key(const void *pa, const void *pb)
{
    return strcmp(((const struct yaml_pair *)pa)->key, ((const struct yaml_pair *)pb)->key);
}

static struct yaml_node *simplify_pairs(struct arena *a, struct yaml_node *list);

/* An AnyValue: one that is there and empty is as one that is not there. */
static struct yaml_node *simplify_value(struct arena *a, struct yaml_node *n, const struct yaml_node *at)
{
    if (n == NULL || (n->kind == YAML_MAP && n->n == 0))
        return yaml_new(a, YAML_NULL, at);
    return simplify_node(a, n);
}

static struct yaml_node *simplify_list(struct arena *a, struct yaml_node *list)
{
    for (size_t i = 0; list != NULL && list->kind == YAML_LIST && i < list->n; i++)
        list->items[i] = simplify_node(a, list->items[i]);
    return list;
}

static struct yaml_node *plain_node(struct arena *a, const char *text, const struct yaml_node *at)
{
    return yaml_scalar(a, text, true, at);
}

/* A double never looks like an int or a string. */
static struct yaml_node *simplify_double(struct arena *a, struct yaml_node *n)
{
    bool whole = n->text[strspn(n->text, "-0123456789")] == '\0';

    if (strcmp(n->text, "NaN") == 0)
        return plain_node(a, ".nan", n);
    if (strcmp(n->text, "Infinity") == 0 || strcmp(n->text, "-Infinity") == 0)
        return plain_node(a, n->text[0] == '-' ? "-.inf" : ".inf", n);
    return plain_node(a, whole ? arena_printf(a, "%s.0", n->text) : n->text, n);
}

static struct yaml_node *simplify_bytes(struct yaml_node *n)
{
    n->comment = "bytes";
    return n;
}

static struct yaml_node *simplify_array(struct arena *a, struct yaml_node *values, const struct yaml_node *at)
{
    if (values == NULL)
        return yaml_new(a, YAML_LIST, at);
    for (size_t i = 0; i < values->n; i++)
        values->items[i] = simplify_value(a, values->items[i], at);
    return values;
}

/* The member of an AnyValue. */
static struct yaml_node *simplify_any(struct arena *a, const char *which, struct yaml_node *v)
{
    struct yaml_node *values = yaml_get(v, "values");

    if (strcmp(which, "intValue") == 0)
        return plain_node(a, v->text, v);
    if (strcmp(which, "doubleValue") == 0)
        return simplify_double(a, v);
    if (strcmp(which, "bytesValue") == 0)
        return simplify_bytes(v);
    if (strcmp(which, "arrayValue") == 0)
        return simplify_array(a, values, v);
    if (strcmp(which, "kvlistValue") == 0)
        return values != NULL ? simplify_pairs(a, values) : yaml_new(a, YAML_MAP, v);
    return v;
}

static bool is_any(const struct yaml_node *n)
{
    size_t len = n->kind == YAML_MAP && n->n == 1 ? strlen(n->pairs[0].key) : 0;

    return len > 5 && strcmp(n->pairs[0].key + len - 5, "Value") == 0;
}

static bool is_pairs(const struct yaml_node *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (yaml_get(list->items[i], "key") == NULL)
            return false;
    return list->n > 0;
}

/* Of a list of {key, value}. Keys that come twice stay twice. */
static struct yaml_node *simplify_pairs(struct arena *a, struct yaml_node *list)
{
    struct yaml_node *map = yaml_new(a, YAML_MAP, list);

    for (size_t i = 0; i < list->n; i++) {
        struct yaml_node *key = yaml_get(list->items[i], "key"), *value = yaml_get(list->items[i], "value");

        yaml_put(a, map, key != NULL ? key->text : "", 0, 0, simplify_value(a, value, list));
    }
    if (map->n > 1)
        qsort(map->pairs, map->n, sizeof(*map->pairs), by_key);
    return map;
}

/* A message. */
static struct yaml_node *simplify_map(struct arena *a, struct yaml_node *map)
{
    size_t n = 0;

    for (size_t i = 0; i < map->n; i++) {
        struct yaml_pair pair = map->pairs[i];

        if (strcmp(pair.key, "body") == 0 && pair.value->kind == YAML_MAP && pair.value->n == 0)
            continue;
        pair.value = simplify_node(a, pair.value);
        map->pairs[n++] = pair;
    }
    map->n = n;
    return map;
}

static struct yaml_node *simplify_node(struct arena *a, struct yaml_node *n)
{
    if (is_any(n))
        return simplify_any(a, n->pairs[0].key, n->pairs[0].value);
    if (n->kind == YAML_LIST && is_pairs(n))
        return simplify_pairs(a, n);
    if (n->kind == YAML_LIST)
        return simplify_list(a, n);
    return n->kind == YAML_MAP ? simplify_map(a, n) : n;
}

/* ---- an item ---- */

static void move_key(struct arena *a, struct yaml_node *to, const char *key, struct yaml_node *from, const char *old)
{
    struct yaml_node *n = yaml_get(from, old);

    if (n != NULL)
        yaml_put(a, to, key, 0, 0, n);
}

static struct yaml_node *first_of(struct yaml_node *map, const char *key)
{
    struct yaml_node *list = yaml_get(map, key);

    return list != NULL && list->kind == YAML_LIST && list->n > 0 ? list->items[0] : NULL;
}

/* {resource, scope, span} of a request of one item. */
static struct yaml_node *flatten_request(struct arena *a, enum signal signal, struct yaml_node *request)
{
    struct yaml_node *resource = first_of(request, keys[signal].resources);
    struct yaml_node *scope = first_of(resource, keys[signal].scopes);
    struct yaml_node *flat = yaml_new(a, YAML_MAP, request);

    if (signal == SIGNAL_PROFILES)
        return request;
    move_key(a, flat, "resource", resource, "resource");
    move_key(a, flat, "resourceSchemaUrl", resource, "schemaUrl");
    move_key(a, flat, "scope", scope, "scope");
    move_key(a, flat, "scopeSchemaUrl", scope, "schemaUrl");
    if (first_of(scope, keys[signal].items) != NULL)
        yaml_put(a, flat, keys[signal].item, 0, 0, first_of(scope, keys[signal].items));
    return flat;
}

/* The character at `i`, where YAML does not take it as it is (DEL, C1, a byte order mark, U+FFFE and U+FFFF); 0: it
 * does. */
static unsigned refused_at(const struct buf *json, size_t i, size_t *len)
{
    const uint8_t *p = json->data + i;
    size_t left = json->len - i;

    *len = 1;
    if (p[0] == 0x7f)
        return p[0];
    *len = 2;
    if (left >= 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return p[1];
    *len = 3;
    if (left < 3 || p[0] != 0xef)
        return 0;
    return p[1] == 0xbb && p[2] == 0xbf ? 0xfeff : p[1] == 0xbf && p[2] >= 0xbe ? 0xff40u + p[2] : 0;
}

/* Trees have texts that end at a NUL: one within a text is shown as its escape. What YAML refuses becomes one, which is
 * the same in JSON. */
static void escape_refused(const struct buf *json, struct buf *out)
{
    static const char nul[] = "\\u0000";
    size_t len;

    out->len = 0;
    for (size_t i = 0; i < json->len; i++) {
        bool escape = json->data[i] == '\\' && i + 1 < json->len;
        unsigned refused = refused_at(json, i, &len);

        if (refused != 0) {
            buf_printf(out, "\\u%04x", refused);
            i += len - 1;
            continue;
        }
        if (escape && json->len - i >= sizeof(nul) - 1 && memcmp(json->data + i, nul, sizeof(nul) - 1) == 0)
            buf_putc(out, '\\');
        buf_putc(out, (char)json->data[i]);
        if (escape)
            buf_putc(out, (char)json->data[++i]);
    }
}

static bool add_one(struct item_texts *t, const struct batch *one, struct error *err)
{
    struct buf wire = { 0 }, json = { 0 };
    struct faults faults = { 0 };
    struct arena arena = { 0 };
    struct yaml_node *tree;
    bool ok;

    for (uint32_t i = 0; i < one->n_segments; i++)
        buf_append(&wire, one->segments[i].data, one->segments[i].len);
    wire_to_json(signal_table[one->signal].request, buf_bytes(&wire), &json, NULL);
    escape_refused(&json, &wire);
    tree = yaml_read(&arena, buf_bytes(&wire), "", 1, 1, &faults);
    ok = tree != NULL && faults.n_errors == 0;
    if (ok) {
        json.len = 0;
        tree = simplify_node(&arena, flatten_request(&arena, one->signal, tree));
        yaml_write(tree, &json, false);
        *vec_push(&t->v) = arena_strndup(&t->arena, json.data, json.len);
    } else {
        error_set(err, UV_EINVAL, "an item cannot be shown: %s", faults.list.n > 0 ? faults.list.v[0].text : "no tree");
    }
    buf_free(&wire);
    buf_free(&json);
    faults_free(&faults);
    arena_free(&arena);
    return ok;
}

bool item_texts_add(struct item_texts *t, struct batch *b, struct budget *budget, struct error *err)
{
    batch_parts parts = { 0 };
    bool ok = true;

    if (b->items > 0)
        batch_cut(b, 1, budget, &parts);
    for (size_t i = 0; i < parts.n; i++) {
        ok = ok && add_one(t, parts.v[i], err);
        batch_unref(parts.v[i]);
    }
    vec_free(&parts);
    return ok;
}

void item_text_print(const char *text, const char *before, struct buf *out)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        buf_puts(out, before);
        log_put_visible(out, bytes_of(text, len));
        buf_putc(out, '\n');
        text += len + (text[len] == '\n');
    }
}

void item_texts_free(struct item_texts *t)
{
    vec_free(&t->v);
    arena_free(&t->arena);
}
