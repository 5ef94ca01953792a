/* SPDX-License-Identifier: Apache-2.0 */
/* Pods by what they are found by. A key is up to four sources with a value each; several keys lead to one pod, and a
 * key that another pod has now (an address that was given away) leads to that. A pod that is gone stays for a while,
 * for data that comes late. All of it is paid for to the budget. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_INDEX_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_INDEX_H

#include "base/table.h"
#include "processor/k8s_attributes/k8s_pod.h"

struct k8s_entry {
    struct k8s_entry *next; /* of the same pod */
    struct k8s_pod *pod;
    uint32_t len;
    uint8_t key[];
};

#define K8S_MOST_PODS 200000u /* with those that are gone: twice what a watch keeps */
#define K8S_MOST_VALUE 4096u  /* bytes of one; what is longer finds nothing */

struct k8s_index {
    struct table table; /* of entries */
    struct list pods;
    struct list gone; /* of them, the first to be forgotten first */
    struct budget *budget;
    size_t n_pods, n_gone;
    size_t most; /* K8S_MOST_PODS; tests have fewer */
};

void k8s_index_init(struct k8s_index *x, struct budget *budget);
void k8s_index_free(struct k8s_index *x);

/* A key, source by source, in the order of the association. False: that value cannot be one. */
bool k8s_key_add(struct buf *key, bool connection, struct bytes name, struct bytes value);

struct k8s_pod *k8s_index_find(const struct k8s_index *x, struct bytes key);

/* Pays for a pod that is about to get its keys, and then belongs to the index; false: there is no room. Where there are
 * too many, pods that are gone are forgotten: one that was found before may not be there any more. */
bool k8s_index_take(struct k8s_index *x, struct k8s_pod *pod);
/* Was it started before that one? Then it does not take its keys. */
bool k8s_pod_is_older(const struct k8s_pod *pod, const struct k8s_pod *than);
/* The key leads to this pod, unless to one that was started later. `before`: who was known by its uid, or NULL. False:
 * there is no room. */
bool k8s_index_put(struct k8s_index *x, struct bytes key, struct k8s_pod *pod, const struct k8s_pod *before);
/* After its keys were put: one that has none is freed, and what keys `before` has left stay until `due`. */
void k8s_index_settle(struct k8s_index *x, struct k8s_pod *pod, struct k8s_pod *before, uint64_t due);

/* It is found by that, too. */
bool k8s_index_put_uid(struct k8s_index *x, struct k8s_pod *pod, const struct k8s_pod *before);
struct k8s_pod *k8s_index_by_uid(const struct k8s_index *x, struct bytes uid);
void k8s_index_leave(struct k8s_index *x, struct k8s_pod *pod, uint64_t due);
/* Forgets those that are due. When the next one is; 0: there is none. */
uint64_t k8s_index_expire(struct k8s_index *x, uint64_t now);

#endif
