/* SPDX-License-Identifier: Apache-2.0 */
/* Where an extension lets exporters keep their queues. */
#ifndef PIPELINE_STORAGE_H
#define PIPELINE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

struct storage {
    const char *directory; /* each queue has its own below it */
    uint64_t max_bytes;    /* of each queue */
    bool fsync;
};

#endif
