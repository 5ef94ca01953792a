/* SPDX-License-Identifier: Apache-2.0 */
/* Each reason of what was refused or dropped is a finding, at the exporter where it has that reason too, else at the
 * pipeline, with the processor whose option changes it. What an exporter that fails is the cause of has been told.
 * What is left out on purpose is a note, unless it is all. */
#include "command/doctor/rule.h"

#include <stdio.h>
#include <string.h>

struct column {
    const char *path; /* in a ledger */
    const char *what;
    enum advice_about about;
    int weight;
};

static const struct column columns[] = {
    { "dropped_by", "dropped", ADVICE_DROPPED, WEIGHT_LOST },
    { "refused_by", "refused", ADVICE_REFUSED, WEIGHT_REFUSED },
};

static const struct json_node *reasons_at(const struct json_node *node, const struct column *c)
{
    return json_at(json_at(node, "ledger"), c->path);
}

static double reason_count(const struct json_node *node, const struct column *c, struct bytes reason)
{
    json_each (r, reasons_at(node, c)) {
        if (bytes_equal(r->key, reason))
            return number_at(r, "");
    }
    return 0;
}

static const char *path_of(struct evidence *e, const struct json_node *node)
{
    return component_path(e, json_text_at(node, "kind"), evidence_text(e, json_text_at(node, "id")));
}

/* ---- where ---- */

static bool has_option(const struct evidence *e, const char *path, const char *option)
{
    char first[128], whole[512];

    snprintf(first, sizeof(first), "%.*s", (int)strcspn(option, ":"), option);
    snprintf(whole, sizeof(whole), "%s::%s", path, first);
    return option_at(e, whole) != NULL;
}

/* A filter drops by a condition, of which it counts each. */
static bool locate_filter(struct evidence *e, struct finding *f, const struct json_node *pipeline)
{
    json_each (m, json_at(e->now.metrics, "metrics")) {
        const char *id = evidence_text(e, json_text_at(m, "labels.processor"));

        if (!bytes_is(json_text_at(m, "name"), "otelcd_processor_dropped_items") || number_at(m, "value") == 0)
            continue;
        json_each (n, json_at(pipeline, "nodes")) {
            if (bytes_is(json_text_at(n, "id"), id)) {
                f->seen = arena_printf(&e->arena, "%s; condition of %s: %s", f->seen, id,
                                       evidence_text(e, json_text_at(m, "labels.condition")));
                finding_locate(e, f, arena_printf(&e->arena, "processors::%s", id), "");
                return true;
            }
        }
    }
    return false;
}

/* The node of the pipeline that has the option. */
static void locate_in(struct evidence *e, struct finding *f, const struct json_node *pipeline, const struct advice *a,
                      struct bytes reason)
{
    if (bytes_is(reason, "filtered") && locate_filter(e, f, pipeline))
        return;
    if (a == NULL || a->option == NULL)
        return;
    if (strcmp(a->option, "memory_budget_mib") == 0) {
        finding_option(e, f, "service", a->option);
        return;
    }
    json_each (n, json_at(pipeline, "nodes")) {
        const char *path = path_of(e, n);

        if (has_option(e, path, a->option)) {
            finding_option(e, f, path, a->option);
            return;
        }
    }
}

/* ---- a reason ---- */

struct reason {
    const struct column *column;
    struct bytes name;
    double total, growth;
    const struct advice *advice;
};

static const char *line_advice(struct evidence *e, const struct seen_line *line)
{
    static const char *const keys[] = { "advice", "remedy" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (line_field(e, line, keys[i])[0] != '\0')
            return line_field(e, line, keys[i]);
    return "";
}

/* The newest line of that reason, before others one that says what to do. All of them tell the same. */
static struct seen_line *find_advised(struct evidence *e, const char *id, const char *reason)
{
    struct seen_line *found = NULL;

    for (size_t i = 0; i < e->lines.n; i++) {
        struct seen_line *l = &e->lines.v[i];

        if (strcmp(line_field(e, l, "reason"), reason) != 0 ||
            (id != NULL && strcmp(line_field(e, l, "otelcol.component.id"), id) != 0))
            continue;
        l->used = true;
        if (found == NULL || (line_advice(e, found)[0] == '\0' && line_advice(e, l)[0] != '\0'))
            found = l;
    }
    return found;
}

/* What came before it, or comes of it. */
static void use_lines(struct evidence *e, const char *id, const char *reason)
{
    static const char *const others[][2] = {
        { "series_limit", "Series are near their limit" },
        { "memory_limit", "Memory usage is high" },
    };

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(others[i][0], reason) == 0)
            (void)evidence_quote_line(e, evidence_find_own_line(e, others[i][1], "exporter", id != NULL ? id : ""));
}

/* A line that has that reason, or tells of what has no line of that reason. */
static struct seen_line *reason_line(struct evidence *e, const struct reason *r, const char *id)
{
    static const char *const tells[][2] = {
        { "collision", "Several senders have one series" },
        { "series_limit", "New series are refused" },
        { "unrouted", "Items that no route is true of" },
        { "undecidable", "Dropped items whose sampling cannot be decided" },
        { "no_path_segment", "Rejected resources without the attribute" },
        { "too_many_files", "Rejected resources: their attribute" },
        { "rejected_by_peer", "Partial success response" },
        { "memory_limit", "Memory usage is above soft limit" },
        { "storage_full", "Cannot write the queue on disk" },
        { "storage_failed", "Cannot write the queue on disk" },
        { "no_space", "Writing failed" },
        { "write_failed", "Writing failed" },
        { "wal_corrupt", "Damaged records in the log" },
        { "worker_died", "A worker has died" },
    };
    const char *name = evidence_text(e, r->name);
    struct seen_line *line = find_advised(e, id, name);

    for (size_t i = 0; line == NULL && i < ARRAY_LEN(tells); i++)
        if (strcmp(name, tells[i][0]) == 0)
            line = evidence_find_own_line(e, tells[i][1], "exporter", id != NULL ? id : "");
    return line;
}

static const char *seen_of(struct evidence *e, const struct reason *r, struct seen_line *line)
{
    const char *quote = evidence_quote_line(e, line);

    return arena_printf(&e->arena, "%s %s (%s)%s%s%s", evidence_count(e, r->total, "item", "items"), r->column->what,
                        evidence_text(e, r->name),
                        arena_printf(&e->arena, ", %s of them in the last %s",
                                     r->growth > 0 ? arena_printf(&e->arena, "%.0f", r->growth) : "none",
                                     evidence_seconds(e, e->interval)),
                        quote[0] != '\0' ? "; " : "", quote);
}

static bool takes_all(const struct reason *r, const struct json_node *node)
{
    double received = number_at(node, "ledger.received");

    return r->column->about == ADVICE_DROPPED && r->total > 0 && r->total >= received;
}

static int weight_of(const struct reason *r, bool meant)
{
    if (meant)
        return WEIGHT_NOTE + 20;
    if (bytes_match(r->name, "storage_*"))
        return WEIGHT_FAILING + 10; /* its peer may be away too, which the queue is there for */
    return r->column->weight + (r->growth > 0 ? 10 : 0);
}

/* What the exporter itself advises is more exact than the table, but knows nothing of queues. */
static const char *reason_todo(struct evidence *e, const struct reason *r, const struct seen_line *line)
{
    const char *told = line_advice(e, line), *because = line_field(e, line, "because");
    const char *option = r->advice != NULL && r->advice->option != NULL ? r->advice->option : "";

    if (told[0] != '\0' && strncmp(option, "sending_queue", strlen("sending_queue")) != 0)
        return told;
    if (r->advice != NULL)
        return r->advice->todo;
    return because[0] != '\0' ? because : "look at the log";
}

static void tell_reason(struct evidence *e, const struct reason *r, const struct json_node *node, const char *about,
                        const char *id, const struct json_node *pipeline)
{
    struct seen_line *line = reason_line(e, r, id);
    bool meant = r->advice != NULL && r->advice->meant, all = meant && takes_all(r, node);
    struct finding *f;

    if (!evidence_is_recent(e, r->growth, line))
        return;
    use_lines(e, id, evidence_text(e, r->name));
    f = finding_add(e, arena_printf(&e->arena, "%s_%s", r->column->what, evidence_text(e, r->name)),
                    weight_of(r, meant && !all), about);
    f->seen = seen_of(e, r, line);
    if (json_text_at(node, "reason").len > 0 && strstr(f->seen, evidence_text(e, json_text_at(node, "reason"))) == NULL)
        f->seen = arena_printf(&e->arena, "%s; it says: %s", f->seen, evidence_text(e, json_text_at(node, "reason")));
    f->time = line != NULL ? line->time : 0;
    f->means = r->advice != NULL ? r->advice->means : "what is in the way says so itself";
    if (all)
        f->means = arena_printf(&e->arena, "%s: all that came in", f->means);
    f->todo = reason_todo(e, r, line);
    if (pipeline != NULL)
        locate_in(e, f, pipeline, r->advice, r->name);
    else if (r->advice != NULL && r->advice->option != NULL)
        finding_option(e, f, arena_printf(&e->arena, "exporters::%s", id), r->advice->option);
    else
        finding_locate(e, f, arena_printf(&e->arena, "exporters::%s", id), "");
}

/* Does an exporter of the pipeline say the same, or is one that fails the cause? */
static bool is_of_exporter(const struct json_node *pipeline, const struct reason *r)
{
    json_each (n, json_at(pipeline, "nodes")) {
        bool exporter = bytes_is(json_text_at(n, "kind"), "exporter");

        if (exporter && reason_count(n, r->column, r->name) > 0)
            return true;
    }
    return false;
}

/* A queue that cannot be written is no fault of the peer that is away. */
static bool is_told(const struct evidence *e, const char *id, struct bytes reason)
{
    return exporter_was_told(e, id) && !bytes_match(reason, "storage_*");
}

static void look_at_reasons(struct evidence *e, const struct json_node *pipeline, const struct json_node *node)
{
    bool whole = node == pipeline;
    const struct json_node *before =
        whole ? first_pipeline(e, json_text_at(pipeline, "id")) : first_node(e, json_text_at(pipeline, "id"), node);
    const char *id = evidence_text(e, json_text_at(node, "id"));

    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        json_each (n, reasons_at(node, &columns[c])) {
            struct reason r = { &columns[c], n->key, number_at(n, ""), 0, advice_of(columns[c].about, n->key) };

            r.growth = r.total - reason_count(before, &columns[c], n->key);
            if (r.total == 0 || (whole ? is_of_exporter(pipeline, &r) : is_told(e, id, n->key)))
                continue;
            if (whole)
                tell_reason(e, &r, node, arena_printf(&e->arena, "pipeline %s", id), NULL, pipeline);
            else
                tell_reason(e, &r, node, arena_printf(&e->arena, "exporter %s", id), id, NULL);
        }
}

/* ---- what waits ---- */

/* The processor that keeps items back on purpose. */
static const struct json_node *find_holder(const struct json_node *pipeline, struct evidence *e)
{
    static const char *const types[] = {
        "batch", "tail_sampling", "groupbytrace", "interval", "log_dedup", "logdedup"
    };

    json_each (n, json_at(pipeline, "nodes")) {
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            const char *id = evidence_text(e, json_text_at(n, "id"));
            size_t len = strlen(types[i]);

            if (strncmp(id, types[i], len) == 0 && (id[len] == '\0' || id[len] == '/'))
                return n;
        }
    }
    return NULL;
}

static const char *wait_option(const char *id)
{
    static const char *const options[][2] = { { "batch", "timeout" },
                                              { "tail_sampling", "decision_wait" },
                                              { "groupbytrace", "wait_duration" },
                                              { "interval", "interval" },
                                              { "log", "interval" } };

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strncmp(id, options[i][0], strlen(options[i][0])) == 0)
            return options[i][1];
    return NULL;
}

/* As much has left as is there: what is there has hardly come. */
static bool flows_on(const struct json_node *pipeline, const struct json_node *before, double held)
{
    static const char *const out[] = { "ledger.delivered", "ledger.refused", "ledger.dropped" };
    double left = 0;

    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        left += number_at(pipeline, out[i]) - number_at(before, out[i]);
    return left >= held;
}

static void tell_held(struct evidence *e, const struct json_node *pipeline)
{
    const struct json_node *before = first_pipeline(e, json_text_at(pipeline, "id"));
    double held = number_at(pipeline, "ledger.held");
    const struct json_node *holder = find_holder(pipeline, e);
    const char *id;
    struct finding *f;

    json_each (n, json_at(pipeline, "nodes")) {
        if (!bytes_is(json_text_at(n, "kind"), "exporter"))
            continue;
        held -= number_at(n, "ledger.held");
        if (exporter_was_told(e, evidence_text(e, json_text_at(n, "id"))))
            return; /* they wait for it */
    }
    if (held <= 0 || number_at(before, "ledger.held") <= 0 || holder == NULL || flows_on(pipeline, before, held))
        return;
    id = evidence_text(e, json_text_at(holder, "id"));
    f = finding_add(e, "waits", WEIGHT_NOTE + 30,
                    arena_printf(&e->arena, "pipeline %s", evidence_text(e, json_text_at(pipeline, "id"))));
    f->seen = arena_printf(&e->arena, "%.0f items wait in %s", held, id);
    f->means =
        "it keeps them until it has enough, or their time has come: nothing is lost, and at SIGTERM they are sent";
    f->todo = "nothing; a shorter time there brings them on earlier";
    if (wait_option(id) != NULL)
        finding_locate(e, f, arena_printf(&e->arena, "processors::%s::%s", id, wait_option(id)), "");
}

/* ---- sent twice ---- */

static bool is_refusing(const struct json_node *pipeline, const struct json_node **who)
{
    json_each (n, json_at(pipeline, "nodes")) {
        if (bytes_is(json_text_at(n, "kind"), "exporter") && number_at(n, "ledger.refused") > 0)
            *who = n;
    }
    return *who != NULL;
}

/* One exporter refuses, so senders come again, and the others get their data once more. */
static void tell_twice(struct evidence *e, const struct json_node *pipeline)
{
    const struct json_node *who = NULL;
    double most = number_at(pipeline, "ledger.delivered") + number_at(pipeline, "ledger.held") +
                  number_at(pipeline, "ledger.dropped");

    if (!is_refusing(pipeline, &who))
        return;
    json_each (n, json_at(pipeline, "nodes")) {
        struct finding *f;

        if (!bytes_is(json_text_at(n, "kind"), "exporter") || number_at(n, "ledger.delivered") <= most)
            continue;
        f = finding_add(e, "sent_twice", WEIGHT_WAITING,
                        arena_printf(&e->arena, "exporter %s", evidence_text(e, json_text_at(n, "id"))));
        f->seen =
            arena_printf(&e->arena, "it has delivered %.0f items, of which pipeline %s has settled %.0f; %s refuses",
                         number_at(n, "ledger.delivered"), evidence_text(e, json_text_at(pipeline, "id")), most,
                         evidence_text(e, json_text_at(who, "id")));
        f->means = "the other exporter refuses, senders retry, and this one gets their data once more";
        f->todo = "a longer queue, or one on disk, for the exporter that refuses";
        finding_option(e, f, path_of(e, who), "sending_queue::enabled");
    }
}

void rule_ledger(struct evidence *e)
{
    json_each (p, json_at(e->now.status, "pipelines")) {
        look_at_reasons(e, p, p);
        json_each (n, json_at(p, "nodes")) {
            if (bytes_is(json_text_at(n, "kind"), "exporter"))
                look_at_reasons(e, p, n);
        }
        tell_held(e, p);
        tell_twice(e, p);
    }
}
