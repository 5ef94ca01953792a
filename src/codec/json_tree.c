/* SPDX-License-Identifier: Apache-2.0 */
/* Values are read one into another; what is not kept is skipped by the scanner, without a node. What is deeper, or has
 * more values, than the rules allow is a fault like any other. */
#include "codec/json_tree.h"

#include <uv.h>

struct reading {
    struct json_scan *s;
    struct arena *a;
    const struct json_tree_rules *rules;
    size_t n;
};

static struct json_node *read_value(struct reading *r, struct bytes parent, unsigned depth);

static struct bytes keep_text(struct reading *r, struct bytes text)
{
    char *copy = arena_alloc_bytes(r->a, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return bytes_of(copy, text.len);
}

/* Before an item or the end, behind what was before. False: neither, or the end. */
static bool next_item(struct json_scan *s, uint8_t end, const struct json_node *last, bool *good)
{
    uint8_t c = json_peek(s);

    *good = true;
    if (c == end) {
        s->p++;
        return false;
    }
    if (last != NULL)
        *good = json_expect(s, ',', "a comma or the end of the list");
    return *good;
}

static void add_child(struct json_node *of, struct json_node **last, struct json_node *child)
{
    if (*last == NULL)
        of->first = child;
    else
        (*last)->next = child;
    *last = child;
    of->n++;
}

static bool read_items(struct reading *r, struct json_node *of, struct bytes parent, unsigned depth)
{
    struct json_node *last = NULL;
    bool good;

    r->s->p++;
    while (next_item(r->s, ']', last, &good)) {
        struct json_node *child = read_value(r, parent, depth + 1);

        if (child == NULL)
            return false;
        add_child(of, &last, child);
    }
    return good;
}

static bool read_key(struct reading *r, struct bytes *key)
{
    struct json_scan *s = r->s;

    if (json_peek(s) != '"') {
        s->fault = "a member's name";
        return false;
    }
    return json_string(s, key);
}

static bool read_members(struct reading *r, struct json_node *of, struct bytes parent, unsigned depth)
{
    struct json_scan *s = r->s;
    struct json_node *last = NULL;
    bool any = false, good;

    s->p++;
    while (next_item(s, '}', any ? of : NULL, &good)) {
        struct json_node *child;
        struct bytes key;

        if (!read_key(r, &key))
            return false;
        any = true;
        if (r->rules->keep != NULL && !r->rules->keep(parent, key)) {
            if (!json_expect(s, ':', "a colon") || !json_skip(s))
                return false;
            continue;
        }
        key = keep_text(r, key);
        if (!json_expect(s, ':', "a colon") || (child = read_value(r, key, depth + 1)) == NULL)
            return false;
        child->key = key;
        add_child(of, &last, child);
    }
    return good;
}

static bool read_scalar(struct reading *r, struct json_node *n)
{
    struct json_scan *s = r->s;
    uint8_t c = json_peek(s);

    if (c == '"') {
        n->kind = JSON_STRING;
        return json_string(s, &n->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        n->kind = JSON_NUMBER;
        return json_number(s, &n->text);
    }
    if (c == 'n')
        return json_literal(s, "null");
    n->kind = JSON_BOOL;
    n->text = bytes_str(c == 't' ? "true" : "false");
    if (c != 't' && c != 'f') {
        s->fault = "a value";
        return false;
    }
    return json_literal(s, c == 't' ? "true" : "false");
}

static struct json_node *read_value(struct reading *r, struct bytes parent, unsigned depth)
{
    uint8_t c = json_peek(r->s);
    struct json_node *n;

    if (r->n++ == r->rules->max_nodes || ((c == '[' || c == '{') && depth == r->rules->max_depth)) {
        r->s->fault = depth == r->rules->max_depth ? "lists and objects that are not so deep" : "fewer values";
        return NULL;
    }
    if (r->rules->max_memory > 0 && r->a->total > r->rules->max_memory) {
        r->s->fault = "less to keep";
        return NULL;
    }
    n = arena_zalloc(r->a, sizeof(*n));
    if (c == '[' || c == '{') {
        n->kind = c == '[' ? JSON_LIST : JSON_OBJECT;
        return (c == '[' ? read_items(r, n, parent, depth) : read_members(r, n, parent, depth)) ? n : NULL;
    }
    if (!read_scalar(r, n))
        return NULL;
    n->text = keep_text(r, n->text);
    return n;
}

struct json_node *json_tree_read(struct json_scan *s, struct arena *a, const struct json_tree_rules *rules)
{
    struct reading r = { s, a, rules, 0 };

    return read_value(&r, bytes_of("", 0), 0);
}

struct json_node *json_tree_parse(struct bytes text, struct arena *a, const struct json_tree_rules *rules,
                                  struct error *err)
{
    struct json_scan s = { .p = text.data, .end = bytes_end(text) };
    struct json_node *n = json_tree_read(&s, a, rules);

    if (n != NULL && !json_is_over(&s)) {
        s.fault = "nothing behind the value";
        n = NULL;
    }
    if (n == NULL)
        error_set(err, UV_EINVAL, "at byte %zu: expected %s", (size_t)(s.p - text.data), s.fault);
    buf_free(&s.scratch);
    return n;
}

/* ---- looking ---- */

static const struct json_node *find_member(const struct json_node *n, struct bytes key)
{
    const struct json_node *found = NULL;

    if (n == NULL || n->kind != JSON_OBJECT)
        return NULL;
    json_each (child, n)
        if (bytes_equal(child->key, key))
            found = child;
    return found;
}

const struct json_node *json_at(const struct json_node *n, const char *path)
{
    while (n != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        n = find_member(n, bytes_of(path, len));
        path += len + (path[len] == '.');
    }
    return n;
}

struct bytes json_text_at(const struct json_node *n, const char *path)
{
    n = json_at(n, path);
    return n != NULL && n->kind != JSON_NULL && n->kind < JSON_LIST ? n->text : bytes_of("", 0);
}

bool json_true_at(const struct json_node *n, const char *path)
{
    n = json_at(n, path);
    return n != NULL && n->kind == JSON_BOOL && bytes_is(n->text, "true");
}

bool json_node_refuse(const struct json_node *n, const char *what, struct error *err)
{
    error_set(err, UV_EINVAL, "%.*s: \"%.*s\" is not %s", (int)(n->key.len < 40 ? n->key.len : 40),
              (const char *)n->key.data, (int)(n->text.len < 80 ? n->text.len : 80), (const char *)n->text.data, what);
    return false;
}
