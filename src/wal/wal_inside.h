/* SPDX-License-Identifier: Apache-2.0 */
/* The log's inside: what its files share. Nobody but src/wal/ includes this.
 *
 *     wal.c        opening, appends, settles, closing: all on the loop
 *     wal_settle.c what is settled, and what is lost
 *     wal_open.c   taking a directory over
 *     wal_scan.c   what a directory holds (wal_scan.h)
 *     wal_group.c  one write: on a thread, where it alone touches the writer
 *     wal_read.c   records read back, one after another */
#ifndef WAL_WAL_INSIDE_H
#define WAL_WAL_INSIDE_H

#include "wal/wal_scan.h"

/* The file that is being written; fd -1 when there is none. */
struct wal_writer {
    int fd;
    uint64_t first;
    uint64_t at;   /* end of what is safe */
    uint64_t size; /* allocated */
    bool released; /* its settled records were given back to the disk */
};

enum wal_group_state {
    WAL_GROUP_IDLE,      /* nothing is being written; the loop may touch the writer */
    WAL_GROUP_APPENDING, /* records, a note, or both go behind what the segment has */
    WAL_GROUP_ROTATING,  /* a new segment is made first, which begins with the state; what there is goes into it */
    WAL_GROUP_FREEING,   /* a note alone, in the reserve: it sets segments free, or what is in the only one */
};

/* What one job writes. The loop fills it in and takes the results. */
struct wal_group {
    struct job job;
    struct wal *wal;
    enum wal_group_state state;
    struct list appends;
    uint64_t n, items, bytes; /* of the records, padded */
    uint64_t first_seq;
    struct buf heads;     /* of the records */
    struct buf note;      /* a state behind them; empty: none */
    bool noted;           /* what was settled when it began is written down by it */
    uint64_t need;        /* bytes that the new segment must have room for */
    struct wal_head head; /* of the new segment */
    struct buf opening;   /* the state that it begins with */
    VEC(uint64_t) remove; /* segments that are not needed once this is safe */
    VEC(struct iovec) parts;
    /* Results. */
    int status;
    bool rotated, spoilt; /* spoilt: the file cannot be trusted behind writer.at */
    uint64_t sealed;      /* bytes of the segment before */
    uint64_t written;
    size_t removed;
};

struct wal_reader {
    struct job job;
    struct wal_read *request;
    bool running;
    bool gone;   /* the segment that is open was removed meanwhile */
    int refused; /* why the segment cannot be opened now; 0: it is */
    bool placed; /* the position below is that behind `seq` */
    int fd;
    uint64_t first; /* of the segment; 0 = none */
    uint64_t at;    /* in the file */
    uint64_t end;
    uint64_t seq;    /* of the last record that was seen */
    uint64_t before; /* items of all records up to it */
    uint8_t *data;   /* [base, base + len) of the file */
    uint64_t base;
    size_t len, cap;
    size_t want; /* for the job */
    int64_t got;
    struct turn_task task;
};

struct wal {
    struct loop *loop;
    struct logger log;
    const struct wal_io *io;
    char directory[PATH_MAX_WAL - 32];
    uint64_t max_bytes, segment_bytes;
    bool sync;
    int lock_fd;
    struct wal_state state;
    wal_segments segments; /* ascending; the writer's is the last */
    struct wal_writer writer;
    struct list waiting; /* appends that are in no group yet */
    uint64_t waiting_bytes;
    struct wal_group group;
    struct turn_task kick;
    struct clock_timer note_timer;
    bool dirty; /* settled since the last note */
    bool stuck; /* the disk had no room for a new segment */
    struct wal_reader reader;
    struct wal_stats stats;
    struct complaint failing;
    bool closing;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

void wal_path(const struct wal *w, uint64_t first, char out[PATH_MAX_WAL]);

/* The directory is this process's from now on. */
int wal_lock_directory(struct wal *w, struct error *err);
/* The log goes on where the directory says that it was. */
int wal_take_over(struct wal *w, struct error *err);

/* Something was settled: a note of it is due. */
void wal_dirty(struct wal *w);

/* When nothing is held any more, items that damage has left uncounted are lost: how many. */
uint64_t wal_settle_remainder(struct wal *w);

/* On a thread. */
void wal_group_run(struct wal_group *g);

/* The records (after, before) cannot be read: what of them is held is lost. */
void wal_lose(struct wal *w, uint64_t after, uint64_t before, uint64_t items);

void wal_reader_close(struct wal *w);
void wal_reader_on_unlink(struct wal *w, uint64_t first);

#endif
