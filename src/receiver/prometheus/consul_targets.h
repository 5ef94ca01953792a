/* SPDX-License-Identifier: Apache-2.0 */
/* What Consul answers: the datacenter, the names of services, and the instances of one. */
#ifndef RECEIVER_CONSUL_TARGETS_H
#define RECEIVER_CONSUL_TARGETS_H

#include "codec/json_tree.h"
#include "receiver/prometheus/target_group.h"

/* An answer's value, in `a`, with the fields that are needed: a list or an object. NULL and `err`: it is another. */
const struct json_node *consul_answer_read(struct bytes text, enum json_kind kind, struct arena *a, struct error *err);

/* Is the service wanted, by its name and by its tags in the catalog? */
bool consul_service_is_wanted(const struct consul_sd_config *c, const struct json_node *service);

/* Adds the instances of a service to g->out; `separator` stands between their tags. */
void consul_targets_make(const struct json_node *instances, const char *service, const char *datacenter,
                         const char *separator, struct target_group *g);

#endif
