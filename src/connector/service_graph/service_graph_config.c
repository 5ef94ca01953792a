/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and then what they cannot say: one kind of histogram, bounds that are durations and rise, names that are
 * few enough. */
#include "connector/service_graph/service_graph_config.h"

#include "connector/observed.h"
#include "connector/slots.h"

static const struct option store_rows[] = {
    OPT_UINT(struct store_config, max_items, "1000", "1", "100000000",
             "Most requests of which one side waits for the other; spans of further ones are left out, and counted."),
    OPT_DURATION(struct store_config, ttl, "2s", "0s", NULL, "How long it waits."),
    OPT_END,
};

const struct option service_graph_options[] = {
    OPT_STRINGS(struct service_graph_config, latency_histogram_buckets, "[]",
                "Upper bounds of the histograms, as durations. None: 2ms to 15s, 16 of them."),
    OPT_INT(struct service_graph_config, exponential_histogram_max_size, "0", NULL, "16384",
            "Above 0: exponential histograms, of so many buckets at most."),
    OPT_STRINGS(struct service_graph_config, dimensions, "[]",
                "Attributes of both spans or their resources, which are added as client_<name> and server_<name>."),
    OPT_GROUP(struct service_graph_config, store, struct store_config, store_rows, GROUP_PLAIN,
              "Where one side of a request waits for the other."),
    OPT_DURATION(struct service_graph_config, cache_loop, "1m", NULL, NULL,
                 "How often series that nothing has come for in 15 minutes are forgotten."),
    OPT_DURATION(struct service_graph_config, store_expiration_loop, "2s", NULL, NULL,
                 "How often requests that have waited too long are looked for."),
    OPT_STRINGS(
        struct service_graph_config, virtual_node_peer_attributes, "[peer.service, db.name, db.system]",
        "Attributes of a client's span that name a server that sends no spans, the first one there is. None: no "
        "such servers, and no user."),
    OPT_BOOL(struct service_graph_config, virtual_node_extra_label, "false",
             "Add virtual_node, which says which side has sent no span: client, server or neither."),
    OPT_DURATION(struct service_graph_config, metrics_flush_interval, "60s", NULL, NULL,
                 "How often metrics are sent; 0s: after each batch of spans."),
    OPT_DURATION(struct service_graph_config, metrics_timestamp_offset, "0s", NULL, NULL,
                 "Taken off the time of the points."),
    OPT_STRINGS(struct service_graph_config, database_name_attributes, "[db.name]",
                "Attributes that name a database, the first one there is: a client's span that has one is a whole "
                "request."),
    OPT_UINT(
        struct service_graph_config, max_series, "10000", "0", NULL,
        "Most series; what comes beyond goes to one with otel.metric.overflow=true. 0: as many as the memory budget "
        "has room for."),
    OPT_END,
};

void service_graph_check(const void *config, struct check *ck)
{
    const struct service_graph_config *c = config;

    if (c->exponential_histogram_max_size < 0)
        check_fail(ck, "exponential_histogram_max_size", "`exponential_histogram_max_size` can not be negative");
    if (c->exponential_histogram_max_size > 0 && c->latency_histogram_buckets.n > 0)
        check_fail(ck, "latency_histogram_buckets",
                   "use either `latency_histogram_buckets` or `exponential_histogram_max_size`");
    observed_check_bounds(&c->latency_histogram_buckets, "latency_histogram_buckets", ck);
    if (c->dimensions.n + c->virtual_node_peer_attributes.n + c->database_name_attributes.n > SLOTS_MOST)
        check_fail(ck, "dimensions", "at most %u names of attributes are served", SLOTS_MOST);
}
