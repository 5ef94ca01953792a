/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of what an API server of Kubernetes has: by role, with the labels that Prometheus gives them. */
#ifndef RECEIVER_KUBERNETES_TARGETS_H
#define RECEIVER_KUBERNETES_TARGETS_H

#include "kube/kube_store.h"
#include "receiver/prometheus/target_group.h"

enum kubernetes_role {
    KUBERNETES_POD,
    KUBERNETES_SERVICE,
    KUBERNETES_ENDPOINTS,
    KUBERNETES_ENDPOINTSLICE,
    KUBERNETES_NODE,
    KUBERNETES_INGRESS,
    KUBERNETES_ROLES
};

/* What is known; NULL: nobody asks for it. The role's own is there. */
struct kubernetes_view {
    enum kubernetes_role role;
    const struct kube_store *of_role[KUBERNETES_ROLES]; /* the role's, and those that it needs */
    const struct kube_store *namespaces, *replicasets, *jobs;
    bool job, cronjob; /* attach them */
};

/* Adds those of an object of the role to g->out. */
void kubernetes_targets_add(const struct kubernetes_view *v, const struct json_node *object, struct target_group *g);

/* The fields of objects that are looked at: for struct json_tree_rules. */
bool kubernetes_field_is_known(struct bytes parent, struct bytes key);

/* ---- the parts ---- */

/* `set` of the group: target_group_common or target_group_label. */
typedef void kubernetes_put(struct target_group *g, struct bytes name, struct bytes value);

/* Name, labels and annotations, as __meta_kubernetes_<kind>_... */
void kubernetes_put_metadata(const struct json_node *o, const char *kind, bool named, struct target_group *g,
                             kubernetes_put *put);
/* Of the namespace, or the node, of that name, where they are asked for. */
void kubernetes_put_namespace(const struct kubernetes_view *v, struct bytes ns, struct target_group *g);
void kubernetes_put_node(const struct kubernetes_view *v, struct bytes name, struct target_group *g,
                         kubernetes_put *put);
void kubernetes_put_pod(const struct kubernetes_view *v, const struct json_node *pod, struct target_group *g,
                        kubernetes_put *put);

void kubernetes_add_pod(const struct kubernetes_view *v, const struct json_node *pod, struct target_group *g);
void kubernetes_add_endpoints(const struct kubernetes_view *v, const struct json_node *endpoints,
                              struct target_group *g);
void kubernetes_add_slice(const struct kubernetes_view *v, const struct json_node *slice, struct target_group *g);

#endif
