/* SPDX-License-Identifier: Apache-2.0 */
/* What the watches of a cluster tell, and what is kept of it. Of the owners (struct k8s_kind) of watches. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_KNOWN_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_KNOWN_H

#include "processor/k8s_attributes/k8s_cluster.h"

bool k8s_known_put_pod(void *owner, const struct json_node *root, bool renewed, struct error *err);
void k8s_known_pod_gone(void *owner, const struct kube_object *o);
bool k8s_known_put_thing(void *owner, const struct json_node *root, bool renewed, struct error *err);
void k8s_known_thing_gone(void *owner, const struct kube_object *o);

/* What is kept of what pods belong to, as the rule of its tree. */
bool k8s_thing_field(struct bytes parent, struct bytes key);

/* It is known by its name; others have names only within a namespace, and are known by their uid. */
static inline bool k8s_has_name(enum k8s_from kind)
{
    return kind == K8S_NAMESPACE || kind == K8S_NODE;
}

/* Of a cluster that has its rules. */
void k8s_known_init(struct k8s_cluster *c);
void k8s_known_free(struct k8s_cluster *c);

#endif
