/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of log_dedup: its configuration, and what it holds. */
#ifndef PROCESSOR_LOG_DEDUP_LOG_DEDUP_H
#define PROCESSOR_LOG_DEDUP_LOG_DEDUP_H

#include "pipeline/statement_list.h"
#include "processor/holding_processor.h"
#include "processor/log_dedup/dedup_fields.h"

struct log_dedup_config {
    duration interval;
    const char *log_count_attribute, *timezone;
    struct strings exclude_fields, include_fields, conditions;
    uint64_t max_records;
};

struct log_dedup {
    struct holding_processor held;
    const struct log_dedup_config *config;
    struct arena arena; /* of the fields */
    struct dedup_fields excluded, included;
    struct statement_list conditions;
    struct ottl_evaluation *evaluation;
    struct time_zone *zone;
    struct time_format *format;
    struct list records; /* struct held_record, in the order they came */
    struct buf scratch[2], text;
    struct digest of_resource, of_scope;
    struct rewrite_visitor asking; /* who asks the conditions */
    struct list apart;             /* batches of which a part is on its way */
    /* Of the batch at work. */
    uint8_t *wanted; /* by item, NULL: all are */
    uint64_t at;     /* the item */
    uint64_t repeated;
    struct complaint full;
    struct metric *aggregated;
};

/* In create(), when the visitor that holds is set: the node consumes from now on. */
void dedup_batches_init(struct log_dedup *p);
void dedup_batches_free(struct log_dedup *p); /* what is on its way is forgotten */

#endif
