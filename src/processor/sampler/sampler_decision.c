/* SPDX-License-Identifier: Apache-2.0 */
/* What a span or record brings (randomness, a threshold it was sampled with before) comes to a threshold, and the
 * threshold decides. With hash_seed the hash is the randomness and nothing else counts; the other modes take what was
 * decided before into account. What cannot be decided, because what it carries is malformed, contradicts itself or is
 * not there, goes by fail_closed, has a reason of its own, and is told of; at 100 % it is kept. */
#include "processor/sampler/sampler.h"

/* FNV-1a of the seed, lowest byte first, and the bytes. */
static uint32_t hash_seeded(uint32_t seed, struct bytes b)
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
    return randomness_of_hash(hash_seeded((uint32_t)p->config->hash_seed, b));
}

uint64_t sampler_randomness_of_id(struct bytes id)
{
    uint64_t v = 0;

    for (size_t i = id.len - 7; i < id.len; i++)
        v = v << 8 | id.data[i];
    return v;
}

static uint64_t threshold_for(const struct sampler *p, bool has_incoming, uint64_t incoming)
{
    uint64_t threshold = p->threshold;

    if (p->always && has_incoming && p->config->mode != MODE_HASH_SEED)
        return incoming; /* rounded it might be higher */
    if (p->config->mode == MODE_EQUALIZING && has_incoming && incoming > threshold)
        threshold = incoming;
    if (p->config->mode == MODE_PROPORTIONAL &&
        !threshold_of_probability((has_incoming ? threshold_probability(incoming) : 1) * p->ratio,
                                  (unsigned)p->config->sampling_precision, &threshold))
        threshold = SAMPLING_NEVER;
    return threshold;
}

/* Hashes say nothing of what others have decided: it is not looked at, and not written over. */
static void carry_hash(const struct sampler *p, struct sampler_decision *d, const struct carried *c)
{
    d->carried = !*c->has_randomness && !*c->has_threshold;
    if (d->carried && (d->policy != BY_NOTHING || p->processor.node.signal == SIGNAL_TRACES)) {
        *c->has_randomness = true;
        *c->randomness = d->randomness;
    }
}

static const char *why_undecided(const struct sampler *p, const struct sampler_decision *d, const struct carried *c)
{
    if (p->never)
        return NULL;
    if (d->policy == BY_NOTHING)
        return "no trace id and no other randomness";
    if (p->config->mode != MODE_HASH_SEED && *c->has_threshold && *c->threshold > d->randomness)
        return "a threshold that its randomness does not reach";
    return NULL;
}

void sampler_decide(const struct sampler *p, struct sampler_decision *d, const struct carried *c, const char *malformed)
{
    d->carried = malformed == NULL;
    d->undecided = malformed != NULL ? malformed : why_undecided(p, d, c);
    if (d->undecided == NULL && p->never) {
        d->threshold = SAMPLING_NEVER;
        return;
    }
    if (malformed == NULL && p->config->mode == MODE_HASH_SEED && !p->never)
        carry_hash(p, d, c);
    if (d->undecided == NULL) {
        d->threshold = threshold_for(p, *c->has_threshold, *c->threshold);
        return;
    }
    if (malformed == NULL && d->policy != BY_NOTHING)
        *c->has_threshold = false; /* it says what cannot be */
    if (malformed != NULL || d->policy != BY_NOTHING)
        d->policy = UNDECIDABLE;
    d->threshold = p->config->fail_closed && !p->always ? SAMPLING_NEVER : SAMPLING_ALWAYS;
}

void sampler_raise(const struct carried *c, uint64_t threshold)
{
    if (!*c->has_threshold || threshold > *c->threshold) {
        *c->has_threshold = true;
        *c->threshold = threshold;
    }
}

static void tell_undecided(struct sampler *p, const char *why)
{
    struct node *node = &p->processor.node;

    losses_add(&p->processor.apart, 1, "undecidable");
    if (complaint_due_to(&p->undecided, &node->host->loop->clock, why))
        log_warn(&node->log, "Dropped items whose sampling cannot be decided. fail_closed: false keeps them",
                 F_STR("cause", why), F_UINT("items", complaint_taken(&p->undecided)));
}

bool sampler_finish(struct sampler *p, const struct sampler_decision *d)
{
    bool kept = d->threshold <= d->randomness;

    metric_add(p->decided[d->policy][kept], 1);
    if (!kept && d->undecided != NULL)
        tell_undecided(p, d->undecided);
    return kept;
}
