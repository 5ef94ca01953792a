/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of what a Docker daemon answers. */
#ifndef RECEIVER_DOCKER_TARGETS_H
#define RECEIVER_DOCKER_TARGETS_H

#include "codec/json_tree.h"
#include "receiver/prometheus/target_group.h"

/* An answer about containers or networks, in `a`, with the fields that are needed. NULL and `err`: it is no list. */
const struct json_node *docker_answer_read(struct bytes text, struct arena *a, struct error *err);

/* Adds them to g->out. */
void docker_targets_make(const struct json_node *containers, const struct json_node *networks,
                         const struct docker_sd_config *c, struct target_group *g);

#endif
