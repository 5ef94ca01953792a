/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz drivers of discovery have in common. */
#ifndef SUPPORT_TARGETS_CHECK_H
#define SUPPORT_TARGETS_CHECK_H

#include "receiver/prometheus/discovery.h"

/* Whatever was found has labels with names and values, sorted and no name twice, and is bounded; aborts otherwise. */
void targets_check(const struct target_list *found);

#endif
