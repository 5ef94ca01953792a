/* SPDX-License-Identifier: Apache-2.0 */
/* One batcher of the batch processor: what arrives is put in line, joined, cut and sent, one send at a time.
 *
 * What arrives is answered SAFE when it is taken in and its items move to the batcher's own entry in the ledger; a send
 * that fails later drops them. With hold_ack the senders are answered when their items are safe, and a failure
 * goes back to them. While a send is out and enough for the next one is in line, later arrivals wait outside,
 * unanswered: that is the back-pressure. So a batcher holds at most one send and one filling batch. */
#ifndef PROCESSOR_BATCH_SHARD_H
#define PROCESSOR_BATCH_SHARD_H

#include "base/clock.h"
#include "otlp/metadata.h"
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

/* One batch in line. Taken from and returned to the free list that the shards of a node share. */
struct arrival {
    struct arrival *next;
    struct batch *batch;    /* what has not been sent of it; NULL: all has */
    struct ack *ack;        /* who waits for an answer; NULL: answered */
    uint64_t out;           /* items of it in the send that is out */
    struct outcome outcome; /* hold_ack: of the parts that have been sent */
};

struct arrivals {
    struct arrival *first, *last;
};

struct shard {
    struct node *node;
    const struct batch_config *config;
    const struct batch_meters *meters;
    struct arrival **unused; /* the node's free list */
    struct complaint *complaint;
    bool hold_ack;
    void (*on_idle)(struct shard *s); /* after a flush: nothing is in line or out any more */

    struct metadata *metadata; /* the keys that all of this shard's batches have; may be NULL */
    struct clock_timer timer;
    struct arrivals line, waiting; /* taken in; outside */
    uint64_t pending;              /* items in line */
    uint64_t due;                  /* of these, how many must leave because of the timer */
    bool flushing;                 /* stop: all must leave */
    struct ack pool;               /* holds the items in line that were answered */

    /* The send that is out. */
    bool out;
    bool by_size;
    uint64_t out_items, out_bytes;
    struct arrivals sent; /* arrivals whose last part is in it */
    struct arrival *cut;  /* hold_ack: the one in line whose first part is in it */
    struct ack ack;
};

void shard_init(struct shard *s, struct node *node, const struct batch_config *config,
                const struct batch_meters *meters, struct arrival **unused, struct complaint *complaint);

/* Takes over the batch and the ack's obligation. */
void shard_take(struct shard *s, struct batch *batch, struct ack *ack);

void shard_flush(struct shard *s); /* send all that is left; on_idle follows, perhaps at once */
bool shard_idle(const struct shard *s);

void shard_close(struct shard *s); /* gives up what is left without an answer */

#endif
