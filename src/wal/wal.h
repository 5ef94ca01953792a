/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of records on disk that survives whatever happens (docs/wal-format.md has the bytes).
 *
 * Records are appended, read in order, and settled in any order, whole or in pieces. An append is answered when it is
 * on the disk: those that come while a write and its sync run on a thread are gathered and go with the next. What was
 * answered with 0 and not settled is found again after a crash. What is settled may be found again, too, when the crash
 * came before the note of it was synced: at least once, in order.
 *
 * Opening never fails for what is in the files: a torn tail is cut, what is damaged is skipped, and both are counted.
 * It knows bytes, kinds and numbers of items, nothing of what they are. */
#ifndef WAL_WAL_H
#define WAL_WAL_H

#include "base/list.h"
#include "base/block.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "wal/wal_io.h"

struct wal;

struct wal_options {
    const char *directory;   /* made when it is missing, 0700; its parent exists */
    uint64_t max_bytes;      /* of all segments; appends beyond it are refused */
    uint64_t segment_bytes;  /* 0: by max_bytes, between 1 and 64 MiB */
    bool sync;               /* fdatasync before appends are answered */
    const struct wal_io *io; /* NULL: the real file system */
};

/* Where every item that was ever appended is: the columns of a ledger. */
#define WAL_REASONS 24
struct wal_reason {
    char reason[32]; /* NUL-terminated */
    uint64_t items;
};
struct wal_totals {
    uint64_t appended, delivered;
    uint32_t n_dropped;
    struct wal_reason dropped[WAL_REASONS];
};

struct wal_held {
    uint64_t records, items; /* appended and not settled */
    uint64_t bytes;          /* of the files, as they lie on the disk */
    uint64_t oldest;         /* wall ns: no held record is older; 0 = none is held */
};

struct wal_stats {
    uint64_t appends, syncs, sync_failures, reads, bytes_written;
    uint64_t corrupt_records, corrupt_items; /* skipped: their numbers are known from those around them */
    uint64_t lost_bytes;                     /* records at the log's end that were gone when it was opened */
    uint64_t segments;                       /* now */
};

/* Synchronous, at start. 0; UV_EBUSY: another process has the directory; other codes: it cannot be used. */
int wal_open(struct wal **out, struct loop *loop, const struct logger *log, const struct wal_options *o,
             struct error *err);

/* Notes of settled records are written; then done(arg), and the memory has gone. What is being appended is answered
 * first. No read is under way. */
void wal_close(struct wal *w, void (*done)(void *arg), void *arg);

/* The caller's memory until on_done. */
struct wal_append {
    const struct bytes *parts; /* the content, end to end; stays in place until on_done */
    size_t n_parts;
    uint32_t kind;
    uint64_t items;
    /* From the loop, never from inside wal_append. 0: it is safe. UV_EIO, UV_ENOSPC ...: it is not, and will not be
     * found again unless the disk lies. */
    void (*on_done)(struct wal_append *a, int status);

    /* The log's. */
    uint64_t seq; /* its position in the order, from 1 on; known when on_done says 0 */
    struct list link;
    uint64_t length; /* on the disk */
};

/* 0, or UV_ENOSPC (max_bytes; room is counted when it is asked for) or UV_EFBIG (a record no segment can hold): then
 * on_done does not come. */
int wal_append(struct wal *w, struct wal_append *a);

/* Whether a record of so many bytes would be taken now. Costs nothing. */
bool wal_has_room(struct wal *w, uint64_t bytes);

/* One at a time; the caller's memory until on_read or wal_read_cancel. */
struct wal_read {
    uint64_t after;        /* in: the record before; 0 = from the first */
    struct budget *budget; /* charged with what is read, whatever its limit */
    /* From the loop. status 0; UV_EOF: nothing (more) is held beyond `after`; else the disk's error: try later. */
    void (*on_read)(struct wal_read *r, int status);

    uint64_t seq;
    uint32_t kind;
    uint64_t items;
    uint64_t time;       /* wall ns of its append */
    struct block *block; /* the callee's reference */
    struct bytes content;
    uint64_t lost; /* items of damaged records that were skipped on the way */
};

/* The next record that is not settled. Damaged ones on the way are skipped, and settled as dropped{wal_corrupt}. */
void wal_read(struct wal *w, struct wal_read *r);
void wal_read_cancel(struct wal *w, struct wal_read *r);

/* The record is done with. What became of its items: delivered, the rest dropped by reasons. The note of it is written
 * soon; nothing waits for it. Returns items that damage had left uncounted: with the last record settled, they are
 * lost, and booked as dropped{wal_corrupt}. */
uint64_t wal_settle(struct wal *w, uint64_t seq, uint64_t delivered, const struct wal_reason *dropped,
                    size_t n_dropped);

/* Some of a record's items, in the order in which they stand in it. */
struct wal_part {
    uint64_t seq;
    uint64_t items;    /* of the whole record */
    uint64_t first, n; /* counted from 0 */
};

struct wal_piece {
    uint64_t seq, first, last; /* items, counted from 0 */
};

/* Likewise these items alone, none of them twice; those that are settled may lie between them. With the last of its
 * items the record is settled. Of a record that is not, wal_pieces() says what is settled: *n pieces, ascending and
 * apart, good until the next call to the log. */
uint64_t wal_settle_part(struct wal *w, const struct wal_part *part, uint64_t delivered,
                         const struct wal_reason *dropped, size_t n_dropped);
const struct wal_piece *wal_pieces(const struct wal *w, uint64_t seq, size_t *n);

uint64_t wal_last(const struct wal *w); /* the newest record there ever was; 0 = none */
const struct wal_totals *wal_totals(const struct wal *w);
struct wal_held wal_held(const struct wal *w);
const struct wal_stats *wal_stats(struct wal *w);

#endif
