/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the redaction processor: its configuration, the message that it is at, and what it tells of it. */
#ifndef PROCESSOR_REDACTION_REDACTION_H
#define PROCESSOR_REDACTION_REDACTION_H

#include "base/vec.h"
#include "codec/regex_steps.h"
#include "otlp/any_value.h"
#include "processor/item_processor.h"
#include "processor/redaction/db_sanitizer.h"
#include "processor/redaction/redaction_mask.h"
#include "processor/redaction/url_sanitizer.h"
#include "processor/search_limit.h"

struct redaction_config {
    bool allow_all_keys, redact_all_types;
    struct strings allowed_keys, ignored_keys, ignored_key_patterns, blocked_key_patterns, blocked_values,
        allowed_values;
    int hash_function, summary;
    struct secret hmac_key;
    struct url_sanitizer_config url_sanitizer;
    struct db_sanitizer_config db_sanitizer;
};

enum summary { SUMMARY_SILENT, SUMMARY_INFO, SUMMARY_DEBUG };

struct patterns {
    struct regex **v;
    size_t n;
};

/* ALLOWED is what allowed_values says; of what is LEFT nobody has said anything, and it is not told. */
enum fate { IGNORED, REMOVED, ALLOWED, MASKED, FATES, LEFT = FATES };

/* What became of the attributes of one message. */
struct tally {
    uint64_t n[FATES];
    VEC(struct bytes) keys[FATES]; /* debug */
};

struct redaction {
    struct item_processor processor;
    const struct redaction_config *config;
    struct mask mask;
    struct patterns ignored, blocked_keys, blocked_values, allowed_values;
    struct tally tally, body_tally;
    struct buf out, text, masked[2];
    struct regex_meter meter; /* of the message at work */
    struct search_limit limit;
    uint64_t done;         /* messages of the batch, in the order in which they are asked about */
    uint64_t seen;         /* of them, in the walk at hand */
    uint64_t grown;        /* bytes that the batch has become longer by; what is shorter does not count */
    uint64_t walk, worked; /* that one, and the last in which there was work */
    uint64_t began, steps; /* ns of CPU, with that work; that it has taken since the last look at the clock */
    struct bytes system;   /* of databases, that the message at work names */
    bool db;               /* db_sanitizer_enabled() */
    bool changed;
};

/* What becomes of an attribute; *masked: of one that is MASKED, what stands in its place until the next call. */
enum fate redaction_judge_attribute(struct redaction *p, const struct attribute *a, struct bytes *masked);

/* The same of a value in a body, which stands under this key, or under none. */
enum fate redaction_judge_body(struct redaction *p, struct bytes key, struct bytes value, struct bytes *masked);

/* Keys: IGNORED, REMOVED or LEFT. */
enum fate redaction_judge_key(struct redaction *p, struct bytes key);

/* The name that a span gets; false: it keeps its own. `span` has the attributes as they are when they were judged. */
bool redaction_rename(struct redaction *p, struct bytes span, struct bytes *name);

void tally_clear(struct tally *t);
void tally_count(const struct redaction *p, struct tally *t, enum fate fate, struct bytes key);

/* Append the tally to the message in `out`, as attributes, if the configuration wants it. `from`: where in `out` the
 * message begins; `number`: the field of its attributes. */
void redaction_summarize(struct redaction *p, size_t from, unsigned number, const char *prefix, struct tally *t);

/* Append an attribute of text, as a field. */
void redaction_put_pair(struct buf *out, uint32_t number, struct bytes key, struct bytes text);

#endif
