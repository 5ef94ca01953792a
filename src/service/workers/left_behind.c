/* SPDX-License-Identifier: Apache-2.0 */
/* Each directory that the configuration writes to is looked at for those of workers (pipeline/storage.h), and these for
 * logs, in them or one below. Only who is not started any more is looked for, so in most cases there is nothing. */
#include "service/workers/left_behind.h"

#include "base/mem.h"
#include "pipeline/storage.h"
#include "wal/wal_io.h"
#include "wal/wal_scan.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEPTH 2 /* exporter, member */

static bool is_directory(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What cannot be read counts: it is not known to be empty. */
static bool holds_records(const char *directory)
{
    struct wal_scan scan = { .io = &wal_io_reading, .directory = directory };
    struct error err;
    bool holds = wal_scan_run(&scan, &err) != 0 || wal_state_held(&scan.state) > 0;

    wal_scan_free(&scan);
    return holds;
}

static bool holds_something(const char *directory, unsigned depth)
{
    DIR *d = opendir(directory);
    bool holds = false;

    for (struct dirent *e; d != NULL && !holds && (e = readdir(d)) != NULL;) {
        char *path;

        if (e->d_name[0] == '.')
            continue;
        path = mem_printf("%s/%s", directory, e->d_name);
        if (is_directory(path))
            holds = holds_records(path) || (depth > 1 && holds_something(path, depth - 1));
        free(path);
    }
    if (d != NULL)
        closedir(d);
    return holds;
}

unsigned left_behind_workers(const struct config *config, unsigned workers, char **where)
{
    *where = NULL;
    for (unsigned worker = WORKERS_MOST; worker > workers; worker--)
        for (size_t i = 0; i < config->n_writes; i++) {
            char *directory = storage_of_worker(config->writes[i], worker);

            if (worker > 1 && is_directory(directory) && holds_something(directory, DEPTH)) {
                *where = directory;
                return worker;
            }
            free(directory);
        }
    return workers;
}

const struct config_component *left_behind_alone(const struct config *config)
{
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < config->components[kind].n; i++) {
            const struct config_component *cc = &config->components[kind].v[i];

            if (cc->used && cc->component->spread == SPREAD_ALONE)
                return cc;
        }
    return NULL;
}
