/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a request down to its items.
 *
 * Level 0 is the request; its children are the resources, below them the scopes, below those the items: spans and log
 * records. Metrics have two levels more: the metric, and its data, whose children are the data points. In profiles the
 * children of scopes are profiles; their samples are not on the path. */
#ifndef OTLP_PATH_H
#define OTLP_PATH_H

#include "codec/pb.h"
#include "otlp/signal.h"

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
    case LEVEL_DATA:
        return number == 1;
    case LEVEL_METRIC: /* gauge, sum, histogram, exponential histogram, summary */
        return number == 5 || number == 7 || number == 9 || number == 10 || number == 11;
    default:
        return number == 2;
    }
}

/* Items below a message at `level`; not for profiles. */
uint64_t path_count(struct bytes message, unsigned level, enum signal signal);

#endif
