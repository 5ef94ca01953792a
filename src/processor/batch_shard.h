/* SPDX-License-Identifier: Apache-2.0 */
/* One shard of the batch processor: what arrives is put into its batcher, joined, cut and sent, one send at a time.
 *
 * What arrives is answered SAFE when it is taken in and its items move to the shard's own ack in the ledger. A send
 * that is refused for now goes again, and while it waits for that, what there is no room for is refused; one that is
 * refused for good is dropped. With hold_ack the senders are answered when their items are safe, and a failure goes
 * back to them. While a send is out and enough for the next one is in line, later arrivals wait outside, unanswered:
 * that is the back-pressure. So a shard holds at most one send and one filling batch. */
#ifndef PROCESSOR_BATCH_SHARD_H
#define PROCESSOR_BATCH_SHARD_H

#include "base/loop/clock.h"
#include "otlp/metadata.h"
#include "pipeline/batcher.h"
#include "pipeline/component.h"

enum hold_ack { HOLD_ACK_AUTO, HOLD_ACK_TRUE, HOLD_ACK_FALSE };

struct batch_config {
    duration timeout;
    uint64_t send_batch_size;
    uint64_t send_batch_max_size;
    struct strings metadata_keys;
    uint64_t metadata_cardinality_limit;
    int hold_ack; /* enum hold_ack */
};

struct batch_meters {
    struct metric *size_sends, *timeout_sends, *send_size, *send_bytes, *cardinality;
};

/* One batch that came. Taken from and returned to the free list that the shards of a node share. */
struct arrival {
    struct list link;        /* outside, or in the free list */
    struct batcher_entry in; /* rest: what has not been sent of it */
    struct ack *ack;         /* who waits for an answer; NULL: answered */
    struct outcome outcome;  /* hold_ack: of the slices that have been sent */
};

enum shard_state {
    SHARD_FILLING,
    SHARD_SENDING,      /* a send is out; the next one is filled meanwhile */
    SHARD_REFUSED,      /* it goes again after a while */
    SHARD_LAST_FILLING, /* after shard_flush(): all must leave */
    SHARD_LAST_SENDING,
    SHARD_FLUSHED, /* nothing is here, and nothing comes any more */
};

struct shard {
    struct node *node;
    const struct batch_config *config;
    const struct batch_meters *meters;
    struct list *unused; /* the node's free list */
    struct complaint *complaint;
    bool hold_ack;
    void (*on_idle)(struct shard *s); /* after a flush: nothing is in line or out any more */

    struct metadata *metadata; /* that all of its batches have: the owner's, who has it for as long; may be NULL */
    struct clock_timer timer;
    struct batcher batcher; /* taken in */
    struct list waiting;    /* outside */
    uint64_t due;           /* of the items taken in, how many must leave because of the timer */
    enum shard_state state;
    struct ack pool; /* holds the items that were answered */

    /* The send that is out. */
    bool by_size;
    uint64_t out_items, out_bytes;
    slices sent;        /* hold_ack: of arrivals */
    struct batch *kept; /* without hold_ack: to be sent again when it is refused; NULL: it is not */
    bool is_last_try;
    struct ack ack;
    struct outcome refusal; /* why it waits to go again: what others are told */
    struct clock_timer again;
};

void shard_init(struct shard *s, struct node *node, const struct batch_config *config,
                const struct batch_meters *meters, struct list *unused, struct complaint *complaint);

/* Takes over the batch and the ack's obligation. */
void shard_take(struct shard *s, struct batch *batch, struct ack *ack);

void shard_flush(struct shard *s); /* send all that is left; on_idle follows, perhaps at once */

void shard_close(struct shard *s); /* gives up what is left without an answer */

#endif
