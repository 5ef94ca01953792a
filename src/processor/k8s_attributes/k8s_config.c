/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and what they cannot say: names that are known, patterns that compile, keys that go together. */
#include "processor/k8s_attributes/k8s_config.h"

#include "codec/regex.h"
#include "config/check_path.h"

#include <stdio.h>
#include <stdlib.h>

const char *const k8s_field_names[K8S_FIELDS + 1] = {
    "k8s.namespace.name",   "k8s.pod.name",
    "k8s.pod.uid",          "k8s.pod.hostname",
    "k8s.pod.start_time",   "k8s.pod.ip",
    "k8s.deployment.name",  "k8s.deployment.uid",
    "k8s.replicaset.name",  "k8s.replicaset.uid",
    "k8s.daemonset.name",   "k8s.daemonset.uid",
    "k8s.statefulset.name", "k8s.statefulset.uid",
    "k8s.job.name",         "k8s.job.uid",
    "k8s.cronjob.name",     "k8s.cronjob.uid",
    "k8s.node.name",        "k8s.node.uid",
    "k8s.container.name",   "container.id",
    "container.image.name", "container.image.tag",
    "container.image.tags", "container.image.repo_digests",
    "k8s.cluster.uid",      "service.namespace",
    "service.name",         "service.version",
    "service.instance.id",  NULL,
};

static const char *const auth_types[] = { "serviceAccount", "kubeConfig", "none", "tls", NULL };
static const char *const froms[] = {
    "pod", "namespace", "node", "deployment", "statefulset", "daemonset", "job", NULL
};
static const char *const field_ops[] = { "equals", "not-equals", NULL };
static const char *const label_ops[] = { "equals", "not-equals", "exists", "does-not-exist", NULL };
static const char *const source_kinds[] = { "resource_attribute", "connection", NULL };

static const struct option rule_options[] = {
    OPT_STRING(struct k8s_rule_config, tag_name, "",
               "The attribute's name; after a key_regex with groups $1, ${1} and ${name} stand for what they matched "
               "(in YAML $$1). Without one it is k8s.pod.labels.KEY or k8s.pod.annotations.KEY (likewise of namespace "
               "and node), k8s.deployment.label.KEY or k8s.deployment.annotation.KEY (likewise of the others)."),
    OPT_STRING(struct k8s_rule_config, key, "", "The label or annotation."),
    OPT_STRING(struct k8s_rule_config, key_regex, "",
               "All whose whole key matches, and that are not empty; in the place of `key`."),
    OPT_ENUM(struct k8s_rule_config, from, froms, "pod", "Whose it is: the pod's, or that of what the pod is in."),
    OPT_END,
};

#define METADATA_DEFAULT                                                                                               \
    "[container.image.name, container.image.tag, k8s.deployment.name, k8s.namespace.name, k8s.node.name, "             \
    "k8s.pod.name, k8s.pod.start_time, k8s.pod.uid]"

static const struct option extract_options[] = {
    OPT_STRINGS(struct k8s_extract_config, metadata, METADATA_DEFAULT,
                "Attributes that resources get. k8s.deployment.uid, k8s.cronjob.uid, k8s.node.uid and k8s.cluster.uid "
                "have further objects watched; those of containers need k8s.container.name or container.id on the "
                "resource, or a pod that has one container.",
                .names = k8s_field_names),
    OPT_LIST(struct k8s_extract_config, labels, struct k8s_rule_config, rule_options, "Labels that become attributes."),
    OPT_LIST(struct k8s_extract_config, annotations, struct k8s_rule_config, rule_options,
             "Annotations that become attributes."),
    OPT_BOOL(struct k8s_extract_config, otel_annotations, "false",
             "Annotations resource.opentelemetry.io/NAME of pods become the attribute NAME."),
    OPT_BOOL(struct k8s_extract_config, deployment_name_from_replicaset, "true",
             "The deployment's name is that of the replica set without its hash; false has replica sets watched.",
             .deprecated = "it costs a watch of all replica sets for a name that is known without: remove it"),
    OPT_END,
};

static const struct option field_match_options[] = {
    OPT_STRING(struct k8s_match_config, key, "", "The field, for instance status.phase.", .required = true),
    OPT_STRING(struct k8s_match_config, value, "", "Its value."),
    OPT_ENUM(struct k8s_match_config, op, field_ops, "equals", "How they are compared."),
    OPT_END,
};

static const struct option label_match_options[] = {
    OPT_STRING(struct k8s_match_config, key, "", "The label.", .required = true),
    OPT_STRING(struct k8s_match_config, value, "", "Its value."),
    OPT_ENUM(struct k8s_match_config, op, label_ops, "equals", "How they are compared, or whether it is there."),
    OPT_END,
};

static const struct option filter_options[] = {
    OPT_STRING(struct k8s_filter_config, node, "", "Only pods on this node."),
    OPT_STRING(struct k8s_filter_config, node_from_env_var, "",
               "Only pods on the node that this environment variable names; goes before `node`."),
    OPT_STRING(struct k8s_filter_config, namespace, "", "Only pods in this namespace."),
    OPT_LIST(struct k8s_filter_config, fields, struct k8s_match_config, field_match_options,
             "Only pods whose fields are so."),
    OPT_LIST(struct k8s_filter_config, labels, struct k8s_match_config, label_match_options,
             "Only pods whose labels are so."),
    OPT_END,
};

static const struct option source_options[] = {
    OPT_ENUM(struct k8s_source_config, from, source_kinds, "", "Where the value is.", .required = true),
    OPT_STRING(struct k8s_source_config, name, "",
               "The resource's attribute: k8s.pod.uid, k8s.pod.ip, k8s.pod.name, k8s.namespace.name, container.id, "
               "host.name (where it is an address), or one that the pod gets by `extract`."),
    OPT_END,
};

static const struct option association_options[] = {
    OPT_LIST(struct k8s_association_config, sources, struct k8s_source_config, source_options,
             "All of them together say which pod it is; four at most.", .required = true),
    OPT_END,
};

static const struct option exclude_pod_options[] = {
    OPT_STRING(struct k8s_exclude_pod_config, name, "", "A pattern that is found in the pod's name.", .required = true),
    OPT_END,
};

static const struct option exclude_options[] = {
    OPT_LIST(struct k8s_exclude_config, pods, struct k8s_exclude_pod_config, exclude_pod_options,
             "Pods that give nothing. Without any: jaeger-agent and jaeger-collector."),
    OPT_END,
};

const struct option k8s_options[] = {
    OPT_ENUM(struct k8s_config, auth_type, auth_types, "serviceAccount",
             "Who we are to the API server. serviceAccount: the account of the pod in which we are. kubeConfig: who "
             "$KUBECONFIG says, or ~/.kube/config. none: nobody."),
    OPT_STRING(struct k8s_config, context, "", "With kubeConfig: the context, in the place of current-context."),
    OPT_DOUBLE(struct k8s_config, kube_api_qps, "0", "0", "1000000",
               "The most requests in a second, of all that is watched: there is one for each page of 500 objects of a "
               "list, and one for each watch, every five to ten minutes. 0: no limit."),
    OPT_UINT(struct k8s_config, kube_api_burst, "10", "0", "1000000",
             "With kube_api_qps: so many requests may come at once; 0: 10."),
    OPT_BOOL(struct k8s_config, passthrough, "false",
             "Only k8s.pod.ip is set, from the address of the client; no API server is asked."),
    OPT_GROUP(struct k8s_config, extract, struct k8s_extract_config, extract_options, GROUP_PLAIN,
              "What resources get."),
    OPT_GROUP(struct k8s_config, filter, struct k8s_filter_config, filter_options, GROUP_PLAIN,
              "Which pods are watched: on a node's agent those of the node."),
    OPT_LIST(struct k8s_config, pod_association, struct k8s_association_config, association_options,
             "How a resource's pod is found: by the first of these whose sources all have a value. Without any: by "
             "the address in k8s.pod.ip, else in ip, else of the client, else in host.name."),
    OPT_GROUP(struct k8s_config, exclude, struct k8s_exclude_config, exclude_options, GROUP_PLAIN,
              "Pods that are left out."),
    OPT_BOOL(struct k8s_config, wait_for_metadata, "false",
             "Data waits for its answer until pods are known. When that takes longer than wait_for_metadata_timeout, "
             "senders are told to retry."),
    OPT_DURATION(struct k8s_config, wait_for_metadata_timeout, "10s", "0s", NULL, "How long it waits."),
    OPT_IGNORED("watch_sync_period", "owners are looked up at each use, so there is nothing to go through again"),
    OPT_DURATION(struct k8s_config, pod_delete_grace_period, "120s", "0s", NULL,
                 "How long a pod that is gone is still known."),
    OPT_END,
};

static bool is_field(const char *name)
{
    for (size_t i = 0; i < K8S_FIELDS; i++)
        if (strcmp(name, k8s_field_names[i]) == 0)
            return true;
    return false;
}

static void check_rules(const struct option_list *rules, const char *key, struct check *ck)
{
    const struct check_path extract = { ck, "extract" };
    const struct k8s_rule_config *v = rules->v;

    for (size_t i = 0; i < rules->n; i++) {
        const struct check_path at = check_path_item(&extract, key, i);
        struct error err;
        struct regex *r;

        if (v[i].key[0] != '\0' && v[i].key_regex[0] != '\0')
            check_path_fail(&at, "", "key and key_regex are both written: remove one of them");
        else if (v[i].key[0] == '\0' && v[i].key_regex[0] == '\0')
            check_path_warn(&at, "", "it has no effect: neither key nor key_regex is written");
        if (v[i].key_regex[0] == '\0')
            continue;
        r = regex_new(v[i].key_regex, &err);
        if (r == NULL)
            check_path_fail(&at, "key_regex", "%s", err.text);
        else if (regex_groups(r) == 0 && v[i].tag_name[0] != '\0')
            check_path_warn(&at, "tag_name",
                            "it is not used, for key_regex has no group: attributes have their default names");
        regex_free(r);
    }
}

static void check_associations(const struct option_list *all, struct check *ck)
{
    const struct check_path body = { ck, "" };
    const struct k8s_association_config *a = all->v;

    for (size_t i = 0; i < all->n; i++) {
        const struct check_path at = check_path_item(&body, "pod_association", i);
        const struct k8s_source_config *s = a[i].sources.v;

        if (a[i].sources.n > K8S_MOST_SOURCES)
            check_path_fail(&at, "sources", "too many association sources. limit is %u", K8S_MOST_SOURCES);
        for (size_t k = 0; k < a[i].sources.n; k++)
            if (s[k].from == K8S_ATTRIBUTE && s[k].name[0] == '\0') {
                const struct check_path source = check_path_item(&at, "sources", k);

                check_path_fail(&source, "name",
                                "resource_attribute needs the attribute's name, for instance "
                                "name: k8s.pod.uid");
            }
    }
}

static void check_excluded(const struct k8s_exclude_config *c, struct check *ck)
{
    const struct check_path exclude = { ck, "exclude" };
    const struct k8s_exclude_pod_config *v = c->pods.v;

    for (size_t i = 0; i < c->pods.n; i++) {
        const struct check_path at = check_path_item(&exclude, "pods", i);
        struct error err;
        struct regex *r = regex_new(v[i].name, &err);

        if (r == NULL)
            check_path_fail(&at, "name", "%s", err.text);
        regex_free(r);
    }
}

void k8s_config_check(const void *config, struct check *ck)
{
    const struct k8s_config *c = config;
    const char *env = c->filter.node_from_env_var;

    if (c->auth_type == K8S_AUTH_TLS)
        check_fail(ck, "auth_type",
                   "tls is not served: write kubeConfig, with a client-certificate in the file that it names");
    if (c->context[0] != '\0' && c->auth_type != K8S_AUTH_FILE)
        check_warn(ck, "context", "it has no effect without auth_type: kubeConfig");
    if (check_was_set(ck, "kube_api_burst") && c->kube_api_qps <= 0)
        check_warn(ck, "kube_api_burst", "it has no effect without kube_api_qps");
    for (size_t i = 0; i < c->extract.metadata.n; i++)
        if (!is_field(c->extract.metadata.v[i])) {
            char path[48];

            snprintf(path, sizeof(path), "extract::metadata::%zu", i);
            check_fail(ck, path, "\"%s\" is not a supported metadata field", c->extract.metadata.v[i]);
        }
    check_rules(&c->extract.labels, "labels", ck);
    check_rules(&c->extract.annotations, "annotations", ck);
    if (env[0] != '\0' && getenv(env) == NULL)
        check_fail(ck, "filter::node_from_env_var",
                   "in a pod it comes by fieldRef spec.nodeName; the environment variable \"%s\" is not set", env);
    check_associations(&c->pod_association, ck);
    check_excluded(&c->exclude, ck);
}
