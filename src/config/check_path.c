/* SPDX-License-Identifier: Apache-2.0 */
/* A path with a key behind it; one that is too long is cut, which leaves the fault at what is around it. */
#include "config/check_path.h"

#include <stdarg.h>
#include <stdio.h>

#define KEY_ROOM 128

/* Was there room for all of it? */
static bool join_path(char *to, size_t size, const char *path, const char *key)
{
    int n = snprintf(to, size, "%s%s%s", path, path[0] != '\0' && key[0] != '\0' ? "::" : "", key);

    return n >= 0 && (size_t)n < size;
}

struct check_path check_path_at(struct check *ck, const char *path)
{
    return check_path_below(&(struct check_path){ .ck = ck }, path);
}

struct check_path check_path_below(const struct check_path *p, const char *key)
{
    struct check_path below = { .ck = p->ck };

    join_path(below.path, sizeof(below.path), p->path, key);
    return below;
}

struct check_path check_path_item(const struct check_path *p, const char *key, size_t n)
{
    char number[KEY_ROOM];

    snprintf(number, sizeof(number), "%s::%zu", key, n);
    return check_path_below(p, number);
}

void check_path_fail(const struct check_path *p, const char *key, const char *fmt, ...)
{
    char at[sizeof(p->path) + KEY_ROOM], text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    join_path(at, sizeof(at), p->path, key);
    check_fail(p->ck, at, "%s", text);
}

void check_path_warn(const struct check_path *p, const char *key, const char *text)
{
    char at[sizeof(p->path) + KEY_ROOM];

    join_path(at, sizeof(at), p->path, key);
    check_warn(p->ck, at, "%s", text);
}
