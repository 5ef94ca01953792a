/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of OTLP as sorted lines, one for each point, as far as Prometheus tells them apart: what two requests have in
 * common however their points are grouped. Read by protobuf-c. */
#ifndef SUPPORT_METRIC_LINES_H
#define SUPPORT_METRIC_LINES_H

#include "base/buf.h"
#include "base/vec.h"
#include "otlp/batch.h"

struct metric_lines {
    VEC(char *) all;
};

/* The points of a batch: integers are doubles, a sum that may fall is a gauge, and what the intake adds to resources
 * (server.address, server.port, url.scheme) and to metrics (prometheus.type) is not said. The default scope is none. */
void metric_lines_take(struct metric_lines *l, const struct batch *batch);
const char *metric_lines_text(struct metric_lines *l, struct buf *out); /* into `out`, sorted */
void metric_lines_free(struct metric_lines *l);

#endif
