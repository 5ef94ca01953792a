/* SPDX-License-Identifier: Apache-2.0 */
/* What has been decided to be kept leaves: gathered into batches, one send at a time.
 *
 * Spans of one resource and scope stand together in a batch, whatever traces they are of. While a send is out the rest
 * waits here; whoever puts it in sees `waiting` grow and takes no more. The spans are held under the pool's ack until
 * they are sent; a send that fails drops them, for their senders were answered long ago. */
#ifndef PROCESSOR_TAIL_SAMPLING_RELEASE_H
#define PROCESSOR_TAIL_SAMPLING_RELEASE_H

#include "pipeline/component.h"
#include "processor/tail_sampling/span_store.h"

struct release {
    struct node *node;
    struct span_store *store;
    struct ack *pool;
    struct metric *outgoing;
    void (*on_sent)(struct release *r); /* after a send, when the next one, if there is one, is out */
    struct fragments waiting;
    bool out;
    struct ack ack; /* of the send that is out */
    uint64_t out_spans;
    size_t out_bytes;      /* of the last one that was sent */
    uint64_t batch_number; /* of the last one, from 1 */
    struct complaint complaint;
    VEC(struct fragment *) batch; /* scratch */
};

void release_init(struct release *r, struct node *node, struct span_store *store, struct ack *pool,
                  struct metric *outgoing, void (*on_sent)(struct release *r));
void release_free(struct release *r);

/* Sends what waits, unless a send is out. */
void release_advance(struct release *r);

static inline bool release_idle(const struct release *r)
{
    return !r->out && r->waiting.first == NULL;
}

#endif
