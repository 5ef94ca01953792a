/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to send and is not let in, by what receivers count and by the log's last line of it; and receivers that
 * nobody comes to; and whose clock is another. */
#include "command/doctor/machine.h"
#include "command/doctor/rule.h"
#include "pipeline/receiver_requests.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const refusals[] = { "otelcd_receiver_rejected_requests", "otelcd_receiver_broken_connections",
                                        "otelcd_tls_failed_handshakes" };

/* What the sample was at the first look. */
static double value_before(struct evidence *e, const struct json_node *m)
{
    json_each (old, json_at(e->first.metrics, "metrics")) {
        bool same = bytes_equal(json_text_at(old, "name"), json_text_at(m, "name"));

        json_each (label, json_at(m, "labels")) {
            same = same && bytes_equal(json_text_at(json_at(old, "labels"), evidence_text(e, label->key)), label->text);
        }
        if (same)
            return number_at(old, "value");
    }
    return 0;
}

/* "receivers::otlp::protocols::grpc", or "receivers::otlp" where there is no such block. */
static const char *server_of(struct evidence *e, const char *id, const char *transport)
{
    const char *own = arena_printf(&e->arena, "receivers::%s", id);
    const char *block = arena_printf(&e->arena, "%s::protocols::%s", own, transport);

    return option_at(e, block) != NULL ? block : own;
}

/* The line tells by its transport, or by its port, to which server of the receiver that was. */
static bool is_of_server(struct evidence *e, const struct seen_line *line, const char *id, const char *transport)
{
    const char *told = line_field(e, line, "transport");
    const char *at = strrchr(line_field(e, line, "endpoint"), ':');
    const char *own = option_text(e, arena_printf(&e->arena, "%s::endpoint", server_of(e, id, transport)));
    const char *port = strrchr(own, ':');

    if (told[0] != '\0')
        return strcmp(told, transport) == 0;
    return at == NULL || port == NULL || strcmp(port, ":0") == 0 || strcmp(at, port) == 0;
}

/* The newest line that begins so, of that reason and server. */
static struct seen_line *find_refusal(struct evidence *e, const char *begins, const char *id, const char *reason,
                                      const char *transport)
{
    for (size_t i = 0; i < e->lines.n; i++) {
        struct seen_line *l = &e->lines.v[i];

        if (bytes_match(l->message, arena_printf(&e->arena, "%s*", begins)) &&
            strcmp(line_field(e, l, "otelcol.component.id"), id) == 0 &&
            strcmp(line_field(e, l, "reason"), reason) == 0 && is_of_server(e, l, id, transport))
            return l;
    }
    return NULL;
}

static struct seen_line *line_of(struct evidence *e, const char *id, enum advice_about about, const char *reason,
                                 const char *transport)
{
    struct seen_line *line;

    if (about == ADVICE_REJECTED) {
        line = find_refusal(e, "Request rejected", id, reason, transport);
        return line != NULL ? line : find_refusal(e, "Request with nothing in it", id, reason, transport);
    }
    if (strcmp(reason, "tls") == 0)
        return find_refusal(e, "A client speaks TLS to this plain-text port", id, "", transport);
    if (strcmp(reason, "protocol") == 0)
        return evidence_find_line(e, "A client broke the HTTP protocol", id, NULL, NULL);
    if (strcmp(reason, "pings") == 0)
        return evidence_find_line(e, "A client broke the HTTP protocol", id, "reason",
                                  "it pings more often than keepalive.enforcement_policy allows");
    if (strcmp(reason, "timeout") == 0)
        return NULL;
    line = strcmp(reason, "accept") == 0 ? evidence_find_line(e, "Cannot accept connections", NULL, NULL, NULL) : NULL;
    return line != NULL ? line : evidence_find_line(e, "File descriptors are scarce", NULL, NULL, NULL);
}

/* A sender that goes away, or is slow, does so by itself and comes again. */
static int weight_of(const char *reason)
{
    static const char *const passing[] = { "aborted", "timeout", "too_slow", "crowded", "pings" };

    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (strcmp(reason, passing[i]) == 0)
            return WEIGHT_ODD;
    return strcmp(reason, "accept") == 0 || strcmp(reason, "authentication_busy") == 0 ? WEIGHT_SENDER + 20
                                                                                       : WEIGHT_SENDER;
}

static const char *seen_of(struct evidence *e, const char *total, double growth, struct seen_line *line)
{
    const char *quote = evidence_quote_line(e, line);

    return arena_printf(
        &e->arena, "%s%s%s%s", total,
        growth > 0 ? arena_printf(&e->arena, ", %.0f of them in the last %s", growth, evidence_seconds(e, e->interval))
                   : "",
        quote[0] != '\0' ? "; " : "", quote);
}

static void tell_refusal(struct evidence *e, const struct json_node *m, enum advice_about about)
{
    const char *id = evidence_text(e, json_text_at(m, "labels.receiver"));
    const char *reason = evidence_text(e, json_text_at(m, "labels.reason"));
    const char *transport = evidence_text(e, json_text_at(m, "labels.transport"));
    double total = number_at(m, "value"), growth = total - value_before(e, m);
    struct seen_line *line = line_of(e, id, about, reason, transport);
    const struct advice *a = advice_of(about, bytes_str(reason));
    struct finding *f;

    if (!evidence_is_recent(e, growth, line))
        return;
    f = finding_add(e, arena_printf(&e->arena, "sender_%s", strcmp(reason, "tls") == 0 ? "speaks_tls" : reason),
                    weight_of(reason) + (growth > 0 ? 10 : 0),
                    arena_printf(&e->arena, "receiver %s (%s)", id, transport));
    f->seen = seen_of(e,
                      about == ADVICE_REJECTED
                          ? evidence_count(e, total, "request was not taken", "requests were not taken")
                          : evidence_count(e, total, "connection came to nothing", "connections came to nothing"),
                      growth, line);
    f->time = line != NULL ? line->time : 0;
    f->means = a != NULL ? a->means : "A sender is not understood";
    f->todo = a != NULL ? a->todo : "look at the sender";
    if (a != NULL && a->option != NULL)
        finding_option(e, f, server_of(e, id, transport), a->option);
}

static void tell_handshakes(struct evidence *e, const struct json_node *m)
{
    const char *id = evidence_text(e, json_text_at(m, "labels.component"));
    double total = number_at(m, "value"), growth = total - value_before(e, m);
    struct seen_line *line = evidence_find_line(e, "A TLS handshake with a client failed", id, "reason",
                                                evidence_text(e, json_text_at(m, "labels.reason")));
    struct finding *f;

    if (evidence_find_component(e, "receivers", id) == NULL && line == NULL)
        return; /* of an exporter, which tells it itself */
    if (!evidence_is_recent(e, growth, line))
        return;
    f = finding_add(e, "sender_tls_fails", WEIGHT_SENDER + (growth > 0 ? 10 : 0),
                    arena_printf(&e->arena, "receiver %s", id));
    f->seen = seen_of(e, evidence_count(e, total, "TLS handshake failed", "TLS handshakes failed"), growth, line);
    f->time = line != NULL ? line->time : 0;
    f->means = "A sender and this TLS port do not agree: one does not trust the other's certificate, or does not speak "
               "TLS";
    f->todo = "what the error says, in the sender or in this port's tls block";
    finding_locate(e, f, arena_printf(&e->arena, "receivers::%s", id), "");
}

static bool tell_refusals(struct evidence *e)
{
    size_t told = e->findings.n;

    json_each (m, json_at(e->now.metrics, "metrics")) {
        if (number_at(m, "value") == 0)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
            if (!bytes_is(json_text_at(m, "name"), refusals[i]))
                continue;
            if (i == 2)
                tell_handshakes(e, m);
            else
                tell_refusal(e, m, i == 0 ? ADVICE_REJECTED : ADVICE_BROKEN);
        }
    }
    return e->findings.n > told;
}

/* ---- nobody ---- */

/* What came in by the receiver, of all signals. */
static double taken_by(const struct evidence *e, const char *id)
{
    double sum = 0;

    json_each (m, json_at(e->now.metrics, "metrics")) {
        struct bytes name = json_text_at(m, "name");

        if (bytes_is(json_text_at(m, "labels.receiver"), id) &&
            (bytes_match(name, "otelcol_receiver_accepted_*") || bytes_match(name, "otelcol_receiver_refused_*") ||
             bytes_match(name, "otelcol_receiver_failed_*")))
            sum += number_at(m, "value");
    }
    return sum;
}

/* Somebody came to the receiver, and was not let in: that is told. */
static bool was_refused(struct evidence *e, const char *id)
{
    const char *about = arena_printf(&e->arena, "receiver %s", id);

    for (size_t i = 0; i < e->findings.n; i++) {
        const struct finding *f = e->findings.v[i];
        size_t len = strlen(about);

        if (strncmp(f->kind, "sender_", 7) == 0 && strncmp(f->about, about, len) == 0 &&
            (f->about[len] == '\0' || f->about[len] == ' '))
            return true;
    }
    return false;
}

static const char *addresses_of(struct evidence *e, const char *id, const char **loopback)
{
    const char *owner = arena_printf(&e->arena, "receivers::%s", id);
    struct buf out = { 0 };
    const char *text;

    for (size_t i = 0; e->options != NULL && i < e->config->n_claims; i++) {
        const struct config_claim *c = &e->config->claims[i];

        if (!c->address || strcmp(c->owner, owner) != 0)
            continue;
        buf_printf(&out, "%s%s", out.len > 0 ? ", " : "", c->what);
        if (strncmp(c->what, "127.", 4) == 0 || strncmp(c->what, "localhost", 9) == 0)
            *loopback = arena_printf(&e->arena, "%s%s%s", owner, c->key[0] != '\0' ? "::" : "", c->key);
    }
    text = evidence_text(e, buf_bytes(&out));
    buf_free(&out);
    return text;
}

static void tell_silence(struct evidence *e, const char *id, bool others)
{
    double connections = look_metric(&e->now, "otelcd_receiver_connections", "receiver", id);
    const char *loopback = NULL, *addresses = addresses_of(e, id, &loopback);
    struct finding *f = finding_add(e, "nobody_sends", others ? WEIGHT_NOTE + 40 : WEIGHT_SILENT,
                                    arena_printf(&e->arena, "receiver %s", id));

    f->seen = arena_printf(&e->arena, "nothing has come in for %s; %s%s%s",
                           evidence_seconds(e, number_at(e->now.status, "service.up_seconds")),
                           connections > 0 ? arena_printf(&e->arena, "%.0f connections are open", connections)
                                           : "nobody is connected",
                           addresses[0] != '\0' ? "; it listens on " : "", addresses);
    f->means = "no sender finds otelcd, or none has anything to send";
    f->todo = loopback != NULL ? "compare the sender's endpoint with this address, which only programs of this host "
                                 "reach: not those in containers or on other machines"
                               : "compare the sender's endpoint with this address; in a container, localhost is the "
                                 "container";
    if (loopback != NULL) {
        const char *at = option_text(e, loopback), *colon = strrchr(at, ':');
        const char *key = strrchr(loopback, ':') + 1;

        finding_locate(e, f, loopback, colon != NULL ? arena_printf(&e->arena, "%s: 0.0.0.0%s", key, colon) : "");
    }
}

static bool has_server(const struct evidence *e, const char *id)
{
    json_each (m, json_at(e->now.metrics, "metrics")) {
        if (bytes_is(json_text_at(m, "name"), "otelcd_receiver_connections") &&
            bytes_is(json_text_at(m, "labels.receiver"), id))
            return true;
    }
    return false;
}

static bool is_listed(const struct evidence *e, const struct json_node *pipeline, const struct json_node *node)
{
    json_each (p, json_at(e->now.status, "pipelines")) {
        if (p == pipeline)
            return false;
        json_each (n, json_at(p, "nodes")) {
            if (bytes_equal(json_text_at(n, "id"), json_text_at(node, "id")) &&
                bytes_is(json_text_at(n, "kind"), "receiver"))
                return true;
        }
    }
    return false;
}

static double taken_by_all(const struct evidence *e)
{
    double sum = 0;

    json_each (p, json_at(e->now.status, "pipelines")) {
        sum += number_at(p, "ledger.received");
    }
    return sum;
}

static void tell_silences(struct evidence *e, bool refused)
{
    bool others = refused || taken_by_all(e) > 0;

    json_each (p, json_at(e->now.status, "pipelines")) {
        json_each (n, json_at(p, "nodes")) {
            const char *id = evidence_text(e, json_text_at(n, "id"));

            if (bytes_is(json_text_at(n, "kind"), "receiver") && !is_listed(e, p, n) && has_server(e, id) &&
                taken_by(e, id) == 0 && !was_refused(e, id))
                tell_silence(e, id, others);
        }
    }
}

/* ---- what time it is there ---- */

#define LONG_QUIET 900 /* seconds */

/* The sender whose data is dated oddest that way; *n: how many there are. */
static const struct json_node *find_oddest(const struct json_node *receiver, bool ahead, size_t *n)
{
    const struct json_node *oddest = NULL;
    double most = 0;

    json_each (s, json_at(receiver, "senders")) {
        double by = number_at(s, "clock_ahead_seconds") * (ahead ? 1 : -1);

        if (by <= (ahead ? TIME_AHEAD_MOST : TIME_BEHIND_MOST) || number_at(s, "idle_seconds") > LONG_QUIET)
            continue;
        (*n)++;
        if (by > most) {
            most = by;
            oddest = s;
        }
    }
    return oddest;
}

/* 2 h, 5.5 h: somebody's own time of day was taken for UTC. */
static bool is_time_zone(double seconds)
{
    double halves = floor(seconds / 1800 + 0.5);

    return halves >= 1 && halves <= 28 && fabs(seconds - halves * 1800) < 60;
}

static void tell_clock(struct evidence *e, const struct json_node *receiver, bool ahead)
{
    size_t n = 0;
    const struct json_node *s = find_oddest(receiver, ahead, &n);
    const char *id = evidence_text(e, json_text_at(receiver, "id")), *agent;
    double by = s != NULL ? fabs(number_at(s, "clock_ahead_seconds")) : 0;
    struct finding *f;

    if (s == NULL)
        return;
    agent = evidence_text(e, json_text_at(s, "user_agent"));
    f = finding_add(e, ahead ? "clocks_differ" : "data_is_old", WEIGHT_ODD + (ahead ? 20 : 10),
                    arena_printf(&e->arena, "receiver %s", id));
    f->seen = arena_printf(&e->arena, "what %s%s%s%s sends is dated %s %s our clock%s",
                           evidence_text(e, json_text_at(s, "address")), agent[0] != '\0' ? " (" : "", agent,
                           agent[0] != '\0' ? ")" : "", evidence_seconds(e, by), ahead ? "ahead of" : "behind",
                           n > 1 ? arena_printf(&e->arena, "; so is that of %zu others", n - 1) : "");
    f->means = is_time_zone(by) ? "somebody's own time of day is taken for UTC, or a clock is wrong: data is found at "
                                  "another time than it is looked for"
               : ahead          ? "its clock or ours is wrong: data is found at another time than it is looked for"
                       : "its clock is behind, or it has kept the data for so long: who looks at the last minutes "
                         "does not see it";
    f->todo = machine_clock_is_set() ? "set the clock there by a time server"
                                     : "set both clocks by a time server: that of this machine is not, either";
}

static void tell_clocks(struct evidence *e)
{
    json_each (r, json_at(e->now.status, "receivers")) {
        tell_clock(e, r, true);
        tell_clock(e, r, false);
    }
}

void rule_sender(struct evidence *e)
{
    if (e->now.status == NULL)
        return;
    tell_silences(e, tell_refusals(e));
    tell_clocks(e);
}
