/* SPDX-License-Identifier: Apache-2.0 */
/* An API server that a file of kubectl leads to. The file is watched, and so are those that it names: what changes
 * counts from the next request on. */
#ifndef KUBE_FILE_H
#define KUBE_FILE_H

#include "kube/kube_api.h"

struct kube_way;

struct kube_file {
    struct kube_api api; /* changes with the file: who uses it has a pointer to it */
    struct watched_file *watched;
    char *path, *context;
    struct kube_way *way; /* as it is now */
    struct list old;      /* ways that calls are still under way on */
    struct clock_timer timer;
};

/* A negative errno and `err`; kube_file_close() all the same, after all that uses its api. */
int kube_file_open(struct kube_file *f, const struct node *node, const char *path, const char *context,
                   struct error *err);
void kube_file_close(struct kube_file *f); /* also of one that is zeroed */

#endif
