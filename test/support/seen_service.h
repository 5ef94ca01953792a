/* SPDX-License-Identifier: Apache-2.0 */
/* A service as others see it (pipeline/service_view.h), made up: the pipelines logs, logs/2, traces and metrics, each
 * with the receiver in, the processors p, p/2 and holds, which answers before what is behind it, and the exporter out. */
#ifndef SUPPORT_SEEN_SERVICE_H
#define SUPPORT_SEEN_SERVICE_H

#include "pipeline/edge.h"
#include "pipeline/service_view.h"

struct seen_service {
    struct service_view view; /* first */
    /* Of each point: before and behind. No point: no edges. */
    struct edge *before, *behind;
};

void seen_service_init(struct seen_service *s);

#endif
