/* SPDX-License-Identifier: Apache-2.0 */
/* The status and the metrics are asked for twice, the log's lines are taken apart, and the configuration is read from
 * where it is written, so that findings can name the line.
 *
 * What can go wrong: nobody answers (the configuration and this machine are looked at all the same), or somebody else
 * does; what the daemon was started with cannot be read by who asks, and then what it says of itself counts, which has
 * no lines. */
#include "command/doctor/evidence.h"

#include "command/daemon.h"
#include "command/doctor/machine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_MAX (32u << 20)
#define RECENT 900 /* seconds */

static const struct json_tree_rules json_rules = { .max_nodes = 1000000, .max_depth = 32 };

/* ---- looking ---- */

static const struct json_node *ask_json(struct evidence *e, const struct daemon_address *address, const char *path,
                                        struct buf *body)
{
    struct daemon_answer answer;
    const struct json_node *tree = NULL;
    struct error err = { 0 };

    daemon_ask(address, "GET", path, ANSWER_MAX, &answer);
    *body = answer.text;
    e->where = arena_strdup(&e->arena, answer.where);
    if (answer.status == 200 && !answer.cut)
        tree = json_tree_parse(answer.body, &e->arena, &json_rules, &err);
    if (answer.status == 0)
        e->reach = REACH_NOT_RUNNING;
    else if (answer.status == 404)
        e->reach = REACH_NO_API;
    else if (tree == NULL)
        e->reach = REACH_STRANGE;
    if (tree == NULL)
        e->why = arena_printf(&e->arena, "%s",
                              answer.status == 0     ? answer.why
                              : answer.status != 200 ? answer.line
                              : answer.cut           ? "the answer is not whole"
                                                     : err.text);
    return tree;
}

static void look_once(struct evidence *e, const struct daemon_address *address, struct look *look, struct buf bodies[2])
{
    look->status = ask_json(e, address, "/api/v1/status", &bodies[0]);
    look->metrics = look->status != NULL ? ask_json(e, address, "/api/v1/metrics", &bodies[1]) : NULL;
    if (look->metrics == NULL)
        look->status = NULL;
}

/* "Request rejected {"reason": "x"}": the fields begin behind the message. */
static void take_line(struct evidence *e, const struct json_node *n)
{
    struct bytes text = json_text_at(n, "text");
    const uint8_t *at = text.len > 0 ? memmem(text.data, text.len, " {\"", 3) : NULL;
    struct seen_line line = { .time = number_at(n, "time"), .message = text };
    struct error err;

    line.error = bytes_is(json_text_at(n, "level"), "error");
    if (at != NULL) {
        line.message.len = (size_t)(at - text.data);
        line.fields = json_tree_parse(bytes_skip(text, line.message.len + 1), &e->arena, &json_rules, &err);
    }
    *vec_push(&e->lines) = line;
}

static void pause_for(uint64_t ns)
{
    struct timespec t = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };

    while (nanosleep(&t, &t) != 0)
        ;
}

void evidence_look(struct evidence *e, const struct daemon_address *address, uint64_t interval_ns)
{
    e->reach = REACH_RUNNING;
    e->why = "";

    look_once(e, address, &e->first, &e->bodies[0]);
    if (e->first.status == NULL)
        return;
    pause_for(interval_ns);
    look_once(e, address, &e->now, &e->bodies[2]);
    if (e->now.status == NULL) /* it went meanwhile */
        return;
    e->interval = number_at(e->now.status, "service.time") - number_at(e->first.status, "service.time");
    json_each (line, json_at(e->now.status, "log")) {
        take_line(e, line);
    }
    e->pid = machine_daemon_pid(address->socket[0] != '\0' ? "" : address->host,
                                (long)number_at(e->now.status, "service.pid"));
}

void evidence_free(struct evidence *e)
{
    for (size_t i = 0; i < ARRAY_LEN(e->bodies); i++)
        buf_free(&e->bodies[i]);
    if (e->config != NULL)
        config_free(e->config);
    faults_free(&e->faults);
    vec_free(&e->lines);
    vec_free(&e->findings);
    arena_free(&e->arena);
}

/* ---- numbers ---- */

double number_at(const struct json_node *n, const char *path)
{
    struct bytes text = json_text_at(n, path);

    return text.len > 0 ? strtod((const char *)text.data, NULL) : 0; /* a NUL is behind it */
}

double look_metric(const struct look *l, const char *name, const char *key, const char *value)
{
    double sum = 0;

    json_each (m, json_at(l->metrics, "metrics")) {
        if (bytes_is(json_text_at(m, "name"), name) &&
            (key == NULL || bytes_is(json_text_at(json_at(m, "labels"), key), value)))
            sum += number_at(m, "value");
    }
    return sum;
}

double evidence_growth(const struct evidence *e, const char *name, const char *key, const char *value)
{
    double more = look_metric(&e->now, name, key, value) - look_metric(&e->first, name, key, value);

    return more > 0 ? more : 0;
}

const struct json_node *first_pipeline(const struct evidence *e, struct bytes id)
{
    json_each (p, json_at(e->first.status, "pipelines")) {
        if (bytes_equal(json_text_at(p, "id"), id))
            return p;
    }
    return NULL;
}

const struct json_node *first_node(const struct evidence *e, struct bytes pipeline, const struct json_node *node)
{
    json_each (n, json_at(first_pipeline(e, pipeline), "nodes")) {
        if (bytes_equal(json_text_at(n, "id"), json_text_at(node, "id")) &&
            bytes_equal(json_text_at(n, "role"), json_text_at(node, "role")))
            return n;
    }
    return NULL;
}

bool evidence_is_recent(const struct evidence *e, double growth, const struct seen_line *line)
{
    return growth > 0 || number_at(e->now.status, "service.up_seconds") < RECENT ||
           (line != NULL && number_at(e->now.status, "service.time") - line->time < RECENT);
}

/* ---- the log ---- */

struct seen_line *evidence_find_line(struct evidence *e, const char *begins, const char *component, const char *key,
                                     const char *value)
{
    size_t n = strlen(begins);

    for (size_t i = 0; i < e->lines.n; i++) {
        struct seen_line *l = &e->lines.v[i];

        if (l->message.len < n || memcmp(l->message.data, begins, n) != 0)
            continue;
        if (component != NULL && strcmp(line_field(e, l, "otelcol.component.id"), component) != 0)
            continue;
        if (key == NULL || strcmp(line_field(e, l, key), value) == 0)
            return l;
    }
    return NULL;
}

struct seen_line *evidence_find_own_line(struct evidence *e, const char *begins, const char *kind, const char *id)
{
    struct seen_line *own = id[0] != '\0' ? evidence_find_line(e, begins, id, NULL, NULL) : NULL;
    struct seen_line *line = own != NULL ? own : evidence_find_line(e, begins, NULL, NULL, NULL);

    if (own == NULL && id[0] != '\0' && strcmp(line_field(e, line, "otelcol.component.kind"), kind) == 0)
        return NULL;
    return line;
}

/* A dot in a name is no path here. */
const char *line_field(struct evidence *e, const struct seen_line *line, const char *key)
{
    if (line != NULL)
        json_each (f, line->fields) {
            if (bytes_is(f->key, key) && f->kind != JSON_LIST && f->kind != JSON_OBJECT)
                return evidence_text(e, f->text);
        }
    return "";
}

static bool says_nothing(struct bytes key)
{
    static const char *const keys[] = { "advice",           "because",  "remedy", "repeated",
                                        "occurrences",      "requests", "reason", "transport",
                                        "scrape_timestamp", "times",    "scrapes" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (bytes_is(key, keys[i]))
            return true;
    return bytes_match(key, "otelcol.*") || bytes_is(key, "resource");
}

/* The other lines of that message, reason and component are told with it. */
static void use_alike(struct evidence *e, const struct seen_line *line)
{
    const char *id = line_field(e, line, "otelcol.component.id"), *reason = line_field(e, line, "reason");

    for (size_t i = 0; i < e->lines.n; i++) {
        struct seen_line *l = &e->lines.v[i];

        if (bytes_equal(l->message, line->message) && strcmp(line_field(e, l, "otelcol.component.id"), id) == 0 &&
            strcmp(line_field(e, l, "reason"), reason) == 0)
            l->used = true;
    }
}

const char *evidence_quote_line(struct evidence *e, struct seen_line *line)
{
    struct buf out = { 0 };
    const char *text;

    if (line == NULL)
        return "";
    use_alike(e, line);
    buf_puts(&out, "the log: ");
    buf_put(&out, line->message);
    json_each (f, line->fields) {
        if (!says_nothing(f->key) && f->text.len > 0 && f->kind != JSON_LIST && f->kind != JSON_OBJECT)
            buf_printf(&out, "; %.*s: %.*s", (int)f->key.len, (const char *)f->key.data,
                       (int)(f->text.len < 300 ? f->text.len : 300), (const char *)f->text.data);
    }
    text = evidence_text(e, buf_bytes(&out));
    buf_free(&out);
    return text;
}

/* ---- the configuration ---- */

const struct yaml_node *option_at(const struct evidence *e, const char *path)
{
    return yaml_at(e->options != NULL ? e->options : e->running, path);
}

const char *option_text(const struct evidence *e, const char *path)
{
    const struct yaml_node *n = option_at(e, path);

    return n != NULL && n->kind == YAML_SCALAR ? n->text : "";
}

const struct config_component *evidence_find_component(const struct evidence *e, const char *section, const char *id)
{
    for (int kind = 0; e->config != NULL && kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < e->config->components[kind].n; i++)
            if (strcmp(config_sections[kind], section) == 0 && strcmp(e->config->components[kind].v[i].id, id) == 0)
                return &e->config->components[kind].v[i];
    return NULL;
}

const char *component_path(struct evidence *e, struct bytes kind, const char *id)
{
    for (int k = 0; k < COMPONENT_KINDS; k++)
        if (bytes_is(kind, config_words[k]))
            return arena_printf(&e->arena, "%s::%s", config_sections[k], id);
    return "";
}

const char *evidence_find_path(struct evidence *e, const char *id)
{
    for (int k = 0; k < COMPONENT_KINDS; k++) {
        const char *path = arena_printf(&e->arena, "%s::%s", config_sections[k], id);

        if (option_at(e, path) != NULL)
            return path;
    }
    return "";
}

/* ---- text ---- */

const char *evidence_text(struct evidence *e, struct bytes b)
{
    return arena_strndup(&e->arena, b.data, b.len);
}

const char *evidence_seconds(struct evidence *e, double s)
{
    if (s < 120)
        return arena_printf(&e->arena, "%.3g s", s);
    if (s < 7200)
        return arena_printf(&e->arena, "%.0f min", s / 60);
    if (s < 172800)
        return arena_printf(&e->arena, "%.0f h", s / 3600);
    return arena_printf(&e->arena, "%.0f days", s / 86400);
}

const char *evidence_count(struct evidence *e, double n, const char *one, const char *many)
{
    return arena_printf(&e->arena, "%.0f %s", n, n == 1 ? one : many);
}
