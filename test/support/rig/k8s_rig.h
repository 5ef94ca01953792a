/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster as the k8s_attributes processor knows it, told by the test instead of by an API server. What must
 * not be ends in abort(), for fuzzers use it too. */
#ifndef SUPPORT_K8S_RIG_H
#define SUPPORT_K8S_RIG_H

#include "processor/k8s_attributes/k8s_known.h"

struct k8s_rig {
    struct loop loop;
    struct budget budget;
    struct metrics metrics;
    struct log_sink log;
    struct host host;
    struct arena arena;
    struct node node;
    struct k8s_user user;
    struct k8s_cluster *cluster;
    struct kube_store stores[K8S_KINDS];
    struct attribute_list list;
    struct buf key, text, resource;
};

void k8s_rig_init(struct k8s_rig *r, const char *yaml); /* of the processor */
void k8s_rig_close(struct k8s_rig *r);                  /* nothing is left */

/* A line of a watch; quotation marks may be apostrophes. False and `err`: it was refused. */
bool k8s_rig_tell(struct k8s_rig *r, enum k8s_from kind, struct bytes line, struct error *err);
bool k8s_rig_event(struct k8s_rig *r, enum k8s_from kind, const char *type, const char *object);

/* The bytes of a Resource through the processor: what it has then, valid until the next. */
struct bytes k8s_rig_apply(struct k8s_rig *r, struct bytes resource, struct bytes client);
/* "key=value key=value": what a resource that has these becomes, in the same form. */
const char *k8s_rig_resource(struct k8s_rig *r, const char *attributes);

#endif
