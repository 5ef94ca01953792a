/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the queue on disk, for its metrics (disk_store_metrics.c) and its records (disk_record.c). Nobody else
 * includes this. */
#ifndef QUEUE_DISK_STORE_H
#define QUEUE_DISK_STORE_H

#include "queue/sender_inside.h"

struct disk_store {
    struct store store;
    struct wal *wal; /* NULL: not opened, or closed */
    char *directory;
    uint64_t newest;    /* of the log's records, the one that became an entry last */
    uint64_t inherited; /* records up to this one were there at the start */
    bool behind;        /* there are records that are no entries yet */
    struct wal_read read;
    bool reading, closing;
    struct clock_timer read_timer;
    uint32_t n_appends; /* under way */
    struct amount appending;
    struct complaint unreadable;
    struct metric_hook hook;
    struct metric *bytes, *written, *oldest, *sync_failures, *read_failures, *corrupt, *lost;
    uint64_t seen_written, seen_failures, seen_corrupt, seen_lost; /* of the log's own counts, what the metrics have */
};

extern const struct metric_row disk_store_size, disk_store_capacity, disk_store_written, disk_store_oldest,
    disk_store_failures, disk_store_read_failures, disk_store_corrupt, disk_store_lost;

void disk_store_metrics_init(struct disk_store *d);
void disk_store_metrics_close(struct disk_store *d);

/* What stands before the request's bytes. */
void disk_record_front(struct buf *out, const struct metadata *m);
/* A record that was read, as a batch, which takes the block over. NULL: it is none, and the block stays. */
struct batch *disk_record_batch(const struct disk_store *d, const struct wal_read *r);

#endif
