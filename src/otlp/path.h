/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a request down to its items.
 *
 * Level 0 is the request; its children are the resources, below them the scopes, below those the items: spans and log
 * records. Metrics have two levels more: the metric, and its data, whose children are the data points. In profiles the
 * children of scopes are profiles, and what is counted are their samples, which are not on the path. */
#ifndef OTLP_PATH_H
#define OTLP_PATH_H

#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/signal.h"

_Static_assert((int)OTLP_RESOURCE_GROUP_SCOPES == (int)OTLP_SCOPE_GROUP_ITEMS, "one case for both");

enum { LEVEL_REQUEST, LEVEL_RESOURCE, LEVEL_SCOPE, LEVEL_METRIC, LEVEL_DATA, LEVELS };

/* The level of the messages whose children are items. */
static inline unsigned path_depth(enum signal signal)
{
    return signal == SIGNAL_METRICS ? LEVEL_DATA : LEVEL_SCOPE;
}

/* Is this field of a message at `level` one of the children on the path? */
static inline bool path_is_child(unsigned level, uint32_t number)
{
    switch (level) {
    case LEVEL_REQUEST:
        return number == OTLP_REQUEST_RESOURCES;
    case LEVEL_DATA:
        return number == OTLP_DATA_POINTS;
    case LEVEL_METRIC:
        return number == OTLP_METRIC_GAUGE || number == OTLP_METRIC_SUM || number == OTLP_METRIC_HISTOGRAM ||
               number == OTLP_METRIC_EXPONENTIAL || number == OTLP_METRIC_SUMMARY;
    default:
        return number == OTLP_SCOPE_GROUP_ITEMS;
    }
}

/* What one of the children at the end of the path counts for. */
uint64_t path_items(struct bytes child, enum signal signal);

/* Items below a message at `level`. */
uint64_t path_count(struct bytes message, unsigned level, enum signal signal);

#endif
