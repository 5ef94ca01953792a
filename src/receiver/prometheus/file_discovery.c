/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that stand in files. A job on a thread expands the patterns and reads the files, as lists of groups. That is
 * done at the start, at each refresh_interval, and a moment after something has happened in one of the directories (the
 * kernel tells).
 *
 * A file that cannot be read, or has a fault, keeps the targets that it had; one that is gone has none, and neither has
 * one beyond the number that is read, which is told. */
#include "receiver/prometheus/discovery.h"

#include "base/loop/watched_file.h"

#include <glob.h>
#include <libgen.h>
#include <stdlib.h>

#define SOON (100 * NS_PER_MS) /* who writes a file may do it in several steps */
#define MOST_FILES 1000u

struct file_discovery;

/* libuv's handles close late, so they are apart. */
struct watch {
    uv_fs_event_t event;
    struct file_discovery *of; /* NULL: it is being closed */
};

struct found_file {
    char *path;
    struct target_list found;
    struct error fault;
};

struct reading {
    struct job job;
    struct file_discovery *of;
    VEC(char *) patterns;
    VEC(struct found_file) files;
    size_t left_out; /* files */
};

struct file_discovery {
    struct discovery base;
    const struct file_sd_config *config;
    struct clock_timer timer;
    struct reading *reading; /* NULL: none is under way */
    bool again;              /* something happened meanwhile */
    bool soon;               /* it will be looked at in a moment, however much more happens */
    size_t left_out;         /* at the last look */
    struct complaint crowded;
    struct metric *left_out_metric;
    VEC(struct watch *) watches;
};

static void look_at_files(struct clock_timer *timer);

static void look_after(struct file_discovery *f, uint64_t delay)
{
    clock_start(&f->base.node->host->loop->clock, &f->timer, delay, look_at_files);
}

/* ---- on the thread ---- */

static bool is_json(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL && (strcmp(dot, ".json") == 0 || strcmp(dot, ".JSON") == 0);
}

static void read_file(struct found_file *file)
{
    struct buf content = { 0 };

    if (file_read(file->path, DISCOVERY_MAX_BYTES, &content, &file->fault) == 0)
        (void)target_list_read(buf_bytes(&content), is_json(file->path), "__meta_filepath", file->path, &file->found,
                               &file->fault);
    buf_free(&content);
}

static void read_matches(struct reading *r, const char *pattern)
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct found_file *file;

        if (r->files.n == MOST_FILES) {
            r->left_out += found.gl_pathc - i;
            break;
        }
        file = vec_push(&r->files);
        *file = (struct found_file){ .path = mem_strdup(found.gl_pathv[i]) };
        read_file(file);
    }
    globfree(&found);
}

static void read_on_thread(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    for (size_t i = 0; i < r->patterns.n; i++)
        read_matches(r, r->patterns.v[i]);
}

static void free_reading(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);

    for (size_t i = 0; i < r->patterns.n; i++)
        free(r->patterns.v[i]);
    for (size_t i = 0; i < r->files.n; i++) {
        free(r->files.v[i].path);
        target_list_free(&r->files.v[i].found);
    }
    vec_free(&r->patterns);
    vec_free(&r->files);
    free(r);
}

/* ---- on the loop ---- */

static void take_file(struct file_discovery *f, struct found_file *file)
{
    struct discovery_list *l = discovery_find(&f->base, file->path);

    if (file->fault.code == 0) {
        discovery_set(&f->base, file->path, &file->found);
        return;
    }
    discovery_fail(&f->base, "file", file->path, file->fault.text);
    if (l != NULL)
        l->seen = true;
}

/* All sources of the receiver count in one. */
static void count_left_out(struct file_discovery *f, size_t n)
{
    metric_set(f->left_out_metric, f->left_out_metric->value - (double)f->left_out + (double)n);
    f->left_out = n;
}

/* How many files there are beyond those that are read. */
static void take_left_out(struct file_discovery *f, size_t n)
{
    count_left_out(f, n);
    if (n == 0)
        (void)complaint_over(&f->crowded);
    else if (complaint_due(&f->crowded, &f->base.node->host->loop->clock))
        log_error(&f->base.node->log, "More files match than are read: the others give no targets",
                  F_STR("discovery", "file"), F_STR("from", f->config->files.v[0]), F_UINT("read", MOST_FILES),
                  F_UINT("left_out", n), F_STR("advice", "put several targets into one file"),
                  F_UINT("times", complaint_taken(&f->crowded)));
}

static void on_read(struct job *job)
{
    struct reading *r = container_of(job, struct reading, job);
    struct file_discovery *f = r->of;

    f->reading = NULL;
    for (size_t i = 0; i < f->base.lists.n; i++)
        f->base.lists.v[i].seen = false;
    for (size_t i = 0; i < r->files.n; i++)
        take_file(f, &r->files.v[i]);
    for (size_t i = f->base.lists.n; i > 0; i--)
        if (!f->base.lists.v[i - 1].seen)
            discovery_remove(&f->base, i - 1);
    take_left_out(f, r->left_out);
    free_reading(job);
    look_after(f, f->again ? SOON : f->config->refresh);
    f->again = false;
}

static void look_at_files(struct clock_timer *timer)
{
    struct file_discovery *f = container_of(timer, struct file_discovery, timer);
    struct reading *r;

    f->soon = false;
    if (f->reading != NULL) {
        f->again = true;
        return;
    }
    r = f->reading = mem_zalloc(sizeof(*r));
    r->job = (struct job){ .work = read_on_thread, .done = on_read, .drop = free_reading };
    r->of = f;
    for (size_t i = 0; i < f->config->files.n; i++)
        *vec_push(&r->patterns) = mem_strdup(f->config->files.v[i]);
    job_start(f->base.node->host->loop, JOB_DISK, &r->job);
}

/* ---- directories ---- */

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct file_discovery *f = container_of(event, struct watch, event)->of;

    (void)name;
    (void)events;
    (void)status;
    if (f == NULL)
        return;
    if (f->reading != NULL) {
        f->again = true;
    } else if (!f->soon) {
        f->soon = true;
        look_after(f, SOON);
    }
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct watch, event));
}

static void close_watch(struct watch *w)
{
    w->of = NULL;
    uv_close((uv_handle_t *)&w->event, on_watch_closed);
}

/* One that cannot be watched is looked at every refresh_interval all the same. */
static void watch_directory_of(struct file_discovery *f, const char *pattern)
{
    char *copy = mem_strdup(pattern);
    struct watch *w = mem_zalloc(sizeof(*w));

    w->of = f;
    uv_fs_event_init(&f->base.node->host->loop->uv, &w->event);
    uv_unref((uv_handle_t *)&w->event);
    if (uv_fs_event_start(&w->event, on_event, dirname(copy), 0) == 0)
        *vec_push(&f->watches) = w;
    else
        close_watch(w);
    free(copy);
}

static void start(struct discovery *d)
{
    struct file_discovery *f = container_of(d, struct file_discovery, base);

    for (size_t i = 0; i < f->config->files.n; i++)
        watch_directory_of(f, f->config->files.v[i]);
    look_at_files(&f->timer);
}

static void free_discovery(struct discovery *d)
{
    struct file_discovery *f = container_of(d, struct file_discovery, base);

    clock_stop(&d->node->host->loop->clock, &f->timer);
    for (size_t i = 0; i < f->watches.n; i++)
        close_watch(f->watches.v[i]);
    vec_free(&f->watches);
    if (f->reading != NULL)
        job_abandon(&f->reading->job);
    count_left_out(f, 0);
    discovery_close(d);
    free(f);
}

const struct metric_row file_discovery_row =
    METRIC_ROW("otelcd_scraper_files_left_out", METRIC_GAUGE, "{files}",
               "Files that match the patterns of file_sd_configs and are not read, because there are more than 1,000.");

static const struct discovery_ops file_ops = { .start = start, .free = free_discovery };

struct discovery *file_discovery_new(const struct node *node, const struct file_sd_config *c)
{
    struct file_discovery *f = mem_zalloc(sizeof(*f));

    f->base.ops = &file_ops;
    f->base.node = node;
    f->config = c;
    f->left_out_metric =
        metrics_get(node->host->metrics, &file_discovery_row, &(struct metric_label){ "receiver", node->id }, 1);
    return &f->base;
}
