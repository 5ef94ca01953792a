/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd doctor`: why is data missing, or what will fail next? The configuration is read, the running otelcd is looked
 * at twice, each rule adds what it finds, and all of it is told in the order of what is most likely. Exit code: 0
 * nothing wrong, 1 something, 2 it could not look.
 *
 * What can go wrong: otelcd does not run, and then that is the finding, with what its configuration and this machine
 * say; or it runs without an API that could be asked. Every wait has an end. */
#include "command/command.h"
#include "command/daemon.h"
#include "command/doctor/rule.h"

#include "config/decode.h"

#include <stdio.h>
#include <string.h>

#define INTERVAL (2 * NS_PER_S)
#define INTERVAL_MOST (60 * NS_PER_S)

static bool parse_interval(const struct arguments *a, uint64_t *ns)
{
    int64_t v = INTERVAL;
    bool good = a->interval == NULL || (duration_parse(a->interval, &v) && v > 0 && (uint64_t)v <= INTERVAL_MOST);

    if (!good)
        fprintf(stderr, "otelcd doctor: \"%s\" is not a duration up to 60s; write --interval 2s\n", a->interval);
    *ns = (uint64_t)v;
    return good;
}

/* A configuration that has a fault, or no fixed port, says nothing of where to ask: that is localhost:8888 then. */
static int find_daemon(const struct evidence *e, const struct arguments *a, struct daemon_address *address)
{
    struct arguments with = *a;
    const struct service_config *s = e->options != NULL ? e->config->service : NULL;

    if (a->configs.n == 0 || a->socket != NULL || a->endpoint != NULL || (s != NULL && s->n_scrapes > 0))
        return daemon_find_here(a, address);
    with.configs.n = 0;
    return daemon_find(&with, address);
}

static void run_rules(struct evidence *e)
{
    rule_daemon(e);
    rule_exporter(e);
    if (e->now.status != NULL) {
        rule_ledger(e);
        rule_sender(e);
        rule_counter(e);
        rule_scrape(e);
        rule_node(e);
        rule_twice(e);
    }
    rule_machine(e);
    if (e->now.status != NULL)
        rule_log(e);
    findings_sort(e);
}

static int say_blind(const struct evidence *e)
{
    fprintf(stderr, "otelcd doctor: cannot look at %s: %s; %s\n", e->where, e->why,
            e->reach == REACH_NO_API ? "service::telemetry::page: {enabled: true} serves what it asks for, and so does "
                                       "the control socket: --socket"
                                     : "--endpoint host:port says where otelcd serves its own metrics");
    return 2;
}

int command_doctor(const struct arguments *a)
{
    struct daemon_address address = { .path = "/" };
    bool json = a->format != NULL && strcmp(a->format, "json") == 0;
    struct evidence e = { 0 };
    struct buf out = { 0 };
    uint64_t interval;
    int code;

    if (!json && a->format != NULL && strcmp(a->format, "text") != 0) {
        fprintf(stderr, "otelcd doctor: --format is text or json\n");
        return 2;
    }
    if (!parse_interval(a, &interval))
        return 2;
    evidence_read_given(&e, a);
    code = find_daemon(&e, a, &address) != 0 ? 2 : 0;
    if (code == 0)
        evidence_look(&e, &address, interval);
    if (code == 0 && (e.reach == REACH_NO_API || e.reach == REACH_STRANGE))
        code = say_blind(&e);
    if (code == 0) {
        evidence_read_running(&e, &address);
        run_rules(&e);
        (json ? findings_json : findings_print)(&e, &out);
        fwrite(out.data, 1, out.len, stdout);
        code = findings_are_notes(&e) ? 0 : 1;
    }
    buf_free(&out);
    evidence_free(&e);
    return code;
}
