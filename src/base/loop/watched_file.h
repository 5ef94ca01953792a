/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a small file that may change while we run: passwords, tokens, certificates.
 *
 * It is told anew soon after it has changed: written in place, or replaced by a rename, or behind a symbolic link that
 * was turned (Kubernetes' mounted secrets). The kernel tells (inotify), and for file systems where it does not there is
 * a look every minute. Content counts when two reads a moment apart have found the same, so that nobody sees half a
 * file. Reads are on the pool for disks: one that hangs holds nobody up. */
#ifndef BASE_WATCHED_FILE_H
#define BASE_WATCHED_FILE_H

#include "base/buf.h"
#include "base/error.h"

struct loop;
struct watched_file;

struct watched_file_options {
    const char *path; /* copied */
    size_t limit;     /* larger is a fault */
    /* Another content than the last one. From the loop; the bytes are valid until it returns. */
    void (*on_change)(void *owner, struct bytes content);
    /* It cannot be read any more; once, until it can be again. What was told last is what there is. */
    void (*on_fault)(void *owner, const char *why);
    void *owner;
};

/* The whole of a regular file. 0, or a code and `err`, which names the path. Blocks. */
int file_read(const char *path, size_t limit, struct buf *out, struct error *err);

/* `content` gets what is in it now. NULL and `err` when it cannot be read. */
struct watched_file *watched_file_open(struct loop *loop, const struct watched_file_options *o, struct buf *content,
                                       struct error *err);

/* Nothing is told any more. NULL is none. */
void watched_file_close(struct watched_file *f);

/* Looks as soon as it can, as if the kernel had told. */
void watched_file_look(struct watched_file *f);

#endif
