/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's inside: sender.c (the queue and its attempts), sender_disk.c (what is kept on disk),
 * sender_metrics.c. Nobody else includes this. */
#ifndef PIPELINE_SENDER_INSIDE_H
#define PIPELINE_SENDER_INSIDE_H

#include "pipeline/sender.h"
#include "wal/wal.h"

/* A batch in the queue. */
struct queued {
    struct queued *next;
    struct batch *batch;
    uint64_t seq; /* on disk; 0 = in memory */
    uint64_t items, bytes;
    struct ack *waiter; /* wait_for_result: who waits; its items are in the ledger by it. Else NULL */
};

struct queue {
    struct queued *first, **last;
    uint64_t n, items, bytes;
};

/* One attempt, or the wait between two. */
struct flight {
    struct flight *next, **link;
    struct sender *sender;
    struct ack ack;
    struct ledger book; /* of this attempt alone */
    struct queue records;
    struct batch *batch; /* all of them as one */
    struct retry retry;
    struct clock_timer timer;
    uint64_t begun;
    bool in_the_air;
};

/* Who waits for room. */
struct blocked {
    struct blocked *next;
    struct batch *batch;
    struct ack *ack;
};

struct sender {
    struct node *node;
    struct sender_options options;
    struct ack hold; /* what is in the queue is open under it; it never settles */
    struct queue ready;
    struct flight *flights;
    uint32_t n_flights;
    struct blocked *blocked, **last_blocked;
    struct queue in_flight_size; /* sums only */
    bool stopping, stopped;
    void (*on_stopped)(struct node *);
    struct clock_timer deadline;
    struct turn_task pump_task;
    struct complaint failing;
    /* On disk. */
    struct wal *wal;
    char *directory;
    uint64_t newest; /* the record that was queued last */
    bool behind;     /* there are records that are only on disk */
    struct wal_read read;
    bool reading, closing;
    struct clock_timer read_timer;
    uint32_t n_appends;     /* under way */
    struct queue appending; /* sums only */
    /* Own telemetry. */
    struct metric_hook hook;
    struct metric *size, *capacity, *enqueue_failed, *disk_bytes, *written, *oldest, *sync_failures, *corrupt, *retried;
};

void sender_push(struct sender *s, struct batch *batch, uint64_t seq, struct ack *waiter); /* and pump */
void sender_pump(struct sender *s);
void sender_refuse(struct sender *s, struct batch *batch, struct ack *ack, const char *reason, const char *why);
void sender_maybe_stopped(struct sender *s);

int sender_disk_start(struct sender *s, struct error *err);
void sender_disk_consume(struct sender *s, struct batch *batch, struct ack *ack);
void sender_disk_more(struct sender *s); /* the queue has room for what is only on disk */
void sender_disk_settle(struct sender *s, struct flight *f);
void sender_disk_stop(struct sender *s); /* sender_maybe_stopped when it is closed */

void sender_metrics_init(struct sender *s);
void sender_metrics_close(struct sender *s);

#endif
