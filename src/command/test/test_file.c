/* SPDX-License-Identifier: Apache-2.0 */
/* The file is decoded by rows like a configuration. Then the configuration that it names or holds is loaded, and each
 * step is checked against it (test_step.c). Faults of both are gathered and told at their locations. */
#include "command/test/test_file.h"

#include "command/test/test_file_inside.h"

#include <stdarg.h>
#include <string.h>

#define MOST_PROCESSORS 64u

static const char *const signal_names[] = { "", "traces", "metrics", "logs", "profiles", NULL };
static const char *const peer_names[] = { "well", "unreachable", "refusing", "partial", NULL };
static const char *const answer_names[] = { "good", "accepted", "waiting", "rejected", "retry", NULL };

#define DATA_ROWS(T)                                                                                                   \
    OPT_ANY(T, otlp, "A request as OTLP JSON has it, {resourceSpans: [...]}; attributes may be maps, bodies texts."),  \
        OPT_STRING(T, file, NULL, "A file with OTLP JSON, from the folder of this file."),                             \
        OPT_ANY(T, spans, "A list of spans of one resource."), OPT_ANY(T, metrics, "A list of metrics."),              \
        OPT_ANY(T, logs, "A list of log records."),                                                                    \
        OPT_ANY(T, resource, "Attributes of the resource that `spans`, `metrics` or `logs` are of.")

static const struct option send_options[] = {
    OPT_STRING(struct test_send, to, NULL, "The receiver; may be missing where there is one for the signal."),
    DATA_ROWS(struct test_send),
    OPT_MAP(struct test_send, metadata, "Of the client, as include_metadata keeps it: {x-team: web}."),
    OPT_ENUM(struct test_send, answer, answer_names, "good", "What the client is told; good: accepted or waiting."),
    OPT_END,
};

static const struct option expect_options[] = {
    OPT_STRING(struct test_expect, from, NULL, "The exporter; may be missing where there is one for the signal."),
    OPT_ENUM(struct test_expect, signal, signal_names, "", "Which of the exporter's signals, where it has several."),
    DATA_ROWS(struct test_expect),
    OPT_BOOL(struct test_expect, nothing, "false", "Nothing came out since the last look."),
    OPT_INT(struct test_expect, items, "-1", "-1", NULL, "How many items came out since the last look."),
    OPT_NODE(struct test_expect, conditions, "Conditions of OTTL, or {condition, items}: of how many it is true."),
    OPT_STRING(struct test_expect, context, NULL, "What paths of `conditions` without a prefix are about."),
    OPT_STRING(struct test_expect, pipeline, NULL, "Whose ledger; may be missing where there is one pipeline."),
    OPT_NODE(struct test_expect, dropped, "Items dropped so far in this test by reason, all of them: {filtered: 2}."),
    OPT_NODE(struct test_expect, refused, "Items refused so far by reason."),
    OPT_INT(struct test_expect, held, "-1", "-1", NULL, "Items that wait inside."),
    OPT_INT(struct test_expect, delivered, "-1", "-1", NULL, "Items that all exporters have."),
    OPT_STRING(struct test_expect, exporter, NULL, "Whose ledger, queue and all, in place of a pipeline's."),
    OPT_INT(struct test_expect, attempts, "-1", "-1", NULL, "Attempts of the exporter at its backend so far."),
    OPT_END,
};

static const struct option backend_options[] = {
    OPT_STRING(struct test_backend, of, NULL, "The exporter that sends to it; may be missing where there is one."),
    OPT_ENUM(struct test_backend, is, peer_names, "well", "How it is from now on."),
    OPT_INT(struct test_backend, takes, "0", "0", NULL, "partial: so many items of each attempt, the first."),
    { .key = "for",
      .kind = OPTION_DURATION,
      .offset = OPT_FIELD(struct test_backend, time, duration),
      .def = "0s",
      .min = "0s",
      .max = "744h",
      .help = "How long; 0s: until the next such step." },
    OPT_END,
};

static const struct option step_options[] = {
    OPT_GROUP(struct test_step, send, struct test_send, send_options, GROUP_NONE, "A receiver gets a request."),
    OPT_DURATION(struct test_step, advance, "0s", "0s", "744h", "Time moves on, by a month at most."),
    OPT_BOOL(struct test_step, stop, "false", "Stops as SIGTERM does."),
    OPT_GROUP(struct test_step, expect, struct test_expect, expect_options, GROUP_NONE, "What came out."),
    OPT_GROUP(struct test_step, backend, struct test_backend, backend_options, GROUP_NONE,
              "How the backend of an exporter is."),
    OPT_END,
};

static const struct option test_options[] = {
    OPT_STRING(struct test_rows, name, NULL, "The sentence that is proved.", .required = true),
    OPT_LIST(struct test_rows, steps, struct test_step, step_options, "What happens, in order.", .required = true),
    OPT_END,
};

const struct option test_file_options[] = {
    OPT_STRINGS(struct test_file_rows, config, NULL, "Files of the configuration, from the folder of this file."),
    OPT_STRINGS(struct test_file_rows, set, NULL, "key=value, as --set."),
    OPT_ANY(struct test_file_rows, configuration, "The configuration itself, in place of files, or merged over them."),
    OPT_ANY(struct test_file_rows, processors, "Processors alone, in their order, between a receiver and an exporter."),
    OPT_LIST(struct test_file_rows, tests, struct test_rows, test_options, "The tests.", .required = true),
    OPT_END,
};

void test_fault(const struct test_location *at, const struct yaml_node *node, const char *fmt, ...)
{
    const struct yaml_node *location = node != NULL ? node : at->node;
    va_list args;

    va_start(args, fmt);
    fault_vadd(&at->file->faults, location->file, location->line, location->column, at->path, false, fmt, args);
    va_end(args);
}

/* ---- the configuration ---- */

/* From the folder of the test file. */
static const char *path_beside(struct test_file *f, const char *name)
{
    const char *slash = strrchr(f->path, '/');

    if (name[0] == '/' || slash == NULL || strncmp(name, "env:", 4) == 0 || strncmp(name, "yaml:", 5) == 0)
        return name;
    return arena_printf(&f->arena, "%.*s%s", (int)(slash + 1 - f->path), f->path, name);
}

static void make_sources(struct test_file *f, const struct test_file_rows *rows, const struct yaml_node *root,
                         const struct component *const *registry)
{
    const char **uris = arena_zalloc(&f->arena, (rows->config.n + 1) * sizeof(*uris));
    const struct test_location at = { f, root, "", NULL };

    for (size_t i = 0; i < rows->config.n; i++)
        uris[i] = path_beside(f, rows->config.v[i]);
    f->sources = (struct config_sources){
        .uris = uris, .n_uris = rows->config.n, .sets = rows->set.v, .n_sets = rows->set.n, .tree = rows->configuration
    };
    if (rows->processors != NULL && (rows->configuration != NULL || rows->config.n > 0))
        test_fault(&at, rows->processors, "processors alone are tested without a configuration: remove one of the two");
    else if (rows->processors != NULL)
        f->sources.tree = test_pipelines_of(f, rows->processors, registry);
    else if (rows->configuration == NULL && rows->config.n == 0)
        test_fault(&at, NULL, "what is tested? Write config: FILE, configuration: or processors:");
}

struct config *test_file_config(const struct test_file *f, const struct component *const *registry)
{
    struct config *c = config_load(&f->sources, registry);

    config_forget_own(c);
    return c;
}

static void take_faults(struct test_file *f, const struct faults *from)
{
    for (size_t i = 0; i < from->list.n; i++) {
        const struct fault *x = &from->list.v[i];
        const struct yaml_node location = { .file = arena_strdup(&f->arena, x->file),
                                            .line = x->line,
                                            .column = x->column };

        if (!x->warning)
            fault_add(&f->faults, &location, x->path, false, "%s", x->text);
    }
}

/* ---- the tests ---- */

static const struct yaml_node *element_at(const struct yaml_node *map, const char *key, size_t i)
{
    const struct yaml_node *list = yaml_get(map, key);

    return list != NULL && list->kind == YAML_LIST && i < list->n ? list->items[i] : map;
}

static void read_case(struct test_file *f, const struct test_rows *rows, const struct yaml_node *node, size_t number)
{
    struct test_case *c = vec_push(&f->cases);

    *c = (struct test_case){ .name = rows->name, .location = node };
    for (size_t i = 0; i < rows->steps.n; i++) {
        const struct test_location at = { f, element_at(node, "steps", i),
                                          arena_printf(&f->arena, "tests::%zu::steps::%zu", number, i), c };
        struct step *s = vec_push(&c->steps);

        *s = (struct step){ .location = at.node,
                            .items = -1,
                            .ledger = { .held = -1, .delivered = -1, .attempts = -1 } };
        test_step_read(&at, &((const struct test_step *)rows->steps.v)[i], s);
        c->queues |= s->kind == STEP_BACKEND || s->ledger.exporter != NULL;
    }
}

static void read_tree(struct test_file *f, const struct yaml_node *root, const struct component *const *registry)
{
    struct test_file_rows rows = { 0 };

    decode_struct(&f->arena, test_file_options, root, "", &rows, &f->faults);
    if (f->faults.n_errors > 0)
        return;
    make_sources(f, &rows, root, registry);
    if (f->faults.n_errors > 0)
        return;
    f->config = test_file_config(f, registry);
    take_faults(f, &f->config->faults);
    for (size_t i = 0; f->faults.n_errors == 0 && i < rows.tests.n; i++)
        read_case(f, &((const struct test_rows *)rows.tests.v)[i], element_at(root, "tests", i), i);
}

void test_file_read(struct test_file *f, const char *path, const struct component *const *registry)
{
    const struct yaml_node location = { .file = path };
    struct buf text = { 0 };
    const char *why = "";
    struct yaml_node *root = NULL;

    *f = (struct test_file){ .path = path };
    if (!source_file(path, &text, &why))
        fault_add(&f->faults, &location, "", false, "cannot read the tests: %s", why);
    else
        root = yaml_read(&f->arena, buf_bytes(&text), path, 1, 1, &f->faults);
    if (root != NULL && f->faults.n_errors == 0)
        read_tree(f, root, registry);
    buf_free(&text);
}

static void free_step(struct step *s)
{
    for (size_t i = 0; i < s->conditions.n; i++)
        ottl_program_free(s->conditions.v[i].program);
    vec_free(&s->conditions);
    vec_free(&s->ledger.dropped);
    vec_free(&s->ledger.refused);
    buf_free(&s->request);
}

void test_file_free(struct test_file *f)
{
    for (size_t i = 0; i < f->cases.n; i++) {
        for (size_t k = 0; k < f->cases.v[i].steps.n; k++)
            free_step(&f->cases.v[i].steps.v[k]);
        vec_free(&f->cases.v[i].steps);
    }
    vec_free(&f->cases);
    if (f->config != NULL)
        config_free(f->config);
    faults_free(&f->faults);
    arena_free(&f->arena);
}
