/* SPDX-License-Identifier: Apache-2.0 */
/* As `mkdir -p`: each parent is tried whether or not it is there, and what went wrong on the way shows in the last one.
 */
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

/* "a" of "a/b"; NULL where it is the working directory or the root. The caller's to free. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL || slash == path ? NULL : mem_printf("%.*s", (int)(slash - path), path);
}

int directory_make_for(const char *path, mode_t mode)
{
    char *directory = directory_of(path);
    int rc = directory != NULL ? directory_make(directory, mode) : 0;

    free(directory);
    return rc;
}

int directory_check_for(const char *path)
{
    char *directory = directory_of(path);
    struct stat st = { .st_mode = S_IFDIR };
    int rc = 0;

    if (directory != NULL && stat(directory, &st) != 0)
        rc = -errno;
    else if (!S_ISDIR(st.st_mode))
        rc = -ENOTDIR;
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        rc = -EISDIR;
    free(directory);
    return rc;
}
