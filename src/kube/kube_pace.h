/* SPDX-License-Identifier: Apache-2.0 */
/* How often an API server may be asked: so many requests at once, and from then on so many in a second. One for all
 * that ask the same server. */
#ifndef KUBE_PACE_H
#define KUBE_PACE_H

#include <stdint.h>

struct kube_pace {
    uint64_t each;     /* ns from one request to the next; 0: there is no limit */
    __uint128_t ahead; /* ns by which requests may be early: those of a burst */
    __uint128_t next;  /* mono ns: when the next would be due if none was early */
};

/* per_second 0 is no limit; burst is at least 1. */
void kube_pace_init(struct kube_pace *p, double per_second, uint64_t burst);

/* Takes the turn of one request: how many ns from `now` (mono) it has to wait. */
uint64_t kube_pace_take(struct kube_pace *p, uint64_t now);

#endif
