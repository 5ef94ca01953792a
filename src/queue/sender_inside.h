/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's inside. Nobody but src/queue/ includes this.
 *
 *     sender.c            what comes in, and the sender's life
 *     sender_partition.c  what waits and goes together
 *     sender_attempt.c    one attempt: its tries, its end
 *     store.h             where all of it is kept */
#ifndef QUEUE_SENDER_INSIDE_H
#define QUEUE_SENDER_INSIDE_H

#include "base/list.h"
#include "otlp/metadata_table.h"
#include "pipeline/batcher.h"
#include "queue/sender.h"
#include "queue/handover.h"
#include "queue/store.h"

/* A batch that was taken in, until all of its items are settled. */
struct queue_entry {
    struct batcher_entry in; /* its partition: what is in no attempt yet */
    uint64_t seq;            /* on disk; 0 = in memory */
    uint64_t items, bytes;
    uint64_t born;          /* mono ns: it came in */
    uint64_t recorded;      /* items of the record on disk: more, when some of them were settled before the start */
    item_ranges settled;    /* those */
    uint32_t attempts;      /* that have a part of it */
    struct ack *waiter;     /* wait_for_result: who waits; the items are in the ledger by it. Else NULL */
    struct outcome outcome; /* of the slices that are settled */
    bool some_safe;         /* one of them is */
};

static inline struct queue_entry *entry_of(struct batcher_entry *e)
{
    return container_of(e, struct queue_entry, in);
}

/* What waits for attempts and may go together. With a batch block it becomes due when it is large enough or has waited
 * long enough, else at once. */
struct partition {
    struct metadata_member member; /* with keys: in the sender's partitions */
    struct list due;               /* among those that are due */
    struct sender *sender;
    struct batcher batcher;
    struct clock_timer timer;
    bool late;
};

enum attempt_state {
    ATTEMPT_NEW,
    ATTEMPT_UNDER_WAY, /* the exporter has it */
    ATTEMPT_WAITING,   /* until the next try */
    ATTEMPT_ENDED,     /* what became of it is told */
};

/* One batch of what goes together, and all tries of it. */
struct attempt {
    struct list link;
    struct sender *sender;
    struct ack ack;
    slices slices; /* of queue entries */
    uint64_t items;
    struct batch *batch; /* all of them as one; after a try that did a part of it, what is left */
    struct outcome done; /* of the items that are not in `batch` any more */
    uint64_t told;       /* items, from the first on, of which the store knows what became */
    struct losses told_lost;
    struct retry retry;
    struct clock_timer timer;
    uint64_t begun;
    struct traced traced; /* our own span of the try, and how many items it began with */
    uint64_t trying;
    enum attempt_state state;
};

/* Who waits for room. */
struct blocked {
    struct list link;
    struct batch *batch;
    struct ack *ack;
};

struct sender {
    struct node *node;
    struct sender_options options;
    VEC(const char *) keys; /* what options.batch.keys points to */
    struct store *store;
    struct ack hold;             /* what is in the queue is open under it; it never settles */
    struct partition *partition; /* without partition keys: the only one */
    struct metadata_table partitions;
    struct list due;     /* partitions in line */
    struct amount ready; /* what is in partitions */
    struct list attempts;
    struct list given_up; /* attempts that the exporter may still answer */
    uint32_t n_attempts;
    struct list blocked;
    bool away; /* what is here is moved to other queues */
    bool stopping, stopped;
    bool freeing;          /* the graph has closed the ledger */
    struct handover *heir; /* in memory: of what is here when it stops; NULL: there is none */
    void (*on_stopped)(struct node *);
    struct clock_timer deadline;
    struct turn_task pump_task;
    struct complaint failing, losing; /* apart: what is tried again must not keep back what is lost */
    struct sender_fill *told;         /* what is said to be in it; NULL: what is */
    /* Own telemetry. */
    struct metric_hook hook;
    struct metric *size, *capacity, *enqueue_failed, *retried;
    struct metric *batch_items, *batch_bytes; /* NULL = not kept */
};

/* A batch takes its place; sender_pump() follows. The entry is there at least until then. */
struct queue_entry *sender_push(struct sender *s, struct batch *batch, uint64_t seq, struct ack *waiter);
void sender_pump(struct sender *s);
void sender_give_up(struct queue_entry *e); /* a part of it, when the sender stops */
void sender_end_if_done(struct sender *s, struct queue_entry *e);
/* Items that were held, and lost by that reason, or moved. */
void sender_book_losses(struct sender *s, const struct losses *lost);
void sender_book_loss(struct sender *s, uint64_t items); /* of entries that are given up, unless the store keeps them */
/* Not now, but in a second: a hop behind takes some refusals without a delay for final. */
void sender_tell_later(struct ack *ack, const char *reason, const char *why);
void sender_maybe_stopped(struct sender *s);
uint64_t sender_size(const struct sender *s); /* what counts against queue_size */

/* sender_partition.c */
void sender_partitions_init(struct sender *s);
void sender_partitions_put(struct sender *s, struct queue_entry *e, struct batch *batch);
/* What goes out next: batch, slices and items of the attempt. False when nothing is due. */
bool sender_partitions_take(struct sender *s, struct attempt *a);
void sender_partitions_flush(struct sender *s);            /* all that waits is due */
uint64_t sender_partitions_oldest(const struct sender *s); /* mono ns: its birth; UINT64_MAX: nothing waits */
void sender_partitions_empty(struct sender *s, void (*each)(struct sender *s, struct queue_entry *e));
void sender_partitions_free(struct sender *s); /* they are empty */

/* sender_attempt.c */
bool sender_attempt_begin(struct sender *s); /* of what is due. False when nothing is */
void sender_attempts_end_waits(
    struct sender *s);                        /* no more waits between tries: the last one now, or none if it keeps */
void sender_attempts_hurry(struct sender *s); /* the next try is now */
void sender_attempts_give_up(struct sender *s);
uint64_t sender_attempts_oldest(const struct sender *s); /* likewise of what is under way */
void sender_attempts_free(struct sender *s);             /* those: the exporter has forgotten them */

void sender_metrics_init(struct sender *s);
void sender_metrics_close(struct sender *s);

#endif
