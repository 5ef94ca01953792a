/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd migrate FILE`: what of a configuration of the Go collector runs here, what takes the place of the rest, what
 * is missing; and with --write the new file. The new text is validated as any configuration is: its faults are told
 * with it, so that nothing is written that is silently wrong. A file that is there already is never written over. */
#include "command/command.h"
#include "command/migrate/migration.h"
#include "service/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: otelcd migrate FILE [--write [OUT]]\n"
    "Says what of a configuration of the Go collector, of any year, runs here: what as it is, what is replaced by "
    "what,\n"
    "what is missing, with advice. --write gives the new file, comments and layout kept: to OUT, which must not "
    "exist,\n"
    "or to standard output (the report then goes to standard error). Exit status 0: all of it runs; 1: something is\n"
    "missing, or has to be mended; 2: the file cannot be read, or OUT not be written.\n";

static void print_location(FILE *to, int line, const char *path, const char *text)
{
    fprintf(to, "  line %d: %s%s%s\n", line, path, path[0] != '\0' && text[0] != '\0' ? ": " : "", text);
}

static size_t print_notes(const struct migration *m, enum note_kind kind, const char *heading, FILE *to)
{
    size_t n = 0;

    for (size_t i = 0; i < m->notes.n; i++) {
        const struct note *note = &m->notes.v[i];

        if (note->kind != kind)
            continue;
        if (n++ == 0)
            fprintf(to, "%s:\n", heading);
        print_location(to, note->line, note->path, note->text);
    }
    return n;
}

/* A fault that is gone when a variable is set where it runs. */
static bool is_of_variable(const struct fault *x)
{
    return strstr(x->text, "the environment variable ") != NULL && strstr(x->text, " is not set") != NULL;
}

static size_t print_faults(const struct faults *f, bool variables, const char *heading, FILE *to)
{
    size_t n = 0;

    for (size_t i = 0; i < f->list.n; i++) {
        const struct fault *x = &f->list.v[i];

        if (is_of_variable(x) != variables || (x->warning && !variables))
            continue;
        if (n++ == 0)
            fprintf(to, "%s:\n", heading);
        print_location(to, x->line, x->path, x->text);
    }
    return n;
}

/* How many things keep it from running, as far as is known here. */
static size_t print_report(const struct migration *m, struct faults *f, const char *file, const struct arguments *a,
                           FILE *to)
{
    size_t kept, replaced, missing, wrong;

    fprintf(to, "%s\n", file);
    kept = print_notes(m, NOTE_UNCHANGED, "runs as it is", to);
    replaced = print_notes(m, NOTE_REPLACED, "is replaced", to);
    missing = print_notes(m, NOTE_MISSING, "is missing", to);
    faults_sort(f);
    wrong = print_faults(f, false, "has to be mended, in the new file", to);
    print_faults(f, true, "needs a variable where it runs, in the new file", to);
    if (!a->write && replaced + missing > 0)
        fprintf(to, "to write the new file: otelcd migrate %s --write NEW\n", file);
    fprintf(to, "%zu kept, %zu replaced, %zu missing, %zu to be mended\n", kept, replaced, missing, wrong);
    return missing + wrong;
}

static bool write_file(const char *path, const struct buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good;

    if (fd < 0) {
        fprintf(stderr, "otelcd migrate: cannot write %s: %s%s\n", path, strerror(errno),
                errno == EEXIST ? "; give another name, or remove it" : "");
        return false;
    }
    good = f != NULL && fwrite(text->data, 1, text->len, f) == text->len;
    good = (f == NULL || fclose(f) == 0) && good;
    if (!good) {
        fprintf(stderr, "otelcd migrate: cannot write %s: %s\n", path, strerror(errno));
        unlink(path);
    }
    return good;
}

/* Its faults, as `otelcd validate` finds them. */
static struct config *check_text(struct arena *a, const struct buf *text, const char *name)
{
    struct faults unread = { 0 };
    struct config_sources sources = { .tree = yaml_read(a, buf_bytes(text), name, 1, 1, &unread) };
    struct config *c = sources.tree != NULL ? config_load(&sources, component_registry) : NULL;

    for (size_t i = 0; c != NULL && i < unread.list.n; i++)
        fault_add(&c->faults, NULL, "", false, "line %d: %s", unread.list.v[i].line, unread.list.v[i].text);
    faults_free(&unread);
    return c;
}

/* The exit code. */
static int finish_file(const struct arguments *a, struct migration *m, const char *file)
{
    const char *out = a->operands.n > 1 ? a->operands.v[1] : NULL;
    struct arena scratch = { 0 };
    struct buf text = { 0 };
    struct config *c;
    int code = 1;

    yaml_text_write(&m->text, &text);
    c = check_text(&scratch, &text, out != NULL ? out : file);
    if (c != NULL)
        code = print_report(m, &c->faults, file, a, a->write && out == NULL ? stderr : stdout) > 0;
    else
        fprintf(stderr, "otelcd migrate: %s cannot be changed without breaking it; write anchors and aliases out\n",
                file);
    if (c != NULL && a->write && out != NULL && !write_file(out, &text))
        code = 2;
    else if (c != NULL && a->write && out == NULL)
        fwrite(text.data, 1, text.len, stdout);
    if (c != NULL)
        config_free(c);
    buf_free(&text);
    arena_free(&scratch);
    return code;
}

static int migrate_text(const struct arguments *a, const char *file, struct bytes text)
{
    struct arena scratch = { 0 };
    struct faults faults = { 0 };
    struct migration m = { 0 };
    int code = 2;

    if (yaml_read(&scratch, text, file, 1, 1, &faults) == NULL || faults.n_errors > 0)
        faults_print(&faults, stderr);
    else if (!migration_run(&m, text))
        fprintf(stderr,
                "otelcd migrate: %s is no configuration: that is a map with keys like receivers: and service:\n", file);
    else
        code = finish_file(a, &m, file);
    migration_free(&m);
    faults_free(&faults);
    arena_free(&scratch);
    return code;
}

int command_migrate(const struct arguments *a)
{
    struct buf text = { 0 };
    const char *why;
    int code = 2;

    if (a->operands.n == 0 || (a->operands.n > 1 && !a->write))
        fputs(usage, stderr);
    else if (!source_file(a->operands.v[0], &text, &why))
        fprintf(stderr, "otelcd migrate: cannot read %s: %s\n", a->operands.v[0], why);
    else
        code = migrate_text(a, a->operands.v[0], buf_bytes(&text));
    buf_free(&text);
    return code;
}
