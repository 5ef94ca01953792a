/* SPDX-License-Identifier: Apache-2.0 */
/* The file_storage extension: a directory for the queues of exporters (docs/wal-format.md). It does nothing by itself:
 * exporters ask for its `storage` by name and have a directory of their own below, which they lock and write. With
 * workers each has one more level, so that they never meet.
 *
 * What can go wrong: the directory is not there or is none: refused when the configuration is read, unless it is to be
 * made; that it cannot be made is told when the node starts. What is damaged inside is the queue's matter. */
#include "base/directory.h"
#include "base/mem.h"
#include "pipeline/component.h"
#include "pipeline/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NO_LIMIT (1ull << 46) /* 64 TiB */
#define SMALLEST (8ull * 1024 * 1024)

struct file_storage_config {
    const char *directory;
    bool fsync, create_directory;
    const char *directory_permissions;
    uint64_t max_size;
};

static const struct option options[] = {
    OPT_STRING(struct file_storage_config, directory, "/var/lib/otelcol/file_storage",
               "Where queues are kept; each exporter has a directory of its own below it."),
    OPT_BOOL(struct file_storage_config, fsync, "true",
             "Senders are answered when their batch is synced. Without it a power failure may lose the last seconds."),
    OPT_BOOL(struct file_storage_config, create_directory, "false", "Make the directory when it is not there."),
    OPT_STRING(struct file_storage_config, directory_permissions, "0750", "With create_directory: its mode, in octal."),
    OPT_UINT(struct file_storage_config, max_size, "0", NULL, NULL,
             "Bytes that each queue may take on disk, at least 8 MiB; 0 for no limit."),
    OPT_IGNORED("timeout", "a directory that is in use is an error at once, nobody waits for its lock"),
    OPT_IGNORED("recreate", "what is damaged is skipped and counted, and the rest is kept"),
    OPT_IGNORED("compaction", "files are removed as soon as all in them is delivered"),
    OPT_END,
};

struct file_storage {
    struct node node;
    const struct file_storage_config *config;
    struct storage storage;
    char *directory; /* a worker's own, below the one that is configured; NULL: it is that one */
};

static void check(const void *config, struct check *ck)
{
    const struct file_storage_config *c = config;
    struct stat st;
    mode_t mode;

    if (c->max_size != 0 && c->max_size < SMALLEST)
        check_fail(ck, "max_size", "at least 8388608 (8 MiB), or 0 for no limit");
    if (c->create_directory && !directory_mode(c->directory_permissions, &mode))
        check_fail(ck, "directory_permissions", "directory_permissions value must be a valid octal representation");
    else if (c->create_directory && (mode & ~(mode_t)0777) != 0)
        check_fail(ck, "directory_permissions", "directory_permissions contain invalid bits for file access");
    if (stat(c->directory, &st) != 0) {
        if (!c->create_directory)
            check_fail(ck, "directory",
                       "directory must exist: %s: %s. You can enable the create_directory option to automatically "
                       "create it",
                       c->directory, uv_strerror(-errno));
    } else if (!S_ISDIR(st.st_mode)) {
        check_fail(ck, "directory", "%s is not a directory", c->directory);
    }
}

static void claim(const void *config, struct claims *claims)
{
    claim_writes(claims, ((const struct file_storage_config *)config)->directory);
}

static struct file_storage *storage_of(struct node *node)
{
    return container_of(node, struct file_storage, node);
}

static const struct storage *offer_storage(const struct node *node)
{
    return &container_of_const(node, struct file_storage, node)->storage;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct file_storage *s = storage_of(node);

    (void)err;
    s->config = config;
    if (node->host->worker > 1)
        s->directory = storage_of_worker(s->config->directory, node->host->worker);
    s->storage = (struct storage){
        .directory = s->directory != NULL ? s->directory : s->config->directory,
        .max_bytes = s->config->max_size != 0 ? s->config->max_size : NO_LIMIT,
        .fsync = s->config->fsync,
    };
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct file_storage *s = storage_of(node);
    mode_t mode = 0750;
    int rc;

    if (!s->config->create_directory && s->directory == NULL)
        return 0;
    (void)directory_mode(s->config->directory_permissions, &mode);
    rc = directory_make(s->storage.directory, mode);
    if (rc != 0)
        return error_set(err, rc, "cannot make the directory %s: %s", s->storage.directory, uv_strerror(rc));
    return 0;
}

static void destroy(struct node *node)
{
    free(storage_of(node)->directory);
}

extern const struct component file_storage_extension;
const struct component file_storage_extension = {
    COMPONENT_TYPE("file_storage", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "A directory in which exporters keep their queues, so that what was accepted survives restarts.",
    COMPONENT_CONFIG(struct file_storage_config, options, .check = check, .claim = claim),
    COMPONENT_NODE(struct file_storage, .create = create, .start = start, .destroy = destroy, .storage = offer_storage),
};
