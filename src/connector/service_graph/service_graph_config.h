/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the service_graph connector. */
#ifndef CONNECTOR_SERVICE_GRAPH_SERVICE_GRAPH_CONFIG_H
#define CONNECTOR_SERVICE_GRAPH_SERVICE_GRAPH_CONFIG_H

#include "config/option.h"

struct store_config {
    uint64_t max_items;
    duration ttl;
};

struct service_graph_config {
    struct strings latency_histogram_buckets, dimensions, virtual_node_peer_attributes, database_name_attributes;
    int64_t exponential_histogram_max_size;
    struct store_config store;
    duration cache_loop, store_expiration_loop, metrics_flush_interval, metrics_timestamp_offset;
    bool virtual_node_extra_label;
    uint64_t max_series;
};

extern const struct option service_graph_options[];

void service_graph_check(const void *config, struct check *ck);

#endif
