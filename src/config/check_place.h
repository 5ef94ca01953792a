/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a component's body a check is: at an item of a list, say, in whose keys there may be more of the kind. */
#ifndef CONFIG_CHECK_PLACE_H
#define CONFIG_CHECK_PLACE_H

#include "config/option.h"

struct check_place {
    struct check *ck;
    char path[256]; /* "policies::2::and::and_sub_policy::0"; "": the body itself */
};

/* The place of the n-th item of a list, below another. */
struct check_place check_place_item(const struct check_place *p, const char *key, size_t n);

/* At a key below the place, or with "" at the place itself. */
void check_place_fail(const struct check_place *p, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_place_warn(const struct check_place *p, const char *key, const char *text);

#endif
