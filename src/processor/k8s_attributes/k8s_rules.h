/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration made ready for use: copies of what is needed of it, for they outlive it. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_RULES_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_RULES_H

#include "base/arena.h"
#include "codec/json_tree.h"
#include "codec/regex.h"
#include "processor/k8s_attributes/k8s_config.h"
#include "processor/k8s_attributes/k8s_tags.h"

struct k8s_rule {
    const char *tag_name;
    struct bytes key;
    struct regex *pattern; /* of the whole key; NULL: it is `key` */
    enum k8s_from from;
};

struct k8s_rule_list {
    struct k8s_rule *v;
    size_t n;
};

struct k8s_association {
    size_t n;
    struct {
        bool connection;
        struct bytes name;
    } source[K8S_MOST_SOURCES];
    const char *told; /* what it is called in our metrics */
};

struct k8s_rules {
    struct arena memory;
    uint64_t fields; /* bits of enum k8s_field */
    struct k8s_rule_list labels, annotations;
    struct k8s_association *associations;
    size_t n_associations;
    struct regex **excluded;
    size_t n_excluded;
    const char *label_selector, *field_selector, *node, *namespace; /* "" : all */
    enum k8s_auth auth;
    const char *context;
    uint64_t grace; /* ns */
    bool watched[K8S_KINDS];
    bool whole_cluster; /* all namespaces are watched, not just kube-system */
    /* Attributes hang on what other objects say, and are put together when they are asked for. */
    bool late;
};

void k8s_rules_init(struct k8s_rules *r, const struct k8s_config *c);
void k8s_rules_free(struct k8s_rules *r);

static inline bool k8s_rules_want(const struct k8s_rules *r, enum k8s_field f)
{
    return (r->fields >> f & 1) != 0;
}

/* What the rules take from labels and annotations of such an object. */
void k8s_rules_labels(const struct k8s_rules *r, enum k8s_from from, const struct json_node *root,
                      struct k8s_tags *tags);
void k8s_rules_annotations(const struct k8s_rules *r, enum k8s_from from, const struct json_node *root,
                           struct k8s_tags *tags);

#endif
