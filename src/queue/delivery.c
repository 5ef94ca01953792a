/* SPDX-License-Identifier: Apache-2.0 */
/* Without a queue there is a sender too: whoever sends waits in it for the peer's answer. */
#include "queue/delivery.h"

#define WAITING_MOST 1000 /* exports under way without a queue: each has somebody who waits */

const struct option delivery_retry_options[] = { RETRY_ROWS("5s") };

void delivery_finish(void *config, struct check *ck)
{
    struct delivery_config *c = config;

    sending_queue_finish(&c->sending_queue, ck);
    c->retry_forever =
        sending_queue_keeps(&c->sending_queue) && !check_was_set(ck, "retry_on_failure::max_elapsed_time");
}

bool delivery_keeps(const void *config)
{
    return sending_queue_keeps(&((const struct delivery_config *)config)->sending_queue);
}

bool delivery_queue(const void *config, struct sender_options *o)
{
    const struct delivery_config *c = config;

    o->retry = &c->retry_on_failure;
    o->retry_forever = c->retry_forever;
    if (c->sending_queue.on) {
        sending_queue_fill(&c->sending_queue, o);
        return true;
    }
    o->queue_size = UINT64_MAX;
    o->consumers = WAITING_MOST;
    o->wait_for_result = true;
    return true;
}

struct sender *delivery_sender(struct node *node, const struct delivery_config *c, struct sender_options o)
{
    delivery_queue(c, &o);
    return c->sending_queue.on ? sending_queue_new(node, &c->sending_queue, o) : sender_new(node, &o);
}
