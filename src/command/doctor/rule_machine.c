/* SPDX-License-Identifier: Apache-2.0 */
/* What will fail next for want of something of this machine: room on a disk, descriptors, memory, a port, a valid
 * certificate, a clock. What cannot be read is passed over. */
#include "command/doctor/machine.h"
#include "command/doctor/rule.h"

#include "base/process.h"
#include "net/socket/tls_peer.h"
#include "pipeline/node_tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)
#define DISK_LEAST (64 * MIB)
#define SOON (14 * 86400.0) /* of a certificate */

/* ---- disks ---- */

/* Bytes a second by which what otelcd writes there grows. */
static double disk_growth(const struct evidence *e)
{
    double more = evidence_growth(e, "otelcd_exporter_wal_size", NULL, NULL) +
                  evidence_growth(e, "otelcd_exporter_file_written_bytes", NULL, NULL);

    return e->interval > 0 ? more / e->interval : 0;
}

#define DISKS_TOLD 16

struct disks_told {
    uint64_t devices[DISKS_TOLD];
    size_t n;
};

static bool was_looked_at(struct disks_told *seen, uint64_t device)
{
    for (size_t i = 0; i < seen->n; i++)
        if (seen->devices[i] == device)
            return true;
    if (seen->n < DISKS_TOLD)
        seen->devices[seen->n++] = device;
    return false;
}

static void look_at_disk(struct evidence *e, struct disks_told *seen, const char *path, const char *owner)
{
    struct disk_seen d = machine_disk(path);
    double rate = disk_growth(e), left = (double)d.free;
    bool low = left < DISK_LEAST || left<(double)d.total * 0.03, soon = rate> 0 && left / rate < 48 * 3600;
    struct finding *f;

    if (d.total == 0 || (!low && !soon) || was_looked_at(seen, d.device))
        return;
    f = finding_add(e, "disk_full", WEIGHT_RISK + 90, arena_printf(&e->arena, "the disk of %s", path));
    f->seen = arena_printf(&e->arena, "%.*f MiB are free of %.*f%s", left < 10 * MIB ? 1 : 0, left / MIB,
                           (double)d.total < 10 * MIB ? 1 : 0, (double)d.total / MIB,
                           soon ? arena_printf(&e->arena, ", full in %s at this rate", evidence_seconds(e, left / rate))
                                : "");
    f->means = "when it is full, senders are told to retry";
    f->todo = "make room, or move it to another disk";
    if (owner != NULL)
        finding_locate(e, f, owner, "");
}

static void look_at_disks(struct evidence *e)
{
    const struct config *c = e->config;
    struct disks_told seen = { 0 };

    if (e->options == NULL || (e->pid == 0 && e->now.status != NULL))
        return;
    for (size_t i = 0; i < c->n_claims; i++)
        if (!c->claims[i].address && c->claims[i].what[0] == '/')
            look_at_disk(e, &seen, c->claims[i].what,
                         arena_printf(&e->arena, "%s%s%s", c->claims[i].owner, c->claims[i].key[0] != '\0' ? "::" : "",
                                      c->claims[i].key));
    for (size_t i = 0; i < c->n_writes; i++)
        if (c->writes[i][0] == '/')
            look_at_disk(e, &seen, c->writes[i], NULL);
}

/* ---- descriptors ---- */

static void tell_scarce(struct evidence *e, const char *kind, const char *about, const char *what,
                        const struct descriptors *d, const char *means, const char *todo)
{
    struct finding *f;

    if (d->limit == 0 || d->open * 4 < d->limit * 3)
        return;
    f = finding_add(e, kind, WEIGHT_RISK + 70, about);
    f->seen = arena_printf(&e->arena, "%" PRIu64 " of %" PRIu64 " %s are in use", d->open, d->limit, what);
    f->means = means;
    f->todo = todo;
}

static void look_at_descriptors(struct evidence *e)
{
    struct descriptors files = e->pid > 0 ? machine_descriptors(e->pid) : (struct descriptors){ 0 };
    struct descriptors watches = machine_inotify();

    tell_scarce(e, "descriptors", "open files of otelcd", "descriptors", &files,
                "new connections have to wait until another closes",
                "raise the limit: LimitNOFILE= of the unit, ulimit -n, or --ulimit nofile of the container");
    tell_scarce(e, "inotify", "inotify of this machine", "instances", &watches,
                "a change of a file that is watched is seen up to a minute later",
                "sysctl fs.inotify.max_user_instances=1024");
}

/* ---- memory ---- */

static void look_at_memory(struct evidence *e)
{
    double total = e->pid > 0 ? (double)process_memory_total_of("", e->pid) : 0;
    double limit = number_at(e->now.status, "budget.limit_bytes");
    struct finding *f;

    if (total == 0 || limit == 0 || limit < total * 0.9)
        return;
    f = finding_add(e, "budget_too_large", WEIGHT_RISK + 60, "the memory budget");
    f->seen = arena_printf(&e->arena, "it may take %.0f MiB, and the machine or its cgroup lets otelcd have %.0f",
                           limit / MIB, total / MIB);
    f->means = "the kernel ends otelcd before the budget refuses anything";
    f->todo = "a smaller budget, or more memory";
    finding_locate(e, f, "service::memory_budget_mib",
                   arena_printf(&e->arena, "memory_budget_mib: %.0f", total * 0.6 / MIB));
}

/* ---- ports ---- */

static void look_at_port(struct evidence *e, const struct config_claim *c)
{
    const char *colon = strrchr(c->what, ':');
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    struct listener_seen l = { 0 };
    struct finding *f;

    if (port > 0 && port < 65536)
        l = machine_listener(arena_printf(&e->arena, "%.*s", (int)(colon - c->what), c->what), (uint16_t)port);
    if (!l.taken || (e->now.status != NULL && (l.pid == 0 || l.pid == e->pid)))
        return;
    f = finding_add(e, "port_taken", e->now.status == NULL ? WEIGHT_DOWN + 5 : WEIGHT_RISK + 60,
                    arena_printf(&e->arena, "port %lu", port));
    f->seen = l.pid > 0 ? arena_printf(&e->arena, "%s (pid %ld) listens on it", l.name, l.pid)
                        : "another process listens on it";
    f->means = arena_printf(&e->arena, "%s cannot listen there, and otelcd does not start", c->owner);
    f->todo = "end that process, or take another port";
    finding_locate(e, f, arena_printf(&e->arena, "%s%s%s", c->owner, c->key[0] != '\0' ? "::" : "", c->key), "");
}

static void look_at_ports(struct evidence *e)
{
    bool elsewhere = e->now.status != NULL && e->pid == 0;

    for (size_t i = 0; e->options != NULL && !elsewhere && i < e->config->n_claims; i++)
        if (e->config->claims[i].address)
            look_at_port(e, &e->config->claims[i]);
}

/* ---- certificates ---- */

static void look_at_certificate(struct evidence *e, const struct json_node *m, double now)
{
    double left = number_at(m, "value") - now;
    const char *id = evidence_text(e, json_text_at(m, "labels.component")), *path = evidence_find_path(e, id);
    struct finding *f;

    if (left > SOON)
        return;
    f = finding_add(e, left < 0 ? "certificate_expired" : "certificate_expires",
                    left < 0 ? WEIGHT_SENDER + 5 : WEIGHT_RISK + 80, arena_printf(&e->arena, "certificate of %s", id));
    f->seen = arena_printf(&e->arena, "%s %s %s%s", evidence_text(e, json_text_at(m, "labels.file")),
                           left < 0 ? "has expired" : "expires in", evidence_seconds(e, left < 0 ? -left : left),
                           left < 0 ? " ago" : "");
    f->means = left < 0 ? "peers do not take it" : "from then on peers do not take it";
    f->todo = "renew it: the file is read again by itself";
    if (path[0] != '\0')
        finding_locate(e, f, path, "");
    for (size_t i = 0; i < e->lines.n; i++)
        if (bytes_match(e->lines.v[i].message, "A TLS certificate *"))
            e->lines.v[i].used = true;
}

/* What a peer has shown in its last handshake. */
static void look_at_peer_certificate(struct evidence *e, const struct json_node *m, double now)
{
    double left = number_at(m, "value") - now;
    const char *id = evidence_text(e, json_text_at(m, "labels.component")), *path = evidence_find_path(e, id);
    struct seen_line *line = evidence_find_line(e, "The TLS certificate of a peer expires soon", id, NULL, NULL);
    const char *server = line_field(e, line, "server");
    struct finding *f;

    if (left > SOON || path[0] == '\0')
        return;
    f = finding_add(e, "peer_certificate_expires", WEIGHT_RISK + 80, arena_printf(&e->arena, "the peer of %s", id));
    f->seen = arena_printf(&e->arena, "the certificate that %s has shown %s %s%s", server[0] != '\0' ? server : "it",
                           left < 0 ? "has expired" : "expires in", evidence_seconds(e, left < 0 ? -left : left),
                           left < 0 ? " ago" : "");
    f->means = left < 0 ? "connections that are open go on; the next one comes to nothing"
                        : "from then on no new connection to it comes to be";
    f->todo = "have whoever runs the peer renew it, and what it is signed by";
    finding_locate(e, f, path, "");
    if (line != NULL)
        (void)evidence_quote_line(e, line);
}

/* ---- the clock ---- */

#define CLOCK_MOST 10 /* seconds */

/* Where it runs on another machine. */
static void look_at_clock(struct evidence *e, double here)
{
    double ahead = number_at(e->now.status, "service.time") - here;
    struct finding *f;

    if (ahead < CLOCK_MOST && ahead > -CLOCK_MOST)
        return;
    f = finding_add(e, "clocks_differ", WEIGHT_ODD + 20, "the clock of otelcd's machine");
    f->seen = arena_printf(&e->arena, "it is %s %s that of this machine",
                           evidence_seconds(e, ahead < 0 ? -ahead : ahead), ahead < 0 ? "behind" : "ahead of");
    f->means = "data seems older or newer than it is, and certificates seem invalid";
    f->todo = "set both clocks by a time server";
}

/* Of the peers whose answers have a Date. */
static void look_at_peer_clock(struct evidence *e, const struct json_node *m)
{
    const char *id = evidence_text(e, json_text_at(m, "labels.exporter"));
    double ahead = number_at(m, "value");
    struct finding *f;

    if (ahead < CLOCK_MOST && ahead > -CLOCK_MOST)
        return;
    f = finding_add(e, "clocks_differ", WEIGHT_ODD + 20, arena_printf(&e->arena, "the clock of the peer of %s", id));
    f->seen = arena_printf(&e->arena, "it is %s %s ours%s", evidence_seconds(e, ahead < 0 ? -ahead : ahead),
                           ahead < 0 ? "behind" : "ahead of",
                           machine_clock_is_set() ? "" : "; that of this machine is not set by a time server");
    f->means = "data seems older or newer there than it is: it may be refused, or not be found";
    f->todo = "set both clocks by a time server";
    finding_locate(e, f, arena_printf(&e->arena, "exporters::%s", id), "");
}

void rule_machine(struct evidence *e)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    look_at_disks(e);
    look_at_descriptors(e);
    look_at_ports(e);
    if (e->now.status == NULL)
        return;
    look_at_memory(e);
    look_at_clock(e, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
    json_each (m, json_at(e->now.metrics, "metrics")) {
        if (bytes_is(json_text_at(m, "name"), "otelcd_tls_certificate_expiry"))
            look_at_certificate(e, m, number_at(e->now.status, "service.time"));
        else if (bytes_is(json_text_at(m, "name"), tls_peer_expiry_row.name))
            look_at_peer_certificate(e, m, number_at(e->now.status, "service.time"));
        else if (bytes_is(json_text_at(m, "name"), peer_clock_row.name))
            look_at_peer_clock(e, m);
    }
}
