/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a component's body a check is: at an item of a list, say, in whose keys there may be more of the kind. */
#ifndef CONFIG_CHECK_PATH_H
#define CONFIG_CHECK_PATH_H

#include "config/option.h"

struct check_path {
    struct check *ck;
    char path[256]; /* "policies::2::and::and_sub_policy::0"; "": the body itself */
};

/* The path of what stands at `path`, and of what is at a key below another. */
struct check_path check_path_at(struct check *ck, const char *path);
struct check_path check_path_below(const struct check_path *p, const char *key);

/* The path of the n-th item of a list, below another. */
struct check_path check_path_item(const struct check_path *p, const char *key, size_t n);

/* At a key below the path, or with "" at the path itself. */
void check_path_fail(const struct check_path *p, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_path_warn(const struct check_path *p, const char *key, const char *text);

#endif
