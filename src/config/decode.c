/* SPDX-License-Identifier: Apache-2.0 */
/* decode_struct() fills in all defaults and then walks the map: each key finds its row, the row's kind says how the
 * value is read, groups and lists of groups descend. encode_struct() is the way back, with secrets hidden unless they
 * are asked for.
 *
 * What can go wrong is reported where it stands and leaves the default in the field: a key that no row has (the nearest
 * one is named), a value of another type (with what was most likely meant), one out of bounds, one of the Go
 * collector's that is refused here by name. */
#include "config/decode_inside.h"

#include <assert.h>
#include <string.h>

static void decode_rows(struct decoder *d, const struct option *rows, const struct yaml_node *node, const char *path,
                        bool optional, char *out);

/* --- groups and lists --- */

static bool default_on(enum group_mode mode)
{
    return mode == GROUP_SOME;
}

static void decode_group(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                         char *field)
{
    bool given = n != NULL, bare = given && n->kind == YAML_NULL;
    bool on = !given ? default_on(o->mode) : bare ? o->mode == GROUP_DEFAULT || o->mode == GROUP_SOME : true;
    const struct yaml_node *enabled;

    decode_rows(d, o->options, bare ? NULL : n, path, o->mode != GROUP_PLAIN, field);
    if (o->mode == GROUP_PLAIN)
        return;
    enabled = given ? yaml_get(n, "enabled") : NULL;
    if (enabled != NULL && !yaml_bool(enabled, &on))
        decoder_wrong_type(d, enabled, decoder_join(d, path, "enabled"), "true or false");
    memcpy(field, &on, sizeof(on));
}

/* A map whose keys are the first field of the structs. */
static void decode_keyed(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                         char *field)
{
    struct option_list list = { 0 };

    if (n->kind != YAML_MAP) {
        decoder_wrong_type(d, n, path, "a map of names to maps");
        return;
    }
    list.n = n->n;
    list.v = arena_zalloc(d->arena, n->n * o->size);
    for (size_t i = 0; i < n->n; i++) {
        char *at = (char *)list.v + i * o->size;

        decode_rows(d, o->options + 1, n->pairs[i].value, decoder_join(d, path, n->pairs[i].key), false, at);
        memcpy(at + o->options[0].offset, &n->pairs[i].key, sizeof(n->pairs[i].key));
    }
    memcpy(field, &list, sizeof(list));
}

static void decode_list(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                        char *field)
{
    struct option_list list = { 0 };

    if (o->keyed) {
        decode_keyed(d, o, n, path, field);
        return;
    }
    if (n->kind != YAML_LIST) {
        decoder_wrong_type(d, n, path, "a list");
        return;
    }
    list.n = n->n;
    list.v = arena_zalloc(d->arena, n->n * o->size);
    for (size_t i = 0; i < n->n; i++)
        decode_rows(d, o->options, n->items[i], arena_printf(d->arena, "%s::%zu", path, i), false,
                    (char *)list.v + i * o->size);
    memcpy(field, &list, sizeof(list));
}

static void decode_value(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                         char *field)
{
    if (o->kind == OPTION_LIST)
        decode_list(d, o, n, path, field);
    else
        decode_simple(d, o, n, path, field);
}

/* --- tables --- */

static void set_default(struct decoder *d, const struct option *o, char *out)
{
    static const char *const empty = "";
    struct yaml_node *n;

    if (o->kind == OPTION_GROUP) {
        decode_group(d, o, NULL, o->key, out + o->offset);
        return;
    }
    if (o->def == NULL) {
        if (option_is_text(o))
            memcpy(out + o->offset, &empty, sizeof(empty));
        return;
    }
    n = o->kind == OPTION_STRING ? yaml_scalar(d->arena, o->def, false, NULL)
                                 : yaml_read(d->arena, bytes_str(o->def), "default", 1, 1, d->faults);
    assert(n != NULL);
    if (n->kind != YAML_NULL)
        decode_value(d, o, n, o->key, out + o->offset);
}

/* `key:` with nothing behind it, or a variable that is not set: a number, bool, string or duration of zero, as in the
 * Go collector; lists, maps and words keep their defaults. */
static void decode_null(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path,
                        char *field)
{
    struct yaml_node zero = { .kind = YAML_SCALAR, .file = n->file, .line = n->line, .column = n->column, .text = "0" };
    bool text = option_is_text(o);

    zero.plain = !text;
    if (o->kind == OPTION_BOOL)
        zero.text = "false";
    else if (text)
        zero.text = n->original != NULL ? n->original : "";
    else if (o->kind != OPTION_UINT && o->kind != OPTION_INT && o->kind != OPTION_DOUBLE && o->kind != OPTION_DURATION)
        return;
    decode_value(d, o, &zero, path, field);
}

/* The group whose own key that is, if it is that of one group: many an old configuration has it a step too high. */
static const struct option *group_of(const struct option *rows, const char *key)
{
    const struct option *found = NULL;

    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        if (o->kind != OPTION_GROUP || option_find(o->options, key) == NULL)
            continue;
        if (found != NULL)
            return NULL;
        found = o;
    }
    return found;
}

/* Short enough to be repeated, and right without quotes. */
static bool is_word(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && n->plain && n->text[0] != '\0' && strlen(n->text) <= 60 &&
           strpbrk(n->text, ",:{}[]#$") == NULL;
}

static void unknown_key(struct decoder *d, const struct option *rows, const struct yaml_pair *pair, const char *path)
{
    struct yaml_node location = { .file = pair->value->file, .line = pair->line, .column = pair->column };
    const struct option *group = group_of(rows, pair->key);
    const char *names[128];
    const char *near;
    size_t n = 0;

    for (const struct option *o = rows; o->kind != OPTION_END && n < 127; o++)
        if (!option_is_word(o))
            names[n++] = o->key;
    names[n] = NULL;
    near = decoder_nearest(d, pair->key, names);
    if (near[0] == '\0' && group != NULL)
        near = arena_printf(d->arena, "; it belongs below %s: write %s: {%s: %s}", group->key, group->key, pair->key,
                            is_word(pair->value) && !option_find(group->options, pair->key)->secret ? pair->value->text
                                                                                                    : "...");
    else if (near[0] == '\0' && n > 0)
        near = arena_printf(d->arena, "; the keys here are %s", decoder_list(d, names));
    fault_add(d->faults, &location, path, false, "has invalid keys: %s%s", pair->key,
              n > 0 ? near : "; there are no keys here");
}

static void decode_pair(struct decoder *d, const struct option *rows, const struct yaml_pair *pair, const char *path,
                        char *out)
{
    const struct option *o = option_find(rows, pair->key);
    struct yaml_node location = { .file = pair->value->file, .line = pair->line, .column = pair->column };
    const char *inner;

    if (o == NULL) {
        unknown_key(d, rows, pair, path);
        return;
    }
    inner = decoder_join(d, path, pair->key);
    if (option_is_word(o)) {
        if (pair->value->kind != YAML_NULL && (pair->value->kind != YAML_LIST || pair->value->n > 0))
            fault_add(d->faults, &location, inner, o->kind == OPTION_IGNORED, "%s%s",
                      o->kind == OPTION_IGNORED ? "has no effect here: " : "", o->help);
        return;
    }
    if (o->deprecated != NULL)
        fault_add(d->faults, &location, inner, true, "%s", o->deprecated);
    if (o->kind == OPTION_GROUP)
        decode_group(d, o, pair->value, inner, out + o->offset);
    else if (pair->value->kind == YAML_NULL && o->kind != OPTION_NODE)
        decode_null(d, o, pair->value, inner, out + o->offset);
    else
        decode_value(d, o, pair->value, inner, out + o->offset);
}

static void check_required(struct decoder *d, const struct option *rows, const struct yaml_node *node, const char *path,
                           const char *out)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        const char *s = NULL;

        if (!o->required)
            continue;
        if (option_is_text(o))
            memcpy(&s, out + o->offset, sizeof(s));
        if (s == NULL ? yaml_get(node, o->key) == NULL : s[0] == '\0')
            fault_add(d->faults, node, path, false, "requires a non-empty \"%s\": %s", o->key, o->help);
    }
}

/* `optional`: the table is that of a group that can be turned off; `enabled` is a key of it, read by decode_group. */
static void decode_rows(struct decoder *d, const struct option *rows, const struct yaml_node *node, const char *path,
                        bool optional, char *out)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++)
        if (!option_is_word(o))
            set_default(d, o, out);
    if (node != NULL && node->kind != YAML_MAP && node->kind != YAML_NULL) {
        decoder_wrong_type(d, node, path, "a map");
        return;
    }
    for (size_t i = 0; node != NULL && node->kind == YAML_MAP && i < node->n; i++)
        if (!optional || strcmp(node->pairs[i].key, "enabled") != 0)
            decode_pair(d, rows, &node->pairs[i], path, out);
    if (node != NULL || !optional)
        check_required(d, rows, node, path, out);
}

void decode_struct(struct arena *a, const struct option *rows, const struct yaml_node *node, const char *path,
                   void *out, struct faults *faults)
{
    struct decoder d = { a, faults };

    decode_rows(&d, rows, node, path, false, out);
}
