/* SPDX-License-Identifier: Apache-2.0 */
/* The memory_ballast extension: nothing. It was a piece of memory that made Go's garbage collector run less often; old
 * configurations have it, and start. */
#include "pipeline/component.h"

static void check(const void *config, struct check *ck)
{
    (void)config;
    check_warn(ck, "", "has no effect: there is no garbage collector to keep quiet; remove it");
}

static const struct option options[] = {
    OPT_IGNORED("size_mib", "there is no garbage collector"),
    OPT_IGNORED("size_in_percentage", "there is no garbage collector"),
    OPT_END,
};

extern const struct component memory_ballast_extension;
const struct component memory_ballast_extension = {
    COMPONENT_TYPE("memory_ballast", COMPONENT_EXTENSION, .stability = "deprecated"),
    .spread = SPREAD_EACH,
    .summary = "Accepted for the sake of old configurations; has no effect.",
    .options = options,
    .check = check,
    COMPONENT_NODE(struct node),
};
