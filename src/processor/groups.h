/* SPDX-License-Identifier: Apache-2.0 */
/* The resources, scopes and metrics of a request that is put together of items of others (otlp/assembly.h): each is
 * made when it is asked for first, of the bytes that it is given then, which are kept. A key tells what the group is
 * in, too.
 */
#ifndef PROCESSOR_GROUPS_H
#define PROCESSOR_GROUPS_H

#include "otlp/assembly.h"

/* ResourceSpans and their like; `resource`: the content of the Resource. `schema_url` may be empty. */
struct message *groups_resource(struct assembly *a, const struct digest *key, struct bytes resource,
                                struct bytes schema_url);

/* ScopeSpans and their like: what spans and log records are put into. */
struct message *groups_scope(struct assembly *a, struct message *resource, const struct digest *key, struct bytes scope,
                             struct bytes schema_url);

/* What a Metric and its data are without points, as the assembly keeps it: made once for all groups of that metric, for
 * it takes a look at each of its points. Zeroed for a metric that is new, or an assembly that is. */
struct groups_head {
    bool made;
    struct bytes own, data;
};

/* The data of a metric (its Gauge, Sum ...), which points are put into. `metric` is a Metric; its data points and the
 * fields in `without` (bits, of the Metric) are not copied. `number`: the field of the data that the points are of, for
 * a stranger's Metric may have several, though it is a oneof. */
struct message *groups_metric(struct assembly *a, struct message *scope, const struct digest *key, struct bytes metric,
                              uint32_t number, uint32_t without, struct groups_head *head);

#endif
