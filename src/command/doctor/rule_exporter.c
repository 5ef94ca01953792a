/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter that fails is the cause of what waits, is refused and is lost before it: one finding tells all of that,
 * with the peer's last words, and what the doctor meets when it tries to connect itself. A queue that grows while its
 * exporter works is a finding of its own. */
#include "command/doctor/peer_probe.h"
#include "command/doctor/rule.h"

#include <stdio.h>
#include <string.h>

static const char kind_failing[] = "exporter_fails", kind_refused[] = "exporter_is_refused", kind_token[] = "no_token";

bool exporter_was_told(const struct evidence *e, const char *id)
{
    for (size_t i = 0; i < e->findings.n; i++)
        if ((e->findings.v[i]->kind == kind_failing || e->findings.v[i]->kind == kind_refused ||
             e->findings.v[i]->kind == kind_token) &&
            e->findings.v[i]->component != NULL && strcmp(e->findings.v[i]->component, id) == 0)
            return true;
    return false;
}

/* ---- its queue ---- */

/* Items or requests that come in a second, over all the time that it fails, or between the two looks. */
static double growth_of_queue(const struct evidence *e, const struct json_node *pipeline, const struct json_node *node)
{
    double failing = number_at(node, "failing_seconds"), size = number_at(node, "queue.size");
    const struct json_node *before = first_node(e, json_text_at(pipeline, "id"), node);

    if (failing >= 10)
        return size / failing;
    return e->interval > 0 && before != NULL ? (size - number_at(before, "queue.size")) / e->interval : 0;
}

static void put_queue(struct evidence *e, const struct json_node *pipeline, const struct json_node *node,
                      struct buf *out)
{
    double size = number_at(node, "queue.size"), capacity = number_at(node, "queue.capacity");
    double rate = growth_of_queue(e, pipeline, node);
    struct bytes unit = json_text_at(node, "queue.unit");

    if (json_at(node, "queue") == NULL || size == 0)
        return;
    buf_printf(out, "; %.0f", size);
    if (capacity > 0)
        buf_printf(out, " of %.0f", capacity);
    buf_printf(out, " %.*s wait in its queue %s", (int)unit.len, (const char *)unit.data,
               json_true_at(node, "queue.on_disk") ? "on disk" : "in memory");
    if (capacity > 0 && size >= capacity)
        buf_puts(out, ", which is full: senders are refused");
    else if (capacity > 0 && rate > 0)
        buf_printf(out, ", which is full in %s at this rate", evidence_seconds(e, (capacity - size) / rate));
}

/* Of a tier each member has a queue; those that fail are told. */
static void put_members(struct evidence *e, const struct json_node *pipeline, const struct json_node *node,
                        struct buf *out)
{
    json_each (m, json_at(node, "members")) {
        struct bytes endpoint = json_text_at(m, "endpoint");

        if (bytes_is(json_text_at(m, "state"), "ok") || number_at(m, "queue.size") == 0)
            continue;
        put_queue(e, pipeline, m, out);
        buf_printf(out, "; it is that of member %.*s", (int)endpoint.len, (const char *)endpoint.data);
    }
}

static void put_reasons(const struct json_node *node, const char *what, const char *path, struct buf *out)
{
    json_each (r, json_at(node, path)) {

        buf_printf(out, "; %.*s items %s (%.*s)", (int)r->text.len, (const char *)r->text.data, what, (int)r->key.len,
                   (const char *)r->key.data);
    }
}

/* ---- what it says ---- */

static struct seen_line *line_of(struct evidence *e, const char *id)
{
    static const char *const begins[] = { "The peer does not take what is sent for now",
                                          "The peer refuses what is sent",
                                          "Points are not sent",
                                          "Remote write failed",
                                          "Exporting failed",
                                          "Cannot write the queue on disk",
                                          "Writing failed",
                                          "Cannot get a token" };
    struct seen_line *found = NULL;

    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        struct seen_line *l = evidence_find_line(e, begins[i], id, NULL, NULL);

        if (l != NULL)
            l->used = true;
        if (found == NULL || (l != NULL && line_field(e, found, "advice")[0] == '\0'))
            found = l != NULL ? l : found;
    }
    return found;
}

/* The doctor's own attempt; only where otelcd's do not come through. */
static const char *probe_text(struct evidence *e, const char *id)
{
    const struct config_component *cc = evidence_find_component(e, "exporters", id);
    struct probe_result r;

    if (cc == NULL)
        return "";
    peer_probe(cc, PROBE_TIMEOUT, &r);
    if (!r.tried)
        return "";
    return r.reached ? "; the doctor itself can connect to it"
                     : arena_printf(&e->arena, "; the doctor cannot connect to it either: %s", r.why);
}

static const char *pipelines_of(struct evidence *e, struct bytes id)
{
    struct buf out = { 0 };
    const char *text;

    json_each (p, json_at(e->now.status, "pipelines")) {

        json_each (n, json_at(p, "nodes")) {
            if (bytes_equal(json_text_at(n, "id"), id) && bytes_is(json_text_at(n, "role"), "exporter")) {
                buf_printf(&out, "%s%.*s", out.len > 0 ? ", " : "", (int)json_text_at(p, "id").len,
                           (const char *)json_text_at(p, "id").data);
            }
        }
    }
    text = evidence_text(e, buf_bytes(&out));
    buf_free(&out);
    return text;
}

static const char *seen_of(struct evidence *e, const struct json_node *pipeline, const struct json_node *node,
                           const char *id)
{
    struct buf out = { 0 };
    const char *text;

    buf_printf(&out, "for %s (%.0f times in a row): ", evidence_seconds(e, number_at(node, "failing_seconds")),
               number_at(node, "failures"));
    buf_put(&out, json_text_at(node, "reason"));
    put_queue(e, pipeline, node, &out);
    put_members(e, pipeline, node, &out);
    put_reasons(node, "are lost already", "ledger.dropped_by", &out);
    put_reasons(node, "were refused", "ledger.refused_by", &out);
    buf_puts(&out, probe_text(e, id));
    text = evidence_text(e, buf_bytes(&out));
    buf_free(&out);
    return text;
}

/* What the exporter itself advises is more exact than the table. */
static void put_advice(struct evidence *e, struct finding *f, struct seen_line *line, const struct json_node *node,
                       const char *id)
{
    const struct advice *a = advice_for(json_text_at(node, "reason"));
    const char *reason = line_field(e, line, "reason"), *told = line_field(e, line, "advice");

    if (strcmp(reason, "wrong_protocol") == 0)
        a = advice_of(ADVICE_DROPPED, bytes_str(reason));
    f->means = a != NULL ? a->means : "The peer does not take what is sent";
    f->todo = told[0] != '\0' ? told : a != NULL ? a->todo : "look at the peer's own log";
    if (a != NULL && a->option != NULL)
        finding_option(e, f, arena_printf(&e->arena, "exporters::%s", id), a->option);
    else
        finding_locate(e, f, arena_printf(&e->arena, "exporters::%s", id), "");
}

/* "no token from oauth2client: ...": the authenticator is the cause, and the peer has not even been asked. */
static void tell_token(struct evidence *e, struct finding *f, struct bytes reason)
{
    const char *id = evidence_text(e, bytes_skip(reason, strlen("no token from "))), *end = strstr(id, ": ");

    id = arena_printf(&e->arena, "%.*s", end != NULL ? (int)(end - id) : (int)strlen(id), id);
    (void)evidence_quote_line(e, evidence_find_own_line(e, "Cannot get a token", "extension", id));
    f->kind = kind_token;
    f->weight = WEIGHT_FAILING + 5;
    f->seen = arena_printf(&e->arena, "exporter %s needs one, %s", f->component, f->seen);
    f->about = arena_printf(&e->arena, "extension %s", id);
    f->todo = "mend token_url, client_id, client_secret or scopes, or start what should answer there";
    finding_option(e, f, arena_printf(&e->arena, "extensions::%s", id), "token_url");
}

static void tell_exporter(struct evidence *e, const struct json_node *pipeline, const struct json_node *node)
{
    const char *id = evidence_text(e, json_text_at(node, "id"));
    bool refused = bytes_is(json_text_at(node, "state"), "refused");
    const struct json_node *lost = json_at(node, "ledger.dropped_by");
    struct seen_line *line;
    struct finding *f;

    if (exporter_was_told(e, id) || (refused && lost != NULL && lost->n > 0)) /* rule_ledger() tells why, by reason */
        return;
    line = line_of(e, id);
    f = finding_add(e, refused ? kind_refused : kind_failing, WEIGHT_FAILING,
                    arena_printf(&e->arena, "exporter %s of %s", id, pipelines_of(e, json_text_at(node, "id"))));
    f->component = id;
    f->time = number_at(e->now.status, "service.time") - number_at(node, "failing_seconds");
    f->seen = seen_of(e, pipeline, node, id);
    put_advice(e, f, line, node, id);
    if (bytes_match(json_text_at(node, "reason"), "no token from *"))
        tell_token(e, f, json_text_at(node, "reason"));
}

/* ---- one that works ---- */

#define HOURS_AHEAD (48 * 3600.0)

/* It works, and still more comes in than goes out. */
static void tell_growth(struct evidence *e, const struct json_node *pipeline, const struct json_node *node)
{
    const char *id = evidence_text(e, json_text_at(node, "id"));
    double size = number_at(node, "queue.size"), capacity = number_at(node, "queue.capacity");
    double rate = growth_of_queue(e, pipeline, node);
    struct buf seen = { 0 };
    struct finding *f;

    if (capacity <= 0 || size < capacity / 10 || rate <= 0 || (capacity - size) / rate > HOURS_AHEAD)
        return;
    f = finding_add(e, "queue_fills", WEIGHT_RISK + 50, arena_printf(&e->arena, "exporter %s", id));
    put_queue(e, pipeline, node, &seen);
    f->seen = evidence_text(e, bytes_skip(buf_bytes(&seen), seen.len > 2 ? 2 : 0));
    f->means = "more comes in than its peer takes: when the queue is full, senders are refused";
    f->todo = "make the peer faster or give it more num_consumers; else a larger queue, or one on disk";
    finding_option(e, f, arena_printf(&e->arena, "exporters::%s", id), "sending_queue::num_consumers");
    buf_free(&seen);
}

/* ---- none runs: can they be reached? ---- */

static void probe_all(struct evidence *e)
{
    for (size_t i = 0; e->options != NULL && i < e->config->components[COMPONENT_EXPORTER].n; i++) {
        const struct config_component *cc = &e->config->components[COMPONENT_EXPORTER].v[i];
        const struct advice *a;
        struct probe_result r;
        struct finding *f;

        if (!cc->used)
            continue;
        peer_probe(cc, PROBE_TIMEOUT, &r);
        if (!r.tried || r.reached)
            continue;
        a = advice_for(bytes_str(r.why));
        f = finding_add(e, "peer_away", WEIGHT_RISK + 60, arena_printf(&e->arena, "exporter %s", cc->id));
        f->seen = arena_printf(&e->arena, "the doctor cannot connect to its peer: %s", r.why);
        f->means = a != NULL ? a->means : "its data would wait";
        f->todo = a != NULL ? a->todo : "look at the peer";
        if (a != NULL)
            finding_option(e, f, arena_printf(&e->arena, "exporters::%s", cc->id), a->option);
    }
}

/* That is told by what it has dropped, with the metric and label that grow. */
static bool refuses_series(const struct json_node *node)
{
    return bytes_match(json_text_at(node, "reason"), "series_limit: *");
}

void rule_exporter(struct evidence *e)
{
    if (e->now.status == NULL) {
        probe_all(e);
        return;
    }
    json_each (p, json_at(e->now.status, "pipelines")) {
        json_each (n, json_at(p, "nodes")) {
            if (!bytes_is(json_text_at(n, "kind"), "exporter"))
                continue;
            if (bytes_is(json_text_at(n, "state"), "ok") || refuses_series(n))
                tell_growth(e, p, n);
            else
                tell_exporter(e, p, n);
        }
    }
}
