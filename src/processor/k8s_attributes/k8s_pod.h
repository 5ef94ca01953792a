/* SPDX-License-Identifier: Apache-2.0 */
/* A pod as the processor needs it: what its resources get, ready to be put in, and by what it is found. All of it is in
 * one piece of memory. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_POD_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_POD_H

#include "base/list.h"
#include "processor/k8s_attributes/k8s_rules.h"

/* What a pod belongs to. */
enum k8s_owner { OWNER_REPLICASET, OWNER_DAEMONSET, OWNER_STATEFULSET, OWNER_JOB, K8S_OWNERS };

struct k8s_container {
    struct bytes name, id; /* id: without the runtime in front; empty: it has none, or not yet */
    bool has_status;
    int64_t restarts;
    struct k8s_slots attributes;
    struct k8s_slots run; /* of this start of it; set where they are not there */
};

struct k8s_entry;

struct k8s_pod {
    struct list all;           /* in the index's list */
    struct list link;          /* in that of those that are gone */
    struct k8s_entry *entries; /* by which it is found; it lives as long as it has any */
    uint64_t due;              /* mono ns: when one that is gone is forgotten */
    size_t size;
    bool ignored, host_network;
    struct bytes uid, name, ns, node, ip;
    struct bytes started; /* as the API server writes times; empty: not yet */
    struct {
        struct bytes name, uid;
    } owner[K8S_OWNERS];              /* empty: none of that kind */
    struct bytes deployment, cronjob; /* as their names follow from the owner's; empty: there is none */
    struct k8s_slots attributes;
    struct k8s_container *containers;
    size_t n_containers;
};

#define K8S_MOST_CONTAINERS 512u /* of a pod; those behind are left out */

/* What is used again for each. */
struct k8s_reader {
    const struct k8s_rules *rules;
    struct regex *image;
    struct k8s_tags tags;
    struct k8s_pod pod; /* in the making: its texts are the object's */
    VEC(struct k8s_container) containers;
    VEC(size_t) ends; /* of the tags of the pod, of the first container, of its run, of the second ... */
};

void k8s_reader_init(struct k8s_reader *r, const struct k8s_rules *rules);
void k8s_reader_free(struct k8s_reader *r);

/* What is kept of an object: labels, annotations, and what has one of the names, a list that ends with NULL. */
bool k8s_keeps_field(const char *const *names, struct bytes parent, struct bytes key);
/* What is kept of a pod, as the rule of its tree. */
bool k8s_pod_field(struct bytes parent, struct bytes key);

/* The caller's to free(). NULL: it has no uid. */
struct k8s_pod *k8s_pod_read(struct k8s_reader *r, const struct json_node *root);

/* By which name its data goes where nobody has given it one. `deployment`, `cronjob`: as they are known now. */
struct bytes k8s_pod_service(const struct k8s_pod *p, struct bytes deployment, struct bytes cronjob);

static inline bool k8s_is_list(const struct json_node *n)
{
    return n != NULL && n->kind == JSON_LIST;
}

#endif
