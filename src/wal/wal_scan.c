/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a directory.
 *
 * First the beginning of each file that has a segment's name, in the order of their numbers: the newest that has a
 * whole head and a whole state behind it says where things stood when it was made. Then all of it and of those after
 * it, record by record: a state says anew where things stand, a record behind it is held. What is behind the newest
 * one's last whole record is torn, or was never written: zeros. But a segment that was closed, or taken over by a
 * start, was cut where its last record ends: it is shorter than it was made, and what is behind its last whole record
 * is lost.
 *
 * A file whose head names another number was copied or renamed, one without a head whose number is out of reach came
 * from elsewhere, and what is no regular file is no segment: they are set apart. What cannot be read now is no damage:
 * the scan ends with that error. Damage inside is skipped here, and found again by the numbers when records are read
 * (wal_read.c). */
#include "wal/wal_scan.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBERS_UNUSED (1ull << 32) /* far more than failed writes can have used up */
#define BEGINNING (WAL_HEAD + 128 * 1024)

/* ---- names and files ---- */

void wal_segment_path(const char *directory, uint64_t first, char out[PATH_MAX_WAL])
{
    snprintf(out, PATH_MAX_WAL, "%s/%016llx.wal", directory, (unsigned long long)first);
}

bool wal_segment_name(const char *name, uint64_t *first)
{
    if (strlen(name) != 20 || strspn(name, "0123456789abcdef") != 16 || strcmp(name + 16, ".wal") != 0)
        return false;
    *first = strtoull(name, NULL, 16);
    return *first > 0;
}

static int64_t read_file(const struct wal_io *io, int fd, struct wal_file *f, int64_t size)
{
    while (f->len < (size_t)size) {
        int64_t got = io->read(io->arg, fd, f->data + f->len, (size_t)size - f->len, f->len);

        if (got <= 0)
            return got;
        f->len += (size_t)got;
    }
    return 0;
}

int wal_file_read(const struct wal_io *io, const char *directory, uint64_t first, struct wal_file *f)
{
    char path[PATH_MAX_WAL];
    int64_t size;
    int fd;

    *f = (struct wal_file){ 0 };
    wal_segment_path(directory, first, path);
    fd = io->open(io->arg, path, false);
    if (fd < 0)
        return fd;
    size = io->size(io->arg, fd);
    if (size > (int64_t)WAL_SEGMENT_MAX)
        size = (int64_t)WAL_SEGMENT_MAX;
    if (size > 0) {
        f->data = mem_alloc((size_t)size);
        size = read_file(io, fd, f, size);
    }
    io->close(io->arg, fd);
    if (size < 0)
        free(f->data);
    return size < 0 ? (int)size : 0;
}

size_t wal_file_next(const struct wal_file *f, size_t at, struct wal_record *r)
{
    for (at = (at + 7) & ~(size_t)7; at + WAL_RECORD_HEAD <= f->len; at += 8)
        if (wal_record_peek(r, f->data + at, f->len - at) && wal_record_intact(r, f->data + at))
            return at;
    return f->len;
}

/* ---- beginnings ---- */

static void add_name(void *user, const char *name)
{
    struct wal_scan *s = user;
    uint64_t first;

    if (wal_segment_name(name, &first))
        *vec_push(&s->segments) = (struct wal_segment){ .first = first };
}

static int by_first(const void *a, const void *b)
{
    const struct wal_segment *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static int set_unreadable(struct wal_scan *s, uint64_t first, int rc, struct error *err)
{
    char path[PATH_MAX_WAL];

    wal_segment_path(s->directory, first, path);
    return error_set(err, rc,
                     "cannot read %s: %s; nothing of the queue was changed. To start without this file, move "
                     "it to another directory",
                     path, uv_strerror(rc));
}

/* The first bytes and the size; *got of them. 0, or why not. */
static int read_front(struct wal_scan *s, struct wal_segment *segment, uint8_t *data, size_t *got)
{
    char path[PATH_MAX_WAL];
    int64_t n, size;
    int fd;

    wal_segment_path(s->directory, segment->first, path);
    fd = s->io->open(s->io->arg, path, false);
    if (fd < 0)
        return fd;
    n = s->io->read(s->io->arg, fd, data, BEGINNING, 0);
    size = s->io->size(s->io->arg, fd);
    s->io->close(s->io->arg, fd);
    if (n < 0 || size < 0)
        return (int)(n < 0 ? n : size);
    *got = (size_t)n;
    segment->bytes = (uint64_t)size < WAL_SEGMENT_MAX ? (uint64_t)size : WAL_SEGMENT_MAX;
    return 0;
}

/* The state behind the head, if it is whole. */
static bool read_first_state(const uint8_t *data, size_t len, struct wal_state *state)
{
    struct wal_record r;

    if (!wal_record_peek(&r, data + WAL_HEAD, len - WAL_HEAD) || r.type != WAL_STATE ||
        !wal_record_intact(&r, data + WAL_HEAD) ||
        !wal_state_read(state, bytes_of(data + WAL_HEAD + WAL_RECORD_HEAD, r.length - WAL_RECORD_HEAD)))
        return false;
    state->last = r.seq;
    state->totals.appended = r.before;
    return true;
}

/* Head and state that a segment begins with. *whole: both are. */
static int read_beginning(struct wal_scan *s, struct wal_segment *segment, uint8_t *data, struct wal_state *state,
                          bool *whole, struct error *err)
{
    struct wal_head head;
    size_t got = 0;
    int rc = read_front(s, segment, data, &got);

    *whole = false;
    if (rc == UV_EFTYPE) {
        segment->stray = WAL_NO_FILE;
        return 0;
    }
    if (rc != 0)
        return set_unreadable(s, segment->first, rc, err);
    rc = wal_head_read(&head, data, got);
    if (rc == UV_ENOTSUP)
        return error_set(err, rc,
                         "%s/%016llx.wal has format version %u; this program knows up to %u: a newer otelcd wrote it",
                         s->directory, (unsigned long long)segment->first, head.version, WAL_VERSION);
    if (rc != 0)
        return 0;
    segment->has_head = true;
    segment->cut = head.room > segment->bytes;
    segment->time = head.time;
    segment->made_as = head.first;
    segment->stray = head.first != segment->first ? WAL_RENAMED : WAL_OURS;
    *whole = segment->stray == WAL_OURS && read_first_state(data, got, state);
    return 0;
}

/* Puts apart what is not of this log; `last`: the newest number that is known. */
static void set_strays_apart(struct wal_scan *s, uint64_t last)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->segments.n; i++) {
        struct wal_segment *x = &s->segments.v[i];
        bool far = x->first > last && x->first - last > NUMBERS_UNUSED;

        if (x->stray == WAL_OURS && !x->has_head && far)
            x->stray = WAL_FAR;
        if (x->stray != WAL_OURS)
            *vec_push(&s->strays) = *x;
        if (x->stray != WAL_OURS && !far)
            s->taken = x->first;
        if (x->stray == WAL_OURS)
            s->segments.v[kept++] = *x;
    }
    s->segments.n = kept;
}

/* Where things stood when the newest whole segment was made: its number is *from; 0: there is none. */
static int read_beginnings(struct wal_scan *s, uint64_t *from, struct error *err)
{
    uint8_t *data = mem_alloc(BEGINNING);
    struct wal_state state = { 0 };
    int rc = 0;

    *from = 0;
    for (size_t i = 0; i < s->segments.n && rc == 0; i++) {
        struct wal_state swap = s->state;
        bool whole;

        rc = read_beginning(s, &s->segments.v[i], data, &state, &whole, err);
        if (!whole)
            continue;
        s->state = state;
        state = swap;
        *from = s->segments.v[i].first;
    }
    wal_state_free(&state);
    free(data);
    return rc;
}

/* ---- records ---- */

static void take_record(struct wal_state *s, const struct wal_file *f, size_t at, const struct wal_record *r)
{
    if (r->type == WAL_DATA) {
        if (r->seq <= s->last)
            return; /* failed when it was written; its number is known to be settled */
        s->last = r->seq;
        s->totals.appended = r->before + r->items;
    } else if (r->seq >= s->last &&
               wal_state_read(s, bytes_of(f->data + at + WAL_RECORD_HEAD, r->length - WAL_RECORD_HEAD))) {
        s->last = r->seq;
        s->totals.appended = r->before;
    }
}

static int scan_segment(struct wal_scan *s, const struct wal_segment *segment, struct error *err)
{
    struct wal_record r;
    struct wal_file f;
    size_t used, known;
    int rc = wal_file_read(s->io, s->directory, segment->first, &f);

    if (rc != 0)
        return set_unreadable(s, segment->first, rc, err);
    s->end = s->torn = s->lost = 0;
    for (size_t at = wal_file_next(&f, 0, &r); at < f.len; at = wal_file_next(&f, s->end, &r)) {
        take_record(&s->state, &f, at, &r);
        s->end = at + wal_padded(r.length);
    }
    known = s->end > WAL_HEAD ? s->end : WAL_HEAD;
    for (used = f.len; used > s->end && f.data[used - 1] == 0; used--)
        ;
    if (segment->cut && (s->end > 0 || used <= known)) /* else it was not made to the end */
        s->lost = f.len > known ? f.len - known : 0;
    else
        s->torn = used > known ? used - known : 0;
    free(f.data);
    return 0;
}

int wal_scan_run(struct wal_scan *s, struct error *err)
{
    int rc = s->io->list(s->io->arg, s->directory, add_name, s);
    uint64_t from;

    if (rc != 0)
        return error_set(err, rc, "cannot read the directory %s: %s", s->directory, uv_strerror(rc));
    if (s->segments.n > 0)
        qsort(s->segments.v, s->segments.n, sizeof(s->segments.v[0]), by_first);
    rc = read_beginnings(s, &from, err);
    if (rc != 0)
        return rc;
    set_strays_apart(s, from > 0 ? s->state.last : INT64_MAX - NUMBERS_UNUSED);
    for (size_t i = 0; i < s->segments.n && rc == 0; i++)
        if (s->segments.v[i].first >= from)
            rc = scan_segment(s, &s->segments.v[i], err);
    return rc;
}

void wal_scan_free(struct wal_scan *s)
{
    vec_free(&s->segments);
    vec_free(&s->strays);
    wal_state_free(&s->state);
}
