/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. The arguments are read from left to right: flags by the table of verbs (command/verb.h), the first
 * word that is none as the verb, what follows as what it is about. Then the verb runs; without one it is `run`, the
 * daemon. A worker is started by its front as `otelcd worker` and takes no arguments.
 *
 * What can go wrong: an argument that nobody knows, or that the verb does not take, or that lacks its value: exit code
 * 2 and what to write instead, before anything is read. A standard file that is closed is opened on /dev/null first, so
 * that no socket gets its number. */
#include "command/verb.h"

#include "base/mem.h"
#include "pipeline/component.h"
#include "service/service.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "otelcd: an OpenTelemetry collector daemon\n"
    "\n"
    "usage: otelcd --config FILE [--config FILE]... [--set key=value]... [--watch]\n"
    "       otelcd validate --config FILE      say what is wrong with a configuration, all of it\n"
    "                                          [--format text|json|sarif]\n"
    "       otelcd print-config --config FILE  print it with every default [--format yaml|json]\n"
    "                                          [--mode redacted|unredacted]\n"
    "       otelcd components                  list what can be configured [--format yaml|markdown|man|ottl]\n"
    "       otelcd explain --config FILE       say what listens where, what is lost when, what is needed\n"
    "       otelcd migrate FILE                say what of a Go collector's configuration runs here [--write [OUT]]\n"
    "       otelcd schema                      print a JSON Schema of the configuration, for editors\n"
    "       otelcd completion bash|zsh|fish    write the completion of a shell\n"
    "       otelcd healthcheck                 exit 0 when a running otelcd answers [--config FILE]\n"
    "                                          [--endpoint host:port|URL] [--ca FILE] [--timeout 3s]\n"
    "       otelcd status                      say how a running otelcd is: exit 0 when all is well, 1 when not,\n"
    "                                          2 when it does not answer [--format text|json] [--config FILE]\n"
    "                                          [--socket PATH] [--endpoint host:port|URL] [--ca FILE]\n"
    "                                          [--timeout 3s]\n"
    "       otelcd top                         watch it: rates, ledgers, queues, failures; q ends it\n"
    "                                          [--interval 1s] [--once], and as status\n"
    "       otelcd tap PIPELINE[/PROCESSOR]    show live items there, and what the processor changed\n"
    "                                          [--condition OTTL] [--count N] [--rate N] [--format text|json]\n"
    "                                          [--before|--after|--both] [--receiver ID|--exporter ID]\n"
    "                                          [--socket PATH] [--config FILE] [--endpoint host:port|URL]\n"
    "       otelcd doctor                      say why data is missing, or what fails next, and which line to change\n"
    "                                          [--interval 2s], and as status\n"
    "       otelcd wal inspect|verify|export DIRECTORY\n"
    "                                          look into a queue on disk; export writes OTLP JSON\n"
    "       otelcd test FILE...                run the tests of a configuration that stand in the files\n"
    "                                          [--filter TEXT] [--format text|tap|junit]\n"
    "       otelcd ottl STATEMENT... <FILE     try statements, or a condition, of OTTL on a file of OTLP JSON\n"
    "                                          [--context NAME] [--json]\n"
    "       otelcd version\n"
    "\n"
    "--config (-c) takes a file name, file:NAME, env:VARIABLE or yaml:TEXT; several are merged in order.\n"
    "--set changes one key after that: --set processors.batch.timeout=1s\n"
    "--watch reads the configuration again when one of its files changes, as SIGHUP does.\n";

static void put_value(struct arguments *a, unsigned flag, const char *value)
{
    switch (flag) {
    case FLAG_CONFIG:
        *vec_push(&a->configs) = value;
        break;
    case FLAG_SET:
        *vec_push(&a->sets) = value;
        break;
    case FLAG_FORMAT:
        a->format = value;
        break;
    case FLAG_MODE:
        a->mode = value;
        break;
    case FLAG_ENDPOINT:
        a->endpoint = value;
        break;
    case FLAG_CA:
        a->ca = value;
        break;
    case FLAG_CONTEXT:
        a->context = value;
        break;
    case FLAG_FILTER:
        a->filter = value;
        break;
    case FLAG_SOCKET:
        a->socket = value;
        break;
    case FLAG_CONDITION:
        a->condition = value;
        break;
    case FLAG_COUNT:
        a->count = value;
        break;
    case FLAG_RATE:
        a->rate = value;
        break;
    case FLAG_RECEIVER:
        a->receiver = value;
        break;
    case FLAG_EXPORTER:
        a->exporter = value;
        break;
    case FLAG_INTERVAL:
        a->interval = value;
        break;
    default:
        a->timeout = value;
    }
}

static void set_flag(struct arguments *a, unsigned flag)
{
    a->json |= flag == FLAG_JSON;
    a->write |= flag == FLAG_WRITE;
    a->watch |= flag == FLAG_WATCH;
    a->once |= flag == FLAG_ONCE;
    a->before |= flag == FLAG_BEFORE;
    a->after |= flag == FLAG_AFTER;
    a->both |= flag == FLAG_BOTH;
}

/* The verb, or what it is about. */
static bool take_word(struct arguments *a, const char *word)
{
    const struct verb *verb = verb_find(a->verb);

    if (a->verb == NULL)
        a->verb = word;
    else if (verb != NULL && a->operands.n < verb->operands)
        *vec_push(&a->operands) = word;
    else
        return false;
    return true;
}

/* `--name value`, `--name=value`, `-c value`, the verb or what it is about; false when it is none of these. */
static bool take_argument(int argc, char **argv, int *i, struct arguments *a, bool *missing)
{
    const char *arg = argv[*i];

    for (unsigned f = 0; f < FLAGS; f++) {
        size_t n = strlen(verb_flags[f].name);
        bool whole = strcmp(arg, verb_flags[f].name) == 0 || (f == 0 && strcmp(arg, "-c") == 0);

        if (!whole && (strncmp(arg, verb_flags[f].name, n) != 0 || arg[n] != '='))
            continue;
        if (verb_flags[f].value == VALUE_NONE) {
            set_flag(a, 1u << f);
            return whole;
        }
        *missing = whole && *i + 1 == argc;
        if (!*missing)
            put_value(a, 1u << f, whole ? argv[++*i] : arg + n + 1);
        return !*missing;
    }
    if (arg[0] == '-')
        return false;
    return take_word(a, arg);
}

static unsigned given_flags(const struct arguments *a)
{
    return (a->configs.n > 0 ? FLAG_CONFIG : 0u) | (a->sets.n > 0 ? FLAG_SET : 0u) |
           (a->format != NULL ? FLAG_FORMAT : 0u) | (a->mode != NULL ? FLAG_MODE : 0u) |
           (a->endpoint != NULL ? FLAG_ENDPOINT : 0u) | (a->ca != NULL ? FLAG_CA : 0u) |
           (a->timeout != NULL ? FLAG_TIMEOUT : 0u) | (a->context != NULL ? FLAG_CONTEXT : 0u) |
           (a->json ? FLAG_JSON : 0u) | (a->filter != NULL ? FLAG_FILTER : 0u) | (a->write ? FLAG_WRITE : 0u) |
           (a->watch ? FLAG_WATCH : 0u) | (a->interval != NULL ? FLAG_INTERVAL : 0u) | (a->once ? FLAG_ONCE : 0u) |
           (a->socket != NULL ? FLAG_SOCKET : 0u) | (a->condition != NULL ? FLAG_CONDITION : 0u) |
           (a->count != NULL ? FLAG_COUNT : 0u) | (a->rate != NULL ? FLAG_RATE : 0u) |
           (a->receiver != NULL ? FLAG_RECEIVER : 0u) | (a->exporter != NULL ? FLAG_EXPORTER : 0u) |
           (a->before ? FLAG_BEFORE : 0u) | (a->after ? FLAG_AFTER : 0u) | (a->both ? FLAG_BOTH : 0u);
}

static unsigned flags_of(const char *verb)
{
    const struct verb *found = verb_find(verb);

    return found != NULL ? found->flags : 0;
}

static int run_verb(const struct arguments *a)
{
    const struct verb *verb = verb_find(a->verb);

    if (verb == NULL) {
        fprintf(stderr,
                "otelcd: there is no command \"%s\"; otelcd --help lists them; a configuration is given with "
                "--config FILE\n",
                a->verb);
        return 2;
    }
    for (size_t f = 0; f < FLAGS; f++)
        if ((given_flags(a) & ~verb->flags & (1u << f)) != 0) {
            fprintf(stderr, "otelcd: %s does not take %s; otelcd --help lists what it takes\n", a->verb,
                    verb_flags[f].name);
            return 2;
        }
    return verb->run(a);
}

static void say_unknown(const struct arguments *a, const char *arg, bool missing)
{
    if (missing)
        fprintf(stderr, "otelcd: %s needs a value\n", arg);
    else if (arg[0] != '-' && (flags_of(a->verb) & FLAG_CONFIG) != 0)
        fprintf(stderr, "otelcd: a configuration is given with --config: write otelcd %s --config %s\n", a->verb, arg);
    else
        fprintf(stderr, "otelcd: unknown argument %s; otelcd --help lists them\n", arg);
}

/* Who starts otelcd with one of them closed does not get a socket in its place. */
static void open_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct arguments a = { 0 };
    int code;

    open_standard_files();
    code = argc == 2 && strcmp(argv[1], "worker") == 0 ? service_work(component_registry) : -1;

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
        } else if (!take_argument(argc, argv, &i, &a, &missing)) {
            say_unknown(&a, argv[i], missing);
            code = 2;
        }
    }
    if (code < 0) {
        if (a.verb == NULL)
            a.verb = "run";
        code = run_verb(&a);
    }
    vec_free(&a.configs);
    vec_free(&a.sets);
    vec_free(&a.operands);
    return code;
}
