/* SPDX-License-Identifier: Apache-2.0 */
/* Renames of files that have grown, and the end of those that are too old or too many. */
#ifndef EXPORTER_FILE_ROTATE_H
#define EXPORTER_FILE_ROTATE_H

#include "exporter/file/file_output.h"

/* `path` becomes a backup with the time in its name; backups beyond what `r` allows are removed, as well as it goes.
 * 0 or a negative errno and `err`: then the file is where it was. */
int file_rotate(const char *path, const struct file_rotation *r, struct error *err);

/* Only the last part: removes backups of `path`. */
void file_remove_backups(const char *path, const struct file_rotation *r);

#endif
