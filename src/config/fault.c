/* SPDX-License-Identifier: Apache-2.0 */
#include "config/fault.h"

#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FAULTS 200u
#define LONGEST_WORD 63u

static bool has_error_at(const struct faults *f, const char *file, int line, int column, const char *path)
{
    for (size_t i = 0; i < f->list.n; i++) {
        const struct fault *x = &f->list.v[i];

        if (!x->warning && x->line == line && x->column == column && strcmp(x->file, file) == 0 &&
            strcmp(x->path, path) == 0)
            return true;
    }
    return false;
}

void fault_vadd(struct faults *f, const char *file, int line, int column, const char *path, bool warning,
                const char *fmt, va_list args)
{
    char text[1024];

    bool told =
        !warning && line > 0 && has_error_at(f, file, line, column, path); /* this is most likely its consequence */

    f->n_errors += !warning;
    if (told || f->list.n >= MOST_FAULTS)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    *vec_push(&f->list) = (struct fault){
        .file = arena_strdup(&f->arena, file),
        .line = line,
        .column = column,
        .path = arena_strdup(&f->arena, path),
        .text = arena_strdup(&f->arena, text),
        .warning = warning,
    };
}

void fault_add(struct faults *f, const struct yaml_node *node, const char *path, bool warning, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault_vadd(f, node != NULL ? node->file : "", node != NULL ? node->line : 0, node != NULL ? node->column : 0, path,
               warning, fmt, args);
    va_end(args);
}

static int by_place(const void *pa, const void *pb)
{
    const struct fault *a = pa, *b = pb;
    int d = strcmp(a->file, b->file);

    if (d == 0)
        d = a->line != b->line ? a->line - b->line : a->column - b->column;
    return d != 0 ? d : strcmp(a->text, b->text);
}

void faults_print(struct faults *f, FILE *to)
{
    if (f->list.n > 0)
        qsort(f->list.v, f->list.n, sizeof(*f->list.v), by_place);
    for (size_t i = 0; i < f->list.n; i++) {
        const struct fault *x = &f->list.v[i];

        if (x->file[0] != '\0')
            fprintf(to, "%s:", x->file);
        if (x->line > 0)
            fprintf(to, "%d:%d:", x->line, x->column);
        fprintf(to, "%s%s%s%s%s\n", x->file[0] != '\0' ? " " : "", x->warning ? "warning: " : "", x->path,
                x->path[0] != '\0' ? ": " : "", x->text);
    }
    if (f->list.n >= MOST_FAULTS)
        fprintf(to, "(%zu faults are shown; mend these first)\n", f->list.n);
}

void faults_free(struct faults *f)
{
    vec_free(&f->list);
    arena_free(&f->arena);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Damerau-Levenshtein over three rows (optimal string alignment). */
/* How many single edits (insert, delete, replace, swap of neighbours) lead from a to b; at most `limit` + 1. */
static size_t edit_distance(const char *a, const char *b, size_t limit)
{
    size_t rows[3][LONGEST_WORD + 1];
    size_t la = strlen(a), lb = strlen(b);

    if (la > LONGEST_WORD || lb > LONGEST_WORD || (la > lb ? la - lb : lb - la) > limit)
        return limit + 1;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < now[j])
                now[j] = up2[j - 2] + 1;
        }
    }
    return rows[la % 3][lb];
}

const char *nearest_of(const char *word, const char *const *names)
{
    size_t limit = strlen(word) / 3 + 1, best = limit + 1;
    const char *found = NULL;

    for (; *names != NULL; names++) {
        size_t d = edit_distance(word, *names, limit);

        if (d < best) {
            best = d;
            found = *names;
        }
    }
    return best <= limit ? found : NULL;
}
