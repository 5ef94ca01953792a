/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory holds, at opening: the newest state that is whole, and the records behind it. */
#include "wal/wal_inside.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBERS_UNUSED (1ull << 32) /* far more than failed writes can have used up */

struct file {
    uint8_t *data;
    size_t len;
};

static void add_name(void *user, const char *name)
{
    struct wal *w = user;
    uint64_t first;

    if (strlen(name) != 20 || strspn(name, "0123456789abcdef") != 16 || strcmp(name + 16, ".wal") != 0)
        return;
    first = strtoull(name, NULL, 16);
    if (first > 0)
        *vec_push(&w->segments) = (struct wal_segment){ .first = first };
}

static int by_first(const void *a, const void *b)
{
    const struct wal_segment *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static int read_whole(struct wal *w, uint64_t first, struct file *f)
{
    const struct wal_io *io = w->io;
    char path[PATH_MAX_WAL];
    int64_t size;
    int fd;

    *f = (struct file){ 0 };
    wal_path(w, first, path);
    fd = io->open(io->arg, path, false);
    if (fd < 0)
        return fd;
    size = io->size(io->arg, fd);
    if (size > (int64_t)WAL_SEGMENT_MAX)
        size = (int64_t)WAL_SEGMENT_MAX;
    if (size > 0)
        f->data = mem_alloc((size_t)size);
    while (size > 0 && f->len < (size_t)size) {
        int64_t got = io->read(io->arg, fd, f->data + f->len, (size_t)size - f->len, f->len);

        if (got < 0)
            size = got;
        if (got <= 0)
            break;
        f->len += (size_t)got;
    }
    io->close(io->arg, fd);
    return size < 0 ? (int)size : 0;
}

/* What cannot be read now is not damaged: nothing is cut off or removed, and it may be readable at the next start. */
static int unreadable(struct wal *w, uint64_t first, int rc, struct error *err)
{
    char path[PATH_MAX_WAL];

    wal_path(w, first, path);
    return error_set(err, rc,
                     "cannot read %s: %s; nothing of the queue was changed. To start without this file, move "
                     "it to another directory",
                     path, uv_strerror(rc));
}

/* The whole record at or after `at`; f->len when there is none. */
static size_t next_record(const struct file *f, size_t at, struct wal_record *r)
{
    for (at = (at + 7) & ~(size_t)7; at + WAL_RECORD_HEAD <= f->len; at += 8)
        if (wal_record_peek(r, f->data + at, f->len - at) && wal_record_intact(r, f->data + at))
            return at;
    return f->len;
}

/* A copy, or a file that was renamed: its records are older or newer than its name says, and would be taken for others.
 */
static void judge_name(struct wal *w, struct wal_segment *s, const struct wal_head *head, const char *path)
{
    char name[24];

    s->has_head = true;
    s->time = head->time;
    s->stray = head->first != s->first;
    snprintf(name, sizeof(name), "%016llx.wal", (unsigned long long)head->first);
    if (s->stray)
        log_error(&w->log, "A file of the log was copied or renamed; it is left alone", F_STR("file", path),
                  F_STR("name it was made with", name));
}

/* The head and the state that a segment begins with. */
static int read_beginning(struct wal *w, struct wal_segment *s, struct wal_state *state, bool *whole, struct error *err)
{
    const struct wal_io *io = w->io;
    uint8_t *data = mem_alloc(WAL_HEAD + 128 * 1024);
    char path[PATH_MAX_WAL];
    struct wal_record r;
    struct wal_head head;
    int64_t size, got;
    int fd, rc;

    *whole = false;
    wal_path(w, s->first, path);
    fd = io->open(io->arg, path, false);
    got = fd < 0 ? 0 : io->read(io->arg, fd, data, WAL_HEAD + 128 * 1024, 0);
    size = fd < 0 ? fd : io->size(io->arg, fd);
    if (fd >= 0)
        io->close(io->arg, fd);
    if (fd < 0 || got < 0 || size < 0) {
        free(data);
        return unreadable(w, s->first, fd < 0 ? fd : (int)(got < 0 ? got : size), err);
    }
    s->bytes = size <= 0 ? 0 : (uint64_t)size < WAL_SEGMENT_MAX ? (uint64_t)size : WAL_SEGMENT_MAX;
    rc = wal_head_read(&head, data, got > 0 ? (size_t)got : 0);
    if (rc == UV_ENOTSUP) {
        free(data);
        return error_set(err, rc, "%s has format version %u; this program knows up to %u: a newer otelcd wrote it",
                         path, head.version, WAL_VERSION);
    }
    if (rc == 0) {
        judge_name(w, s, &head, path);
        if (!s->stray && wal_record_peek(&r, data + WAL_HEAD, (uint64_t)got - WAL_HEAD) && r.type == WAL_STATE &&
            wal_record_intact(&r, data + WAL_HEAD) &&
            wal_state_read(state, bytes_of(data + WAL_HEAD + WAL_RECORD_HEAD, r.length - WAL_RECORD_HEAD))) {
            state->last = r.seq;
            state->totals.appended = r.before;
            *whole = true;
        }
    }
    free(data);
    return 0;
}

static void take_record(struct wal_state *s, const struct file *f, size_t at, const struct wal_record *r)
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

/* Everything in one segment; where it is the newest one, what is behind the last whole record is cut off. */
static int scan_segment(struct wal *w, size_t i, struct error *err)
{
    struct wal_segment *s = &w->segments.v[i];
    struct wal_record r;
    struct file f;
    size_t end = 0, used;
    bool newest = i + 1 == w->segments.n;
    int rc = read_whole(w, s->first, &f);

    if (rc != 0) {
        free(f.data);
        return unreadable(w, s->first, rc, err);
    }
    for (size_t at = next_record(&f, 0, &r); at < f.len; at = next_record(&f, end, &r)) {
        take_record(&w->state, &f, at, &r);
        end = at + wal_padded(r.length);
    }
    for (used = f.len; used > end && f.data[used - 1] == 0; used--)
        ;
    if (newest) {
        char path[PATH_MAX_WAL];
        int fd;

        w->stats.torn_bytes += used > end && used > WAL_HEAD ? used - (end > WAL_HEAD ? end : WAL_HEAD) : 0;
        wal_path(w, s->first, path);
        fd = w->io->open(w->io->arg, path, false);
        if (fd >= 0) {
            w->io->truncate(w->io->arg, fd, end);
            w->io->close(w->io->arg, fd);
        }
        s->bytes = end;
    }
    free(f.data);
    return 0;
}

/* The next segment's name is the next number, so that has to be one that no file has, be it one that is left alone
 * (`taken`, the highest of those): numbers up to it count as settled. */
static void skip_numbers(struct wal *w, uint64_t taken)
{
    uint64_t newest = w->segments.n > 0 ? w->segments.v[w->segments.n - 1].first : 0;

    if (newest < taken)
        newest = taken;
    if (newest <= w->state.last)
        return;
    wal_state_settle(&w->state, w->state.last + 1, newest);
    w->state.last = newest;
}

/* Takes what is not a segment of this log from the list; `last`: the newest number that is known. Returns the highest
 * of their names that this log may come to. */
static uint64_t drop_strays(struct wal *w, uint64_t last)
{
    uint64_t taken = 0;
    size_t kept = 0;

    for (size_t i = 0; i < w->segments.n; i++) {
        struct wal_segment *s = &w->segments.v[i];
        bool far = s->first > last && s->first - last > NUMBERS_UNUSED;

        if (!s->has_head && far) {
            s->stray = true;
            log_error(&w->log, "A file that is not of the log lies between its files; it is left alone",
                      F_STR("directory", w->directory), F_UINT("number", s->first));
        }
        if (!s->stray)
            w->segments.v[kept++] = *s;
        else if (!far)
            taken = s->first;
    }
    w->segments.n = kept;
    return taken;
}

/* What is gone has been there, whatever damage has left of the sums. */
static void mend_totals(struct wal_totals *t)
{
    uint64_t gone = t->delivered;

    for (uint32_t i = 0; i < t->n_dropped; i++)
        gone += t->dropped[i].items;
    if (t->appended < gone)
        t->appended = gone;
}

int wal_scan(struct wal *w, struct error *err)
{
    struct wal_state state = { 0 };
    uint64_t from = 0, taken;
    int rc = w->io->list(w->io->arg, w->directory, add_name, w);

    if (rc != 0)
        return error_set(err, rc, "cannot read the directory %s: %s", w->directory, uv_strerror(rc));
    if (w->segments.n > 0)
        qsort(w->segments.v, w->segments.n, sizeof(w->segments.v[0]), by_first);
    for (size_t i = 0; i < w->segments.n; i++) {
        bool whole;

        rc = read_beginning(w, &w->segments.v[i], &state, &whole, err);
        if (rc != 0)
            break;
        if (whole) {
            struct wal_state swap = w->state;

            w->state = state;
            state = swap;
            from = w->segments.v[i].first;
        }
    }
    wal_state_free(&state);
    if (rc != 0)
        return rc;
    taken = drop_strays(w, from > 0 ? w->state.last : INT64_MAX - NUMBERS_UNUSED);
    for (size_t i = 0; i < w->segments.n && rc == 0; i++)
        if (w->segments.v[i].first >= from)
            rc = scan_segment(w, i, err);
    if (rc != 0)
        return rc;
    skip_numbers(w, taken);
    mend_totals(&w->state.totals);
    if (w->stats.torn_bytes > 0)
        log_warn(&w->log, "The log ended in the middle of a record that nobody was told is safe; it is cut off",
                 F_STR("directory", w->directory), F_UINT("bytes", w->stats.torn_bytes));
    return 0;
}
