/* SPDX-License-Identifier: Apache-2.0 */
/* A counter that steps by a large odd number, and a mix of its bits. The seed is the kernel's, or time and process
 * where the kernel has none to give yet. */
#include "base/random.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* A Weyl sequence, mixed (Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014). */
#define STEP 0x9e3779b97f4a7c15ull

/* Early in boot the kernel may have nothing to give yet: time and process are better than waiting for it. */
static uint64_t second_best(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec * STEP ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)(unsigned)getpid() << 40;
}

void random_seed(struct random *r)
{
    if (getrandom(&r->state, sizeof(r->state), GRND_NONBLOCK) != (ssize_t)sizeof(r->state))
        r->state = second_best();
}

uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += STEP;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

double random_share(struct random *r)
{
    return (double)(random_next(r) >> 11) * 0x1p-53;
}
