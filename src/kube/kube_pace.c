/* SPDX-License-Identifier: Apache-2.0 */
/* One number does it: when the next request would be due if all kept their distance. A request may be early by the
 * distances of a burst; a server that was left alone is owed nothing more than that. What can go wrong: a slow rate and
 * a large burst come to more time than 64 bits hold. */
#include "kube/kube_pace.h"

#include "base/loop/clock.h"

#define SLOWEST_PER_SECOND 1e-6 /* twelve days from one to the next */

void kube_pace_init(struct kube_pace *p, double per_second, uint64_t burst)
{
    double rate = per_second > 0 && per_second < SLOWEST_PER_SECOND ? SLOWEST_PER_SECOND : per_second;

    *p = (struct kube_pace){ .each = rate > 0 ? (uint64_t)((double)NS_PER_S / rate) : 0 };
    p->ahead = burst > 0 ? (__uint128_t)(burst - 1) * p->each : 0;
}

uint64_t kube_pace_take(struct kube_pace *p, uint64_t now)
{
    __uint128_t due = p->next > now ? p->next : now, wait = due - now;

    p->next = due + p->each;
    wait = wait > p->ahead ? wait - p->ahead : 0;
    return wait < UINT64_MAX ? (uint64_t)wait : UINT64_MAX;
}
