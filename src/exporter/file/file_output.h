/* SPDX-License-Identifier: Apache-2.0 */
/* One file that messages are appended to: each whole or not at all.
 *
 * A write that fails in the middle is taken back by cutting the file to where it began, if need be before the next one.
 * In what cannot be cut (a pipe, a terminal) a line that was begun is ended first. With rotation a file that a message
 * would make too large is renamed, NAME-2006-01-02T15-04-05.000-size.EXT, and a new one begun; old ones are removed.
 * A file that somebody removed is made anew; one that ends within a line gets a newline first. Everything here may wait
 * for the disk: it is for a job. */
#ifndef EXPORTER_FILE_OUTPUT_H
#define EXPORTER_FILE_OUTPUT_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdatomic.h>
#include <sys/types.h>

struct file_rotation {
    uint64_t max_bytes;   /* of one file; 0 = no rotation. A message that is larger has a file for itself */
    uint64_t max_days;    /* rotated files are kept; 0 = for good */
    uint64_t max_backups; /* rotated files are kept; 0 = all */
    bool localtime;       /* in their names; else UTC */
};

struct file_output {
    char *path;
    int fd;                             /* -1: to be opened with the next write */
    bool regular;                       /* can be cut and rotated */
    bool torn;                          /* what lies behind `begin` (of a regular file) is to be taken back */
    bool unended;                       /* somebody's last line has no newline yet */
    bool lines;                         /* messages end with a newline */
    mode_t mode;                        /* of a file that is made */
    uint64_t begin;                     /* where the last write began */
    uint64_t rotated;                   /* times */
    atomic_uint_fast64_t device, inode; /* of the regular file that was opened last; 0: of none */
    const struct file_rotation *rotation;
    const atomic_bool *cancelled; /* a reader that does not read is not waited for any longer */
};

/* Opens the file, makes it when it is missing; `truncate`: empties it. 0 or a negative errno and `err`. A symbolic link
 * is refused (-ELOOP), for somebody may have put it there; those in /dev and /proc are the system's. */
int file_output_open(struct file_output *o, bool truncate, struct error *err);

/* From any thread: another file, or none, has its name by now. */
bool file_output_was_moved(const struct file_output *o);

/* 0: all of it is in the file. Else a negative errno and `err`, and none of it is. */
int file_output_write(struct file_output *o, struct bytes message, struct error *err);

/* Takes back what was written from `begin` on, where the file can be cut. */
void file_output_take_back(struct file_output *o, uint64_t begin);

void file_output_close(struct file_output *o); /* the path is the caller's */

#endif
