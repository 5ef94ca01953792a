/* SPDX-License-Identifier: Apache-2.0 */
/* What stands before the attempts of an exporter with the Go collector's options for that: `sending_queue`, off or on,
 * in memory or on disk, and `retry_on_failure`. A configuration begins with a struct delivery_config, so that
 * delivery_finish() and the rest stand in the component's table as they are. */
#ifndef QUEUE_DELIVERY_H
#define QUEUE_DELIVERY_H

#include "queue/sender_rows.h"

struct delivery_config {
    struct sending_queue_config sending_queue;
    struct retry_config retry_on_failure;
    bool retry_forever; /* by finish(): what is on disk is not given up for its age, unless the user says so */
};

extern const struct option delivery_retry_options[];

/* Rows for `struct delivery_config delivery`, the first member of struct T. */
/* clang-format off */
#define DELIVERY_ROWS(T, queue_help_)                                                                                 \
    { .key = "sending_queue", .kind = OPTION_GROUP,                                                                   \
      .offset = OPT_FIELD(T, delivery.sending_queue, struct sending_queue_config), .options = sending_queue_options,  \
      .size = sizeof(struct sending_queue_config), .mode = GROUP_SOME, .help = (queue_help_) },                       \
    { .key = "retry_on_failure", .kind = OPTION_GROUP,                                                                \
      .offset = OPT_FIELD(T, delivery.retry_on_failure, struct retry_config), .options = delivery_retry_options,      \
      .size = sizeof(struct retry_config), .mode = GROUP_PLAIN, .help = "When to try again." }
/* clang-format on */
#define DELIVERY_BEGINS(T) _Static_assert(offsetof(T, delivery) == 0, "a delivery_config stands first")

/* A component's finish(), keeps() and queue(); the last says of a queue on disk what it says of one in memory. */
void delivery_finish(void *config, struct check *ck);
bool delivery_keeps(const void *config);
bool delivery_queue(const void *config, struct sender_options *o);

/* The sender that the options ask for. `o` has what is the exporter's own. */
struct sender *delivery_sender(struct node *node, const struct delivery_config *c, struct sender_options o);

#endif
