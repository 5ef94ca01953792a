/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up once its configuration is known, for good and for all its threads: new privileges, the
 * capabilities of root but two, running other programs, and writing anywhere but where the configuration says
 * (Landlock, where the kernel has it). Reading and ports stay as they are (docs/decisions/0013). */
#ifndef SERVICE_CONFINE_H
#define SERVICE_CONFINE_H

#include "base/log.h"
#include "service/config.h"

/* Which file it is: what is removed and made again is another one, where writing is not allowed. */
struct file_identity {
    uint64_t device, inode;
    int64_t born; /* ns; 0: not known */
};

struct confined_path {
    char *path; /* real: a directory, or a file that is none to be made anew */
    struct file_identity identity;
};

/* Zeroed: nothing was given up. */
struct confinement {
    bool files; /* writing is confined to: */
    VEC(struct confined_path) paths;
};

/* Before the first thread is made, and before anything that the configuration names, but for the log, is opened. Says
 * in the log what was given up, or why not: it is no reason not to start. `also`: one more path to write to, or NULL.
 * `starts_itself`: this very program may be run, for workers; each gives up the same again. */
void confine(struct confinement *c, const struct config *config, const char *also, bool starts_itself,
             const struct logger *log);

/* The first path that this configuration writes to and this process must not; NULL: none. */
const char *confinement_lacks(const struct confinement *c, const struct config *config);

void confinement_free(struct confinement *c);

#endif
