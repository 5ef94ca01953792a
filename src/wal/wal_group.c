/* SPDX-License-Identifier: Apache-2.0 */
/* On a thread of the disk's pool: one group of records, written and synced. While it runs nobody else touches the
 * writer. What it makes needless is removed by others, when it is answered (wal_cleanup.c). */
#include "base/unconst.h"
#include "wal/wal_inside.h"

#include <errno.h>
#include <limits.h>

#define PARTS_MAX 1024
#define PAGE 4096u

static int write_all(struct wal *w, int fd, struct iovec *parts, size_t n, uint64_t at, uint64_t *written)
{
    while (n > 0) {
        int64_t put = w->io->write(w->io->arg, fd, parts, (int)(n < PARTS_MAX ? n : PARTS_MAX), at);

        if (put <= 0)
            return put == 0 ? -EIO : (int)put;
        at += (uint64_t)put;
        *written += (uint64_t)put;
        while (n > 0 && (uint64_t)put >= parts->iov_len) {
            put -= (int64_t)parts->iov_len;
            parts++;
            n--;
        }
        if (n > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + put;
            parts->iov_len -= (size_t)put;
        }
    }
    return 0;
}

static int sync_file(struct wal *w, int fd)
{
    if (!w->sync)
        return 0;
    return w->io->sync(w->io->arg, fd);
}

/* On a disk that is nearly full, the next smaller size that there is room for: what fits is what can be kept. */
static int allocate_segment(struct wal_group *g, int fd, uint64_t *size)
{
    const struct wal_io *io = g->wal->io;
    int rc;

    while ((rc = io->allocate(io->arg, fd, *size)) == -ENOSPC && *size > g->need) {
        io->truncate(io->arg, fd, 0); /* what the attempt took */
        *size = *size / 2 > g->need ? *size / 2 : g->need;
    }
    return rc;
}

/* The directory may be another one than that which was locked: who has removed it has removed the lock. */
static int keep_lock(struct wal_group *g)
{
    const struct wal_io *io = g->wal->io;
    char path[PATH_MAX_WAL];
    int rc;

    wal_lock_path(g->wal, path);
    rc = io->names(io->arg, path, g->wal->lock_fd);
    if (rc != -ENOENT)
        return rc;
    rc = io->lock(io->arg, path);
    if (rc < 0)
        return rc;
    g->lock_fd = rc;
    return 0;
}

/* Whether what was written can be found again under its name. */
static int check_place(struct wal *w)
{
    char path[PATH_MAX_WAL];

    wal_path(w, w->writer.first, path);
    return w->io->names(w->io->arg, path, w->writer.fd);
}

/* A new file with head and state, known to its directory. The writer changes to it only when all has gone well. */
static int make_segment(struct wal_group *g)
{
    struct wal *w = g->wal;
    const struct wal_io *io = w->io;
    uint8_t head[WAL_HEAD];
    struct iovec parts[] = { { head, sizeof(head) }, { g->opening.data, g->opening.len } };
    uint64_t size = w->segment_bytes;
    char path[PATH_MAX_WAL];
    int fd, rc = keep_lock(g);

    if (rc != 0)
        return rc;
    wal_path(w, g->head.first, path);
    fd = io->open(io->arg, path, true);
    if (fd < 0)
        return fd;
    rc = allocate_segment(g, fd, &size);
    g->head.room = w->sync ? size : 0;
    wal_head_put(head, &g->head);
    if (rc == 0)
        rc = write_all(w, fd, parts, 2, 0, &g->written);
    if (rc == 0 && w->sync)
        rc = io->sync(io->arg, fd);
    if (rc == 0 && w->sync)
        rc = io->sync_directory(io->arg, w->directory);
    if (rc != 0) {
        io->close(io->arg, fd);
        io->unlink(io->arg, path);
        return rc;
    }
    if (w->writer.fd >= 0) {
        g->sealed = w->writer.at;
        g->sealed_fd = w->writer.fd;
    }
    w->writer = (struct wal_writer){ .fd = fd, .first = g->head.first, .at = WAL_HEAD + g->opening.len, .size = size };
    g->rotated = true;
    return 0;
}

/* head, content and padding of each record, then the note. */
static void gather_parts(struct wal_group *g)
{
    static uint8_t zeros[8];
    uint8_t *head = g->heads.data;

    g->parts.n = 0;
    list_each (struct wal_append, a, &g->appends, link) {
        uint64_t length = a->length;

        wal_record_seal(head, a->parts, a->n_parts);
        *vec_push(&g->parts) = (struct iovec){ head, WAL_RECORD_HEAD };
        for (size_t i = 0; i < a->n_parts; i++)
            if (a->parts[i].len > 0)
                *vec_push(&g->parts) = (struct iovec){ unconst(a->parts[i].data), a->parts[i].len };
        if (wal_padded(length) > length)
            *vec_push(&g->parts) = (struct iovec){ zeros, wal_padded(length) - length };
        head += WAL_RECORD_HEAD;
    }
    if (g->note.len > 0)
        *vec_push(&g->parts) = (struct iovec){ g->note.data, g->note.len };
}

/* What lies before the newest note is settled, and the note is safe. Where the file system cannot, nothing is won. */
static void release_records(struct wal *w, uint64_t note)
{
    uint64_t from = PAGE, to = note / PAGE * PAGE;

    w->writer.released = true;
    if (to > from)
        w->io->release(w->io->arg, w->writer.fd, from, to);
}

void wal_group_run(struct wal_group *g)
{
    struct wal *w = g->wal;

    g->status = 0;
    g->rotated = g->spoilt = false;
    g->written = g->sealed = 0;
    g->sealed_fd = g->lock_fd = -1;
    if (g->state == WAL_GROUP_ROTATING)
        g->status = make_segment(g);
    if (g->status != 0)
        return;
    gather_parts(g);
    if (g->parts.n > 0) {
        g->status = write_all(w, w->writer.fd, g->parts.v, g->parts.n, w->writer.at, &g->written);
        if (g->status == 0)
            g->status = sync_file(w, w->writer.fd);
        if (g->status == 0)
            g->status = check_place(w);
        if (g->status != 0) {
            /* Whatever the disk has of it now: it is not to be found, and this file is not written to again. */
            w->io->truncate(w->io->arg, w->writer.fd, w->writer.at);
            w->io->close(w->io->arg, w->writer.fd);
            w->writer.fd = -1;
            g->spoilt = true;
            return;
        }
        w->writer.at += g->bytes + g->note.len;
    }
    if (g->release)
        release_records(w, w->writer.at - g->note.len);
}
