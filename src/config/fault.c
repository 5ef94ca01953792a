/* SPDX-License-Identifier: Apache-2.0 */
/* Faults gather in a list. Of several errors at one location and path only the first is kept, for the others most
 * likely follow from it; beyond MOST_FAULTS they are only counted. faults_settle() brings warnings of unset variables
 * together with the errors that they caused. nearest_of() finds what was meant by edit distance. */
#include "config/fault.h"

#include "base/log.h"
#include "config/option.h"
#include "config/yaml.h"

#include <ctype.h>
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
    struct buf visible = { 0 }; /* a fault is one line, whatever it tells of */
    char text[1024];
    bool told =
        !warning && line > 0 && has_error_at(f, file, line, column, path); /* this is most likely its consequence */

    f->n_errors += !warning;
    if (told || f->list.n >= MOST_FAULTS)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    log_put_visible(&visible, bytes_str(text));
    *vec_push(&f->list) = (struct fault){
        .file = arena_strdup(&f->arena, file),
        .line = line,
        .column = column,
        .path = arena_strdup(&f->arena, path),
        .text = arena_strdup(&f->arena, buf_cstr(&visible)),
        .warning = warning,
    };
    buf_free(&visible);
}

void fault_add(struct faults *f, const struct yaml_node *node, const char *path, bool warning, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault_vadd(f, node != NULL ? node->file : "", node != NULL ? node->line : 0, node != NULL ? node->column : 0, path,
               warning, fmt, args);
    va_end(args);
}

void fault_unset(struct faults *f, const struct yaml_node *node, const char *path, const char *name)
{
    size_t n = f->list.n;

    fault_add(f, node, path, true,
              "the environment variable %s is not set: the value is empty; write ${env:%s:-default} to give one", name,
              name);
    if (f->list.n > n)
        f->list.v[n].variable = arena_strdup(&f->arena, name);
}

void faults_forget_unset(struct faults *f, const char *path)
{
    size_t n = 0, len = strlen(path);

    for (size_t i = 0; i < f->list.n; i++) {
        const struct fault *x = &f->list.v[i];

        if (x->variable == NULL || strncmp(x->path, path, len) != 0 || strncmp(x->path + len, "::", 2) != 0)
            f->list.v[n++] = *x;
    }
    f->list.n = n;
}

static bool same_location(const struct fault *a, const struct fault *b)
{
    return a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0;
}

/* The error that stands where this warning does, or NULL. */
static struct fault *error_beside(struct faults *f, const struct fault *w)
{
    for (size_t i = 0; i < f->list.n; i++)
        if (!f->list.v[i].warning && same_location(&f->list.v[i], w))
            return &f->list.v[i];
    return NULL;
}

static bool is_told_before(const struct faults *f, size_t n, const char *variable, const struct strings *in_errors)
{
    for (size_t i = 0; i < n; i++)
        if (f->list.v[i].variable != NULL && strcmp(f->list.v[i].variable, variable) == 0)
            return true;
    for (size_t i = 0; i < in_errors->n; i++)
        if (strcmp(in_errors->v[i], variable) == 0)
            return true;
    return false;
}

void faults_settle(struct faults *f)
{
    struct strings in_errors = { .v = arena_alloc(&f->arena, (f->list.n + 1) * sizeof(char *)) };
    size_t n = 0;

    for (size_t i = 0; i < f->list.n; i++) {
        struct fault *w = &f->list.v[i], *error = w->variable != NULL ? error_beside(f, w) : NULL;

        if (error == NULL)
            continue;
        error->text = arena_printf(&f->arena, "%s; the environment variable %s is not set", error->text, w->variable);
        in_errors.v[in_errors.n++] = w->variable;
    }
    for (size_t i = 0; i < f->list.n; i++) {
        const char *variable = f->list.v[i].variable;

        if (variable == NULL || !is_told_before(f, n, variable, &in_errors))
            f->list.v[n++] = f->list.v[i];
    }
    f->list.n = n;
}

static int by_location(const void *pa, const void *pb)
{
    const struct fault *a = pa, *b = pb;
    int d = strcmp(a->file, b->file);

    if (d == 0)
        d = a->line != b->line ? a->line - b->line : a->column - b->column;
    return d != 0 ? d : strcmp(a->text, b->text);
}

bool faults_are_cut(const struct faults *f)
{
    return f->list.n >= MOST_FAULTS;
}

void faults_sort(struct faults *f)
{
    if (f->list.n > 0)
        qsort(f->list.v, f->list.n, sizeof(*f->list.v), by_location);
}

/* How advice begins where a colon stands before it. */
static bool is_advice(const char *s)
{
    static const char *const words[] = { "write ", "remove ", "use ",  "put ", "give ", "make ",
                                         "set ",   "leave ",  "take ", "let ", NULL };

    for (size_t i = 0; words[i] != NULL; i++)
        if (strncmp(s, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

const char *fault_remedy(const struct fault *x)
{
    char quote = '\0';

    for (const char *p = x->text; *p != '\0'; p++) {
        if (quote != '\0' ? *p == quote : (*p == '"' || *p == '`') && strchr(p + 1, *p) != NULL)
            quote = quote == '\0' ? *p : '\0';
        else if (quote == '\0' && p > x->text && p[1] == ' ' && (*p == ';' || (*p == ':' && is_advice(p + 2))))
            return p + 2;
    }
    return NULL;
}

void faults_print(struct faults *f, FILE *to)
{
    faults_sort(f);
    for (size_t i = 0; i < f->list.n; i++) {
        const struct fault *x = &f->list.v[i];

        if (x->file[0] != '\0')
            fprintf(to, "%s:", x->file);
        if (x->line > 0)
            fprintf(to, "%d:%d:", x->line, x->column);
        fprintf(to, "%s%s%s%s%s\n", x->file[0] != '\0' ? " " : "", x->warning ? "warning: " : "", x->path,
                x->path[0] != '\0' ? ": " : "", x->text);
    }
    if (faults_are_cut(f))
        fprintf(to, "(%zu faults are shown; mend these first)\n", f->list.n);
}

static void print_number(size_t n, const char *word, FILE *to)
{
    fprintf(to, "%zu %s%s", n, word, n == 1 ? "" : "s");
}

void faults_print_count(const struct faults *f, FILE *to)
{
    size_t warnings = 0, errors;

    for (size_t i = 0; i < f->list.n; i++)
        warnings += f->list.v[i].warning;
    errors = f->list.n - warnings;
    if (errors > 0)
        print_number(errors, "fault", to);
    if (errors > 0 && warnings > 0)
        fputs(", ", to);
    if (warnings > 0)
        print_number(warnings, "warning", to);
    if (f->list.n > 0)
        fputc('\n', to);
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

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many single edits (insert, delete, replace, swap of neighbours) lead from a to b; at most `limit` + 1. Capitals
 * are no difference. Damerau-Levenshtein over three rows (optimal string alignment). */
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
            now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + !same_letter(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]) &&
                up2[j - 2] + 1 < now[j])
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
