/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each signal, as one table: names for people and metrics, the messages, the paths of both
 * protocols. */
#include "otlp/signal.h"

#include "otlp/logs_service.pb-c.h"
#include "otlp/metrics_service.pb-c.h"
#include "otlp/profiles_service.pb-c.h"
#include "otlp/trace_service.pb-c.h"

/* `one` and `service`: the signal as the names of its messages and of its service have it. */
#define SIGNAL(word, one, service, version, ...)                                                                       \
    {                                                                                                                  \
        .name = word, .request = &otlp__export_##one##_service_request__descriptor,                                    \
        .response = &otlp__export_##one##_service_response__descriptor,                                                \
        .grpc_path = "/opentelemetry.proto.collector." #one "." version "." service "/Export",                         \
        .http_path = "/" version "/" word, __VA_ARGS__                                                                 \
    }

const struct signal_info signal_table[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = SIGNAL("traces", trace, "TraceService", "v1", .items = "spans", .resources = "resource spans",
                             .mergeable = true),
    [SIGNAL_METRICS] = SIGNAL("metrics", metrics, "MetricsService", "v1", .items = "metric_points",
                              .resources = "resource metrics", .mergeable = true),
    [SIGNAL_LOGS] = SIGNAL("logs", logs, "LogsService", "v1", .items = "log_records", .resources = "resource logs",
                           .mergeable = true),
    [SIGNAL_PROFILES] = SIGNAL("profiles", profiles, "ProfilesService", "v1development", .items = "profile_samples",
                               .resources = "resource profiles"),
};

enum signal signal_by_name(struct bytes name)
{
    int s = 0;

    while (s < SIGNAL_COUNT && !bytes_is(name, signal_table[s].name))
        s++;
    return (enum signal)s;
}
