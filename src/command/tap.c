/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd tap`: live items at a point of a running otelcd. The question goes to /api/v1/tap, by the control socket of
 * the one that runs here, and what comes back is printed as it comes: items on stdout, all else on stderr. Items have
 * been made fit for a terminal where they come from (page/tap/tap_show.c).
 *
 * What can go wrong: nobody answers, or he says what is wrong with the question; the mark is put under the place. */
#include "codec/json_tree.h"
#include "command/command.h"
#include "command/daemon.h"
#include "command/text_fault.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_LINE ((size_t)1 << 20)
#define MOST_SILENCE 30000 /* ms; it says something each second */

enum { EXIT_DONE = 0, EXIT_ENDED = 1, EXIT_UNREACHED = 2 };

static const char usage[] =
    "usage: otelcd tap PIPELINE[/PROCESSOR] [--condition OTTL] [--count N] [--rate N] [--before|--after|--both]\n"
    "       otelcd tap PIPELINE --receiver ID | --exporter ID\n"
    "Shows live items at that point of the otelcd that runs on this machine: of a processor what goes in beside what\n"
    "comes out, with what was changed marked. --rate: at most so many a second (10; 0 is no limit). --format json:\n"
    "OTLP JSON, a request a line. --socket PATH, --config FILE or --endpoint URL say which otelcd.\n";

struct tapping {
    const struct arguments *arguments;
    struct daemon_answer answer;
    struct buf line, event, data; /* of the stream */
    struct buf refusal;           /* an answer that is no stream */
    struct arena arena;
    uint64_t passed, looked, matched, shown, missed, large, failed;
    bool colors, over;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- the question ---- */

static void put_parameter(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(out, "%c%s=", out->len > strlen("/api/v1/tap") ? '&' : '?', name);
    for (; *value != '\0'; value++)
        buf_printf(out, "%%%02x", (unsigned)(unsigned char)*value);
}

static const char *side_of(const struct arguments *a)
{
    return a->both ? "both" : a->before ? "before" : a->after ? "after" : NULL;
}

static void put_question(const struct arguments *a, struct buf *out)
{
    buf_puts(out, "/api/v1/tap");
    put_parameter(out, "point", a->operands.v[0]);
    put_parameter(out, "receiver", a->receiver);
    put_parameter(out, "exporter", a->exporter);
    put_parameter(out, "side", side_of(a));
    put_parameter(out, "condition", a->condition);
    put_parameter(out, "count", a->count);
    put_parameter(out, "rate", a->rate);
    put_parameter(out, "format", a->format);
}

/* ---- what comes ---- */

static const char *color_of(const struct tapping *t, const char *line, bool head)
{
    if (!t->colors)
        return "";
    return head ? "\033[1m" : line[0] == '-' ? "\033[31m" : line[0] == '+' ? "\033[32m" : "";
}

static void print_item(struct tapping *t)
{
    const char *text = buf_cstr(&t->data);
    bool json = t->arguments->format != NULL && strcmp(t->arguments->format, "json") == 0, head = !json;

    for (; *text != '\0'; head = false) {
        size_t len = strcspn(text, "\n");
        const char *color = color_of(t, text, head);

        printf("%s%s%.*s%s\n", color, head ? "--- " : "", (int)len, text, color[0] != '\0' ? "\033[0m" : "");
        text += len + (text[len] == '\n');
    }
    fflush(stdout);
}

static uint64_t number_at(const struct json_node *n, const char *path)
{
    struct bytes text = json_text_at(n, path);

    return text.len > 0 ? strtoull((const char *)text.data, NULL, 10) : 0;
}

static struct json_node *read_json(struct tapping *t, const struct buf *text)
{
    static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 4 };
    struct error err;

    arena_reset(&t->arena);
    return json_tree_parse(buf_bytes(text), &t->arena, &rules, &err);
}

static void read_counts(struct tapping *t)
{
    const struct json_node *n = read_json(t, &t->data);
    uint64_t missed = number_at(n, "missed");

    if (missed > t->missed)
        fprintf(stderr, "otelcd tap: %" PRIu64 " items passed while this was not read\n", missed - t->missed);
    t->passed = number_at(n, "passed");
    t->looked = number_at(n, "looked");
    t->matched = number_at(n, "matched");
    if (number_at(n, "shown") > t->shown)
        t->shown = number_at(n, "shown");
    t->missed = missed;
    t->large = number_at(n, "large");
    t->failed = number_at(n, "failed");
}

static void end_event(struct tapping *t)
{
    const char *event = buf_cstr(&t->event);

    if (strcmp(event, "item") == 0) {
        print_item(t);
        t->shown++; /* the count comes later */
    } else if (strcmp(event, "count") == 0)
        read_counts(t);
    else if (t->data.len > 0)
        fprintf(stderr, "otelcd tap: %s\n", buf_cstr(&t->data));
    t->over = strcmp(event, "end") == 0;
    t->event.len = t->data.len = 0;
}

static void take_line(struct tapping *t)
{
    const char *line = buf_cstr(&t->line);

    if (line[0] == '\0')
        end_event(t);
    else if (strncmp(line, "event: ", 7) == 0)
        buf_puts(&t->event, line + 7);
    else if (strncmp(line, "data: ", 6) == 0)
        buf_printf(&t->data, "%s%s", t->data.len > 0 ? "\n" : "", line + 6);
    t->line.len = 0;
}

static bool on_data(void *arg, struct bytes data)
{
    struct tapping *t = arg;

    if (t->answer.status != 200) {
        buf_put(&t->refusal, data);
        return t->refusal.len < MOST_LINE;
    }
    for (size_t i = 0; i < data.len && !t->over && interrupted == 0 && t->line.len < MOST_LINE; i++)
        if (data.data[i] == '\n')
            take_line(t);
        else
            buf_putc(&t->line, (char)data.data[i]);
    return !t->over && interrupted == 0 && ferror(stdout) == 0;
}

/* ---- how it ends ---- */

static void tell_refusal(struct tapping *t)
{
    const struct json_node *n = t->answer.status == 400 ? read_json(t, &t->refusal) : NULL;
    struct bytes text = json_text_at(n, "error"), parameter = json_text_at(n, "parameter");
    size_t line = number_at(n, "line");

    if (line > 0 && t->arguments->condition != NULL)
        text_fault_show("tap", t->arguments->condition,
                        text_fault_at(t->arguments->condition, line, number_at(n, "column")), (const char *)text.data);
    else if (text.len > 0)
        fprintf(stderr, "otelcd tap: %s: %s\n", (const char *)parameter.data, (const char *)text.data);
    else if (t->answer.status == 404)
        fprintf(stderr, "otelcd tap: %s: what runs there has no tap: is it an older otelcd, or no otelcd at all?\n",
                t->answer.where);
    else
        fprintf(stderr, "otelcd tap: %s: %s\n", t->answer.where,
                t->refusal.len > 0 ? buf_cstr(&t->refusal) : t->answer.line);
}

static void tell_counts(const struct tapping *t)
{
    fprintf(stderr, "otelcd tap: %" PRIu64 " shown; %" PRIu64 " passed, of which %" PRIu64 " were looked at", t->shown,
            t->passed, t->looked);
    if (t->arguments->condition != NULL)
        fprintf(stderr, " and %" PRIu64 " matched", t->matched);
    if (t->missed > 0)
        fprintf(stderr, "; %" PRIu64 " passed while this was not read", t->missed);
    if (t->large > 0)
        fprintf(stderr, "; %" PRIu64 " were too large to be shown", t->large);
    if (t->failed > 0)
        fprintf(stderr, "; the condition failed on %" PRIu64, t->failed);
    fputc('\n', stderr);
}

static int run_tap(struct tapping *t, const struct daemon_address *p)
{
    struct buf question = { 0 };
    bool whole;

    put_question(t->arguments, &question);
    whole = daemon_stream(p, buf_cstr(&question), on_data, t, &t->answer);
    buf_free(&question);
    if (t->answer.status != 0 && t->answer.status != 200) {
        tell_refusal(t);
        return EXIT_UNREACHED;
    }
    if (t->answer.status == 0 && interrupted == 0) {
        fprintf(stderr, "otelcd tap: %s: %s; is otelcd running? --socket, --config or --endpoint say where\n",
                t->answer.where, t->answer.why);
        return EXIT_UNREACHED;
    }
    if (!whole && interrupted == 0)
        fprintf(stderr, "otelcd tap: %s: %s\n", t->answer.where, t->answer.why);
    tell_counts(t);
    return interrupted != 0 || (t->arguments->count != NULL && t->shown >= strtoull(t->arguments->count, NULL, 10))
               ? EXIT_DONE
               : EXIT_ENDED;
}

static bool is_sound(const struct arguments *a)
{
    if (a->operands.n != 1)
        fputs(usage, stderr);
    else if (a->before + a->after + a->both > 1)
        fputs("otelcd tap: --before, --after and --both: give one of them\n", stderr);
    else
        return true;
    return false;
}

int command_tap(const struct arguments *a)
{
    struct tapping t = { .arguments = a, .colors = isatty(1) == 1 && getenv("NO_COLOR") == NULL };
    struct sigaction action = { .sa_handler = on_interrupt };
    struct daemon_address p = { 0 };
    int code = EXIT_UNREACHED;

    if (!is_sound(a) || daemon_find_here(a, &p) != 0)
        return EXIT_UNREACHED;
    if (p.socket[0] == '\0' && p.way == DAEMON_TLS) {
        fputs(
            "otelcd tap: a tap is asked by the control socket or in plain HTTP: leave out --endpoint on its machine\n",
            stderr);
        return EXIT_UNREACHED;
    }
    if (p.timeout_ms < MOST_SILENCE)
        p.timeout_ms = MOST_SILENCE;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    code = run_tap(&t, &p);
    buf_free(&t.line);
    buf_free(&t.event);
    buf_free(&t.data);
    buf_free(&t.refusal);
    arena_free(&t.arena);
    return code;
}
