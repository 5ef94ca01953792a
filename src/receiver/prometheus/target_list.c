/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of groups, `[{targets: [a:1, b:2], labels: {x: y}}]`, as configurations, files and servers have them. JSON is
 * read token by token, YAML as a tree. A list with a fault in it is none: what was known before it stays. */
#include "codec/json_scan.h"
#include "codec/utf8.h"
#include "config/yaml.h"
#include "receiver/prometheus/discovery.h"

#include <stdio.h>
#include <stdlib.h>

#define ADDRESS "__address__"

struct group {
    VEC(char *) targets;
    struct label_set labels;
};

static void empty_group(struct group *g)
{
    for (size_t i = 0; i < g->targets.n; i++)
        free(g->targets.v[i]);
    vec_free(&g->targets);
    label_set_free(&g->labels);
}

static struct bytes keep_text(struct target_list *l, struct bytes text)
{
    return bytes_of(arena_strndup(&l->memory, text.data, text.len), text.len);
}

/* Is there room for the group's targets? */
static bool has_room(const struct group *g, const struct target_list *out, struct error *err)
{
    if (out->targets.n + g->targets.n > DISCOVERY_MAX_TARGETS)
        error_set(err, UV_E2BIG, "there are more than %u targets", DISCOVERY_MAX_TARGETS);
    else if (out->n_pairs + g->targets.n * (g->labels.list.n + 2) > DISCOVERY_MAX_PAIRS)
        error_set(err, UV_E2BIG, "the targets have more than %u labels together", DISCOVERY_MAX_PAIRS);
    else
        return true;
    return false;
}

static bool has_labels_left(const struct group *g, struct error *err)
{
    if (g->labels.list.n < DISCOVERY_MAX_LABELS)
        return true;
    error_set(err, UV_E2BIG, "a group has more than %u labels", DISCOVERY_MAX_LABELS);
    return false;
}

/* The labels are kept once for all of the group's targets. False and `err`: there are too many. */
static bool add_targets(const struct group *g, const char *meta, const char *value, struct target_list *out,
                        struct error *err)
{
    struct label_set common = { 0 };

    if (!has_room(g, out, err))
        return false;
    for (size_t k = 0; k < g->labels.list.n; k++)
        label_set_put(&common, keep_text(out, g->labels.list.v[k].name), keep_text(out, g->labels.list.v[k].value));
    if (meta != NULL)
        label_set_put(&common, bytes_str(meta), keep_text(out, bytes_str(value)));
    for (size_t i = 0; i < g->targets.n; i++) {
        label_set_put(&common, bytes_str(ADDRESS), keep_text(out, bytes_str(g->targets.v[i])));
        target_list_add(out, &common);
    }
    label_set_free(&common);
    return true;
}

void target_list_static(const struct option_list *groups, struct target_list *out)
{
    const struct static_config *c = groups->v;

    for (size_t i = 0; i < groups->n; i++) {
        struct group g = { 0 };

        for (size_t k = 0; k < c[i].labels.n; k++)
            label_set_put(&g.labels, bytes_str(c[i].labels.v[k].key), bytes_str(c[i].labels.v[k].value));
        for (size_t k = 0; k < c[i].targets.n; k++)
            *vec_push(&g.targets) = mem_strdup(c[i].targets.v[k]);
        (void)add_targets(&g, NULL, NULL, out, NULL);
        empty_group(&g);
    }
}

/* ---- JSON ---- */

static bool next_item(struct json_scan *s, uint8_t end, bool *first, bool *more)
{
    *more = json_peek(s) != end;
    if (!*more)
        return json_expect(s, end, "a bracket");
    if (!*first && !json_expect(s, ',', "a comma"))
        return false;
    *first = false;
    return true;
}

static bool json_text(struct json_scan *s, struct bytes *text)
{
    if (json_peek(s) != '"') {
        s->fault = "a string";
        return false;
    }
    return json_string(s, text);
}

static bool read_json_targets(struct json_scan *s, struct group *g)
{
    bool first = true, more;
    struct bytes text;

    if (!json_expect(s, '[', "a list of targets"))
        return false;
    while (next_item(s, ']', &first, &more)) {
        if (!more)
            return true;
        if (g->targets.n == DISCOVERY_MAX_TARGETS)
            s->fault = "no more than 100000 targets";
        if (g->targets.n == DISCOVERY_MAX_TARGETS || !json_text(s, &text))
            return false;
        *vec_push(&g->targets) = bytes_dup(text);
    }
    return false;
}

static bool read_json_labels(struct json_scan *s, struct group *g, struct error *err)
{
    bool first = true, more, good;
    struct bytes text;

    if (!json_expect(s, '{', "a map of labels"))
        return false;
    while (next_item(s, '}', &first, &more)) {
        char *name;

        if (!more)
            return true;
        if (!json_text(s, &text) || !has_labels_left(g, err))
            return false;
        name = bytes_dup(text);
        good = json_expect(s, ':', "a colon") && json_text(s, &text);
        if (good && name[0] != '\0')
            label_set_copy(&g->labels, bytes_str(name), text);
        free(name);
        if (!good)
            return false;
    }
    return false;
}

static bool read_json_group(struct json_scan *s, struct group *g, struct error *err)
{
    bool first = true, more;
    struct bytes key;

    if (!json_expect(s, '{', "a group: {\"targets\": [...], \"labels\": {...}}"))
        return false;
    while (next_item(s, '}', &first, &more)) {
        bool targets, labels;

        if (!more)
            return true;
        if (!json_text(s, &key))
            return false;
        targets = bytes_is(key, "targets");
        labels = bytes_is(key, "labels");
        if (!json_expect(s, ':', "a colon"))
            return false;
        if (json_peek(s) == 'n' ? !json_literal(s, "null")
            : targets           ? !read_json_targets(s, g)
            : labels            ? !read_json_labels(s, g, err)
                                : (s->fault = "one of the keys targets and labels", true))
            return false;
    }
    return false;
}

static bool read_json(struct bytes text, const char *meta, const char *value, struct target_list *out,
                      struct error *err)
{
    struct json_scan s = { .p = text.data, .end = text.data + text.len };
    bool first = true, more = true, good = json_expect(&s, '[', "a list of groups");

    err->code = 0;
    while (good && (good = next_item(&s, ']', &first, &more)) && more) {
        struct group g = { 0 };

        good = read_json_group(&s, &g, err) && add_targets(&g, meta, value, out, err);
        empty_group(&g);
    }
    if (good && !json_is_over(&s)) {
        s.fault = "nothing behind the list";
        good = false;
    }
    if (!good && err->code == 0)
        error_set(err, UV_EINVAL, "at byte %zu: expected %s", (size_t)(s.p - text.data), s.fault);
    buf_free(&s.scratch);
    buf_free(&s.mended);
    return good;
}

/* ---- YAML ---- */

static bool wrong_yaml(const struct yaml_node *n, const char *expected, struct error *err)
{
    error_set(err, UV_EINVAL, "line %d: expected %s, got %s", n->line, expected, yaml_type_name(n));
    return false;
}

static bool read_yaml_targets(const struct yaml_node *n, struct group *g, struct error *err)
{
    if (n->kind == YAML_NULL)
        return true;
    if (n->kind != YAML_LIST)
        return wrong_yaml(n, "a list of targets", err);
    for (size_t i = 0; i < n->n; i++) {
        if (n->items[i]->kind != YAML_SCALAR)
            return wrong_yaml(n->items[i], "a target, host:port", err);
        *vec_push(&g->targets) = mem_strdup(n->items[i]->text);
    }
    return true;
}

static bool read_yaml_labels(const struct yaml_node *n, struct group *g, struct error *err)
{
    if (n->kind == YAML_NULL)
        return true;
    if (n->kind != YAML_MAP)
        return wrong_yaml(n, "a map of labels", err);
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *v = n->pairs[i].value;

        if (v->kind == YAML_LIST || v->kind == YAML_MAP)
            return wrong_yaml(v, "a label's value", err);
        if (!has_labels_left(g, err))
            return false;
        if (v->kind == YAML_SCALAR && n->pairs[i].key[0] != '\0')
            label_set_put(&g->labels, bytes_str(n->pairs[i].key), bytes_str(v->text));
    }
    return true;
}

static bool read_yaml_group(const struct yaml_node *n, struct group *g, struct error *err)
{
    if (n->kind != YAML_MAP)
        return wrong_yaml(n, "a group with targets and labels", err);
    for (size_t i = 0; i < n->n; i++) {
        const char *key = n->pairs[i].key;
        bool targets = strcmp(key, "targets") == 0;

        if (!targets && strcmp(key, "labels") != 0) {
            error_set(err, UV_EINVAL, "line %d: a group has the keys targets and labels, and not %.60s",
                      n->pairs[i].line, key);
            return false;
        }
        if (!(targets ? read_yaml_targets(n->pairs[i].value, g, err) : read_yaml_labels(n->pairs[i].value, g, err)))
            return false;
    }
    return true;
}

static bool read_groups(const struct yaml_node *list, const char *meta, const char *value, struct target_list *out,
                        struct error *err)
{
    bool good = true;

    if (list->kind == YAML_NULL)
        return true;
    if (list->kind != YAML_LIST)
        return wrong_yaml(list, "a list of groups", err);
    for (size_t i = 0; good && i < list->n; i++) {
        struct group g = { 0 };

        good = read_yaml_group(list->items[i], &g, err) && add_targets(&g, meta, value, out, err);
        empty_group(&g);
    }
    return good;
}

static bool read_yaml(struct bytes text, const char *meta, const char *value, struct target_list *out,
                      struct error *err)
{
    struct faults faults = { 0 };
    struct arena arena = { 0 };
    const struct yaml_node *n = yaml_read(&arena, text, "", 1, 1, &faults);
    bool good = n != NULL && faults.n_errors == 0;

    if (good)
        good = read_groups(n, meta, value, out, err);
    else
        error_set(err, UV_EINVAL, "line %d: %s", faults.list.n > 0 ? faults.list.v[0].line : 0,
                  faults.list.n > 0 ? faults.list.v[0].text : "this is no YAML");
    faults_free(&faults);
    arena_free(&arena);
    return good;
}

bool target_list_read(struct bytes text, bool json, const char *meta, const char *value, struct target_list *out,
                      struct error *err)
{
    bool good = json ? read_json(text, meta, value, out, err) : read_yaml(text, meta, value, out, err);

    if (!good)
        target_list_free(out);
    return good;
}
