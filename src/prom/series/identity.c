/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of raw bytes below their parent. */
#include "prom/series/identity.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t identity_hash(uint64_t seed, struct bytes raw)
{
    return XXH3_64bits_withSeed(raw.data, raw.len, seed);
}

uint64_t identity_hash_of(const void *entry)
{
    return ((const struct identity *)entry)->hash;
}
