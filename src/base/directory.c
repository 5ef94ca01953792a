/* SPDX-License-Identifier: Apache-2.0 */
#include "base/directory.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool directory_mode(const char *text, mode_t *mode)
{
    char *end;
    long v = strtol(text, &end, 8);

    *mode = (mode_t)v;
    return *text != '\0' && *end == '\0' && v >= 0;
}

int directory_make(const char *path, mode_t mode)
{
    char *copy = mem_strdup(path);
    int rc = 0;

    if (*copy == '\0') {
        free(copy);
        return 0;
    }
    for (char *p = copy + 1; *p != '\0'; p++)
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(copy, mode); /* what is missing shows in the last one */
            *p = '/';
        }
    if (mkdir(copy, mode) != 0 && errno != EEXIST)
        rc = -errno;
    free(copy);
    return rc;
}

int directory_make_for(const char *path, mode_t mode)
{
    const char *slash = strrchr(path, '/');
    char *directory;
    int rc;

    if (slash == NULL || slash == path)
        return 0;
    directory = mem_printf("%.*s", (int)(slash - path), path);
    rc = directory_make(directory, mode);
    free(directory);
    return rc;
}
