/* SPDX-License-Identifier: Apache-2.0 */
/* Once a second the time of all answered requests is divided by the window's length: so many shards were busy. When
 * those in use were busy for most of it, twice as many are wanted; when half as many would do, with room to spare, for
 * ten windows, one less. */
#include "exporter/prometheus_remote_write/remote_write_scale.h"

#include "base/loop/clock.h"

#define WINDOW NS_PER_S
#define CALM 10u /* windows */
#define FULL 0.8 /* of a shard's time */
#define EASY 0.4

void shard_scale_init(struct shard_scale *s, uint32_t most, uint64_t now)
{
    *s = (struct shard_scale){ .most = most, .want = 1, .begun = now };
}

void shard_scale_note(struct shard_scale *s, uint64_t ns)
{
    s->busy += ns;
}

uint32_t shard_scale_plan(struct shard_scale *s, uint64_t now)
{
    uint64_t elapsed = now - s->begun;
    double busy;

    if (elapsed < WINDOW)
        return s->want;
    busy = (double)s->busy / (double)elapsed;
    s->begun = now;
    s->busy = 0;
    if (busy > FULL * s->want) {
        s->want = s->want < s->most / 2 ? s->want * 2 : s->most;
        s->calm = 0;
    } else if (s->want > 1 && busy < EASY * (s->want - 1)) {
        s->calm++;
    } else {
        s->calm = 0;
    }
    if (s->calm == CALM) {
        s->want--;
        s->calm = 0;
    }
    return s->want;
}
