/* SPDX-License-Identifier: Apache-2.0 */
/* Batches into files: encoded, and where they are grouped, each resource into the file of its path segment.
 *
 * One thread at a time, which may be one of the pool; nothing here touches a loop. */
#ifndef EXPORTER_FILE_WRITER_H
#define EXPORTER_FILE_WRITER_H

#include "base/error.h"
#include "exporter/file/file_output.h"
#include "otlp/batch.h"

struct file_writer_options {
    const char *path; /* grouped: with one '*' where the segment goes */
    bool append;      /* else what is in the files at the start is lost; with rotation it is kept too */
    bool proto, zstd;
    const char *group_attribute; /* of resources; NULL: not grouped */
    uint64_t max_open_files, max_files;
    mode_t mode; /* of files that are made */
    struct file_rotation rotation;
};

/* What became of one batch. */
struct file_written {
    int rc;            /* 0, or a negative errno: nothing of it is in the files, and it may be tried again */
    uint64_t missing;  /* items whose resource says no path segment: left out */
    uint64_t excess;   /* items that would need one file more than there may be: left out */
    uint64_t rejected; /* items that can never be written: left out */
    struct error err;  /* of rc or of what was rejected */
};

struct file_writer;

struct file_writer *file_writer_new(const struct file_writer_options *o); /* options are copied, texts too */
void file_writer_free(struct file_writer *w);

/* Opens the file; grouped, there is none yet. 0 or a negative errno. */
int file_writer_open(struct file_writer *w, struct error *err);

void file_writer_write(struct file_writer *w, const struct batch *batch, struct file_written *out);

/* From any thread: what it writes to is not what has that name by now; of groups of files that is not known, and said.
 */
bool file_writer_was_moved(const struct file_writer *w);

void file_writer_cancel(struct file_writer *w); /* from any thread: wait for no reader any longer */

uint64_t file_writer_bytes(const struct file_writer *w);   /* written so far */
uint64_t file_writer_rotated(const struct file_writer *w); /* times so far */

#endif
