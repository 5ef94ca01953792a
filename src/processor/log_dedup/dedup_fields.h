/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a log record by name: "body.user.id", "attributes.request\.id". */
#ifndef PROCESSOR_LOG_DEDUP_DEDUP_FIELDS_H
#define PROCESSOR_LOG_DEDUP_DEDUP_FIELDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/option.h"
#include "otlp/digest.h"

#define DEDUP_FIELD_DEPTH 32u

struct dedup_field {
    bool in_body;             /* else in the attributes */
    const struct bytes *keys; /* from the outside in; none: the whole */
    size_t n;
};

struct dedup_fields {
    struct dedup_field *v;
    size_t n;
};

/* False: there is a fault, told to `ck` where that is not NULL. Fields that are `taken_out` may not be the body, others
 * not all attributes. In the arena. */
bool dedup_fields_read(struct dedup_fields *f, struct arena *a, const struct strings *names, bool taken_out,
                       struct check *ck);

/* The record without them, in one of the two; none: the record as it is. */
struct bytes dedup_fields_remove(const struct dedup_fields *f, struct bytes record, struct buf scratch[2]);

/* Their values as text; false: the record has none of them. */
bool dedup_fields_digest(const struct dedup_fields *f, struct bytes record, struct buf *scratch, struct digest *d);

#endif
