/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a cluster: its pods, and what they belong to, as its API server tells. All processors of one id
 * share it, for as long as there is one of them. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_CLUSTER_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_CLUSTER_H

#include "kube/kube_file.h"
#include "kube/kube_watch.h"
#include "processor/k8s_attributes/k8s_index.h"

/* What pods belong to or are in. */
struct k8s_thing {
    struct list link;
    struct bytes id;                         /* kind, and behind it the name of a namespace or node, else the uid */
    struct bytes uid, owner_name, owner_uid; /* owner: a replica set's deployment, a job's cron job; or empty */
    struct k8s_slots attributes;
    size_t size;
};

struct k8s_cluster;

struct k8s_kind {
    struct k8s_cluster *cluster;
    enum k8s_from kind;
    struct kube_watch *watch; /* NULL: it is not watched */
    struct metric *added, *updated, *deleted, *failures;
    bool failing; /* the server does not answer for it, for now */
};

/* Who uses it. */
struct k8s_user {
    struct list link;
    struct node *node;
    void (*synced)(struct k8s_user *u); /* pods are known from now on */
};

struct k8s_cluster {
    struct node self; /* who asks, for all that needs a node: it outlives those that use it */
    char *id;
    struct log_field fields[2];
    struct k8s_rules rules;
    struct k8s_reader reader;
    union {
        struct kube_pod pod;
        struct kube_file file;
    } way;
    struct kube_api *api; /* of way */
    struct kube_pace pace;
    struct k8s_kind kinds[K8S_KINDS];
    struct k8s_index index;
    struct table things;
    struct list all_things;
    struct buf key, thing_key; /* scratch: of a pod's key, in whose making things are looked up; of a thing's */
    struct clock_timer begin, expiry;
    struct list users;
    struct complaint complaint, odd; /* the server; a pod that cannot be kept */
    struct metric *size, *missed;
    bool started, synced;
};

extern const struct metric_row k8s_event_rows[K8S_KINDS][3]; /* added, updated, deleted */
extern const struct metric_row k8s_size_row, k8s_missed_row, k8s_failures_row;

/* The one of this node's id, made when there is none. */
struct k8s_cluster *k8s_cluster_join(struct node *node, const struct k8s_config *config, struct k8s_user *u);
void k8s_cluster_part(struct k8s_user *u, struct k8s_cluster *c); /* the last one's frees it */

/* Ask, if that has not begun. A negative errno and `err`: there is nobody to be asked. */
int k8s_cluster_start(struct k8s_cluster *c, struct error *err);

/* By the key (k8s_key_add()); NULL: there is none, or it is ignored. */
const struct k8s_pod *k8s_cluster_find(struct k8s_cluster *c, struct bytes key);
/* NULL: it is not known. */
const struct k8s_thing *k8s_cluster_thing(struct k8s_cluster *c, enum k8s_from kind, struct bytes id);

/* Attributes of a pod that hang on others, as those are known now: at most K8S_LATE. */
#define K8S_LATE 6
size_t k8s_cluster_late(struct k8s_cluster *c, const struct k8s_pod *p, struct k8s_tag tags[K8S_LATE]);

#endif
