/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a block are walked with the rows they are read by. Keys that the rows refuse are taken out where the
 * advice is to remove them, and no others: a key that hides something from data must not go without a word. TLS had its
 * keys beside the endpoint until 0.36 and has a block today. */
#include "command/migrate/migration.h"

#include <string.h>

static const char *join_path(struct migration *m, const char *path, const char *key)
{
    return arena_printf(&m->arena, "%s::%s", path, key);
}

static bool is_nothing(const struct span *s)
{
    return !s->alias && (s->kind == YAML_NULL || (s->kind == YAML_SCALAR && s->from == s->to) ||
                         (s->kind == YAML_LIST && s->n == 0));
}

/* --- keys of TLS --- */

static bool is_tls_key(const struct option *rows, const struct span *kid)
{
    const struct option *tls = option_find(rows, "tls");

    return option_find(rows, kid->key) == NULL && tls != NULL && tls->kind == OPTION_GROUP &&
           option_find(tls->options, kid->key) != NULL && !option_is_word(option_find(tls->options, kid->key)) &&
           kid->kind == YAML_SCALAR && kid->to > kid->from && strchr(kid->text, '\n') == NULL;
}

/* "key: value" to stand in brackets. */
static void put_pair(const struct migration *m, const struct span *kid, struct buf *out)
{
    struct bytes value = bytes_of(m->text.text.data + kid->from, kid->to - kid->from);
    bool quoted = value.data[0] == '"' || value.data[0] == '\'';
    const char *text = arena_strndup(m->text.arena, value.data, value.len);

    buf_printf(out, "%s: %s", kid->key, quoted ? text : yaml_text_word(&m->text, kid->from, text));
}

/* All of them into one block, where the first is. */
static void move_tls_keys(struct migration *m, const struct option *rows, const struct span *map, const char *path)
{
    struct buf block = { 0 };
    struct span *first = NULL;

    for (size_t i = 0; span_get(map, "tls") == NULL && i < map->n; i++) {
        struct span *kid = map->kids[i];

        if (kid->anchored || !is_tls_key(rows, kid))
            continue;
        if (first != NULL && !yaml_text_take_out(&m->text, kid, NULL))
            continue;
        buf_puts(&block, first == NULL ? "tls: {" : ", ");
        put_pair(m, kid, &block);
        first = first == NULL ? kid : first;
    }
    if (first != NULL) {
        buf_putc(&block, '}');
        yaml_text_replace(&m->text, first->begin, first->end, buf_cstr(&block));
        migration_note(m, NOTE_REPLACED, first, path, "keys of TLS are written in a block: %s", buf_cstr(&block));
    }
    buf_free(&block);
}

/* --- the walk --- */

/* Removing it is what its help says. */
static bool may_go(const struct option *o)
{
    return strstr(o->help, "remove this") != NULL || strstr(o->help, "gone from the Go collector") != NULL ||
           strstr(o->help, "not served yet") != NULL;
}

static void take_key(struct migration *m, const struct option *o, struct span *kid, const char *path)
{
    if (is_nothing(kid))
        return;
    if (may_go(o))
        migration_take_out(m, kid, path, NOTE_MISSING, o->help);
}

static void walk_list(struct migration *m, const struct option *o, const struct span *list, const char *path)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->kids[i]->kind == YAML_MAP && !list->kids[i]->gone)
            migrate_rows(
                m, o->options + (o->keyed ? 1 : 0), list->kids[i],
                o->keyed ? join_path(m, path, list->kids[i]->key) : arena_printf(&m->arena, "%s::%zu", path, i), NULL);
}

static void walk_key(struct migration *m, const struct option *rows, struct span *kid, const char *path,
                     const char *foreign)
{
    const struct option *o = option_find(rows, kid->key);

    if (o == NULL && foreign != NULL && strcmp(kid->key, "<<") != 0)
        migration_take_out(m, kid, path, NOTE_REPLACED,
                           arena_printf(&m->arena, "%s has no key \"%s\"", foreign, kid->key));
    else if (o == NULL)
        return; /* a mistake, or TLS: validation says it */
    else if (o->kind == OPTION_REFUSED)
        take_key(m, o, kid, path);
    else if (o->kind == OPTION_GROUP && kid->kind == YAML_MAP)
        migrate_rows(m, o->options, kid, path, NULL);
    else if (o->kind == OPTION_LIST)
        walk_list(m, o, kid, path);
}

size_t migrate_rows(struct migration *m, const struct option *rows, const struct span *map, const char *path,
                    const char *foreign)
{
    size_t notes = m->notes.n;

    if (map->kind != YAML_MAP)
        return 0;
    move_tls_keys(m, rows, map, path);
    for (size_t i = 0; i < map->n; i++)
        if (!map->kids[i]->gone && !(span_get(map, "tls") == NULL && is_tls_key(rows, map->kids[i])))
            walk_key(m, rows, map->kids[i], join_path(m, path, map->kids[i]->key), foreign);
    return m->notes.n - notes;
}
