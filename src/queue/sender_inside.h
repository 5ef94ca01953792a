/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's inside: sender.c (the queue and its attempts), sender_partition.c (what waits and goes together),
 * sender_disk.c (what is kept on disk), sender_metrics.c. Nobody else includes this. */
#ifndef QUEUE_SENDER_INSIDE_H
#define QUEUE_SENDER_INSIDE_H

#include "base/buf.h"
#include "base/vec.h"
#include "queue/sender.h"
#include "wal/wal.h"

struct amount {
    uint64_t requests, items, bytes;
};

/* A batch that was taken in, until all of its items are settled. */
struct queue_entry {
    struct queue_entry *next; /* in its partition */
    struct batch *rest;       /* what is in no attempt yet; NULL = all is */
    uint64_t seq;             /* on disk; 0 = in memory */
    uint64_t items, bytes;
    uint32_t attempts;      /* that have a part of it */
    bool lost;              /* a part was given up: on disk, all of it stays */
    struct ack *waiter;     /* wait_for_result: who waits; the items are in the ledger by it. Else NULL */
    struct outcome outcome; /* of the slices that are settled */
};

/* What waits for attempts and may go together. With a batch block it becomes due when it is large enough or has waited
 * long enough, else at once. */
struct partition {
    struct partition *next;     /* in its bucket */
    struct partition *next_due; /* among those that are due */
    struct sender *sender;
    struct queue_entry *first, **last;
    struct amount waiting;
    struct clock_timer timer;
    bool due, late;
    struct metadata *metadata; /* that all of its batches share; NULL without partition keys */
    uint64_t hash;
    size_t key_len;
    uint8_t key[];
};

struct slice {
    struct queue_entry *entry;
    uint64_t items;
};

/* One attempt, or the wait between two. */
struct attempt {
    struct attempt *next, **link;
    struct sender *sender;
    struct ack ack;
    VEC(struct slice) slices;
    uint64_t items;
    struct batch *batch; /* all of them as one */
    struct retry retry;
    struct clock_timer timer;
    uint64_t begun;
    bool under_way;
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
    struct ack hold;             /* what is in the queue is open under it; it never settles */
    struct partition *partition; /* without partition keys: the only one */
    struct partition **buckets;  /* else: PARTITION_BUCKETS lists */
    struct buf key;
    struct partition *due, **last_due;
    struct amount ready; /* what is in partitions */
    struct amount held;  /* in memory: what is not settled */
    struct attempt *attempts;
    uint32_t n_attempts;
    struct blocked *blocked, **last_blocked;
    bool stopping, stopped;
    bool freeing; /* the graph has closed the ledger */
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
    uint32_t n_appends; /* under way */
    struct amount appending;
    /* Own telemetry. */
    struct metric_hook hook;
    struct metric *size, *capacity, *enqueue_failed, *disk_bytes, *written, *oldest, *sync_failures, *corrupt, *retried;
    struct metric *batch_items, *batch_bytes;           /* NULL = not kept */
    uint64_t seen_written, seen_failures, seen_corrupt; /* of the log's own counts, what the metrics have */
    struct complaint unreadable;                        /* the queue on disk */
};

/* A batch takes its place; sender_pump() follows. */
void sender_push(struct sender *s, struct batch *batch, uint64_t seq, struct ack *waiter);
void sender_pump(struct sender *s);
void sender_refuse(struct sender *s, struct batch *batch, struct ack *ack, const char *reason, const char *why);
void sender_maybe_stopped(struct sender *s);
uint64_t sender_size(const struct sender *s); /* what counts against queue_size */

/* sender_partition.c */
void sender_partitions_init(struct sender *s);
void sender_partitions_put(struct sender *s, struct queue_entry *e);
/* What goes out next: batch, slices and items of the attempt. False when nothing is due. */
bool sender_partitions_take(struct sender *s, struct attempt *a);
void sender_partitions_flush(struct sender *s); /* all that waits is due */
void sender_partitions_empty(struct sender *s, void (*each)(struct sender *s, struct queue_entry *e));
void sender_partitions_free(struct sender *s); /* they are empty */

int sender_disk_start(struct sender *s, struct error *err);
void sender_disk_consume(struct sender *s, struct batch *batch, struct ack *ack);
void sender_disk_press(struct sender *s); /* when a batch would need more than memory has room for, it goes as it is */
void sender_disk_more(struct sender *s);  /* the queue has room for what is only on disk */
void sender_disk_settle(struct sender *s, struct queue_entry *e);
void sender_disk_stop(struct sender *s); /* sender_maybe_stopped when it is closed */

void sender_metrics_init(struct sender *s);
void sender_metrics_close(struct sender *s);

#endif
