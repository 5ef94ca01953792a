/* SPDX-License-Identifier: Apache-2.0 */
/* All components: the one place that names them. A new one is a declaration and a line here. */
#include "pipeline/component.h"

#define COMPONENTS(X)                                                                                                  \
    X(otlp_receiver)                                                                                                   \
    X(kafka_receiver)                                                                                                  \
    X(prometheus_receiver)                                                                                             \
    X(prometheus_remote_write_receiver)                                                                                \
    X(nop_receiver)                                                                                                    \
    X(batch_processor)                                                                                                 \
    X(memory_limiter_processor)                                                                                        \
    X(attributes_processor)                                                                                            \
    X(resource_processor)                                                                                              \
    X(span_processor)                                                                                                  \
    X(filter_processor)                                                                                                \
    X(transform_processor)                                                                                             \
    X(probabilistic_sampler_processor)                                                                                 \
    X(cumulative_to_delta_processor)                                                                                   \
    X(tail_sampling_processor)                                                                                         \
    X(delta_to_cumulative_processor)                                                                                   \
    X(metrics_transform_processor)                                                                                     \
    X(redaction_processor)                                                                                             \
    X(interval_processor)                                                                                              \
    X(groupbyattrs_processor)                                                                                          \
    X(groupbytrace_processor)                                                                                          \
    X(log_dedup_processor)                                                                                             \
    X(k8s_attributes_processor)                                                                                        \
    X(debug_exporter)                                                                                                  \
    X(file_exporter)                                                                                                   \
    X(kafka_exporter)                                                                                                  \
    X(load_balancing_exporter)                                                                                         \
    X(nop_exporter)                                                                                                    \
    X(otlp_grpc_exporter)                                                                                              \
    X(otlp_http_exporter)                                                                                              \
    X(prometheus_exporter)                                                                                             \
    X(prometheus_remote_write_exporter)                                                                                \
    X(count_connector)                                                                                                 \
    X(forward_connector)                                                                                               \
    X(sum_connector)                                                                                                   \
    X(exceptions_connector)                                                                                            \
    X(span_metrics_connector)                                                                                          \
    X(service_graph_connector)                                                                                         \
    X(routing_connector)                                                                                               \
    X(basicauth_extension)                                                                                             \
    X(bearertokenauth_extension)                                                                                       \
    X(headers_setter_extension)                                                                                        \
    X(oauth2client_extension)                                                                                          \
    X(file_storage_extension)                                                                                          \
    X(health_check_extension)                                                                                          \
    X(zpages_extension)                                                                                                \
    X(pprof_extension)                                                                                                 \
    X(memory_ballast_extension)

#define DECLARE(name) extern const struct component name;
COMPONENTS(DECLARE)

#define ADDRESS(name) &name,
const struct component *const component_registry[] = { COMPONENTS(ADDRESS) NULL };
