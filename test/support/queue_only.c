/* SPDX-License-Identifier: Apache-2.0 */
#include "support/queue_only.h"

#include "queue/sender.h"

static int create(struct node *n, const void *config, struct error *err)
{
    (void)err;
    (void)sender_new(n, config);
    return 0;
}

static int start(struct node *n, struct error *err)
{
    return sender_start(n->sender, err);
}

static void stop(struct node *n, uint64_t deadline, void (*done)(struct node *))
{
    sender_stop(n->sender, deadline, done);
}

static void destroy(struct node *n)
{
    sender_free(n->sender);
}

const struct component queue_only = {
    .type = "queue",
    .kind = COMPONENT_EXPORTER,
    .node_size = sizeof(struct node),
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};
