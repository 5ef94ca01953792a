/* SPDX-License-Identifier: Apache-2.0 */
/* Where an extension lets exporters keep their queues. */
#ifndef QUEUE_STORAGE_H
#define QUEUE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

struct node;

struct storage {
    const char *directory; /* each queue has its own below it */
    uint64_t max_bytes;    /* of each queue */
    bool fsync;
};

/* The storage that the started extension `id` offers to this exporter; NULL when it is none, which validation has
 * found out before. The extension's, for as long as the exporter lives. */
const struct storage *node_storage(const struct node *node, const char *id);

#endif
