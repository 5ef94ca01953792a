/* SPDX-License-Identifier: Apache-2.0 */
#include "processor/sampler.h"

bool sampler_is_empty_id(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] != 0)
            return false;
    return true;
}

/* FNV-1a of the seed, lowest byte first, and the bytes. */
static uint32_t hash(uint32_t seed, struct bytes b)
{
    uint32_t h = 2166136261u;

    for (unsigned i = 0; i < 4; i++)
        h = (h ^ (seed >> (8 * i) & 0xff)) * 16777619u;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.data[i]) * 16777619u;
    return h;
}

/* The bucket, turned round so that larger is likelier kept, then other bits of the hash, then the bucket. */
static uint64_t randomness_of_hash(uint32_t h)
{
    uint64_t bucket = h & (SAMPLER_BUCKETS - 1), rest = h >> 18, mixed = rest ^ (rest << 10);

    return (SAMPLER_BUCKETS - 1 - bucket) << 42 | mixed << 14 | bucket;
}

uint64_t sampler_hash(const struct sampler *p, struct bytes b)
{
    return randomness_of_hash(hash((uint32_t)p->config->hash_seed, b));
}

uint64_t sampler_randomness_of_id(struct bytes id)
{
    uint64_t v = 0;

    for (size_t i = id.len - 7; i < id.len; i++)
        v = v << 8 | id.data[i];
    return v;
}

uint64_t sampler_of_undecided(const struct sampler *p)
{
    return p->config->fail_closed || p->never ? SAMPLING_NEVER : SAMPLING_ALWAYS;
}

static void decide(const struct sampler *p, bool has_incoming, uint64_t incoming, uint64_t *threshold)
{
    *threshold = p->threshold;
    if (p->config->mode == MODE_EQUALIZING && has_incoming && incoming > *threshold)
        *threshold = incoming;
    if (p->config->mode == MODE_PROPORTIONAL &&
        !threshold_of_probability((has_incoming ? threshold_probability(incoming) : 1) * p->ratio,
                                  (unsigned)p->config->sampling_precision, threshold))
        *threshold = SAMPLING_NEVER;
}

void sampler_decide(const struct sampler *p, struct decision *d, const struct carried *c)
{
    bool sound = d->policy != BY_NOTHING;

    if (p->config->mode == MODE_HASH_SEED && !p->never) {
        d->carried = !*c->has_randomness && !*c->has_threshold; /* somebody else's is not touched */
        sound &= d->carried;
        if (d->carried && (sound || p->processor.node.signal == SIGNAL_TRACES)) {
            *c->has_randomness = true;
            *c->randomness = d->randomness;
        }
    } else if (sound && *c->has_threshold && *c->threshold > d->randomness) {
        *c->has_threshold = false; /* it says what cannot be */
        sound = false;
    }
    if (p->never)
        d->threshold = SAMPLING_NEVER;
    else if (sound)
        decide(p, *c->has_threshold, *c->threshold, &d->threshold);
    else
        d->threshold = sampler_of_undecided(p);
}

void sampler_raise(const struct carried *c, uint64_t threshold)
{
    if (!*c->has_threshold || threshold > *c->threshold) {
        *c->has_threshold = true;
        *c->threshold = threshold;
    }
}

bool sampler_finish(struct sampler *p, const struct decision *d)
{
    bool kept = d->threshold <= d->randomness;

    metric_add(p->decided[d->policy][kept], 1);
    return kept;
}
