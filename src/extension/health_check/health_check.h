/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the health_check extension. Nobody but src/extension/health_check/ includes this.
 *
 *     health_check.c   the component: options, the two HTTP forms, life
 *     health_status.c  what is well and what is not, as statuses and as JSON
 *     health_rpc.c     the gRPC health service */
#ifndef EXTENSION_HEALTH_CHECK_H
#define EXTENSION_HEALTH_CHECK_H

#include "extension/page_server.h"
#include "net/http2/grpc_health.h"
#include "pipeline/service_view.h"

struct response_body_config {
    const char *healthy, *unhealthy;
};

struct pipeline_check_config {
    bool enabled;
    duration interval;
    uint64_t exporter_failure_threshold;
};

struct component_health_config {
    bool include_permanent_errors, include_recoverable_errors;
    duration recovery_duration;
};

struct status_page_config {
    bool enabled;
    const char *path;
    bool verbose;
};

struct config_page_config {
    bool enabled;
    const char *path;
};

struct health_http_config {
    bool on;
    struct http_server_config server;
    struct status_page_config status;
    struct config_page_config config;
};

struct health_grpc_config {
    bool on;
    struct grpc_server_config server;
};

struct health_check_config {
    struct http_server_config server;
    const char *path;
    struct response_body_config response_body;
    struct pipeline_check_config check_collector_pipeline;
    bool use_v2;
    struct health_http_config http;
    struct health_grpc_config grpc;
    struct component_health_config component_health;
};

/* Component statuses of the Go collector, the worse the higher. */
enum status { STATUS_OK, STATUS_RECOVERABLE, STATUS_PERMANENT, STATUS_STARTING, STATUS_STOPPING };

/* Of one component, or the worst of several. */
struct status_event {
    enum status status;
    bool healthy;       /* as component_health says */
    uint64_t since;     /* wall ns */
    const char *reason; /* "" = none; valid as long as what it was made of */
};

struct health_check {
    struct node node;
    const struct health_check_config *config;
    struct page_server http, grpc;
    struct health memory; /* does the budget refuse? */
    uint64_t refusals;    /* of the budget, at the last look */
    struct clock_timer timer;
    size_t n_watchers;
    unsigned open; /* servers that have not stopped */
    void (*on_stopped)(struct node *);
};

/* --- health_status.c --- */

/* Every second: the budget tells only how often it has refused. */
void status_watch_budget(struct health_check *h);

/* All that runs, or the pipeline of that id; false: there is none. */
bool status_of(const struct health_check *h, struct bytes pipeline, struct status_event *event);

/* The JSON of the v2 status page, likewise. */
void status_put_json(const struct health_check *h, struct bytes pipeline, bool verbose, struct buf *out);

/* check_collector_pipeline: is there a reason not to be well? Each is put to `out` (may be NULL) as JSON objects with
 * commas between. */
bool status_find_reasons(const struct health_check *h, struct buf *out);

void status_put_time(struct buf *out, uint64_t wall); /* as JSON: RFC 3339 with its quotes */

/* --- health_rpc.c --- */

int health_rpc_listen(struct health_check *h, struct error *err);
void health_rpc_tell(struct health_check *h); /* those who watch, where something has changed */
void health_rpc_stopping(struct health_check *h);

#endif
