/* SPDX-License-Identifier: Apache-2.0 */
/* Does otelcd run, is it ready, and does the configuration that is meant count? What keeps it from starting is told
 * before all else. */
#include "command/doctor/rule.h"

#include <stdio.h>
#include <string.h>

#define FAULTS_TOLD 10

static void tell_absence(struct evidence *e)
{
    struct finding *f = finding_add(e, "not_running", WEIGHT_DOWN, "otelcd");

    f->seen = arena_printf(&e->arena, "nothing answers at %s: %s", e->where, e->why);
    f->means = "otelcd does not run on this address: nothing is received, and nothing is sent";
    f->todo = "start it, and look at its log when it ends; or say with --endpoint where it listens";
    if (e->config != NULL && e->config->faults.n_errors > 0) {
        f->means = "otelcd does not run, or elsewhere: a configuration that has faults does not say where";
        f->todo = "without --config `otelcd doctor` asks the one that runs here, by its control socket; else start it";
    }
}

static void tell_state(struct evidence *e)
{
    const char *phase = evidence_text(e, json_text_at(e->now.status, "service.phase"));
    struct finding *f;

    if (strcmp(phase, "running") == 0)
        return;
    f = finding_add(e, "not_ready", WEIGHT_DOWN, "otelcd");
    f->seen = arena_printf(&e->arena, "it is %s", phase);
    f->means = "its receivers do not take data now";
    f->todo = strcmp(phase, "starting") == 0 ? "wait, or look in its log for what it waits for" : "start it again";
}

static struct seen_line *find_error(struct evidence *e, const char *begins)
{
    for (size_t i = 0; i < e->lines.n; i++)
        if (e->lines.v[i].error && e->lines.v[i].message.len >= strlen(begins) &&
            memcmp(e->lines.v[i].message.data, begins, strlen(begins)) == 0)
            return &e->lines.v[i];
    return NULL;
}

/* The front starts a worker again that has ended; until all of it is looked through that is on its disk it takes
 * nothing. */
static void tell_workers(struct evidence *e)
{
    const struct json_node *workers = json_at(e->now.status, "workers"), *idle = NULL;
    size_t running = 0;
    struct finding *f;

    json_each (w, workers) {
        bool runs = bytes_is(json_text_at(w, "state"), "running") || bytes_is(json_text_at(w, "state"), "reloading");

        running += runs;
        idle = runs ? idle : w;
    }
    if (idle == NULL || !bytes_is(json_text_at(e->now.status, "service.phase"), "running"))
        return;
    f = finding_add(e, "worker_down", running == 0 ? WEIGHT_DOWN : WEIGHT_LOST + 20, "otelcd");
    f->seen = arena_printf(&e->arena, "%zu of %u workers run; worker %.0f is %s, and was started again %.0f times",
                           running, workers->n, number_at(idle, "number"),
                           evidence_text(e, json_text_at(idle, "state")), number_at(idle, "restarts"));
    f->means = running == 0 ? "nobody takes data now: connections wait" : "the others take its connections";
    f->todo = "look in the log why it ends; it is started again by itself, after pauses of up to 30 s";
    (void)evidence_quote_line(e, find_error(e, "A worker has died"));
}

/* What the configuration says of itself: an error keeps it from being loaded. */
static void tell_faults(struct evidence *e)
{
    const struct faults *faults = e->config != NULL ? &e->config->faults : NULL;
    size_t told = 0;

    for (size_t i = 0; faults != NULL && i < faults->list.n && told < FAULTS_TOLD; i++) {
        const struct fault *x = &faults->list.v[i];
        int weight = e->now.status == NULL ? WEIGHT_DOWN + 10 : WEIGHT_RISK + 20;
        const char *remedy = fault_remedy(x);
        struct finding *f;

        if (x->warning)
            continue;
        told++;
        f = finding_add(e, "config_fault", weight, "the configuration");
        f->seen = arena_strdup(&e->arena, x->text);
        f->means = e->now.status == NULL ? "otelcd does not start with it"
                                         : "the next start fails, and a reload changes nothing";
        f->todo = remedy != NULL ? arena_strdup(&e->arena, remedy) : "mend it: `otelcd validate` names every fault";
        f->path = arena_strdup(&e->arena, x->path);
        f->file = x->line > 0 ? arena_strdup(&e->arena, x->file) : NULL;
        f->line = x->line;
        f->column = x->column;
        f->is_written = true;
    }
}

static void tell_reload(struct evidence *e)
{
    struct seen_line *line = find_error(e, "Fault in the configuration");
    struct finding *f;

    if (look_metric(&e->now, "otelcd_config_last_reload_successful", NULL, NULL) != 0)
        return;
    if (line == NULL)
        line = find_error(e, "The new configuration does not start");
    if (line == NULL)
        line = find_error(e, "The running process gave up writing there");
    (void)evidence_quote_line(e, find_error(e, "The new configuration has faults"));
    f = finding_add(e, "reload_failed", WEIGHT_RELOAD + 20, "the last reload");
    f->seen = line != NULL ? evidence_quote_line(e, line) : "the last SIGHUP, or change of a file, was turned down";
    f->means = "otelcd goes on with the configuration from before: what was changed does not count";
    f->todo = "mend the fault and reload; `otelcd validate` names every fault";
    if (line != NULL) {
        f->time = line->time;
        f->path = line_field(e, line, "path");
        f->file = line_field(e, line, "file")[0] != '\0' ? line_field(e, line, "file") : NULL;
        f->line = atoi(line_field(e, line, "line"));
        f->column = atoi(line_field(e, line, "column"));
        f->is_written = true;
    }
}

/* The first path at which both differ; false: they are the same. */
static bool find_difference(const struct yaml_node *a, const struct yaml_node *b, struct buf *path)
{
    size_t len = path->len;
    bool scalars = a != NULL && b != NULL && a->kind == YAML_SCALAR && b->kind == YAML_SCALAR;

    if (a == NULL || b == NULL || scalars || a->kind != b->kind)
        return !scalars ? a != b : strcmp(a->text, b->text) != 0;
    if (a->kind == YAML_LIST) {
        for (size_t i = 0; i < a->n && i < b->n; i++)
            if (find_difference(a->items[i], b->items[i], path))
                return true;
        return a->n != b->n;
    }
    for (size_t i = 0; a->kind == YAML_MAP && i < a->n; i++) {
        buf_printf(path, "%s%s", path->len > 0 ? "::" : "", a->pairs[i].key);
        if (find_difference(a->pairs[i].value, yaml_get(b, a->pairs[i].key), path))
            return true;
        path->len = len;
    }
    return a->n < b->n;
}

/* A file that was changed, and no reload since. */
static void tell_difference(struct evidence *e)
{
    struct buf path = { 0 };
    struct finding *f;

    if (!e->other_variables && e->options != NULL && e->running != NULL &&
        find_difference(e->options, e->running, &path)) {
        f = finding_add(e, "config_not_loaded", WEIGHT_ODD, "the configuration");
        f->seen = "what is written is not what runs";
        f->means = "a file or a variable has changed since otelcd read it";
        f->todo = "reload: kill -HUP, or systemctl reload otelcd";
        finding_locate(e, f, buf_cstr(&path), "");
    }
    buf_free(&path);
}

void rule_daemon(struct evidence *e)
{
    tell_faults(e);
    if (e->now.status == NULL) {
        tell_absence(e);
        return;
    }
    tell_state(e);
    tell_workers(e);
    tell_reload(e);
    tell_difference(e);
}
