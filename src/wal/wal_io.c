/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the system, with -errno for what failed; reads and writes are tried again when a signal broke them. What
 * is opened must be a regular file: a link, a FIFO or a device of that name is UV_EFTYPE, and does not block. */
#include "wal/wal_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

static int errno_result(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int sync_directory(void *arg, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

    (void)arg;
    if (fd < 0)
        return -errno;
    rc = errno_result(fsync(fd));
    close(fd);
    return rc;
}

static int make_directory(void *arg, const char *path)
{
    char copy[4096];

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : -errno;
    snprintf(copy, sizeof(copy), "%s", path);
    return sync_directory(arg, dirname(copy));
}

/* A pipe must not keep us waiting, and a device not answer for a file. */
static int open_regular(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat st;

    if (fd < 0)
        return errno == ELOOP || errno == EISDIR || errno == ENXIO || errno == ENODEV ? UV_EFTYPE : -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return UV_EFTYPE;
}

static int lock(void *arg, const char *path)
{
    int fd = open_regular(path, O_RDWR | O_CREAT), rc;
    char pid[24];
    int n;

    (void)arg;
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
        close(fd);
        return rc;
    }
    n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) < 0)
        (void)fd; /* the number is only for people */
    return fd;
}

static int close_file(void *arg, int fd)
{
    (void)arg;
    return errno_result(close(fd));
}

static void unlock(void *arg, int fd)
{
    close_file(arg, fd);
}

static int list(void *arg, const char *directory, void (*each)(void *user, const char *name), void *user)
{
    DIR *d = opendir(directory);

    (void)arg;
    if (d == NULL)
        return -errno;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        each(user, e->d_name);
    closedir(d);
    return 0;
}

static int open_file(void *arg, const char *path, bool create)
{
    (void)arg;
    return open_regular(path, O_RDWR | (create ? O_CREAT | O_EXCL : 0));
}

static int open_to_read(void *arg, const char *path, bool create)
{
    (void)arg;
    return create ? -EROFS : open_regular(path, O_RDONLY);
}

static int64_t size_of(void *arg, int fd)
{
    struct stat st;

    (void)arg;
    return fstat(fd, &st) != 0 ? -errno : (int64_t)st.st_size;
}

static int allocate(void *arg, int fd, uint64_t size)
{
    (void)arg;
    return -posix_fallocate(fd, 0, (off_t)size);
}

static int64_t read_file(void *arg, int fd, void *to, size_t n, uint64_t at)
{
    ssize_t got;

    (void)arg;
    do
        got = pread(fd, to, n, (off_t)at);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static int64_t write_file(void *arg, int fd, const struct iovec *parts, int n, uint64_t at)
{
    ssize_t put;

    (void)arg;
    do
        put = pwritev(fd, parts, n, (off_t)at);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static int sync_file(void *arg, int fd)
{
    (void)arg;
    return errno_result(fdatasync(fd));
}

static int truncate_file(void *arg, int fd, uint64_t size)
{
    (void)arg;
    return errno_result(ftruncate(fd, (off_t)size));
}

static int release_part(void *arg, int fd, uint64_t from, uint64_t to)
{
    (void)arg;
    return errno_result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)));
}

static int unlink_file(void *arg, const char *path)
{
    (void)arg;
    return errno_result(unlink(path));
}

static int check_name(void *arg, const char *path, int fd)
{
    struct stat named, open;

    (void)arg;
    if (fstat(fd, &open) != 0)
        return -errno;
    if (lstat(path, &named) != 0)
        return errno == ENOTDIR ? -ENOENT : -errno;
    return named.st_dev == open.st_dev && named.st_ino == open.st_ino ? 0 : -ENOENT;
}

const struct wal_io wal_io_real = {
    .make_directory = make_directory,
    .lock = lock,
    .unlock = unlock,
    .list = list,
    .open = open_file,
    .close = close_file,
    .size = size_of,
    .allocate = allocate,
    .read = read_file,
    .write = write_file,
    .sync = sync_file,
    .truncate = truncate_file,
    .release = release_part,
    .unlink = unlink_file,
    .names = check_name,
    .sync_directory = sync_directory,
};

const struct wal_io wal_io_reading = {
    .list = list,
    .open = open_to_read,
    .close = close_file,
    .size = size_of,
    .read = read_file,
};
