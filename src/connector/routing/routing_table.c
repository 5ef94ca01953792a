/* SPDX-License-Identifier: Apache-2.0 */
/* A route is one question and a list of pipelines. The question is a condition of OTTL, the condition behind
 * `route() where` or another statement, which changes what it is true of, or in the context request a comparison of one
 * of the client's headers. Its context is written, or follows from the prefixes of its paths; paths without prefixes
 * are about the resource.
 *
 * Whether the pipelines are there, and carry what the contexts are about, hangs on the signal: routing_check_ends(). */
#include "connector/routing/routing_table.h"

#include "ottl/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONTEXTS                                                                                                       \
    (OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_DATAPOINT) |                    \
     OTTL_IN(OTTL_LOG) | OTTL_IN(OTTL_OTELCOL))

static const char *const actions[] = { "move", "copy", NULL };

static const struct option route_options[] = {
    OPT_STRING(
        struct route_config, context, "",
        "What the condition is about: resource, span, metric, datapoint, log, otelcol (the client's metadata) or "
        "request. Else the prefixes of its paths say so; without any it is the resource."),
    OPT_STRING(struct route_config, condition, "", "A condition of OTTL. Either this or statement."),
    OPT_STRING(
        struct route_config, statement, "",
        "`route() where` and the condition; or `delete_key()` or `delete_matching_keys()` instead of route(), which "
        "changes what it is true of before that goes its way."),
    OPT_STRINGS(struct route_config, pipelines, "[]", "Where what the condition is true of goes."),
    OPT_ENUM(struct route_config, action, actions, "move",
             "Whether it goes there and nowhere else (move), or is shown to the routes behind it too (copy)."),
    OPT_END,
};

const struct option routing_options[] = {
    OPT_LIST(struct routing_config, table, struct route_config, route_options,
             "The routes, asked in this order. Each item goes with the first that moves it."),
    OPT_STRINGS(struct routing_config, default_pipelines, "[]",
                "Where what no route has moved goes. Without any it is dropped, and booked as unrouted."),
    OPT_ENUM(struct routing_config, error_mode, error_mode_names, "ignore",
             "What becomes of a condition that fails: it counts as not true (ignore logs it, silent does not), or the "
             "batch is rejected (propagate)."),
    OPT_REFUSED(
        "match_once",
        "routes match once, since version 0.120 of the Go collector: write `action: copy` in a route that is to "
        "leave its items to the routes behind it"),
    OPT_END,
};

__attribute__((format(printf, 4, 5))) static bool report_fault(struct check *ck, const char *path, const char *key,
                                                               const char *fmt, ...)
{
    char at[160], text[600];
    va_list args;

    if (ck == NULL)
        return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(at, sizeof(at), "%s%s%s", path, key[0] != '\0' ? "::" : "", key);
    check_fail(ck, at, "%s", text);
    return false;
}

static const char *key_of(const struct route_config *c)
{
    return c->condition[0] != '\0' ? "condition" : "statement";
}

static const char *text_of(const struct route_config *c)
{
    return c->condition[0] != '\0' ? c->condition : c->statement;
}

/* ---- request["key"] == "value" ---- */

static bool read_request(struct route_question *q, struct arena *a)
{
    struct ottl_fault fault;
    const struct token *t = ottl_lex(a, bytes_str(q->text + q->at), &fault);
    struct bytes key, value;

    for (unsigned i = 0; t != NULL && i < 6; i++)
        if (t[i].kind == TOKEN_END)
            return false;
    if (t == NULL || !token_is_word(t, "request") || !token_is(t + 1, '[') || t[2].kind != TOKEN_STRING ||
        !token_is(t + 3, ']') || t[4].kind != TOKEN_COMPARE || t[5].kind != TOKEN_STRING || t[6].kind != TOKEN_END ||
        t[4].text.len != 2 || t[4].text.data[1] != '=' || (t[4].text.data[0] != '=' && t[4].text.data[0] != '!') ||
        !ottl_unquote(a, t + 2, &key, &fault) || !ottl_unquote(a, t + 5, &value, &fault))
        return false;
    q->key = arena_strndup(a, key.data, key.len);
    q->value = arena_strndup(a, value.data, value.len);
    q->unequal = t[4].text.data[0] == '!';
    q->text = NULL;
    q->context = OTTL_OTELCOL;
    return true;
}

/* ---- route() where ---- */

static size_t skip_blanks(const char *text, size_t at)
{
    return at + strspn(text + at, " \t\r\n");
}

/* Behind `word`, or 0. */
static size_t skip_word(const char *text, size_t at, const char *word)
{
    at = skip_blanks(text, at);
    return strncmp(text + at, word, strlen(word)) == 0 ? at + strlen(word) : 0;
}

/* Where the condition begins; false: this is no route(). */
static bool find_condition(struct route_question *q)
{
    size_t at = skip_word(q->text, 0, "route");

    if (at == 0 || (at = skip_word(q->text, at, "(")) == 0 || (at = skip_word(q->text, at, ")")) == 0)
        return false;
    if (q->text[skip_blanks(q->text, at)] == '\0') {
        q->text = "true";
        return true;
    }
    q->at = skip_word(q->text, at, "where");
    return q->at != 0;
}

/* ---- statements that change something ---- */

static bool is_editor(const struct route_question *q)
{
    static const char *const editors[] = { "delete_key", "delete_matching_keys" };

    for (unsigned i = 0; i < sizeof(editors) / sizeof(*editors); i++) {
        size_t at = skip_word(q->text, 0, editors[i]);

        if (at != 0 && skip_word(q->text, at, "(") != 0)
            return true;
    }
    return false;
}

/* What stands above the items that a route is asked about is theirs together, and some may have gone already. */
static const char *misfit_of(const struct route_question *q, const struct ottl_program *p)
{
    if (q->context == OTTL_OTELCOL)
        return "metadata of the client cannot be changed: write `route() where`";
    if ((ottl_program_writes(p) & ~ottl_own_message(q->context)) != 0)
        return "a route changes what it is asked about and nothing above it: give the route the context of what it "
               "changes, or change it in a transform processor";
    return NULL;
}

/* ---- routes ---- */

static bool read_context(struct route_question *q, const struct route_config *c, const char *path, struct check *ck)
{
    struct ottl_fault fault;
    const char *text = q->text + q->at;

    if (c->context[0] != '\0') {
        q->bare = true;
        q->context = ottl_context_find(bytes_str(c->context));
        if (q->context == OTTL_CONTEXTS || (CONTEXTS >> q->context & 1) == 0)
            return report_fault(ck, path, "context",
                                "invalid context: %s: write resource, span, metric, datapoint, log, otelcol or request",
                                c->context);
        return true;
    }
    q->context = ottl_infer(&text, 1, CONTEXTS, &fault);
    if (q->context != OTTL_CONTEXTS)
        return true;
    q->context = OTTL_RESOURCE;
    q->bare = true;
    return true;
}

static bool read_question(struct route_question *q, struct arena *a, const struct route_config *c, const char *path,
                          struct check *ck)
{
    q->text = text_of(c);
    q->edits = c->statement[0] != '\0' && is_editor(q);
    if (c->statement[0] != '\0' && !q->edits && !find_condition(q))
        return report_fault(
            ck, path, "statement",
            "write `route() where`, or delete_key() or delete_matching_keys(), and a condition: other "
            "statements are not run here, change items in a transform processor of the pipeline before or "
            "behind");
    if (strcmp(c->context, "request") == 0)
        return read_request(q, a) ||
               report_fault(ck, path, key_of(c),
                            "write request[\"name of a header\"] == \"its value\", or != for any other");
    return read_context(q, c, path, ck);
}

static bool check_condition(const struct route_question *q, const char *path, const char *key, struct check *ck)
{
    struct ottl_reading how = { q->context, q->bare };
    struct ottl_fault fault;
    struct ottl_program *p =
        q->edits ? ottl_parse_statement(q->text, how, &fault) : ottl_parse_condition(q->text + q->at, how, &fault);
    const char *misfit = p != NULL && q->edits ? misfit_of(q, p) : NULL;
    char at[160];

    snprintf(at, sizeof(at), "%s::%s", path, key);
    if (p == NULL)
        check_fail_in(ck, at, q->at + fault.at, "%s", fault.text);
    if (misfit != NULL)
        check_fail(ck, at, "%s", misfit);
    ottl_program_free(p);
    return p != NULL && misfit == NULL;
}

bool route_read(struct route_question *q, struct arena *a, const struct route_config *c, const char *path,
                struct check *ck)
{
    *q = (struct route_question){ 0 };
    if (c->condition[0] == '\0' && c->statement[0] == '\0')
        return report_fault(ck, path, "", "invalid route: no condition or statement provided");
    if (c->condition[0] != '\0' && c->statement[0] != '\0')
        return report_fault(ck, path, "", "invalid route: both condition and statement provided");
    if (c->pipelines.n == 0)
        return report_fault(ck, path, "pipelines", "invalid route: no pipelines defined");
    if (!read_question(q, a, c, path, ck))
        return false;
    return ck == NULL || q->text == NULL || check_condition(q, path, key_of(c), ck);
}

static const struct route_config *route_at(const struct routing_config *c, size_t i)
{
    return (const struct route_config *)c->table.v + i;
}

bool route_is_repeated(const struct routing_config *c, size_t i)
{
    struct arena arena = { 0 };
    struct route_question q, other;
    bool repeated = false;

    route_read(&q, &arena, route_at(c, i), "", NULL);
    for (size_t k = 0; k < i && !repeated; k++) {
        route_read(&other, &arena, route_at(c, k), "", NULL);
        repeated = q.context == other.context && strcmp(text_of(route_at(c, i)), text_of(route_at(c, k))) == 0;
    }
    arena_free(&arena);
    return repeated;
}

bool route_is_deep(enum ottl_context context)
{
    return context != OTTL_RESOURCE && context != OTTL_OTELCOL;
}

/* ---- checks ---- */

/* A resource is changed before what is in it is asked about, and a metric whose points are asked about is not whole. */
static void check_order(const struct routing_config *c, size_t i, const struct route_question *q, struct arena *a,
                        struct check *ck)
{
    struct route_question other;
    char path[60];

    if (!q->edits || (q->context != OTTL_RESOURCE && q->context != OTTL_METRIC))
        return;
    snprintf(path, sizeof(path), "table::%zu::statement", i);
    for (size_t k = 0; k < c->table.n; k++) {
        route_read(&other, a, route_at(c, k), "", NULL);
        if (q->context == OTTL_RESOURCE ? k < i && route_is_deep(other.context) : other.context == OTTL_DATAPOINT) {
            check_fail(ck, path,
                       q->context == OTTL_RESOURCE
                           ? "what changes resources stands before the routes of what is in them: move this route "
                             "above route %zu, or change resources in a transform processor"
                           : "metrics are not changed where route %zu asks about their data points: change them in a "
                             "transform processor",
                       k);
            return;
        }
    }
}

static void check_route(const struct routing_config *c, size_t i, struct arena *a, struct check *ck)
{
    struct route_question q;
    char path[40];

    snprintf(path, sizeof(path), "table::%zu", i);
    if (!route_read(&q, a, route_at(c, i), path, ck))
        return;
    check_order(c, i, &q, a, ck);
    if (route_is_repeated(c, i))
        check_warn(ck, path, "\"%s\" stands in the table before: this route is never asked", text_of(route_at(c, i)));
}

void routing_check(const void *config, struct check *ck)
{
    const struct routing_config *c = config;
    struct arena arena = { 0 };

    if (c->table.n == 0)
        check_fail(ck, "table", "invalid routing table: the routing table is empty");
    for (size_t i = 0; i < c->table.n; i++)
        check_route(c, i, &arena, ck);
    arena_free(&arena);
}

static bool is_end(const struct strings *ends, const char *pipeline)
{
    for (size_t i = 0; i < ends->n; i++)
        if (strcmp(ends->v[i], pipeline) == 0)
            return true;
    return false;
}

static void check_pipelines(const struct strings *pipelines, const char *path, enum signal signal,
                            const struct strings *ends, struct check *ck)
{
    char at[80];

    for (size_t i = 0; i < pipelines->n; i++) {
        snprintf(at, sizeof(at), "%s::%zu", path, i);
        if (!is_end(ends, pipelines->v[i]))
            check_fail(ck, at,
                       "pipeline not found: \"%s\" is no pipeline of %s that has this connector among its receivers",
                       pipelines->v[i], signal_table[signal].name);
    }
}

void routing_check_ends(const void *config, enum signal signal, const struct strings *ends, struct check *ck)
{
    const struct routing_config *c = config;
    unsigned served = (statement_contexts[signal] | OTTL_IN(OTTL_OTELCOL)) & CONTEXTS;
    struct arena arena = { 0 };
    struct route_question q;
    char path[64];

    for (size_t i = 0; i < c->table.n; i++) {
        route_read(&q, &arena, route_at(c, i), "", NULL);
        if ((served >> q.context & 1) == 0) {
            snprintf(path, sizeof(path), "table::%zu::%s", i, key_of(route_at(c, i)));
            check_fail(ck, path, "the context %s is none of %s: this route would never match",
                       ottl_context_names[q.context], signal_table[signal].name);
        }
        snprintf(path, sizeof(path), "table::%zu::pipelines", i);
        check_pipelines(&route_at(c, i)->pipelines, path, signal, ends, ck);
    }
    check_pipelines(&c->default_pipelines, "default_pipelines", signal, ends, ck);
    arena_free(&arena);
}
