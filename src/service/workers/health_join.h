/* SPDX-License-Identifier: Apache-2.0 */
/* One node, as several processes see it. */
#ifndef SERVICE_HEALTH_JOIN_H
#define SERVICE_HEALTH_JOIN_H

#include "pipeline/health.h"

/* The worse of both, of two alike the one that has been so for longer; with the failures and the errors of both. */
void health_join(struct health *to, const struct health *from);

#endif
