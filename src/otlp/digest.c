/* SPDX-License-Identifier: Apache-2.0 */
/* Each part is hashed under the process's secret; what it is in is hashed with it. Of a set the sum is taken, so that
 * order means nothing; the secret is what keeps strangers from choosing summands. */
#include "otlp/digest.h"

#include "base/random.h"
#include "codec/pb.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t secret[24];

__attribute__((constructor)) static void draw_secret(void)
{
    struct random r;

    random_seed(&r);
    for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
        secret[i] = random_next(&r);
}

static inline XXH128_hash_t hash_bytes(struct bytes b)
{
    return XXH3_128bits_withSecret(b.data, b.len, secret, sizeof(secret));
}

static inline struct digest join_digest(struct digest parent, uint64_t lo, uint64_t hi)
{
    const uint64_t both[4] = { parent.lo, parent.hi, lo, hi };
    XXH128_hash_t h = hash_bytes(bytes_of(both, sizeof(both)));

    return (struct digest){ h.low64, h.high64 };
}

struct digest digest_bytes(struct digest parent, struct bytes b)
{
    XXH128_hash_t h = hash_bytes(b);

    return join_digest(parent, h.low64, h.high64);
}

struct digest digest_plain(struct bytes b)
{
    XXH128_hash_t h = hash_bytes(b);

    return (struct digest){ h.low64, h.high64 };
}

struct digest digest_number(struct digest parent, uint64_t n)
{
    return join_digest(parent, n, 0);
}

void digest_set_add(struct digest_set *s, struct bytes key_value)
{
    XXH128_hash_t h = hash_bytes(key_value);

    s->sum.lo += h.low64;
    s->sum.hi += h.high64;
    s->n++;
}

struct digest digest_set_of(struct digest parent, const struct digest_set *s)
{
    return join_digest(digest_number(parent, s->n), s->sum.lo, s->sum.hi);
}

struct digest digest_attributes(struct digest parent, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);
    struct digest_set s = { 0 };

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_LEN)
            digest_set_add(&s, f.bytes);
    return digest_set_of(parent, &s);
}
