/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day at this moment, where that of the loop's turn is too coarse: lines of the log, spans of our own. */
#ifndef BASE_WALL_H
#define BASE_WALL_H

#include "base/loop/clock.h"

/* ns since 1970. Of a test's clock (manual) its own; of any other, and of NULL, the system's. */
uint64_t wall_now(struct clock *clock);

#endif
