/* SPDX-License-Identifier: Apache-2.0 */
/* What is not needed any more goes back to the disk beside the groups, so that nobody's answer waits for it: to free 64
 * MiB takes a file system 20 ms, and far more when it is busy. A group leaves behind the file that it has sealed, and
 * `keep`, below which a synced state says that all is settled; the reader the files of segments that go. When the
 * group's records are answered the cleanup begins: one job at a time closes what there is to close, and removes
 * segments from the oldest on, each in pieces and then its name. A segment counts, for the log's size too, until it has
 * gone. No new one gets its name meanwhile: numbers only rise.
 *
 * What can go wrong: a segment cannot be unlinked. Then it stays, with those behind it, until the next group is
 * written. Or the disk hangs: the groups go on without the cleanup, until they need the room that it makes, or WAITING
 * files wait for it. Closing waits for it, so that the lock is given up when nothing is taken away any more. */
#include "wal/wal_inside.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>

#define PIECES 16   /* in which a segment is given back */
#define PIECE 32768 /* bytes, at least */
#define WAITING 16  /* descriptors; a segment each at the most */

static void move_cleanup(struct wal_cleanup *c, enum wal_cleanup_state to)
{
    static const uint8_t allowed[] = {
        [WAL_CLEANUP_IDLE] = 1 << WAL_CLEANUP_RUNNING,
        [WAL_CLEANUP_RUNNING] = 1 << WAL_CLEANUP_IDLE | 1 << WAL_CLEANUP_FAILED,
        [WAL_CLEANUP_FAILED] = 1 << WAL_CLEANUP_RUNNING | 1 << WAL_CLEANUP_IDLE,
    };

    assert(allowed[c->state] & 1 << to);
    c->state = to;
}

size_t wal_removable(const struct wal *w)
{
    size_t n = 0;

    while (n < w->segments.n && w->segments.v[n].first < w->keep)
        n++;
    return n;
}

void wal_cleanup_close(struct wal *w, int fd, uint64_t size)
{
    *vec_push(&w->cleanup.files) = (struct wal_leaving){ fd, size };
}

/* --- on a thread --- */

static void close_files(struct wal *w, struct wal_cleanup *c)
{
    for (size_t i = 0; i < c->closing.n; i++) {
        const struct wal_leaving *f = &c->closing.v[i];

        if (f->size != WAL_AS_IT_IS)
            w->io->truncate(w->io->arg, f->fd, f->size); /* gives back what was never used */
        w->io->close(w->io->arg, f->fd);
    }
}

/* A file system gives a large file back in one go, and who syncs another one waits for that; and so does, with one
 * processor, the loop. */
static void shrink_file(struct wal *w, int fd)
{
    int64_t piece = (int64_t)w->segment_bytes / PIECES, left = w->io->size(w->io->arg, fd);

    if (piece < PIECE)
        piece = PIECE;
    while ((left -= piece) > 0 && w->io->truncate(w->io->arg, fd, (uint64_t)left) == 0)
        sched_yield();
}

static int remove_segment(struct wal *w, uint64_t first)
{
    char path[PATH_MAX_WAL];
    int fd;

    wal_path(w, first, path);
    fd = w->io->open(w->io->arg, path, false);
    if (fd >= 0) {
        shrink_file(w, fd);
        w->io->close(w->io->arg, fd);
    }
    return w->io->unlink(w->io->arg, path);
}

static void remove_segments(struct wal *w, struct wal_cleanup *c)
{
    for (; c->removed < c->remove.n; c->removed++) {
        int rc = remove_segment(w, c->remove.v[c->removed]);

        if (rc != 0 && rc != -ENOENT)
            return;
    }
}

static void run_cleanup(struct job *job)
{
    struct wal_cleanup *c = container_of(job, struct wal_cleanup, job);
    struct wal *w = container_of(c, struct wal, cleanup);

    close_files(w, c);
    remove_segments(w, c);
}

/* --- on the loop --- */

/* The oldest are the first. */
static void drop_segments(struct wal *w, size_t n)
{
    if (n > 0)
        memmove(w->segments.v, &w->segments.v[n], (w->segments.n - n) * sizeof(w->segments.v[0]));
    w->segments.n -= n;
}

static void on_cleanup_done(struct job *job)
{
    struct wal_cleanup *c = container_of(job, struct wal_cleanup, job);
    struct wal *w = container_of(c, struct wal, cleanup);

    assert(c->removed == 0 || w->segments.v[c->removed - 1].first == c->remove.v[c->removed - 1]);
    drop_segments(w, c->removed);
    move_cleanup(c, c->removed < c->remove.n ? WAL_CLEANUP_FAILED : WAL_CLEANUP_IDLE);
    wal_cleanup_begin(w);
    wal_go_on(w);
}

static void take_files(struct wal_cleanup *c)
{
    c->closing.n = 0;
    for (size_t i = 0; i < c->files.n; i++)
        *vec_push(&c->closing) = c->files.v[i];
    c->files.n = 0;
}

static void take_segments(struct wal *w, struct wal_cleanup *c)
{
    size_t n = wal_removable(w);

    c->remove.n = c->removed = 0;
    for (size_t i = 0; i < n; i++) {
        wal_reader_on_unlink(w, w->segments.v[i].first);
        *vec_push(&c->remove) = w->segments.v[i].first;
    }
}

void wal_cleanup_begin(struct wal *w)
{
    struct wal_cleanup *c = &w->cleanup;

    if (c->state == WAL_CLEANUP_RUNNING ||
        (c->files.n == 0 && (c->state == WAL_CLEANUP_FAILED || wal_removable(w) == 0)))
        return;
    take_segments(w, c); /* the reader may leave a file to close */
    take_files(c);
    move_cleanup(c, WAL_CLEANUP_RUNNING);
    c->job.work = run_cleanup;
    c->job.done = on_cleanup_done;
    job_start(w->loop, JOB_DISK, &c->job);
}

void wal_cleanup_group_done(struct wal *w, bool written)
{
    if (written && w->cleanup.state == WAL_CLEANUP_FAILED)
        move_cleanup(&w->cleanup, WAL_CLEANUP_IDLE);
    wal_cleanup_begin(w);
}

bool wal_cleanup_holds_up(const struct wal *w)
{
    return w->cleanup.state == WAL_CLEANUP_RUNNING && (w->stuck == UV_ENOSPC || w->cleanup.files.n >= WAITING);
}

void wal_cleanup_free(struct wal *w)
{
    vec_free(&w->cleanup.files);
    vec_free(&w->cleanup.closing);
    vec_free(&w->cleanup.remove);
}
