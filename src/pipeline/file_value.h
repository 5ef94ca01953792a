/* SPDX-License-Identifier: Apache-2.0 */
/* A value that is written in the configuration, or stands in a file that may change: a password, a client's id. */
#ifndef PIPELINE_FILE_VALUE_H
#define PIPELINE_FILE_VALUE_H

#include "base/error.h"
#include "base/log.h"
#include "base/loop/loop.h"

struct check;
struct watched_file;

struct file_value {
    const char *text;                      /* what it is now; never NULL once it is open */
    uint64_t generation;                   /* another number each time that it changes */
    void (*changed)(struct file_value *v); /* may be NULL */
    void *owner;                           /* whose it is */

    char *memory;
    const char *path;
    const struct logger *log;
    struct watched_file *file;
};

/* A `path` that is not "" goes before `written`: the file's content, without the white space around it. It must not be
 * empty, nor have control characters. What is set of `v` (changed, owner) stays; what is given outlives it. */
int file_value_open(struct file_value *v, struct loop *loop, const struct logger *log, const char *written,
                    const char *path, struct error *err);
void file_value_close(struct file_value *v); /* also of one that is zeroed */

/* A component's check: the file that the option at `key` names, unless it is "", must do for file_value_open(). Blocks.
 */
void file_value_check(struct check *ck, const char *key, const char *path);

/* May a header have that value, and that name? */
bool header_value_is_clean(struct bytes value);
bool header_name_is_valid(const char *name);

#endif
