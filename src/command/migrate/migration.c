/* SPDX-License-Identifier: Apache-2.0 */
/* Components first, for pipelines follow them; then the service, then what any text may have: variables as the Go
 * collector once wrote them. */
#include "command/migrate/migration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NOTES 2000u

static bool is_noted(const struct migration *m, int line, const char *path, const char *text)
{
    for (size_t i = 0; i < m->notes.n; i++)
        if (m->notes.v[i].line == line && strcmp(m->notes.v[i].path, path) == 0 &&
            strcmp(m->notes.v[i].text, text) == 0)
            return true;
    return false;
}

void migration_note(struct migration *m, enum note_kind kind, const struct span *at, const char *path, const char *fmt,
                    ...)
{
    int line = yaml_text_line(&m->text, at->begin);
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (m->notes.n < MOST_NOTES && !is_noted(m, line, path, text))
        *vec_push(&m->notes) =
            (struct note){ kind, line, arena_strdup(&m->arena, path), arena_strdup(&m->arena, text) };
}

bool migration_take_out(struct migration *m, struct span *s, const char *path, enum note_kind kind, const char *reason)
{
    if (yaml_text_take_out(&m->text, s, reason)) {
        migration_note(m, kind, s, path, "%s", reason);
        return true;
    }
    migration_note(m, NOTE_MISSING, s, path, "%s (take it out by hand: %s)", reason,
                   s->anchored ? "it has an anchor" : "it shares a line with what stays");
    return false;
}

const struct moved *migration_moved(const struct migration *m, enum component_kind kind, const char *id)
{
    for (size_t i = 0; i < m->moved.n; i++)
        if (m->moved.v[i].kind == kind && strcmp(m->moved.v[i].from, id) == 0)
            return &m->moved.v[i];
    return NULL;
}

/* --- variables --- */

/* The length of a variable's name as they are usually written: two or more of A to Z, 0 to 9 and _. */
static size_t name_len(const char *s, size_t n)
{
    size_t len = 0;

    while (len < n && (isupper((unsigned char)s[len]) || isdigit((unsigned char)s[len]) || s[len] == '_'))
        len++;
    return len >= 2 && !isdigit((unsigned char)s[0]) && !(len < n && islower((unsigned char)s[len])) ? len : 0;
}

/* `$NAME`, which the Go collector replaced until 0.104; at the dollar. */
static size_t mend_bare(struct migration *m, const struct span *s, size_t at)
{
    const char *name = (const char *)m->text.text.data + at + 1;
    size_t len = name_len(name, s->to - at - 1);

    if (len == 0)
        return 1;
    yaml_text_replace(&m->text, at + 1, at + 1, "{env:");
    yaml_text_replace(&m->text, at + 1 + len, at + 1 + len, "}");
    migration_note(m, NOTE_REPLACED, s, "", "$%.*s is written ${env:%.*s}; if the dollar itself is meant, write $$%.*s",
                   (int)len, name, (int)len, name, (int)len, name);
    return len + 1;
}

/* `${NAME:-default}` has a scheme today. */
static void mend_default(struct migration *m, const struct span *s, size_t at)
{
    const char *name = (const char *)m->text.text.data + at + 2;
    size_t len = 0, n = s->to - at - 2;

    while (len < n && (isalnum((unsigned char)name[len]) || name[len] == '_'))
        len++;
    if (len == 0 || n - len < 2 || name[len] != ':' || name[len + 1] != '-')
        return;
    yaml_text_replace(&m->text, at + 2, at + 2, "env:");
    migration_note(m, NOTE_REPLACED, s, "", "${%.*s:-...} is written ${env:%.*s:-...}", (int)len, name, (int)len, name);
}

/* Braces in brackets must stand in quotes. False: they cannot. */
static bool put_quotes(struct migration *m, const struct span *s)
{
    const uint8_t *text = m->text.text.data;
    size_t n = s->to - s->from;

    if (!s->parent->flow || text[s->from] == '"' || text[s->from] == '\'')
        return true;
    if (memchr(text + s->from, '"', n) != NULL || memchr(text + s->from, '\\', n) != NULL)
        return false;
    yaml_text_replace(&m->text, s->from, s->from, "\"");
    yaml_text_replace(&m->text, s->to, s->to, "\"");
    return true;
}

static void mend_scalar(struct migration *m, const struct span *s)
{
    const uint8_t *text = m->text.text.data;
    size_t changes = m->text.changes.n, notes = m->notes.n;

    for (size_t i = s->from; i + 1 < s->to; i++) {
        if (text[i] != '$')
            continue;
        if (text[i + 1] == '$')
            i++;
        else if (text[i + 1] == '{')
            mend_default(m, s, i);
        else
            i += mend_bare(m, s, i) - 1;
    }
    if (m->text.changes.n > changes && !put_quotes(m, s)) { /* validation warns of it */
        m->text.changes.n = changes;
        m->notes.n = notes;
    }
}

static void mend_variables(struct migration *m, const struct span *s)
{
    if (s->gone)
        return;
    if (s->kind == YAML_SCALAR)
        mend_scalar(m, s);
    for (size_t i = 0; i < s->n; i++)
        mend_variables(m, s->kids[i]);
}

/* --- the whole --- */

static int by_line(const void *pa, const void *pb)
{
    const struct note *a = pa, *b = pb;

    return a->line != b->line ? a->line - b->line : strcmp(a->text, b->text);
}

bool migration_run(struct migration *m, struct bytes text)
{
    *m = (struct migration){ 0 };
    yaml_text_read(&m->text, &m->arena, text);
    if (m->text.root == NULL)
        return false;
    migrate_components(m);
    migrate_service(m);
    mend_variables(m, m->text.root);
    if (m->notes.n > 0)
        qsort(m->notes.v, m->notes.n, sizeof(*m->notes.v), by_line);
    return true;
}

void migration_free(struct migration *m)
{
    yaml_text_free(&m->text);
    vec_free(&m->notes);
    vec_free(&m->moved);
    arena_free(&m->arena);
}
