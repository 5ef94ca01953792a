/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: the resource of our own telemetry. service.name, service.version and a service.instance.id made at
 * each start, as `service::telemetry::resource` changes them. All processes of one otelcd are one instance; what a
 * worker makes has its number beside that, otelcd.worker. */
#ifndef SERVICE_OWN_RESOURCE_H
#define SERVICE_OWN_RESOURCE_H

#include "base/buf.h"
#include "config/option.h"

struct own_attribute {
    char *name, *value;
};

struct own_resource {
    struct own_attribute *v;
    size_t n;
};

/* `changes`: a value of NULL takes a default away, others are set. Sorted by name. `instance_id` is the default's;
 * `worker` 0: this is none. */
void own_resource_init(struct own_resource *r, const char *instance_id, unsigned worker,
                       const struct string_map *changes);
void own_resource_free(struct own_resource *r);

void own_resource_json(const struct own_resource *r, struct buf *out); /* {"service.name": "otelcd", ...} */

/* A random UUID (version 4) with its NUL. */
void own_instance_id(char id[37]);

#endif
