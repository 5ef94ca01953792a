/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a directory over: it is locked, scanned (wal_scan.h), and mended as far as that is safe. The tail that a crash
 * has torn is cut off; numbers that anything in the directory has are used up; sums that damage has left too small are
 * raised. What is left alone, and why, is named in the log. Nothing is changed when something cannot be read. */
#include "wal/wal_inside.h"

#include <stdio.h>

int wal_lock_directory(struct wal *w, struct error *err)
{
    char path[PATH_MAX_WAL], holder[32] = "";
    int rc = w->io->make_directory(w->io->arg, w->directory), fd;

    if (rc != 0)
        return error_set(err, rc, "cannot make the directory %s: %s", w->directory, uv_strerror(rc));
    wal_lock_path(w, path);
    w->lock_fd = w->io->lock(w->io->arg, path);
    if (w->lock_fd >= 0)
        return 0;
    fd = w->lock_fd == UV_EBUSY ? w->io->open(w->io->arg, path, false) : -1;
    if (fd >= 0) {
        int64_t n = w->io->read(w->io->arg, fd, holder, sizeof(holder) - 1, 0);

        holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
        w->io->close(w->io->arg, fd);
    }
    if (w->lock_fd == UV_EBUSY)
        return error_set(err, UV_EBUSY, "%s is in use by another process%s%s; give each its own directory",
                         w->directory, holder[0] != '\0' ? ", pid " : "", holder);
    return error_set(err, w->lock_fd, "cannot use the directory %s: %s", w->directory, uv_strerror(w->lock_fd));
}

static void report_stray(struct wal *w, const struct wal_segment *s)
{
    static const char *const words[] = {
        [WAL_RENAMED] = "A file of the log was copied or renamed; it is left alone",
        [WAL_FAR] = "A file that is not of the log lies between its files; it is left alone",
        [WAL_NO_FILE] = "What has the name of a file of the log is no regular file; it is left alone",
    };
    char path[PATH_MAX_WAL], name[24];

    wal_path(w, s->first, path);
    snprintf(name, sizeof(name), "%016llx.wal", (unsigned long long)s->made_as);
    if (s->stray == WAL_RENAMED)
        log_error(&w->log, words[s->stray], F_STR("file", path), F_STR("name it was made with", name));
    else
        log_error(&w->log, words[s->stray], F_STR("file", path));
}

/* What is behind the last whole record is cut off: nobody was told that it is safe, or it is lost. */
static void cut_tail(struct wal *w, const struct wal_scan *s)
{
    struct wal_segment *newest = &w->segments.v[w->segments.n - 1];
    uint64_t bytes = newest->bytes;
    char path[PATH_MAX_WAL];
    int fd;

    wal_path(w, newest->first, path);
    fd = w->io->open(w->io->arg, path, false);
    if (fd >= 0) {
        if (w->sync) /* what is shorter than it was made is synced */
            w->io->sync(w->io->arg, fd);
        w->io->truncate(w->io->arg, fd, s->end);
        w->io->close(w->io->arg, fd);
    }
    newest->bytes = s->end;
    if (s->torn > 0)
        log_warn(&w->log, "The log ended in the middle of a record that nobody was told is safe; it is cut off",
                 F_STR("directory", w->directory), F_UINT("bytes", s->torn));
    w->stats.lost_bytes += s->lost;
    if (s->lost > 0)
        log_error(&w->log, "The end of the log does not read as it was written: the records in it are lost",
                  F_STR("file", path), F_UINT("from byte", bytes - s->lost), F_UINT("bytes", s->lost));
}

/* The next segment's name is the next number, so that has to be one that nothing has, be it something that is left
 * alone
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

/* What is gone has been there, whatever damage has left of the sums. */
static void mend_totals(struct wal_totals *t)
{
    uint64_t gone = t->delivered;

    for (uint32_t i = 0; i < t->n_dropped; i++)
        gone += t->dropped[i].items;
    if (t->appended < gone)
        t->appended = gone;
}

/* The log goes on where the directory says that it was. */
int wal_take_over(struct wal *w, struct error *err)
{
    struct wal_scan s = { .io = w->io, .directory = w->directory };
    int rc = wal_scan_run(&s, err);

    if (rc == 0) {
        w->segments = s.segments;
        w->state = s.state;
        for (size_t i = 0; i < s.strays.n; i++)
            report_stray(w, &s.strays.v[i]);
        if (w->segments.n > 0)
            cut_tail(w, &s);
        skip_numbers(w, s.taken);
        mend_totals(&w->state.totals);
        wal_settle_remainder(w);
        s.segments = (wal_segments){ 0 };
        s.state = (struct wal_state){ 0 };
    }
    wal_scan_free(&s);
    return rc;
}
