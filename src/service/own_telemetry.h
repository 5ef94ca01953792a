/* SPDX-License-Identifier: Apache-2.0 */
/* What the service says of itself, as `service::telemetry` orders it: the form and place of the log, and where our own
 * metrics are served. */
#ifndef SERVICE_OWN_TELEMETRY_H
#define SERVICE_OWN_TELEMETRY_H

#include "pipeline/component.h"
#include "service/own/own_resource.h"
#include "service/service_config.h"

struct own_metrics_source;

struct own_telemetry {
    struct host *host;
    struct own_resource resource;
    char *resource_json;
    struct log_field *fields; /* of every log line */
    char **texts;             /* their values that are ours */
    size_t n_fields;
    struct own_metrics_source **served;
    size_t n_served;
    bool page; /* host->site is served there too */
    bool is_served;
    size_t closing; /* sources that have not called back, and one while own_telemetry_stop runs */
    void (*done)(void *arg);
    void *arg;
};

/* Turn the sink into what the config says. On failure (a file that cannot be opened) it is as before. */
int own_telemetry_log(struct own_telemetry *t, struct host *host, const struct service_config *config,
                      const char *instance_id, struct error *err);

/* Serve host->metrics where the config says. On failure what was begun is taken back by own_telemetry_stop. */
int own_telemetry_serve(struct own_telemetry *t, const struct service_config *config, struct error *err);

/* What `from` serves, `to` serves from now on: its configuration says the same. */
void own_telemetry_move(struct own_telemetry *to, struct own_telemetry *from);

/* Serve no more. done() once no scrape runs. */
void own_telemetry_stop(struct own_telemetry *t, uint64_t deadline, void (*done)(void *arg), void *arg);

void own_telemetry_free(struct own_telemetry *t); /* after done(); the sink has none of its fields afterwards */

#endif
