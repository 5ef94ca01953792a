/* SPDX-License-Identifier: Apache-2.0 */
/* The option rows by which own telemetry is sent to somebody: exporters, batch processors and periodic readers of
 * OpenTelemetry's declarative configuration. Times are milliseconds there. */
#ifndef SERVICE_OWN_ROWS_H
#define SERVICE_OWN_ROWS_H

#include "config/option.h"

struct own_tls_config {
    const char *ca_file, *cert_file, *key_file;
    bool insecure;
};

/* One of the forms otlp, otlp_http and otlp_grpc; what a form does not have is as it is by default. */
struct own_peer_config {
    bool on;
    int protocol; /* enum own_protocol; otlp alone */
    int encoding; /* otlp_http: 0 protobuf, 1 json */
    const char *endpoint;
    struct string_map headers;
    struct secret headers_list;
    const char *compression;
    uint64_t timeout;
    bool insecure;                                             /* otlp */
    const char *certificate, *client_key, *client_certificate; /* otlp */
    struct own_tls_config tls;                                 /* otlp_http and otlp_grpc */
    int temporality_preference, default_histogram_aggregation; /* metrics: there is one of each */
};

enum own_protocol { OWN_HTTP_PROTOBUF, OWN_HTTP_JSON, OWN_GRPC, OWN_GRPC_OLD };

struct own_exporter_config {
    struct own_peer_config otlp, otlp_http, otlp_grpc;
};

struct own_batch_config {
    bool on;
    uint64_t schedule_delay, export_timeout, max_queue_size, max_export_batch_size;
    struct own_exporter_config exporter;
};

struct own_simple_config {
    bool on;
    struct own_exporter_config exporter;
};

/* An item of logs::processors, which is one of them. */
struct own_processor_config {
    struct own_batch_config batch;
    struct own_simple_config simple;
    const struct yaml_node *location; /* of it, in the list that the user wrote */
};

struct own_always_config {
    bool on;
};

struct own_ratio_config {
    bool on;
    double ratio;
};

struct own_root_sampler_config {
    bool on;
    struct own_always_config always_on, always_off;
    struct own_ratio_config trace_id_ratio_based;
};

struct own_parent_sampler_config {
    bool on;
    struct own_root_sampler_config root;
};

/* traces::sampler: one of them. */
struct own_sampler_config {
    bool on;
    struct own_always_config always_on, always_off;
    struct own_ratio_config trace_id_ratio_based;
    struct own_parent_sampler_config parent_based;
};

/* An item of metrics::readers may be it. */
struct own_periodic_config {
    bool on;
    uint64_t interval, timeout;
    struct own_exporter_config exporter;
    const struct yaml_node *location; /* of it, in the list that the user wrote, and which item of that it is */
    size_t index;
};

extern const struct option own_log_processor_options[], own_trace_processor_options[], own_periodic_options[];
extern const struct option own_sampler_options[];

#endif
