/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the span_metrics connector. */
#ifndef CONNECTOR_SPAN_METRICS_SPAN_METRICS_CONFIG_H
#define CONNECTOR_SPAN_METRICS_SPAN_METRICS_CONFIG_H

#include "config/option.h"

/* Either a name, or a pattern of names. */
struct dimension_config {
    const char *name, *glob;
    const struct yaml_node *fallback; /* NULL: none */
};

struct exponential_config {
    bool on;
    int64_t max_size;
};

struct explicit_config {
    bool on;
    struct strings buckets;
};

enum duration_unit { UNIT_MS, UNIT_S };

struct histogram_config {
    bool disable;
    int unit; /* enum duration_unit */
    struct exponential_config exponential;
    struct explicit_config explicit;
    struct option_list dimensions; /* of struct dimension_config, as those below */
};

struct exemplars_config {
    bool enabled;
    uint64_t max_per_data_point;
};

struct events_config {
    bool enabled;
    struct option_list dimensions;
};

struct span_metrics_config {
    struct option_list dimensions, calls_dimensions;
    struct strings exclude_dimensions, resource_metrics_key_attributes, include_instrumentation_scope;
    struct histogram_config histogram;
    struct exemplars_config exemplars;
    struct events_config events;
    const char *aggregation_temporality, *namespace;
    duration metrics_flush_interval, metrics_expiration, series_expiration;
    uint64_t resource_metrics_cache_size, metric_timestamp_cache_size, aggregation_cardinality_limit;
    bool enable_metrics_sampling_method;
};

extern const struct option span_metrics_options[];

#define DELTA_TEMPORALITY "AGGREGATION_TEMPORALITY_DELTA"
#define CUMULATIVE_TEMPORALITY "AGGREGATION_TEMPORALITY_CUMULATIVE"

void span_metrics_check(const void *config, struct check *ck);

#endif
