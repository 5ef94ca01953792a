/* SPDX-License-Identifier: Apache-2.0 */
/* Before each write the file is made ready: opened when it is not, anew when somebody removed it, rotated when the
 * message would make it too large, and what an earlier failure left behind is mended. Then the message is written
 * whole. When that fails in the middle the file is cut back to where it began, at once or before the next write; what
 * cannot be cut gets a newline. A reader that is slow is waited for until somebody cancels. Symbolic links are not
 * followed. */
#include "exporter/file/file_output.h"

#include "exporter/file/file_rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_AGAIN_MS 100

static int set_failed(struct error *err, int code, const char *what, const struct file_output *o)
{
    return error_set(err, -code, "%s %s: %s", what, o->path, strerror(code));
}

/* /dev/stdout is a link, and may lead to a file. */
static bool is_of_system(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static int open_path(const char *path, int flags, mode_t mode)
{
    return open(path, flags | O_CLOEXEC | O_NOCTTY | (is_of_system(path) ? 0 : O_NOFOLLOW), mode);
}

/* A line that was cut short, by a crash say, must not swallow the next one. */
static bool ends_within_line(const char *path, off_t size)
{
    int fd = size > 0 ? open_path(path, O_RDONLY, 0) : -1;
    char last = '\n';

    if (fd < 0)
        return false;
    if (pread(fd, &last, 1, size - 1) != 1)
        last = '\n';
    close(fd);
    return last != '\n';
}

/* Without waiting: of a pipe whose reader is slow, cancelling must be heard. Regular files do not care. */
int file_output_open(struct file_output *o, bool truncate, struct error *err)
{
    struct stat st;

    o->fd = open_path(o->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | (truncate ? O_TRUNC : 0), o->mode);
    if (o->fd < 0 && errno == ELOOP)
        return error_set(err, -ELOOP, "open %s: it is a symbolic link, which is not followed: name the file itself",
                         o->path);
    if (o->fd < 0)
        return set_failed(err, errno, "open", o);
    o->regular = fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode);
    atomic_store(&o->device, o->regular ? st.st_dev : 0);
    atomic_store(&o->inode, o->regular ? st.st_ino : 0);
    if (o->regular) {
        o->torn = false; /* the offset may be another file's */
        o->unended = o->lines && ends_within_line(o->path, st.st_size);
    }
    return 0;
}

bool file_output_was_moved(const struct file_output *o)
{
    struct stat st;
    uint64_t inode = atomic_load(&o->inode);

    return inode != 0 && (stat(o->path, &st) != 0 || st.st_ino != inode || st.st_dev != atomic_load(&o->device));
}

void file_output_close(struct file_output *o)
{
    if (o->fd < 0)
        return;
    if (o->torn)
        file_output_take_back(o, o->begin);
    close(o->fd);
    o->fd = -1;
}

static int wait_for_reader(struct file_output *o)
{
    struct pollfd p = { .fd = o->fd, .events = POLLOUT };

    for (;;) {
        if (atomic_load(o->cancelled))
            return ECANCELED;
        if (poll(&p, 1, LOOK_AGAIN_MS) > 0)
            return 0;
    }
}

/* 0 or an errno; *done: how much got out. */
static int write_all(struct file_output *o, struct bytes b, size_t *done)
{
    int code = 0;

    for (*done = 0; *done < b.len && code == 0;) {
        ssize_t n = write(o->fd, b.data + *done, b.len - *done);

        if (n > 0)
            *done += (size_t)n;
        else if (n == 0)
            code = EIO;
        else if (errno == EAGAIN)
            code = wait_for_reader(o);
        else if (errno != EINTR)
            code = errno;
    }
    return code;
}

void file_output_take_back(struct file_output *o, uint64_t begin)
{
    struct stat st;

    o->begin = begin;
    if (o->fd < 0 || !o->regular)
        return;
    o->unended = o->unended && begin > 0;
    o->torn = fstat(o->fd, &st) != 0 || ((uint64_t)st.st_size > begin && ftruncate(o->fd, (off_t)begin) != 0);
}

/* What an earlier write left behind goes first. */
static int mend_output(struct file_output *o, struct error *err)
{
    size_t done;
    int code;

    if (o->torn && o->regular) {
        file_output_take_back(o, o->begin);
        if (o->torn)
            return set_failed(err, errno, "truncate", o);
    }
    if (!o->torn && !o->unended)
        return 0;
    code = o->lines ? write_all(o, bytes_str("\n"), &done) : 0;
    if (code != 0)
        return set_failed(err, code, "write", o);
    o->torn = o->unended = false;
    return 0;
}

static int rotate_output(struct file_output *o, struct error *err)
{
    int rc = file_rotate(o->path, o->rotation, err);

    if (rc != 0)
        return rc;
    o->rotated++;
    file_output_close(o);
    return file_output_open(o, false, err);
}

/* The file as it is now, with room for `len` bytes where it is rotated; o->begin is its end. */
static int make_ready(struct file_output *o, size_t len, struct error *err)
{
    struct stat st;
    int rc = o->fd < 0 ? file_output_open(o, false, err) : 0;

    if (rc == 0)
        rc = mend_output(o, err);
    if (rc != 0 || !o->regular)
        return rc;
    if (fstat(o->fd, &st) != 0)
        return set_failed(err, errno, "stat", o);
    o->begin = (uint64_t)st.st_size;
    if (st.st_nlink == 0) {
        file_output_close(o);
        o->begin = 0;
        return file_output_open(o, false, err);
    }
    if (o->rotation->max_bytes != 0 && o->begin > 0 && o->begin + len > o->rotation->max_bytes) {
        o->begin = 0;
        return rotate_output(o, err);
    }
    return 0;
}

int file_output_write(struct file_output *o, struct bytes message, struct error *err)
{
    int rc = make_ready(o, message.len, err), code;
    size_t done;

    if (rc != 0)
        return rc;
    code = write_all(o, message, &done);
    if (code == 0)
        return 0;
    if (done > 0 && o->regular)
        file_output_take_back(o, o->begin);
    else if (done > 0)
        o->torn = true;
    return set_failed(err, code, "write", o);
}
