/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured of the k8s_attributes processor, as rows. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_CONFIG_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_CONFIG_H

#include "config/option.h"

enum k8s_auth { K8S_AUTH_ACCOUNT, K8S_AUTH_FILE, K8S_AUTH_NONE, K8S_AUTH_TLS };

/* Whose labels or annotations. */
enum k8s_from {
    K8S_POD,
    K8S_NAMESPACE,
    K8S_NODE,
    K8S_DEPLOYMENT,
    K8S_STATEFULSET,
    K8S_DAEMONSET,
    K8S_JOB,
    K8S_FROMS,
    K8S_REPLICASET = K8S_FROMS, /* is watched too, and has no labels here */
    K8S_KINDS,
};

/* What extract::metadata may name; in the order of k8s_field_names. */
enum k8s_field {
    FIELD_NAMESPACE_NAME,
    FIELD_POD_NAME,
    FIELD_POD_UID,
    FIELD_POD_HOSTNAME,
    FIELD_POD_START_TIME,
    FIELD_POD_IP,
    FIELD_DEPLOYMENT_NAME,
    FIELD_DEPLOYMENT_UID,
    FIELD_REPLICASET_NAME,
    FIELD_REPLICASET_UID,
    FIELD_DAEMONSET_NAME,
    FIELD_DAEMONSET_UID,
    FIELD_STATEFULSET_NAME,
    FIELD_STATEFULSET_UID,
    FIELD_JOB_NAME,
    FIELD_JOB_UID,
    FIELD_CRONJOB_NAME,
    FIELD_CRONJOB_UID,
    FIELD_NODE_NAME,
    FIELD_NODE_UID,
    FIELD_CONTAINER_NAME,
    FIELD_CONTAINER_ID,
    FIELD_IMAGE_NAME,
    FIELD_IMAGE_TAG,
    FIELD_IMAGE_TAGS,
    FIELD_IMAGE_DIGESTS,
    FIELD_CLUSTER_UID,
    FIELD_SERVICE_NAMESPACE,
    FIELD_SERVICE_NAME,
    FIELD_SERVICE_VERSION,
    FIELD_SERVICE_INSTANCE,
    K8S_FIELDS,
};

extern const char *const k8s_field_names[K8S_FIELDS + 1]; /* NULL-terminated */

struct k8s_rule_config {
    const char *tag_name, *key, *key_regex;
    int from; /* enum k8s_from */
};

struct k8s_extract_config {
    struct strings metadata;
    struct option_list labels, annotations; /* of struct k8s_rule_config */
    bool otel_annotations, deployment_name_from_replicaset;
};

enum k8s_op { K8S_EQUALS, K8S_NOT_EQUALS, K8S_EXISTS, K8S_MISSING };

struct k8s_match_config {
    const char *key, *value;
    int op;
};

struct k8s_filter_config {
    const char *node, *node_from_env_var, *namespace;
    struct option_list fields, labels; /* of struct k8s_match_config */
};

enum k8s_source_kind { K8S_ATTRIBUTE, K8S_CONNECTION };

struct k8s_source_config {
    int from;
    const char *name;
};

struct k8s_association_config {
    struct option_list sources; /* of struct k8s_source_config */
};

struct k8s_exclude_pod_config {
    const char *name;
};

struct k8s_exclude_config {
    struct option_list pods; /* of struct k8s_exclude_pod_config */
};

struct k8s_config {
    int auth_type;
    const char *context;
    bool passthrough, wait_for_metadata;
    struct k8s_extract_config extract;
    struct k8s_filter_config filter;
    struct option_list pod_association; /* of struct k8s_association_config */
    struct k8s_exclude_config exclude;
    duration wait_for_metadata_timeout, pod_delete_grace_period;
    double kube_api_qps;
    uint64_t kube_api_burst;
};

#define K8S_MOST_SOURCES 4 /* of one association */

extern const struct option k8s_options[];
void k8s_config_check(const void *config, struct check *ck);

#endif
