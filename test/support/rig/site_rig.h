/* SPDX-License-Identifier: Apache-2.0 */
/* The page on a connection without a socket, of a service that is played: one pipeline of a receiver with a sender and
 * an exporter that fails, all of whose texts a stranger may have written. Static functions in a header: fuzzers link no
 * test library. */
#ifndef SUPPORT_SITE_RIG_H
#define SUPPORT_SITE_RIG_H

#include "page/site.h"
#include "pipeline/clients.h"
#include "pipeline/service_view.h"
#include "support/memory_conn.h"

#define RIG_TEXT "<script>alert(1)</script>\033[2J"

struct site_rig {
    struct memory_conn conn;
    struct host host;
    struct service_view view;
    struct site site;
    struct metrics metrics;
    struct log_sink log;
    struct clients clients;
    struct node receiver, exporter;
    struct ledger ledger;
};

static const struct component rig_receiver = { .type = "r", .kind = COMPONENT_RECEIVER };
static const struct component rig_exporter = { .type = "e", .kind = COMPONENT_EXPORTER };

static void rig_each_pipeline(const struct service_view *v, void (*visit)(const struct view_pipeline *p, void *arg),
                              void *arg)
{
    struct site_rig *r = (struct site_rig *)(uintptr_t)container_of_const(v, struct site_rig, view);
    const struct view_node nodes[] = { { VIEW_RECEIVER, &r->receiver, NULL },
                                       { VIEW_EXPORTER, &r->exporter, &r->ledger } };

    visit(&(struct view_pipeline){ "traces", SIGNAL_TRACES, &r->ledger, nodes, ARRAY_LEN(nodes) }, arg);
}

static void rig_each_extension(const struct service_view *v, void (*visit)(const struct node *extension, void *arg),
                               void *arg)
{
    (void)v;
    (void)visit;
    (void)arg;
}

static void rig_each_warning(const struct service_view *v, void (*visit)(const struct fault *f, void *arg), void *arg)
{
    (void)v;
    visit(&(struct fault){ .file = "f", .line = 1, .column = 1, .path = RIG_TEXT, .text = RIG_TEXT, .warning = true },
          arg);
}

static struct bytes rig_config(const struct service_view *v, bool json)
{
    (void)v;
    return bytes_str(json ? "{}" : RIG_TEXT);
}

static void site_rig_open(struct site_rig *r, const struct http_server_options *options)
{
    *r = (struct site_rig){ .view = { .phase = SERVICE_READY,
                                      .started = 1,
                                      .ready_since = 1,
                                      .each_pipeline = rig_each_pipeline,
                                      .each_extension = rig_each_extension,
                                      .config = rig_config,
                                      .each_warning = rig_each_warning } };
    snprintf(r->view.reload.fault, sizeof(r->view.reload.fault), "%s", RIG_TEXT);
    r->view.reload.at = r->view.reload.n = 1;
    metrics_init(&r->metrics);
    log_sink_init(&r->log);
    ledger_init(&r->ledger, "pipeline", "traces", SIGNAL_TRACES);
    r->host = (struct host){ .loop = &r->conn.loop,
                             .budget = &r->conn.budget,
                             .metrics = &r->metrics,
                             .log = &r->log,
                             .view = &r->view,
                             .version = "0",
                             .instance_id = "i" };
    r->receiver = (struct node){ .component = &rig_receiver, .id = "r", .host = &r->host, .clients = &r->clients };
    r->exporter = (struct node){ .component = &rig_exporter, .id = "e", .host = &r->host, .peer = RIG_TEXT };
    health_fail(&r->exporter.health[HEALTH_WORK], 1, HEALTH_RECOVERABLE, RIG_TEXT);
    site_init(&r->site, &r->host);
    memory_open(&r->conn, options, &r->site.pages.service, http1_open);
    clients_broke(&r->clients, RIG_TEXT ":1", "http", 1, "tls", RIG_TEXT);
}

/* A second goes by. */
static inline void site_rig_tick(struct site_rig *r)
{
    clock_advance(&r->conn.loop.clock, NS_PER_S);
    turn_run(&r->conn.loop.turn);
}

static void site_rig_close(struct site_rig *r)
{
    memory_close(&r->conn);
    clients_free(&r->clients);
    ledger_free(&r->ledger);
    metrics_free(&r->metrics);
    log_sink_close(&r->log);
}

#endif
