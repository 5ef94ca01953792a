/* SPDX-License-Identifier: Apache-2.0 */
/* Two directories are watched: the one that the path lies in, and the one that what it leads to lies in. Whatever
 * happens there, a look is due a moment later: a job reads the file, and content that is new is read once more before
 * it is told.
 *
 * What can go wrong: the file is away for a moment, while somebody replaces it in two steps: only the second look that
 * fails is a fault. The kernel has no watches left: the look every minute does alone. The owner closes while a job
 * reads: the job is abandoned, and its memory goes when it ends. libuv's handles close late, so they are apart. */
#include "base/loop/watched_file.h"

#include "base/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON (50 * NS_PER_MS)
#define ONCE_MORE (150 * NS_PER_MS)
#define EVERY (60 * NS_PER_S)

/* A directory that is watched. */
struct watch {
    uv_fs_event_t event;
    struct watched_file *file; /* NULL: it is being closed */
    char *directory;
};

struct reading {
    struct job job;
    struct watched_file *file;
    char *path;
    size_t limit;
    struct buf content;
    struct error fault;
    char *target; /* where the path leads to; NULL: nowhere */
};

struct watched_file {
    struct loop *loop;
    struct watched_file_options options;
    char *path;
    struct watch *watches[2]; /* of the path, of its target; NULL: none */
    struct clock_timer timer;
    struct reading *reading; /* NULL: none is under way */
    bool again;              /* something happened meanwhile */
    uint64_t told;           /* hash of the content that was told last */
    uint64_t seen;           /* and of one that was read once */
    bool unsettled;          /* `seen` counts */
    unsigned faults;         /* in a row */
};

/* ---- reading ---- */

static int read_all(int fd, size_t limit, struct buf *out)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    do {
        n = read(fd, buf_reserve(out, 4096), 4096);
        if (n > 0)
            out->len += (size_t)n;
    } while ((n > 0 && out->len <= limit) || (n < 0 && errno == EINTR));
    return n < 0 ? -errno : out->len > limit ? -EFBIG : 0;
}

int file_read(const char *path, size_t limit, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

    if (fd < 0)
        return error_set(err, -errno, "cannot read %s: %s", path, uv_strerror(-errno));
    rc = read_all(fd, limit, out);
    close(fd);
    if (rc == -EINVAL)
        return error_set(err, rc, "cannot read %s: it is no regular file", path);
    if (rc == -EFBIG)
        return error_set(err, rc, "cannot read %s: it is larger than %zu bytes", path, limit);
    return rc == 0 ? 0 : error_set(err, rc, "cannot read %s: %s", path, uv_strerror(rc));
}

static void read_on_thread(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    (void)file_read(r->path, r->limit, &r->content, &r->fault);
    r->target = realpath(r->path, NULL);
}

static void free_reading(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    if (r->content.data != NULL)
        explicit_bzero(r->content.data, r->content.cap);
    buf_free(&r->content);
    free(r->path);
    free(r->target);
    free(r);
}

/* ---- watching ---- */

static void look_after(struct watched_file *f, uint64_t delay);

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct watch *w = container_of(event, struct watch, event);

    (void)name;
    (void)events;
    (void)status;
    if (w->file != NULL)
        look_after(w->file, SOON);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = container_of(handle, struct watch, event);

    free(w->directory);
    free(w);
}

static void close_watch(struct watch **at)
{
    struct watch *w = *at;

    *at = NULL;
    if (w == NULL)
        return;
    w->file = NULL;
    uv_close((uv_handle_t *)&w->event, on_watch_closed);
}

/* The directory that `path` lies in is the one that *at watches. */
static void watch_directory(struct watched_file *f, struct watch **at, const char *path)
{
    char *copy = mem_strdup(path), *directory = mem_strdup(dirname(copy));
    struct watch *w = *at;

    free(copy);
    if (w != NULL && strcmp(w->directory, directory) == 0) {
        free(directory);
        return;
    }
    close_watch(at);
    w = *at = mem_zalloc(sizeof(*w));
    w->file = f;
    w->directory = directory;
    uv_fs_event_init(&f->loop->uv, &w->event);
    uv_unref((uv_handle_t *)&w->event);
    if (uv_fs_event_start(&w->event, on_event, directory, 0) != 0)
        close_watch(at); /* the look every minute remains */
}

static void watch_both(struct watched_file *f, const char *target)
{
    watch_directory(f, &f->watches[0], f->path);
    if (target != NULL && strcmp(target, f->path) != 0)
        watch_directory(f, &f->watches[1], target);
    else
        close_watch(&f->watches[1]);
}

/* ---- what was read ---- */

static void take_fault(struct watched_file *f, const struct error *fault)
{
    f->unsettled = false;
    f->faults++;
    if (f->faults == 2)
        f->options.on_fault(f->options.owner, fault->text);
    look_after(f, f->faults < 2 ? ONCE_MORE : NS_PER_S);
}

static void take_content(struct watched_file *f, struct bytes content)
{
    uint64_t hash = bytes_hash(content);

    f->faults = 0;
    if (hash == f->told) {
        f->unsettled = false;
        look_after(f, EVERY);
        return;
    }
    if (!f->unsettled || hash != f->seen) {
        f->unsettled = true;
        f->seen = hash;
        look_after(f, ONCE_MORE);
        return;
    }
    f->unsettled = false;
    f->told = hash;
    look_after(f, EVERY);
    f->options.on_change(f->options.owner, content);
}

static void on_read(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);
    struct watched_file *f = r->file;
    bool again = f->again;

    f->reading = NULL;
    f->again = false;
    watch_both(f, r->target);
    if (again)
        look_after(f, SOON);
    if (r->fault.code != 0)
        take_fault(f, &r->fault);
    else
        take_content(f, buf_bytes(&r->content));
    free_reading(job);
}

static void on_timer(struct clock_timer *t)
{
    struct watched_file *f = container_of(t, struct watched_file, timer);
    struct reading *r;

    if (f->reading != NULL) {
        f->again = true;
        return;
    }
    r = f->reading = mem_zalloc(sizeof(*r));
    r->file = f;
    r->path = mem_strdup(f->path);
    r->limit = f->options.limit;
    r->job = (struct job){ .work = read_on_thread, .done = on_read, .drop = free_reading };
    job_start(f->loop, JOB_DISK, &r->job);
}

/* Unless it is due sooner. */
static void look_after(struct watched_file *f, uint64_t delay)
{
    struct clock *clock = &f->loop->clock;

    if (!clock_armed(&f->timer) || f->timer.due > clock_mono(clock) + delay)
        clock_start(clock, &f->timer, delay, on_timer);
}

/* ---- life ---- */

struct watched_file *watched_file_open(struct loop *loop, const struct watched_file_options *o, struct buf *content,
                                       struct error *err)
{
    struct watched_file *f;
    char *target;

    if (file_read(o->path, o->limit, content, err) != 0)
        return NULL;
    f = mem_zalloc(sizeof(*f));
    f->loop = loop;
    f->options = *o;
    f->path = mem_strdup(o->path);
    f->told = bytes_hash(buf_bytes(content));
    target = realpath(f->path, NULL);
    watch_both(f, target);
    free(target);
    look_after(f, SOON); /* what happened since it was read */
    return f;
}

void watched_file_look(struct watched_file *f)
{
    look_after(f, 1);
}

void watched_file_close(struct watched_file *f)
{
    if (f == NULL)
        return;
    clock_stop(&f->loop->clock, &f->timer);
    close_watch(&f->watches[0]);
    close_watch(&f->watches[1]);
    if (f->reading != NULL)
        job_abandon(&f->reading->job);
    free(f->path);
    free(f);
}
