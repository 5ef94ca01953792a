/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory holds: which files are segments of this log, what is settled, and where each record lies. Both the
 * log at its opening and `otelcd wal` go by it. It only reads. */
#ifndef WAL_WAL_SCAN_H
#define WAL_WAL_SCAN_H

#include "wal/wal_format.h"

#define PATH_MAX_WAL 4096

/* Why something with a segment's name is left alone. */
enum wal_stray {
    WAL_OURS,
    WAL_RENAMED, /* its head names another number: a copy, or renamed. Its records would be taken for others */
    WAL_FAR,     /* no whole head, and a number out of reach */
    WAL_NO_FILE, /* a directory, a link, a pipe ... */
};

struct wal_segment {
    uint64_t first;
    uint64_t bytes; /* on the disk that hold something */
    uint64_t time;  /* wall ns */
    bool has_head;  /* a whole one */
    bool cut;       /* behind what was synced: it was full, or closed; what does not read back was there */
    enum wal_stray stray;
    uint64_t made_as; /* WAL_RENAMED: the number in its head */
};
typedef VEC(struct wal_segment) wal_segments;

struct wal_scan {
    const struct wal_io *io; /* in */
    const char *directory;   /* in */
    wal_segments segments;   /* of this log, ascending */
    wal_segments strays;
    struct wal_state state; /* behind the last whole record */
    uint64_t end;           /* of the newest segment's last whole record */
    uint64_t torn;          /* bytes behind it that are no zeros, and that nobody was told are safe */
    uint64_t lost;          /* bytes behind it that were synced, of a segment that was cut */
    uint64_t taken;         /* the highest number of those left alone that this log may come to; 0 = none */
};

/* 0; UV_ENOTSUP: a newer program wrote it; else what cannot be read now, which is not damaged. Free it in any case. */
int wal_scan_run(struct wal_scan *s, struct error *err);
void wal_scan_free(struct wal_scan *s);

void wal_segment_path(const char *directory, uint64_t first, char out[PATH_MAX_WAL]);
bool wal_segment_name(const char *name, uint64_t *first); /* whether it is one */

/* A segment's bytes, as far as a segment may reach. */
struct wal_file {
    uint8_t *data;
    size_t len;
};
/* 0, or why not; f->data is freed by the caller if it is 0. */
int wal_file_read(const struct wal_io *io, const char *directory, uint64_t first, struct wal_file *f);
/* Where the first whole record at or behind `at` begins; f->len when there is none. */
size_t wal_file_next(const struct wal_file *f, size_t at, struct wal_record *r);

#endif
