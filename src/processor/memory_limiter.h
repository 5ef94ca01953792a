/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSOR_MEMORY_LIMITER_H
#define PROCESSOR_MEMORY_LIMITER_H

#include "pipeline/component.h"

struct memory_limiter_config {
    duration check_interval;
    uint64_t limit_mib, spike_limit_mib;
    uint64_t limit_percentage, spike_limit_percentage;
    duration min_gc_interval_when_soft_limited, min_gc_interval_when_hard_limited;
    duration max_gc_interval_when_soft_limited, max_gc_interval_when_hard_limited;
};

struct memory_limits {
    uint64_t soft, hard; /* bytes */
};

/* What the options mean on a machine (or in a cgroup) with that much memory. */
struct memory_limits memory_limits_of(const struct memory_limiter_config *c, uint64_t total);

#endif
