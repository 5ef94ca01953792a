/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers to spread things in time and to seed hashes with: fast, different in every process, and not for
 * secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

/* From the kernel's. */
void random_seed(struct random *r);

uint64_t random_next(struct random *r);

/* Uniform in [0, 1). */
double random_share(struct random *r);

#endif
