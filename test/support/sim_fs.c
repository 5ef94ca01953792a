/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sim_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LOCK 100000 /* descriptors from here on are locks */

/* Held until the end of the block. */
#define HOLD_LOCK(fs) __attribute__((cleanup(leave), unused)) pthread_mutex_t *held_lock = enter(fs)

static pthread_mutex_t *enter(struct sim_fs *fs)
{
    pthread_mutex_lock(&fs->lock);
    return &fs->lock;
}

static void leave(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

void sim_fs_hold(struct sim_fs *fs, bool held)
{
    HOLD_LOCK(fs);
    fs->held = held;
    pthread_cond_broadcast(&fs->let_go);
}

bool sim_fs_locked(struct sim_fs *fs)
{
    HOLD_LOCK(fs);
    return fs->locked;
}

void sim_fs_set_capacity(struct sim_fs *fs, uint64_t bytes)
{
    HOLD_LOCK(fs);
    fs->capacity = bytes;
}

unsigned sim_fs_hanging(struct sim_fs *fs)
{
    HOLD_LOCK(fs);
    return fs->hanging;
}

/* With the lock. */
static void hang(struct sim_fs *fs)
{
    fs->hanging++;
    while (fs->held)
        pthread_cond_wait(&fs->let_go, &fs->lock);
    fs->hanging--;
}

/* 0, or what the call answers instead of doing its work. */
static int fault(struct sim_fs *fs)
{
    fs->calls++;
    if (fs->stopped)
        return -EIO;
    if (fs->fail_at == 0 || fs->calls != fs->fail_at)
        return 0;
    switch (fs->fault) {
    case SIM_STOP:
        fs->stopped = true;
        return -EIO;
    case SIM_ENOSPC:
        return -ENOSPC;
    case SIM_EIO:
        return -EIO;
    default:
        return 0; /* a short write: see there */
    }
}

static struct sim_file *find(struct sim_fs *fs, const char *name)
{
    for (size_t i = 0; i < fs->files.n && !fs->gone; i++)
        if (fs->files.v[i]->linked && strcmp(fs->files.v[i]->name, name) == 0)
            return fs->files.v[i];
    return NULL;
}

struct sim_file *sim_fs_find(struct sim_fs *fs, const char *end)
{
    for (size_t i = 0; i < fs->files.n; i++) {
        size_t n = strlen(fs->files.v[i]->name), m = strlen(end);

        if (fs->files.v[i]->linked && n >= m && strcmp(fs->files.v[i]->name + n - m, end) == 0)
            return fs->files.v[i];
    }
    return NULL;
}

static int make_directory(void *arg, const char *path)
{
    HOLD_LOCK(arg);
    (void)path;
    return fault(arg);
}

static int lock(void *arg, const char *path)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);

    (void)path;
    if (fs->gone)
        return -ENOENT;
    if (fs->locked)
        return -EBUSY;
    fs->locked = true;
    return ++fs->lock_fd;
}

static void unlock(void *arg, int fd)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);

    if (fd == fs->lock_fd)
        fs->locked = false;
}

static int list(void *arg, const char *directory, void (*each)(void *user, const char *name), void *user)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    for (size_t i = 0; rc == 0 && i < fs->files.n; i++)
        if (fs->files.v[i]->linked)
            each(user, fs->files.v[i]->name + strlen(directory) + 1);
    return rc;
}

static int open_file(void *arg, const char *path, bool create)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    struct sim_file *f = find(fs, path);
    int rc = fault(fs);

    if (rc != 0)
        return rc;
    if (fs->gone)
        return -ENOENT;
    if (create == (f != NULL))
        return create ? -EEXIST : -ENOENT;
    if (create) {
        f = mem_zalloc(sizeof(*f));
        f->name = mem_strdup(path);
        f->linked = true;
        *vec_push(&fs->files) = f;
    }
    *vec_push(&fs->open) = f;
    return (int)fs->open.n - 1;
}

static int close_file(void *arg, int fd)
{
    HOLD_LOCK(arg);
    ((struct sim_fs *)arg)->open.v[fd] = NULL;
    return 0;
}

static int64_t size_of(void *arg, int fd)
{
    HOLD_LOCK(arg);
    return (int64_t)((struct sim_fs *)arg)->open.v[fd]->now.len;
}

static void resize(struct buf *b, uint64_t size)
{
    if (size > b->len) {
        memset(buf_reserve(b, size - b->len), 0, size - b->len);
    }
    b->len = size;
}

static bool is_open(const struct sim_fs *fs, const struct sim_file *f)
{
    for (size_t i = 0; i < fs->open.n; i++)
        if (fs->open.v[i] == f)
            return true;
    return false;
}

/* A file without a name has its bytes until nobody has it open. */
static uint64_t used(const struct sim_fs *fs)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < fs->files.n; i++)
        if (fs->files.v[i]->linked || is_open(fs, fs->files.v[i]))
            sum += fs->files.v[i]->now.len - fs->files.v[i]->released;
    return sum;
}

static int allocate(void *arg, int fd, uint64_t size)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    if (rc == 0 && fs->capacity > 0 && used(fs) + size - fs->open.v[fd]->now.len > fs->capacity)
        return -ENOSPC;
    if (rc == 0 && size > fs->open.v[fd]->now.len)
        resize(&fs->open.v[fd]->now, size);
    return rc;
}

static int64_t read_file(void *arg, int fd, void *to, size_t n, uint64_t at)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    struct buf *b = &fs->open.v[fd]->now;
    int rc = fault(fs);

    if (rc != 0)
        return rc;
    if (at >= b->len)
        return 0;
    if (n > b->len - at)
        n = b->len - at;
    memcpy(to, b->data + at, n);
    return (int64_t)n;
}

static int64_t write_file(void *arg, int fd, const struct iovec *parts, int n, uint64_t at)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    struct sim_file *f = fs->open.v[fd];
    struct sim_write w = { .at = at };
    int rc = fault(fs);

    if (rc != 0 && rc != -ENOSPC)
        return rc;
    for (int i = 0; i < n; i++)
        buf_append(&w.data, parts[i].iov_base, parts[i].iov_len);
    if (rc == -ENOSPC || (fs->calls == fs->fail_at && fs->fault == SIM_SHORT))
        w.data.len /= 2;
    if (at + w.data.len > f->now.len)
        resize(&f->now, at + w.data.len);
    if (w.data.len > 0)
        memcpy(f->now.data + at, w.data.data, w.data.len);
    *vec_push(&f->writes) = w;
    return rc != 0 ? rc : (int64_t)w.data.len;
}

static void forget_writes(struct sim_file *f)
{
    for (size_t i = 0; i < f->writes.n; i++)
        buf_free(&f->writes.v[i].data);
    f->writes.n = 0;
}

static void make_safe(struct sim_file *f)
{
    f->safe.len = 0;
    buf_put(&f->safe, buf_bytes(&f->now));
    forget_writes(f);
}

static int sync_file(void *arg, int fd)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    if (rc == 0)
        make_safe(fs->open.v[fd]);
    return rc;
}

static int truncate_file(void *arg, int fd, uint64_t size)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    if (rc == 0)
        resize(&fs->open.v[fd]->now, size);
    if (rc == 0 && fs->open.v[fd]->released > size)
        fs->open.v[fd]->released = size;
    return rc;
}

static int release(void *arg, int fd, uint64_t from, uint64_t to)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    struct sim_file *f = fs->open.v[fd];
    int rc = fault(fs);

    if (rc == 0) {
        memset(f->now.data + from, 0, to - from);
        f->released += to - from;
    }
    return rc;
}

static int unlink_file(void *arg, const char *path)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    struct sim_file *f = find(fs, path);
    int rc;

    if (f != NULL && f->link_safe)
        hang(fs);
    rc = fault(fs);
    if (rc == 0 && f == NULL)
        return -ENOENT;
    if (rc == 0)
        f->linked = false;
    return rc;
}

static int check_name(void *arg, const char *path, int fd)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    if (rc != 0)
        return rc;
    if (fd >= FIRST_LOCK)
        return fs->locked && !fs->gone && fd == fs->lock_fd ? 0 : -ENOENT;
    return find(fs, path) == fs->open.v[fd] ? 0 : -ENOENT;
}

void sim_fs_move_away(struct sim_fs *fs)
{
    HOLD_LOCK(fs);
    fs->gone = true;
}

void sim_fs_move_back(struct sim_fs *fs)
{
    HOLD_LOCK(fs);
    fs->gone = false;
}

void sim_fs_make_anew(struct sim_fs *fs)
{
    HOLD_LOCK(fs);
    fs->gone = fs->locked = false;
    for (size_t i = 0; i < fs->files.n; i++)
        fs->files.v[i]->linked = fs->files.v[i]->link_safe = false;
}

static int sync_directory(void *arg, const char *path)
{
    struct sim_fs *fs = arg;
    HOLD_LOCK(fs);
    int rc = fault(fs);

    (void)path;
    for (size_t i = 0; rc == 0 && i < fs->files.n; i++)
        fs->files.v[i]->link_safe = fs->files.v[i]->linked;
    return rc;
}

static void put_back(struct sim_file *f, const struct sim_write *w, size_t n)
{
    if (w->at + n > f->now.len)
        resize(&f->now, w->at + n);
    memcpy(f->now.data + w->at, w->data.data, n);
}

static void crash_file(struct sim_file *f, enum sim_crash how)
{
    size_t n = f->writes.n;

    if (how == SIM_KEEP)
        return;
    f->linked = f->link_safe;
    f->now.len = 0;
    buf_put(&f->now, buf_bytes(&f->safe));
    if (how == SIM_TEAR)
        for (size_t i = 0; i < (n + 1) / 2; i++)
            put_back(f, &f->writes.v[i], i + 1 == (n + 1) / 2 ? f->writes.v[i].data.len / 2 : f->writes.v[i].data.len);
    if (how == SIM_REORDER)
        for (size_t i = n / 2; i < n; i++)
            put_back(f, &f->writes.v[i], f->writes.v[i].data.len);
}

void sim_fs_crash(struct sim_fs *fs, enum sim_crash how)
{
    for (size_t i = 0; i < fs->files.n; i++) {
        crash_file(fs->files.v[i], how);
        fs->files.v[i]->released = 0;
        make_safe(fs->files.v[i]);
        fs->files.v[i]->link_safe = fs->files.v[i]->linked;
    }
    fs->stopped = fs->locked = false;
    fs->fail_at = 0;
}

void sim_fs_init(struct sim_fs *fs)
{
    *fs = (struct sim_fs){ .io = {
                               .arg = fs,
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
                               .release = release,
                               .unlink = unlink_file,
                               .names = check_name,
                               .sync_directory = sync_directory,
                           },
                           .lock_fd = FIRST_LOCK };
    pthread_mutex_init(&fs->lock, NULL);
    pthread_cond_init(&fs->let_go, NULL);
}

void sim_fs_free(struct sim_fs *fs)
{
    for (size_t i = 0; i < fs->files.n; i++) {
        forget_writes(fs->files.v[i]);
        vec_free(&fs->files.v[i]->writes);
        buf_free(&fs->files.v[i]->now);
        buf_free(&fs->files.v[i]->safe);
        free(fs->files.v[i]->name);
        free(fs->files.v[i]);
    }
    vec_free(&fs->files);
    vec_free(&fs->open);
    pthread_cond_destroy(&fs->let_go);
    pthread_mutex_destroy(&fs->lock);
}
