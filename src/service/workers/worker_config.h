/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker is given to run: the sources of the configuration as the front has read them, and who it is. */
#ifndef SERVICE_WORKER_CONFIG_H
#define SERVICE_WORKER_CONFIG_H

#include "config/source.h"

struct worker_config {
    struct config_sources sources; /* points into the following */
    VEC(const char *) uris, sets;
    struct source_record record;
    const char *instance_id;
    struct buf text;
};

void worker_config_write(struct buf *out, const struct config_sources *sources, const struct source_record *record,
                         const char *instance_id);
/* `text` becomes its own. False: it is no such thing. To be freed in either case. */
bool worker_config_read(struct worker_config *c, struct buf *text);
void worker_config_free(struct worker_config *c);

#endif
