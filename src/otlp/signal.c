/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each signal, as one table: names for people and metrics, the messages, the paths of both
 * protocols. */
#include "otlp/signal.h"

#include "otlp/logs_service.pb-c.h"
#include "otlp/metrics_service.pb-c.h"
#include "otlp/profiles_service.pb-c.h"
#include "otlp/trace_service.pb-c.h"

const struct signal_info signal_table[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = {
        .name = "traces",
        .items = "spans",
        .resources = "resource spans",
        .request = &otlp__export_trace_service_request__descriptor,
        .response = &otlp__export_trace_service_response__descriptor,
        .grpc_path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        .http_path = "/v1/traces",
        .mergeable = true,
    },
    [SIGNAL_METRICS] = {
        .name = "metrics",
        .items = "metric_points",
        .resources = "resource metrics",
        .request = &otlp__export_metrics_service_request__descriptor,
        .response = &otlp__export_metrics_service_response__descriptor,
        .grpc_path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        .http_path = "/v1/metrics",
        .mergeable = true,
    },
    [SIGNAL_LOGS] = {
        .name = "logs",
        .items = "log_records",
        .resources = "resource logs",
        .request = &otlp__export_logs_service_request__descriptor,
        .response = &otlp__export_logs_service_response__descriptor,
        .grpc_path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        .http_path = "/v1/logs",
        .mergeable = true,
    },
    [SIGNAL_PROFILES] = {
        .name = "profiles",
        .items = "profile_samples",
        .resources = "resource profiles",
        .request = &otlp__export_profiles_service_request__descriptor,
        .response = &otlp__export_profiles_service_response__descriptor,
        .grpc_path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        .http_path = "/v1development/profiles",
        .mergeable = false,
    },
};

enum signal signal_by_name(struct bytes name)
{
    int s = 0;

    while (s < SIGNAL_COUNT && !bytes_is(name, signal_table[s].name))
        s++;
    return (enum signal)s;
}
