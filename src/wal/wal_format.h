/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the log: docs/wal-format.md. Pure functions; integers are little-endian. */
#ifndef WAL_WAL_FORMAT_H
#define WAL_WAL_FORMAT_H

#include "base/buf.h"
#include "base/vec.h"
#include "wal/wal.h"

#define WAL_VERSION 2                 /* 1 had no pieces */
#define WAL_SEGMENT_MAX (64ull << 20) /* bytes; what is behind them in a file is not ours */
#define WAL_HEAD 64                   /* bytes of a segment's head */
#define WAL_RECORD_HEAD 48            /* bytes of a record's head */

enum wal_type { WAL_DATA = 1, WAL_STATE = 2 };

struct wal_head {
    uint32_t version;
    uint64_t first; /* the number of the first record that may be in it */
    uint64_t time;  /* wall ns of its making */
    uint64_t room;  /* bytes it was made with; a file with fewer was cut behind what was synced. 0: nobody knows */
};

void wal_head_put(uint8_t *at, const struct wal_head *h);
/* 0; UV_EINVAL: damaged, or not a segment; UV_ENOTSUP: a version that is newer than this program. */
int wal_head_read(struct wal_head *h, const uint8_t *at, size_t n);

struct wal_record {
    uint32_t length; /* of head and content, without padding */
    enum wal_type type;
    uint32_t kind;
    uint64_t seq;    /* data: its own; state: of the last data record before it */
    uint64_t before; /* items of all data records before it, ever */
    uint64_t items;
    uint64_t time;
};

static inline uint64_t wal_padded(uint64_t length)
{
    return (length + 7) & ~7ull;
}

/* The head without its checksum; wal_record_seal adds that, from head and content. */
void wal_record_put(uint8_t *at, const struct wal_record *r);
void wal_record_seal(uint8_t *head, const struct bytes *parts, size_t n);

/* What the head says, if it can be one with `room` bytes from it to the end. */
bool wal_record_peek(struct wal_record *r, const uint8_t *head, uint64_t room);
/* True when the checksum is right; `at` has r->length bytes. */
bool wal_record_intact(const struct wal_record *r, const uint8_t *at);

struct wal_range {
    uint64_t first, last;
};

#define WAL_PIECES_MAX 128 /* in a state; the items of those beyond come again after a crash */

/* What is settled, and what became of everything. */
struct wal_state {
    uint64_t last;                 /* data record */
    uint64_t floor;                /* all up to it are settled */
    VEC(struct wal_range) settled; /* above it: ascending, apart */
    VEC(struct wal_piece) pieces;  /* of records that are not: ascending, apart */
    struct wal_totals totals;
};

void wal_state_free(struct wal_state *s);
void wal_state_put(struct buf *out, const struct wal_state *s); /* a whole record, sealed and padded */
bool wal_state_read(struct wal_state *s, struct bytes content);

/* Mark one record, or all of a range, settled. Pieces of them are forgotten. */
void wal_state_settle(struct wal_state *s, uint64_t first, uint64_t last);
void wal_state_settle_piece(struct wal_state *s, const struct wal_piece *piece); /* of a record that is held */
/* Those of one record: *n of them. Good until the next change. */
const struct wal_piece *wal_state_pieces(const struct wal_state *s, uint64_t seq, size_t *n);
/* How many items are in pieces of the records `first` to `last`. */
uint64_t wal_state_piece_items(const struct wal_state *s, uint64_t first, uint64_t last);
bool wal_state_is_settled(const struct wal_state *s, uint64_t seq);
uint64_t wal_state_held(const struct wal_state *s);                                   /* records */
uint64_t wal_state_held_in(const struct wal_state *s, uint64_t first, uint64_t last); /* of these */
void wal_totals_drop(struct wal_totals *t, const char *reason, uint64_t items);
uint64_t wal_totals_held(const struct wal_totals *t); /* items */

#endif
