/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd test FILE...`: tests of configurations. Each file is read and checked, its tests are run and reported one by
 * one; a file that is wrong is told on standard error, and the others go on. */
#include "command/command.h"
#include "command/test/test_report.h"
#include "command/test/test_run.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: otelcd test FILE... [--filter TEXT] [--format text|tap|junit]\n"
    "Runs the tests that stand in the files (docs/testing.md), without a network and without waiting. --filter: those\n"
    "whose name has the text. Exit status 0: all have passed; 1: one has failed; 2: a file or its configuration is\n"
    "wrong, or no test was run.\n";

/* False: the file is wrong. */
static bool run_file(struct test_report *r, const char *path, const char *filter)
{
    struct test_file f;
    bool sound;

    test_file_read(&f, path, component_registry);
    sound = f.faults.n_errors == 0;
    faults_print(&f.faults, stderr);
    for (size_t i = 0; sound && i < f.cases.n; i++) {
        const struct test_case *c = &f.cases.v[i];
        struct buf told = { 0 };

        if (filter == NULL || strstr(c->name, filter) != NULL)
            test_report_add(r, path, c->name, test_run(&f, c, component_registry, &told), &told);
        buf_free(&told);
    }
    test_file_free(&f);
    return sound;
}

int command_test(const struct arguments *a)
{
    enum report_format format;
    struct test_report r;
    size_t wrong = 0;

    if (!test_report_format(a->format, &format)) {
        fprintf(stderr, "otelcd test: there is no format %s: take text, tap or junit\n", a->format);
        return 2;
    }
    if (a->operands.n == 0) {
        fputs(usage, stderr);
        return 2;
    }
    test_report_begin(&r, format);
    for (size_t i = 0; i < a->operands.n; i++)
        wrong += !run_file(&r, a->operands.v[i], a->filter);
    test_report_end(&r);
    if (wrong > 0)
        fprintf(stderr, "otelcd test: %zu file%s could not be run\n", wrong, wrong == 1 ? "" : "s");
    else if (r.passed + r.failed == 0)
        fprintf(stderr, "otelcd test: there is no test%s%s\n", a->filter != NULL ? " with a name that has " : "",
                a->filter != NULL ? a->filter : "");
    return wrong > 0 || r.passed + r.failed == 0 ? 2 : r.failed > 0;
}
