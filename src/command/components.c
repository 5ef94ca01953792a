/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd components`: what there is, as the Go collector lists it (YAML), and the reference that is made of the
 * option rows (markdown, and roff for the man page); and the reference of OTTL (ottl). */
#include "command/command.h"
#include "service/config.h"
#include "service/own/own_source.h"
#include "base/loop/loop.h"
#include "ottl/reference.h"
#include "net/socket/tls.h"
#include "pipeline/ledger/ledger_metrics.h"
#include "service/process_metrics.h"
#include "service/workers/front.h"
#include "queue/sender.h"
#include "prom/endpoint/scrape_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_type(const void *pa, const void *pb)
{
    const struct component *a = *(const struct component *const *)pa, *b = *(const struct component *const *)pb;

    return strcmp(a->type, b->type);
}

/* The components of a kind, sorted; returns how many. */
static size_t of_kind(enum component_kind kind, const struct component **out, size_t max)
{
    size_t n = 0;

    for (const struct component *const *c = component_registry; *c != NULL && n < max; c++)
        if ((*c)->kind == kind)
            out[n++] = *c;
    if (n > 0)
        qsort(out, n, sizeof(*out), by_type);
    return n;
}

static void print_signals(const struct component *c)
{
    bool connector = c->kind == COMPONENT_CONNECTOR;

    for (unsigned s = 0; s < SIGNAL_COUNT; s++)
        for (unsigned to = 0; to < SIGNAL_COUNT; to++) {
            bool out = c->makes != 0 ? (c->makes & SIGNAL_BIT(to)) != 0 : to == s;

            if ((c->signals & SIGNAL_BIT(s)) != 0 && out)
                printf("        %s%s%s: %c%s\n", signal_table[s].name, connector ? "-to-" : "",
                       connector ? signal_table[to].name : "", c->stability[0] & ~0x20, c->stability + 1);
        }
}

static void print_yaml(void)
{
    printf("buildinfo:\n    command: otelcd\n    description: OpenTelemetry collector daemon in C\n    version: %s\n",
           OTELCD_VERSION);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++) {
        const struct component *list[128];
        size_t n = of_kind((enum component_kind)kind, list, ARRAY_LEN(list));

        printf("%s:%s\n", config_sections[kind], n == 0 ? " []" : "");
        for (size_t i = 0; i < n; i++) {
            printf("    - name: %s\n      module: otelcd/%s/%s\n      stability:\n", list[i]->type, config_words[kind],
                   list[i]->type);
            print_signals(list[i]);
        }
    }
    printf("providers:\n    - scheme: env\n      module: otelcd/config/env\n    - scheme: file\n      module: "
           "otelcd/config/file\n    - scheme: yaml\n      module: otelcd/config/yaml\nconverters: []\n");
}

/* --- the reference --- */

static const char *kind_word(const struct option *o)
{
    static const char *const names[] = {
        [OPTION_BOOL] = "bool",          [OPTION_UINT] = "integer",
        [OPTION_INT] = "integer",        [OPTION_DOUBLE] = "number",
        [OPTION_DURATION] = "duration",  [OPTION_STRING] = "string",
        [OPTION_SECRET] = "secret",      [OPTION_EXTENSION] = "string",
        [OPTION_ENUM] = "one of",        [OPTION_STRINGS] = "list of strings",
        [OPTION_MAP] = "map of strings", [OPTION_HEADERS] = "headers",
        [OPTION_GROUP] = "block",        [OPTION_LIST] = "list of blocks",
        [OPTION_NODE] = "YAML",          [OPTION_IGNORED] = "no effect here",
        [OPTION_REFUSED] = "not served", [OPTION_END] = "",
    };

    return names[o->kind];
}

static const char *mode_word(enum group_mode mode)
{
    static const char *const words[] = { "", "off unless it has content", "off unless the key is there",
                                         "on unless enabled: false" };

    return words[mode];
}

struct writer {
    void (*heading)(int level, const char *text);
    void (*text)(const char *s);
    void (*row)(const char *path, const char *type, const char *def, const char *help);
};

static void bounds_words(const struct option *o, struct buf *out)
{
    if (o->min != NULL && o->max != NULL)
        buf_printf(out, ", %s to %s", o->min, o->max);
    else if (o->min != NULL)
        buf_printf(out, ", %s or more", o->min);
    else if (o->max != NULL)
        buf_printf(out, ", at most %s", o->max);
}

static void type_words(const struct option *o, struct buf *out)
{
    out->len = 0;
    buf_puts(out, kind_word(o));
    for (size_t i = 0; o->names != NULL && o->names[i] != NULL; i++)
        buf_printf(out, "%s%s",
                   i > 0                    ? ", "
                   : o->kind == OPTION_ENUM ? " "
                                            : ": ",
                   o->names[i][0] != '\0' ? o->names[i] : "\"\"");
    bounds_words(o, out);
    if (o->kind == OPTION_GROUP && o->mode != GROUP_PLAIN)
        buf_printf(out, ", %s", mode_word(o->mode));
    if (o->required)
        buf_puts(out, ", required");
    if (o->deprecated != NULL)
        buf_puts(out, ", deprecated");
}

static void write_rows(const struct writer *w, const struct option *rows, const char *path)
{
    struct buf type = { 0 };

    for (const struct option *o = rows; o != NULL && o->kind != OPTION_END; o++) {
        char *full = mem_printf("%s%s%s", path, path[0] != '\0' ? "::" : "", o->key);

        type_words(o, &type);
        w->row(full, buf_cstr(&type), o->def != NULL ? o->def : "", o->help);
        if (o->kind == OPTION_GROUP || o->kind == OPTION_LIST)
            write_rows(w, o->options, full);
        free(full);
    }
    buf_free(&type);
}

static void md_heading(int level, const char *text)
{
    printf("\n%.*s %s\n\n", level, "####", text);
}

static void md_text(const char *s)
{
    printf("\n%s\n\n", s);
}

static void md_row(const char *path, const char *type, const char *def, const char *help)
{
    printf("- `%s` (%s%s%s%s): %s\n", path, type, def[0] != '\0' ? "; default `" : "", def, def[0] != '\0' ? "`" : "",
           help);
}

/* roff: a backslash, and a dot or quote at the beginning, would be commands. */
static void put_roff(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s != '\0'; s++)
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
}

static void man_heading(int level, const char *text)
{
    printf(".S%s \"%s\"\n", level < 3 ? "H" : "S", text);
}

static void man_text(const char *s)
{
    printf(".PP\n");
    put_roff(s);
    putchar('\n');
}

static void man_row(const char *path, const char *type, const char *def, const char *help)
{
    printf(".TP\n.B ");
    put_roff(path);
    printf("\n(");
    put_roff(type);
    if (def[0] != '\0') {
        printf("; default ");
        put_roff(def);
    }
    printf(")\n.br\n");
    put_roff(help);
    putchar('\n');
}

static const struct writer markdown = { md_heading, md_text, md_row };
static const struct writer man = { man_heading, man_text, man_row };

/* "For traces and metrics; beta. Also written logging." */
static void write_facts(const struct writer *w, const struct component *c)
{
    struct buf b = { 0 };

    buf_puts(&b, c->signals != 0 ? "Signals:" : "");
    for (int s = 0; s < SIGNAL_COUNT; s++)
        if ((c->signals & SIGNAL_BIT((unsigned)s)) != 0)
            buf_printf(&b, "%s %s", buf_cstr(&b)[b.len - 1] == ':' ? "" : ",", signal_table[s].name);
    buf_printf(&b, "%sStability: %s.", c->signals != 0 ? ". " : "", c->stability);
    for (size_t i = 0; c->aliases != NULL && c->aliases[i] != NULL; i++)
        buf_printf(&b, "%s %s", i == 0 ? " Old names:" : ",", c->aliases[i]);
    if (c->aliases != NULL && c->aliases[0] != NULL)
        buf_putc(&b, '.');
    w->text(buf_cstr(&b));
    buf_free(&b);
}

static void write_metrics(const struct writer *w, const struct metric_row *const *rows)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    for (; *rows != NULL; rows++)
        w->row((*rows)->name, types[(*rows)->type], "", (*rows)->help);
}

static void write_component(const struct writer *w, const struct component *c)
{
    w->heading(3, c->type);
    w->text(c->summary);
    write_facts(w, c);
    if (c->safe != NULL)
        w->text(c->safe);
    write_rows(w, c->options, "");
    if (c->metrics == NULL)
        return;
    w->text("Metrics it keeps of itself:");
    write_metrics(w, c->metrics);
}

/* What otelcd keeps of itself, whatever the components are. */
static void write_own_metrics(const struct writer *w)
{
    w->heading(2, "metrics");
    w->text("Of the process:");
    write_metrics(w, process_metric_rows);
    write_metrics(w, loop_metric_rows);
    write_metrics(w, tls_metric_rows);
    w->text("Of each worker (service::workers):");
    write_metrics(w, worker_metric_rows);
    w->text("Of each pipeline and each exporter:");
    write_metrics(w, ledger_metric_rows);
    w->text("Of each exporter with a queue:");
    write_metrics(w, sender_metric_rows);
    w->text("Of each scrape endpoint:");
    write_metrics(w, endpoint_metric_rows);
    w->text("Of what sends all this, where service::telemetry says so:");
    write_metrics(w, own_source.metrics);
}

static void print_reference(const struct writer *w)
{
    if (w == &markdown)
        printf("# Reference of components and options\n\nMade by `make docs` from the option rows in the source; do "
               "not edit.\n");
    w->heading(2, "service");
    write_rows(w, service_options, "");
    for (int kind = 0; kind < COMPONENT_KINDS; kind++) {
        const struct component *list[128];
        size_t n = of_kind((enum component_kind)kind, list, ARRAY_LEN(list));

        if (n > 0)
            w->heading(2, config_sections[kind]);
        for (size_t i = 0; i < n; i++)
            write_component(w, list[i]);
    }
    write_own_metrics(w);
}

static void print_language(void)
{
    struct buf page = { 0 };

    ottl_reference_write(&page);
    fwrite(page.data, 1, page.len, stdout);
    buf_free(&page);
}

int command_components(const struct arguments *a)
{
    if (a->format == NULL || strcmp(a->format, "yaml") == 0) {
        print_yaml();
    } else if (strcmp(a->format, "markdown") == 0) {
        print_reference(&markdown);
    } else if (strcmp(a->format, "man") == 0) {
        print_reference(&man);
    } else if (strcmp(a->format, "ottl") == 0) {
        print_language();
    } else {
        fprintf(stderr, "otelcd components: --format is yaml, markdown, man or ottl\n");
        return 2;
    }
    return 0;
}
