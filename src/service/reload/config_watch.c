/* SPDX-License-Identifier: Apache-2.0 */
/* Each file that --config names, or a ${file:...} in what was read, is watched (base/loop/watched_file.h), which knows
 * of files that are replaced and of symbolic links that are turned, and tells only of content that is new and whole. A
 * change waits for others, since a directory that is replaced as a whole changes several files one after another; but
 * not for ever. */
#include "service/reload/config_watch.h"

#include "base/loop/loop.h"
#include "base/loop/watched_file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

#define QUIET (250 * NS_PER_MS)
#define LONGEST (2 * NS_PER_S)

struct followed {
    char *path;
    struct watched_file *file;
};

struct config_watch {
    struct loop *loop;
    const struct logger *log;
    const struct config_sources *sources;
    VEC(struct followed) files;
    struct clock_timer due;
    uint64_t since; /* mono ns: of the first change that waits */
    void (*changed)(void *arg);
    void *arg;
};

static void on_due(struct clock_timer *t)
{
    struct config_watch *w = container_of(t, struct config_watch, due);

    w->changed(w->arg);
}

static void on_change(void *owner, struct bytes content)
{
    struct config_watch *w = owner;
    uint64_t now = clock_mono(&w->loop->clock), wait = QUIET;

    (void)content;
    if (!clock_armed(&w->due))
        w->since = now;
    if (now + wait > w->since + LONGEST)
        wait = w->since + LONGEST > now ? w->since + LONGEST - now : 0;
    clock_start(&w->loop->clock, &w->due, wait, on_due);
}

static void on_fault(void *owner, const char *why)
{
    const struct config_watch *w = owner;

    log_warn(w->log, "A file of the configuration cannot be read any more: what was read of it counts",
             F_STR("error", why));
}

static void watch_file(struct config_watch *w, const char *path)
{
    struct watched_file_options o = {
        .path = path, .limit = YAML_MAX_BYTES, .on_change = on_change, .on_fault = on_fault, .owner = w
    };
    struct buf content = { 0 };
    struct error err = { 0 };
    struct watched_file *f = watched_file_open(w->loop, &o, &content, &err);

    buf_free(&content);
    if (f != NULL)
        *vec_push(&w->files) = (struct followed){ mem_strdup(path), f };
    else
        log_warn(w->log, "A file of the configuration is not watched", F_STR("path", path), F_STR("error", err.text));
}

static bool is_watched(const struct config_watch *w, const char *path)
{
    for (size_t i = 0; i < w->files.n; i++)
        if (strcmp(w->files.v[i].path, path) == 0)
            return true;
    return false;
}

/* By a --config or a ${file:...}. */
static bool is_named(const struct config_watch *w, const char *path)
{
    const struct config_sources *s = w->sources;
    const char *named;

    for (size_t i = 0; i < s->n_uris; i++)
        if ((named = source_path(s->uris[i])) != NULL && strcmp(named, path) == 0)
            return true;
    for (size_t i = 0; s->files != NULL && i < s->files->paths.n; i++)
        if (strcmp(s->files->paths.v[i], path) == 0)
            return true;
    return false;
}

static void close_file(struct followed *f)
{
    watched_file_close(f->file);
    free(f->path);
}

void config_watch_follow(struct config_watch *w, bool whole)
{
    size_t n = 0;

    if (w == NULL)
        return;
    for (size_t i = 0; i < w->files.n; i++) {
        if (whole && !is_named(w, w->files.v[i].path))
            close_file(&w->files.v[i]);
        else
            w->files.v[n++] = w->files.v[i];
    }
    w->files.n = n;
    for (size_t i = 0; w->sources->files != NULL && i < w->sources->files->paths.n; i++)
        if (!is_watched(w, w->sources->files->paths.v[i]))
            watch_file(w, w->sources->files->paths.v[i]);
}

struct config_watch *config_watch_open(struct loop *loop, const struct config_sources *sources,
                                       const struct logger *log, void (*changed)(void *arg), void *arg)
{
    struct config_watch *w = mem_zalloc(sizeof(*w));

    *w = (struct config_watch){ .loop = loop, .log = log, .sources = sources, .changed = changed, .arg = arg };
    for (size_t i = 0; i < sources->n_uris; i++) {
        const char *path = source_path(sources->uris[i]);

        if (path != NULL && !is_watched(w, path))
            watch_file(w, path);
    }
    config_watch_follow(w, true);
    log_info(log, "Watching the configuration", F_UINT("files", w->files.n));
    return w;
}

void config_watch_close(struct config_watch *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->files.n; i++)
        close_file(&w->files.v[i]);
    clock_stop(&w->loop->clock, &w->due);
    vec_free(&w->files);
    free(w);
}
