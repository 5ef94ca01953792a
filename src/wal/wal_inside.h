/* SPDX-License-Identifier: Apache-2.0 */
/* The log's inside: what its files share. Nobody but src/wal/ includes this.
 *
 *     wal.c        opening, appends, settles, closing: all on the loop
 *     wal_settle.c what is settled, and what is lost
 *     wal_open.c   taking a directory over
 *     wal_scan.c   what a directory holds (wal_scan.h)
 *     wal_group.c  one write: on a thread, where it alone touches the writer
 *     wal_cleanup.c what is not needed any more: closed and removed, beside the groups
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
    uint64_t keep;        /* once this is safe, segments with smaller numbers are not needed */
    bool release;         /* nor what the segment has before the note */
    bool beside_cleanup;  /* which may have had the room that was missing */
    VEC(struct iovec) parts;
    /* Results. */
    int status;
    bool rotated, spoilt; /* spoilt: the file cannot be trusted behind writer.at */
    int sealed_fd;        /* of the segment before, when there was one: left to the cleanup */
    uint64_t sealed;      /* its bytes */
    int lock_fd;          /* of the directory that has come in the place of ours; -1: none has */
    uint64_t written;
};

enum wal_cleanup_state {
    WAL_CLEANUP_IDLE,    /* nothing is being removed */
    WAL_CLEANUP_RUNNING, /* on a thread, files are closed and the oldest segments unlinked */
    WAL_CLEANUP_FAILED,  /* one could not be unlinked: again behind the next group */
};

/* A file that is only to be closed. */
struct wal_leaving {
    int fd;
    uint64_t size; /* cut to that first */
};
#define WAL_AS_IT_IS UINT64_MAX

struct wal_cleanup {
    struct job job;
    enum wal_cleanup_state state;
    VEC(struct wal_leaving) files; /* for the next job */
    /* The job's. */
    VEC(struct wal_leaving) closing;
    VEC(uint64_t) remove; /* segments, the log's oldest */
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
    uint64_t keep;         /* a synced state has settled all that is in segments with smaller numbers */
    struct wal_writer writer;
    struct list waiting; /* appends that are in no group yet */
    uint64_t waiting_bytes;
    struct wal_group group;
    struct wal_cleanup cleanup;
    struct turn_task kick;
    struct clock_timer note_timer;
    bool dirty; /* settled since the last note */
    int stuck;  /* why no new segment can be made: UV_ENOSPC ...; 0: it can */
    struct wal_reader reader;
    struct wal_stats stats;
    struct complaint failing;
    bool closing;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

void wal_path(const struct wal *w, uint64_t first, char out[PATH_MAX_WAL]);
void wal_lock_path(const struct wal *w, char out[PATH_MAX_WAL]);

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

/* A job has ended: what waits for that goes on. */
void wal_go_on(struct wal *w);

/* How many of the first segments are removed, or are going to be. */
size_t wal_removable(const struct wal *w);
/* The file's last user leaves it to the next cleanup, which cuts it to `size` bytes, or WAL_AS_IT_IS. */
void wal_cleanup_close(struct wal *w, int fd, uint64_t size);
/* Unless it runs, or there is nothing to do. */
void wal_cleanup_begin(struct wal *w);
void wal_cleanup_group_done(struct wal *w, bool written);
/* Whether a group has to wait for it. */
bool wal_cleanup_holds_up(const struct wal *w);
void wal_cleanup_free(struct wal *w);

/* The records (after, before) cannot be read: what of them is held is lost. */
void wal_lose(struct wal *w, uint64_t after, uint64_t before, uint64_t items);

void wal_reader_close(struct wal *w);
void wal_reader_on_unlink(struct wal *w, uint64_t first);

#endif
