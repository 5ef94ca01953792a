/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter that is nothing but its queue: its configuration are the options of the sender, whose `attempt` is a sink
 * of the test. */
#ifndef SUPPORT_QUEUE_ONLY_H
#define SUPPORT_QUEUE_ONLY_H

#include "pipeline/component.h"

extern const struct component queue_only; /* of type "queue" */

#endif
