/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory holds, at opening: the newest state that is whole, and the records behind it. */
#include "wal/wal_inside.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct file {
    uint8_t *data;
    size_t len;
};

static void add_name(void *user, const char *name)
{
    struct wal *w = user;
    char *end;
    uint64_t first;

    if (strlen(name) != 20 || strcmp(name + 16, ".wal") != 0 || !isxdigit((unsigned char)name[0]))
        return;
    first = strtoull(name, &end, 16);
    if (end == name + 16 && first > 0)
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
    if (size > 0)
        f->data = mem_alloc((size_t)size);
    while (size > 0 && f->len < (size_t)size) {
        int64_t got = io->read(io->arg, fd, f->data + f->len, (size_t)size - f->len, f->len);

        if (got <= 0)
            break; /* what cannot be read counts as damaged */
        f->len += (size_t)got;
    }
    io->close(io->arg, fd);
    return size < 0 ? (int)size : 0;
}

/* The whole record at or after `at`; f->len when there is none. */
static size_t next_record(const struct file *f, size_t at, struct wal_record *r)
{
    for (at = (at + 7) & ~(size_t)7; at + WAL_RECORD_HEAD <= f->len; at += 8)
        if (wal_record_peek(r, f->data + at, f->len - at) && wal_record_intact(r, f->data + at))
            return at;
    return f->len;
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
    size = fd < 0 ? 0 : io->size(io->arg, fd);
    if (fd >= 0)
        io->close(io->arg, fd);
    s->bytes = size > 0 ? (uint64_t)size : 0;
    rc = wal_head_read(&head, data, got > 0 ? (size_t)got : 0);
    if (rc == UV_ENOTSUP) {
        free(data);
        return error_set(err, rc, "%s has format version %u; this program knows up to %u: a newer otelcd wrote it",
                         path, head.version, WAL_VERSION);
    }
    if (rc == 0) {
        s->time = head.time;
        if (wal_record_peek(&r, data + WAL_HEAD, (uint64_t)got - WAL_HEAD) && r.type == WAL_STATE &&
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
    } else if (wal_state_read(s, bytes_of(f->data + at + WAL_RECORD_HEAD, r->length - WAL_RECORD_HEAD))) {
        if (r->seq >= s->last) {
            s->last = r->seq;
            s->totals.appended = r->before;
        }
    }
}

/* Everything in one segment; where it is the newest one, what is behind the last whole record is cut off. */
static void scan_segment(struct wal *w, size_t i)
{
    struct wal_segment *s = &w->segments.v[i];
    struct wal_record r;
    struct file f;
    size_t end = 0, used;
    bool newest = i + 1 == w->segments.n;

    if (read_whole(w, s->first, &f) != 0)
        return;
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
}

/* The next segment's name is the next number, so that has to be one that no file has: numbers up to it count as
 * settled. */
static void skip_numbers(struct wal *w)
{
    uint64_t newest = w->segments.n > 0 ? w->segments.v[w->segments.n - 1].first : 0;

    if (newest <= w->state.last)
        return;
    wal_state_settle(&w->state, w->state.last + 1, newest);
    w->state.last = newest;
}

int wal_scan(struct wal *w, struct error *err)
{
    struct wal_state state = { 0 };
    size_t from = 0;
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
            from = i;
        }
    }
    wal_state_free(&state);
    if (rc != 0)
        return rc;
    for (size_t i = from; i < w->segments.n; i++)
        scan_segment(w, i);
    skip_numbers(w);
    if (w->stats.torn_bytes > 0)
        log_warn(&w->log, "The log ended in the middle of a record that nobody was told is safe; it is cut off",
                 F_STR("directory", w->directory), F_UINT("bytes", w->stats.torn_bytes));
    return 0;
}
