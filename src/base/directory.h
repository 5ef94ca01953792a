/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that an option asks to be made. */
#ifndef BASE_DIRECTORY_H
#define BASE_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

/* "0755": octal, as users write permissions. False: it is no octal number. Bits beyond 0777 are the caller's to judge.
 */
bool directory_mode(const char *text, mode_t *mode);

/* Makes `path` and those above it where they are missing. 0, also when it is there; a negative errno when the last one
 * cannot be made. */
int directory_make(const char *path, mode_t mode);

/* The same for the directory that the file `path` lies in. */
int directory_make_for(const char *path, mode_t mode);

/* Is the directory that the file `path` lies in there, and `path` itself none? 0; -EISDIR, or the negative errno of the
 * directory. */
int directory_check_for(const char *path);

#endif
