/* SPDX-License-Identifier: Apache-2.0 */
/* Each file that --config names is watched (base/loop/watched_file.h), which knows of files that are replaced and of
 * symbolic links that are turned, and tells only of content that is new and whole. A change waits for others, since a
 * directory that is replaced as a whole changes several files one after another; but not for ever. */
#include "service/reload/config_watch.h"

#include "base/loop/loop.h"
#include "base/loop/watched_file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "config/yaml.h"

#include <stdlib.h>

#define QUIET (250 * NS_PER_MS)
#define LONGEST (2 * NS_PER_S)

struct config_watch {
    struct loop *loop;
    const struct logger *log;
    VEC(struct watched_file *) files;
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
        *vec_push(&w->files) = f;
    else
        log_warn(w->log, "A file of the configuration is not watched", F_STR("path", path), F_STR("error", err.text));
}

struct config_watch *config_watch_open(struct loop *loop, const struct config_sources *sources,
                                       const struct logger *log, void (*changed)(void *arg), void *arg)
{
    struct config_watch *w = mem_zalloc(sizeof(*w));

    *w = (struct config_watch){ .loop = loop, .log = log, .changed = changed, .arg = arg };
    for (size_t i = 0; i < sources->n_uris; i++) {
        const char *path = source_path(sources->uris[i]);

        if (path != NULL)
            watch_file(w, path);
    }
    log_info(log, "Watching the configuration", F_UINT("files", w->files.n));
    return w;
}

void config_watch_close(struct config_watch *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->files.n; i++)
        watched_file_close(w->files.v[i]);
    clock_stop(&w->loop->clock, &w->due);
    vec_free(&w->files);
    free(w);
}
