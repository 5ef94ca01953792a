/* SPDX-License-Identifier: Apache-2.0 */
/* The first try starts the times; each further one waits longer by the multiplier up to the largest interval, scattered
 * by the factor, and at least as long as the peer asked for. It ends when the next wait would pass max_elapsed_time. */
#include "queue/retry.h"

#include "base/loop/clock.h"

#include <stdio.h>

void retry_check(const struct retry_config *c, const char *key, struct check *ck)
{
    char path[120];

    if (!c->enabled || c->max_elapsed_time.ns == 0)
        return;
    snprintf(path, sizeof(path), "%s::max_elapsed_time", key);
    if (c->max_elapsed_time.ns < c->initial_interval.ns)
        check_fail(ck, path, "'max_elapsed_time' must not be less than 'initial_interval'");
    if (c->max_elapsed_time.ns < c->max_interval.ns)
        check_fail(ck, path, "'max_elapsed_time' must not be less than 'max_interval'");
}

/* Uniform in [interval * (1 - factor), interval * (1 + factor)]. */
static uint64_t randomize_interval(uint64_t interval, double factor, struct random *random)
{
    return (uint64_t)((double)interval * (1 - factor + 2 * factor * random_share(random)));
}

bool retry_next(struct retry *r, const struct retry_config *c, bool forever, uint64_t begun, uint64_t now,
                uint64_t peer_ms, struct random *random, uint64_t *delay)
{
    uint64_t most = (uint64_t)c->max_interval.ns;
    double next;

    if (r->tries++ == 0) {
        r->begun = begun;
        r->interval = (uint64_t)c->initial_interval.ns;
    }
    if (!c->enabled)
        return false;
    if (r->interval > most)
        r->interval = most;
    *delay = randomize_interval(r->interval, c->randomization_factor, random);
    next = (double)r->interval * c->multiplier;
    r->interval = next < (double)most ? (uint64_t)next : most;
    if (peer_ms * NS_PER_MS > *delay)
        *delay = peer_ms * NS_PER_MS;
    return forever || c->max_elapsed_time.ns == 0 || now + *delay <= r->begun + (uint64_t)c->max_elapsed_time.ns;
}
