/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd ottl`: what statements make of a file of OTLP JSON, or which of its items a condition is true of.
 *
 * The texts are read as the daemon reads them, each fault shown in its text. Statements then run in a transform
 * processor on a configuration that is made for it (service/trial.h), and what went in is compared with what came out;
 * a condition is asked of each item. What fails on an item is logged as the daemon would log it. */
#include "base/log_recent.h"
#include "command/command.h"
#include "ottl/condition_walk.h"
#include "otlp/text/item_text.h"
#include "command/request_text.h"
#include "command/text_fault.h"
#include "otlp/json.h"
#include "pipeline/statement_list.h"
#include "service/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MOST_SHOWN 20u

static const char usage[] =
    "usage: otelcd ottl STATEMENT [STATEMENT]... <requests.json\n"
    "       otelcd ottl CONDITION <requests.json\n"
    "Statements: what changes is shown, before and after; --json prints the whole result as OTLP JSON instead.\n"
    "A condition: the items that it is true of. --context says what paths without a prefix are about: resource, "
    "scope,\n"
    "span, spanevent, metric, datapoint, exemplar, log. Exit status 1: a text is wrong or failed on an item.\n";

struct trying {
    const struct arguments *arguments;
    const char *const *texts;
    size_t n;
    bool condition;
    enum signal signal;
    struct ottl_reading how;
    struct buf wire;
    struct log_sink log;
    struct ottl_program *program; /* the condition */
};

/* ---- what is asked ---- */

/* A statement begins with an editor, whose name is in small letters. */
static bool is_statement(const char *text)
{
    size_t space = strspn(text, " \t\n"), word = strspn(text + space, "abcdefghijklmnopqrstuvwxyz_");
    size_t behind = space + word + strspn(text + space + word, " \t\n");

    return word > 0 && text[behind] == '(' && !bytes_is(bytes_of(text + space, word), "not");
}

static bool find_context(struct trying *t)
{
    unsigned allowed = statement_contexts[t->signal];
    const char *name = t->arguments->context;
    struct ottl_fault fault = { 0 }, none;

    t->how.bare = name != NULL;
    if (name == NULL)
        t->how.context = ottl_infer(t->texts, t->n, allowed, &fault);
    else
        t->how.context = ottl_context_find(bytes_str(name));
    if (name != NULL && (t->how.context == OTTL_CONTEXTS || (allowed & OTTL_IN(t->how.context)) == 0)) {
        fprintf(stderr, "otelcd ottl: %s have no context %s: take", signal_table[t->signal].name, name);
        for (unsigned c = 0; c < OTTL_CONTEXTS; c++)
            if ((allowed & OTTL_IN(c)) != 0)
                fprintf(stderr, " %s", ottl_context_names[c]);
        fputc('\n', stderr);
        return false;
    }
    if (t->how.context == OTTL_CONTEXTS)
        fprintf(stderr, "otelcd ottl: %s%s\n", fault.text,
                ottl_infer(t->texts, t->n, ~0u, &none) == OTTL_CONTEXTS ? "; or say it with --context" : "");
    return t->how.context != OTTL_CONTEXTS;
}

static bool check_texts(struct trying *t)
{
    size_t faults = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct ottl_fault fault;
        struct ottl_program *p = t->condition ? ottl_parse_condition(t->texts[i], t->how, &fault)
                                              : ottl_parse_statement(t->texts[i], t->how, &fault);

        if (p == NULL) {
            text_fault_show("ottl", t->texts[i], fault.at, fault.text);
            faults++;
        }
        if (t->condition)
            t->program = p;
        else
            ottl_program_free(p);
    }
    return faults == 0;
}

/* ---- running ---- */

/* A text in quotes of JSON, which are YAML's too, with each $ doubled. */
static void put_text(struct buf *out, const char *text)
{
    struct buf doubled = { 0 };

    for (; *text != '\0'; text++)
        buf_puts(&doubled, *text == '$' ? "$$" : (const char[]){ *text, '\0' });
    text_put_json(out, buf_cstr(&doubled));
    buf_free(&doubled);
}

static void put_config(const struct trying *t, struct buf *out)
{
    static const char *const keys[SIGNAL_COUNT] = { "trace_statements", "metric_statements", "log_statements",
                                                    "profile_statements" };

    buf_printf(out, "yaml:{receivers: {nop: }, exporters: {nop: }, processors: {transform: {%s: [{", keys[t->signal]);
    if (t->how.bare)
        buf_printf(out, "context: %s, ", ottl_context_names[t->how.context]);
    buf_puts(out, "statements: [");
    for (size_t i = 0; !t->condition && i < t->n; i++) {
        put_text(out, t->texts[i]);
        buf_puts(out, ", ");
    }
    buf_printf(out, "]}]}}, service: {pipelines: {%s: {receivers: [nop], processors: [%s], exporters: [nop]}}}}",
               signal_table[t->signal].name, t->condition ? "" : "transform");
}

/* NULL: what it said is on stderr. */
static struct config *make_config(const struct trying *t)
{
    struct buf text = { 0 };
    struct config *c;

    put_config(t, &text);
    c = config_load(&(struct config_sources){ .uris = (const char *const[]){ buf_cstr(&text) }, .n_uris = 1 },
                    component_registry);
    for (size_t i = 0; i < c->faults.list.n; i++)
        if (!c->faults.list.v[i].warning)
            fprintf(stderr, "otelcd ottl: %s\n", c->faults.list.v[i].text);
    buf_free(&text);
    if (c->faults.n_errors == 0)
        return c;
    config_free(c);
    return NULL;
}

static void print_json(const struct batch *b)
{
    struct buf wire = { 0 }, json = { 0 };

    for (uint32_t i = 0; b != NULL && i < b->n_segments; i++)
        buf_append(&wire, b->segments[i].data, b->segments[i].len);
    wire_to_json(signal_table[b != NULL ? b->signal : 0].request, buf_bytes(&wire), &json, NULL);
    buf_putc(&json, '\n');
    fwrite(json.data, 1, json.len, stdout);
    buf_free(&wire);
    buf_free(&json);
}

static bool print_diff(struct batch *before, struct batch *after, struct budget *budget)
{
    struct item_texts a = { 0 }, b = { 0 };
    struct buf out = { 0 };
    struct error err = { 0 };
    bool ok = item_texts_add(&a, before, budget, &err) && (after == NULL || item_texts_add(&b, after, budget, &err));

    if (ok) {
        size_t n = item_texts_diff(&a, &b, MOST_SHOWN, &out);

        fwrite(out.data, 1, out.len, stdout);
        fputs(n > 0 ? "\n" : "", stdout);
        if (a.v.n == b.v.n)
            printf("%zu of %zu items changed\n", n, a.v.n);
        else
            printf("%zu items before, %zu after\n", a.v.n, b.v.n);
    } else {
        fprintf(stderr, "otelcd ottl: %s\n", err.text);
    }
    buf_free(&out);
    item_texts_free(&a);
    item_texts_free(&b);
    return ok;
}

static bool run_statements(struct trying *t, struct trial *trial, struct batch *batch)
{
    const struct trial_verdict *verdict = NULL;
    struct batch *after;
    bool ok = true;

    trial_send(trial, "nop", batch_ref(batch), &verdict);
    after = trial_take(trial, "nop", batch->signal);
    if (t->arguments->json)
        print_json(after);
    else
        ok = print_diff(batch, after, trial_budget(trial));
    if (after != NULL)
        batch_unref(after);
    return ok;
}

static void print_items(const struct item_texts *t)
{
    struct buf out = { 0 };

    for (size_t i = 0; i < t->v.n && i < MOST_SHOWN; i++) {
        item_text_print(t->v.v[i], "", &out);
        buf_putc(&out, '\n');
    }
    if (t->v.n > MOST_SHOWN)
        buf_printf(&out, "... and %zu more\n\n", t->v.n - MOST_SHOWN);
    fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
}

static bool run_condition(struct trying *t, struct trial *trial, struct batch *batch)
{
    struct condition_count count = { 0 };
    struct item_texts texts = { 0 };
    struct error err = { 0 };
    const struct condition_question q = { t->program, true, (int64_t)trial_wall(trial), trial_budget(trial) };
    struct batch *held = condition_walk(&q, batch, &count);

    if (t->arguments->json) {
        print_json(held);
    } else if (held != NULL && item_texts_add(&texts, held, trial_budget(trial), &err)) {
        print_items(&texts);
    }
    if (!t->arguments->json)
        printf("true of %llu of %llu (%s)\n", (unsigned long long)count.held, (unsigned long long)count.asked,
               ottl_context_names[t->how.context]);
    if (count.failed > 0)
        fprintf(stderr, "otelcd ottl: failed on %llu: %s\n", (unsigned long long)count.failed, count.why.text);
    if (err.code != 0)
        fprintf(stderr, "otelcd ottl: %s\n", err.text);
    item_texts_free(&texts);
    if (held != NULL)
        batch_unref(held);
    return count.failed == 0 && err.code == 0;
}

static bool run_trial(struct trying *t, struct config *config)
{
    struct error err = { 0 };
    struct trial *trial = trial_new(config, false, &t->log, &err);
    struct batch *batch = NULL;
    bool ok = trial != NULL && trial_batch(trial, t->signal, buf_bytes(&t->wire), &batch, &err);

    if (!ok)
        fprintf(stderr, "otelcd ottl: %s\n", err.text);
    else
        ok = t->condition ? run_condition(t, trial, batch) : run_statements(t, trial, batch);
    if (batch != NULL)
        batch_unref(batch);
    if (trial != NULL)
        trial_free(trial);
    return ok && t->log.recent->total == 0;
}

static bool read_input(struct trying *t)
{
    struct buf json = { 0 };
    struct error err = { 0 };
    size_t n;
    bool ok;

    do {
        n = fread(buf_reserve(&json, 65536), 1, 65536, stdin);
        json.len += n;
    } while (n > 0 && json.len <= REQUEST_MAX);
    if (json.len > REQUEST_MAX)
        ok = error_set(&err, UV_E2BIG, "more than %u MiB", REQUEST_MAX >> 20) == 0;
    else
        ok = request_read(buf_bytes(&json), &t->signal, &t->wire, &err);
    if (!ok)
        fprintf(stderr, "otelcd ottl: standard input: %s\n", err.text);
    buf_free(&json);
    return ok;
}

static bool try_texts(struct trying *t)
{
    struct config *config;
    bool ok;

    if (!read_input(t) || !find_context(t) || !check_texts(t))
        return false;
    config = make_config(t);
    if (config == NULL)
        return false;
    ok = run_trial(t, config);
    config_free(config);
    return ok;
}

/* Statements, or one condition. */
static bool sort_texts(struct trying *t)
{
    size_t conditions = 0;

    for (size_t i = 0; i < t->n; i++)
        conditions += !is_statement(t->texts[i]);
    t->condition = conditions > 0;
    return t->n > 0 && (conditions == 0 || t->n == 1);
}

int command_ottl(const struct arguments *a)
{
    struct trying t = { .arguments = a, .texts = a->operands.v, .n = a->operands.n };
    bool ok;

    if (!sort_texts(&t)) {
        if (t.n > 0)
            fputs("otelcd ottl: a condition stands alone; join several with `and` or `or`\n", stderr);
        fputs(usage, stderr);
        return 2;
    }
    log_sink_init(&t.log);
    t.log.level = LOG_WARN;
    t.log.bare = true;
    log_keep_recent(&t.log);
    ok = try_texts(&t);
    ottl_program_free(t.program);
    buf_free(&t.wire);
    log_sink_close(&t.log);
    return ok ? 0 : 1;
}
