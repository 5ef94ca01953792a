/* SPDX-License-Identifier: Apache-2.0 */
/* The nop receiver: never sends anything. For configurations whose data comes from a connector alone, and for
 * tests of the rest of a configuration. */
#include "pipeline/component.h"

static const struct option options[] = { OPT_END };

extern const struct component nop_receiver;
const struct component nop_receiver = {
    COMPONENT_TYPE("nop", COMPONENT_RECEIVER, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Never sends anything.",
    .options = options,
    COMPONENT_NODE(struct node),
};
