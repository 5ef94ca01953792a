/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the system's clock each time it is asked. */
#include "base/loop/wall.h"

#include <time.h>

uint64_t wall_now(struct clock *clock)
{
    struct timespec ts;

    if (clock != NULL && clock->manual)
        return clock_wall(clock);
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}
