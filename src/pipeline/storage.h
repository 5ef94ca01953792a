/* SPDX-License-Identifier: Apache-2.0 */
/* Where an extension lets exporters keep their queues. */
#ifndef PIPELINE_STORAGE_H
#define PIPELINE_STORAGE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct storage {
    const char *directory; /* each queue has its own below it */
    uint64_t max_bytes;    /* of each queue */
    bool fsync;
};

/* With service::workers the first one has the directory itself, as a process that is alone would; the others have one
 * below it each: the caller's to free. */
static inline char *storage_of_worker(const char *directory, unsigned worker)
{
    return worker > 1 ? mem_printf("%s/worker-%u", directory, worker) : mem_strdup(directory);
}

#endif
