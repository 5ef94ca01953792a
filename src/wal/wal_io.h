/* SPDX-License-Identifier: Apache-2.0 */
/* What the log asks of a file system: one table, so that tests can fail, tear and crash each call. All return -errno on
 * failure. */
#ifndef WAL_WAL_IO_H
#define WAL_WAL_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct wal_io {
    void *arg;                                          /* handed to each */
    int (*make_directory)(void *arg, const char *path); /* 0 too when it is there; synced in its parent */
    int (*lock)(void *arg, const char *path);           /* a file descriptor that holds the lock, or -EBUSY */
    void (*unlock)(void *arg, int fd);
    /* Each name in the directory, in any order. */
    int (*list)(void *arg, const char *directory, void (*each)(void *user, const char *name), void *user);
    /* For reading and writing; fails when create and it exists. Waits for nobody. UV_EFTYPE: what has that name is no
     * regular file (a link is not followed). */
    int (*open)(void *arg, const char *path, bool create);
    int (*close)(void *arg, int fd);
    int64_t (*size)(void *arg, int fd);
    int (*allocate)(void *arg, int fd, uint64_t size); /* as posix_fallocate: reads as zeros */
    int64_t (*read)(void *arg, int fd, void *to, size_t n, uint64_t at);
    int64_t (*write)(void *arg, int fd, const struct iovec *parts, int n, uint64_t at); /* may be short */
    int (*sync)(void *arg, int fd);
    int (*truncate)(void *arg, int fd, uint64_t size);
    /* Gives the disk back what lies in between; it reads as zeros from then on. Not all file systems can. */
    int (*release)(void *arg, int fd, uint64_t from, uint64_t to);
    int (*unlink)(void *arg, const char *path);
    /* 0: the path is the name of the file that fd has open. -ENOENT: it is nobody's, or another's. */
    int (*names)(void *arg, const char *path, int fd);
    int (*sync_directory)(void *arg, const char *path);
};

extern const struct wal_io wal_io_real;
extern const struct wal_io wal_io_reading; /* list, open, size, read and close alone, which need no right to write */

#endif
