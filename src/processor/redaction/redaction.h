/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the redaction processor: its configuration, the message that it is at, and what it tells of it. */
#ifndef PROCESSOR_REDACTION_REDACTION_H
#define PROCESSOR_REDACTION_REDACTION_H

#include "base/vec.h"
#include "processor/item_processor.h"
#include "processor/redaction/redaction_mask.h"

struct redaction_config {
    bool allow_all_keys, redact_all_types;
    struct strings allowed_keys, ignored_keys, ignored_key_patterns, blocked_key_patterns, blocked_values,
        allowed_values;
    int hash_function, summary;
    struct secret hmac_key;
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
    bool changed;
};

void tally_clear(struct tally *t);
void tally_count(const struct redaction *p, struct tally *t, enum fate fate, struct bytes key);

/* Append the tally to the message in `out`, as attributes, if the configuration wants it. `from`: where in `out` the
 * message begins; `number`: the field of its attributes. */
void redaction_summarize(struct redaction *p, size_t from, unsigned number, const char *prefix, struct tally *t);

/* Append an attribute of text, as a field. */
void redaction_put_pair(struct buf *out, uint32_t number, struct bytes key, struct bytes text);

#endif
