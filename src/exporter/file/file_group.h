/* SPDX-License-Identifier: Apache-2.0 */
/* Resources grouped by an attribute, and the files that the groups go to, of which only so many stay open. */
#ifndef EXPORTER_FILE_GROUP_H
#define EXPORTER_FILE_GROUP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "exporter/file/file_output.h"

#include <errno.h>

/* --- groups of a request --- */

struct file_group_part {
    struct bytes segment; /* the attribute's text; data NULL: there is none */
    struct bytes field;   /* the resource's whole field in the request */
};

struct file_groups {
    VEC(struct file_group_part) parts; /* by segment, then as they came */
    struct buf rest;                   /* fields of the request that are no resource: each group has them */
    struct buf request;                /* the last group's */
    struct arena texts;                /* of segments that are no strings */
    size_t at;
};

/* `wire` is a valid request of any signal; it stays. */
void file_groups_init(struct file_groups *g, struct bytes wire, struct bytes attribute);

/* The next group, a request of its own, valid until the next call. A segment is a string's text, or an integer's or
 * bool's; resources without the attribute, or with one of another type, come with segment->data NULL. */
bool file_groups_next(struct file_groups *g, struct bytes *segment, struct bytes *request);
void file_groups_free(struct file_groups *g);

/* --- their files --- */

struct file_slot {
    struct file_output output;
    uint64_t used;  /* when last */
    uint64_t batch; /* that wrote to it last */
    uint64_t mark;  /* where that batch began */
};

struct file_outputs {
    const struct file_output *model; /* its path is the pattern */
    bool append;
    uint64_t max, max_known;
    VEC(struct file_slot *) slots;
    uint64_t uses, batch, rotated;
    uint64_t *known; /* table of the hashes of all paths that were asked for */
    size_t n_known;
};

/* `max`: open at once; `max_known`: paths in all, as what names them comes from senders. */
void file_outputs_init(struct file_outputs *f, const struct file_output *model, bool append, uint64_t max,
                       uint64_t max_known);
void file_outputs_free(struct file_outputs *f);
uint64_t file_outputs_rotated(const struct file_outputs *f);

#define FILE_OUTPUTS_FULL (-ERANGE)

/* The open file of a segment; directories are made. No segment leads out of what stands before the pattern's '*'.
 * FILE_OUTPUTS_FULL: it would be one path too many. */
int file_outputs_get(struct file_outputs *f, struct bytes segment, struct file_output **out, struct error *err);

/* A batch begins; it has written to `o`; all that it has written to files that are still open is taken back. */
void file_outputs_begin(struct file_outputs *f);
void file_outputs_mark(struct file_outputs *f, struct file_output *o);
void file_outputs_take_back(struct file_outputs *f);

/* The path for a segment, for the caller to free. */
char *file_group_path(const char *pattern, struct bytes segment);

#endif
