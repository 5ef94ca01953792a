/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the probabilistic sampler: what its files share. Nobody but these files includes this:
 *
 *     probabilistic_sampler.c  the component
 *     sampler_decision.c       randomness, thresholds, and what they come to
 *     sampler_span.c           spans: their trace state is read and written
 *     sampler_record.c         log records: two attributes take its place */
#ifndef PROCESSOR_SAMPLER_H
#define PROCESSOR_SAMPLER_H

#include "otlp/attribute_list.h"
#include "otlp/trace_state.h"
#include "processor/item_processor.h"

#define SAMPLER_BUCKETS 16384u /* of a hash */

enum mode { MODE_HASH_SEED, MODE_EQUALIZING, MODE_PROPORTIONAL, MODE_UNSET /* hash_seed; gone before the start */ };
enum source { SOURCE_TRACE_ID, SOURCE_RECORD };

struct sampler_config {
    double sampling_percentage;
    uint64_t hash_seed;
    int mode;
    bool fail_closed;
    int64_t sampling_precision;
    int attribute_source;
    const char *from_attribute, *sampling_priority;
};

/* By what an item was decided; the label `policy`. */
enum sampler_policy {
    BY_HASH,
    BY_TRACE_ID,
    BY_RANDOMNESS,
    BY_PRIORITY,
    BY_ATTRIBUTE,
    BY_NOTHING,
    UNDECIDABLE,
    POLICIES
};

struct sampler {
    struct item_processor processor;
    const struct sampler_config *config;
    bool never;         /* 0 %: nothing but priorities is looked at */
    bool always;        /* 100 %: all is kept, decidable or not */
    uint64_t threshold; /* hash_seed, equalizing */
    double ratio;       /* proportional */
    struct trace_state state;
    struct attribute_list list;
    struct buf field; /* the trace state written anew */
    struct metric *decided[POLICIES][2];
    struct complaint undecided;
};

/* What is known of one item while it is decided. */
struct sampler_decision {
    enum sampler_policy policy;
    uint64_t randomness;
    uint64_t threshold;
    bool carried;          /* there is a trace state, or attributes, to write the threshold to */
    const char *undecided; /* why nothing can be decided, NULL when it can */
};

/* What was sampled before, as the item carries it. */
struct carried {
    bool *has_randomness, *has_threshold;
    uint64_t *randomness, *threshold;
};

/* 56 bits, of bytes by the seed, and of the end of a trace id. */
uint64_t sampler_hash(const struct sampler *p, struct bytes b);
uint64_t sampler_randomness_of_id(struct bytes id);

/* Sets d's threshold; *c is what will be written if the item is kept. `malformed`: why what the item carries cannot be
 * read, or NULL. */
void sampler_decide(const struct sampler *p, struct sampler_decision *d, const struct carried *c,
                    const char *malformed);

/* The threshold that is written may only rise. */
void sampler_raise(const struct carried *c, uint64_t threshold);

/* Counts; true: it is kept. */
bool sampler_finish(struct sampler *p, const struct sampler_decision *d);

enum rewrite_verdict sampler_on_span(void *arg, const struct visit *at, struct pieces *edit);
void sampler_ask_record(struct sampler *p); /* of the attributes, only those it looks at */
enum rewrite_verdict sampler_on_record(void *arg, const struct visit *at, struct pieces *edit);

#endif
