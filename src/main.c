/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "otelcd: an OpenTelemetry collector daemon\n"
    "\n"
    "usage: otelcd --config FILE [--config FILE]... [--set key=value]...\n"
    "       otelcd validate --config FILE      say what is wrong with a configuration, all of it\n"
    "       otelcd print-config --config FILE  print it with every default [--format yaml|json]\n"
    "                                          [--mode redacted|unredacted]\n"
    "       otelcd components                  list what can be configured [--format yaml|markdown|man]\n"
    "       otelcd healthcheck                 exit 0 when a running otelcd answers [--config FILE]\n"
    "                                          [--endpoint host:port] [--timeout 3s]\n"
    "       otelcd version\n"
    "\n"
    "--config (-c) takes a file name, file:NAME, env:VARIABLE or yaml:TEXT; several are merged in order.\n"
    "--set changes one key after that: --set processors.batch.timeout=1s\n";

static const struct verb {
    const char *name;
    int (*run)(const struct arguments *a);
} verbs[] = {
    { "run", command_run },
    { "validate", command_validate },
    { "print-config", command_print_config },
    { "print-initial-config", command_print_config },
    { "components", command_components },
    { "version", command_version },
    { "healthcheck", command_healthcheck },
};

/* `--name value`, `--name=value` or `-n value`: the value, or NULL when argv[*i] is not that flag. */
static const char *flag(int argc, char **argv, int *i, const char *name, const char *letter, bool *missing)
{
    const char *arg = argv[*i];
    size_t n = strlen(name);

    if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, n) == 0 && arg[n + 2] == '=')
        return arg + n + 3;
    if ((strncmp(arg, "--", 2) == 0 && strcmp(arg + 2, name) == 0) || (letter != NULL && strcmp(arg, letter) == 0)) {
        if (*i + 1 < argc)
            return argv[++*i];
        *missing = true;
    }
    return NULL;
}

/* One argument; false when it is none that we know. */
static bool take(int argc, char **argv, int *i, struct arguments *a, bool *missing)
{
    const char *v;

    if ((v = flag(argc, argv, i, "config", "-c", missing)) != NULL)
        *vec_push(&a->configs) = v;
    else if ((v = flag(argc, argv, i, "set", NULL, missing)) != NULL)
        *vec_push(&a->sets) = v;
    else if ((v = flag(argc, argv, i, "format", NULL, missing)) != NULL)
        a->format = v;
    else if ((v = flag(argc, argv, i, "mode", NULL, missing)) != NULL)
        a->mode = v;
    else if ((v = flag(argc, argv, i, "endpoint", NULL, missing)) != NULL)
        a->endpoint = v;
    else if ((v = flag(argc, argv, i, "timeout", NULL, missing)) != NULL)
        a->timeout = v;
    else if (argv[*i][0] != '-' && a->verb == NULL)
        a->verb = argv[*i];
    else
        return false;
    return true;
}

static int run(const struct arguments *a)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(a->verb, verbs[i].name) == 0)
            return verbs[i].run(a);
    fprintf(stderr, "otelcd: there is no command \"%s\"; otelcd --help lists them\n", a->verb);
    return 2;
}

int main(int argc, char **argv)
{
    struct arguments a = { 0 };
    int code = -1;

    for (int i = 1; i < argc && code < 0; i++) {
        bool missing = false;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "help") == 0) {
            fputs(usage, stdout);
            code = 0;
        } else if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-v") == 0) {
            code = command_version(&a);
        } else if (strncmp(argv[i], "--feature-gates", 15) == 0) {
            fprintf(stderr, "otelcd: there are no feature gates here; remove %s\n", argv[i]);
            code = 2;
        } else if (!take(argc, argv, &i, &a, &missing)) {
            fprintf(stderr, missing ? "otelcd: %s needs a value\n" : "otelcd: unknown argument %s; otelcd --help lists them\n",
                    argv[i]);
            code = 2;
        }
    }
    if (code < 0) {
        if (a.verb == NULL)
            a.verb = "run";
        code = run(&a);
    }
    vec_free(&a.configs);
    vec_free(&a.sets);
    return code;
}
