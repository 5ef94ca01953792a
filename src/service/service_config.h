/* SPDX-License-Identifier: Apache-2.0 */
/* The `service:` section but for its pipelines and extensions: own telemetry, budget, shutdown.
 * Decoded by rows like any component's configuration. */
#ifndef SERVICE_SERVICE_CONFIG_H
#define SERVICE_SERVICE_CONFIG_H

#include "base/log.h"
#include "base/metrics.h"
#include "config/decode.h"
#include "service/own/own_rows.h"

struct log_sampling_config {
    bool on;
    duration tick;
    uint64_t initial, thereafter;
};

#define LOG_OUTPUTS_MAX 8
#define WORKERS_MOST 64
#define WORKERS_MOST_TEXT "64"

struct logs_config {
    int level;    /* index in log_level_names; see logs_level() */
    int encoding; /* 0 console, 1 json */
    struct log_sampling_config sampling;
    struct strings output_paths; /* "stderr", "stdout" or a file; 1 to LOG_OUTPUTS_MAX of them */
    struct strings error_output_paths;
    const struct yaml_node *initial_fields;               /* a map or NULL */
    bool development, disable_caller, disable_stacktrace; /* say nothing of how we log; warned about */
    bool disable_zap_resource;
    struct option_list processors; /* of struct own_processor_config */
};

struct constant_labels_config {
    struct strings included, excluded;
};

/* readers: - pull: {exporter: {prometheus: {...}}} or - periodic: {exporter: {otlp: {...}}} */
struct prometheus_reader_config {
    bool on;
    const char *host;
    uint64_t port;
    bool without_scope_info, without_units, without_type_suffix;
    struct constant_labels_config with_resource_constant_labels;
    const struct yaml_node *location; /* where it is written; NULL: it is the default */
};

struct pull_exporter_config {
    struct prometheus_reader_config prometheus;
};

struct pull_config {
    bool on;
    struct pull_exporter_config exporter;
};

struct reader_config {
    struct pull_config pull;
    struct own_periodic_config periodic;
};

struct metrics_config {
    int level;                  /* enum metric_level */
    const char *address;        /* the old key */
    struct option_list readers; /* of struct reader_config */
};

struct traces_config {
    int level;                     /* enum metric_level; none: no spans */
    struct option_list processors; /* of struct own_processor_config */
    struct own_sampler_config sampler;
    struct strings propagators;
};

struct page_config {
    bool enabled;
    bool tap;
};

struct control_config {
    bool enabled;
    const char *socket; /* "": by itself (service/control/control_socket.h) */
};

struct telemetry_config {
    struct logs_config logs;
    struct metrics_config metrics;
    struct traces_config traces;
    struct page_config page;
    struct control_config control;
    const struct yaml_node *resource;
};

struct service_config {
    struct telemetry_config telemetry;
    uint64_t memory_budget_mib; /* 0: 60 % of the memory there is */
    duration shutdown_timeout;
    uint64_t workers; /* processes that share the work */
    bool sandbox;
    const struct yaml_node *extensions, *pipelines; /* read by service/config.c */
    /* What follows is made of the above by service_config_finish. */
    struct prometheus_reader_config *scrapes; /* where own metrics are served; none at level none */
    size_t n_scrapes;
    struct string_map resource; /* attributes that the user added; a NULL value removes a default */
};

extern const struct option service_options[];

enum log_level logs_level(const struct logs_config *c);

/* Are own metrics served in the same way, with the same resource? */
bool service_config_same_metrics(const struct service_config *a, const struct service_config *b);

char *prometheus_reader_endpoint(const struct prometheus_reader_config *r); /* "host:port"; the caller's to free */

/* Check, and make scrapes and resource. `node` is the service section, for locations. */
void service_config_finish(struct arena *a, struct service_config *c, const struct yaml_node *node,
                           struct faults *faults);

#endif
