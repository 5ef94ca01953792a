/* SPDX-License-Identifier: Apache-2.0 */
/* From a resource to its pod, and what the pod gives it. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_APPLY_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_APPLY_H

#include "processor/k8s_attributes/k8s_cluster.h"

struct k8s_identity {
    const struct k8s_association *by; /* NULL: by an address, or not at all */
    struct bytes address;             /* where that says who it is; else empty */
    bool known;                       /* there is a key */
};

/* Who a resource says it is of, with the client's address. The key is put into `key`. */
struct k8s_identity k8s_identify(const struct k8s_rules *r, const struct attribute_list *l, struct bytes client,
                                 struct buf *key);

/* Sets what is not there, or empty. */
void k8s_set_text(struct attribute_list *l, const char *key, struct bytes text);

/* What is known of the pod, and of what it is in; `pod` NULL: of what the resource itself names. */
void k8s_apply(struct k8s_cluster *c, const struct k8s_pod *pod, struct attribute_list *l);

#endif
