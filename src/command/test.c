/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd test FILE...`: tests of configurations. Each file is read and checked, its tests are run and reported one by
 * one, for people or as TAP; a file that is wrong is reported and the others go on. */
#include "command/command.h"
#include "command/test/test_run.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: otelcd test FILE... [--filter TEXT] [--format text|tap]\n"
    "Runs the tests that stand in the files (docs/testing.md), without a network and without waiting. --filter: those\n"
    "whose name has the text. Exit status 0: all have passed; 1: one has failed; 2: a file or its configuration is\n"
    "wrong, or no test was run.\n";

struct report {
    const char *filter;
    bool tap;
    size_t passed, failed, wrong; /* tests, tests, files */
};

static void print_indented(const char *before, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        printf("%s%.*s\n", before, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void report_test(struct report *r, const struct test_file *f, const struct test_case *c, bool ok,
                        struct buf *told)
{
    size_t number = r->passed + r->failed + 1;

    if (ok)
        r->passed++;
    else
        r->failed++;
    if (r->tap)
        printf("%s %zu - %s: %s\n", ok ? "ok" : "not ok", number, f->path, c->name);
    else
        printf("%s %s: %s\n", ok ? "ok  " : "FAIL", f->path, c->name);
    if (!ok)
        print_indented(r->tap ? "# " : "    ", buf_cstr(told));
    fflush(stdout);
}

static void run_file(struct report *r, const char *path)
{
    struct test_file f;

    test_file_read(&f, path, component_registry);
    if (f.faults.n_errors > 0) {
        faults_print(&f.faults, stderr);
        r->wrong++;
    }
    for (size_t i = 0; f.faults.n_errors == 0 && i < f.cases.n; i++) {
        struct buf told = { 0 };

        if (r->filter == NULL || strstr(f.cases.v[i].name, r->filter) != NULL)
            report_test(r, &f, &f.cases.v[i], test_run(&f, &f.cases.v[i], component_registry, &told), &told);
        buf_free(&told);
    }
    test_file_free(&f);
}

static int end_report(const struct report *r)
{
    size_t tests = r->passed + r->failed;

    if (r->tap)
        printf("1..%zu\n", tests);
    else if (tests > 0)
        printf("%zu passed, %zu failed\n", r->passed, r->failed);
    if (r->wrong > 0)
        fprintf(stderr, "otelcd test: %zu file%s could not be run\n", r->wrong, r->wrong == 1 ? "" : "s");
    else if (tests == 0)
        fprintf(stderr, "otelcd test: there is no test%s%s\n", r->filter != NULL ? " with a name that has " : "",
                r->filter != NULL ? r->filter : "");
    return r->wrong > 0 || tests == 0 ? 2 : r->failed > 0;
}

int command_test(const struct arguments *a)
{
    struct report r = { .filter = a->filter };

    if (a->operands.n == 0 || (a->format != NULL && strcmp(a->format, "text") != 0 && strcmp(a->format, "tap") != 0)) {
        fputs(usage, stderr);
        return 2;
    }
    r.tap = a->format != NULL && strcmp(a->format, "tap") == 0;
    if (r.tap)
        printf("TAP version 14\n");
    for (size_t i = 0; i < a->operands.n; i++)
        run_file(&r, a->operands.v[i]);
    return end_report(&r);
}
