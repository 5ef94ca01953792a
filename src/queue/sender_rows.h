/* SPDX-License-Identifier: Apache-2.0 */
/* The options `sending_queue` of exporters, as the Go collector has them. */
#ifndef QUEUE_SENDER_ROWS_H
#define QUEUE_SENDER_ROWS_H

#include "queue/sender.h"

struct sending_batch_config {
    bool on;
    duration flush_timeout;
    int64_t min_size, max_size;
    int sizer;
    struct sending_partition_config {
        struct strings metadata_keys;
    } partition;
};

struct sending_queue_config {
    bool on;
    int64_t num_consumers, queue_size;
    int sizer; /* enum sender_sizer */
    bool block_on_overflow, wait_for_result;
    const char *storage; /* an extension's id; "" = in memory */
    struct sending_batch_config batch;
};

extern const struct option sending_queue_options[];

/* Derives batch.sizer where it is not written: for a component's finish(), and before its check(). */
void sending_queue_finish(struct sending_queue_config *c, struct check *ck);
void sending_queue_check(const struct sending_queue_config *c, struct check *ck);

/* Whether it is on disk. */
bool sending_queue_keeps(const struct sending_queue_config *c);

/* What the options say of a queue in memory; the rest of `o` stays. */
void sending_queue_fill(const struct sending_queue_config *c, struct sender_options *o);
/* Its directory; with several members theirs are below it. False: it is in memory. */
bool sending_queue_directory(struct buf *out, const struct node *node, const struct sending_queue_config *c);
/* A text as the name of a file, for sender_options.member. */
void sending_queue_put_name(struct buf *out, const char *text);

/* The sender that the options ask for. `o` has what is the exporter's (attempt, retry); the rest is filled in. */
struct sender *sending_queue_new(struct node *node, const struct sending_queue_config *c, struct sender_options o);

#endif
