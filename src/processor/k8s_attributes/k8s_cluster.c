/* SPDX-License-Identifier: Apache-2.0 */
/* What pods belong to is listed first, and then the pods, so that their keys can hang on it; but not for longer than
 * some seconds. Each object that comes is read into what the processor needs of it, and the rest is not kept. From then
 * on the watches say what changes.
 *
 * What can go wrong: the server does not answer, or not so that it can be read. Then the watch tries again, what is
 * known stays, the log says so ever less often, and the node is unwell. When there is no room in the budget an object
 * is refused, which fails its watch too: it is listed again later. */
#include "processor/k8s_attributes/k8s_cluster.h"

#include "kube/kube_config.h"
#include "processor/k8s_attributes/k8s_known.h"

#include <stdlib.h>

#define PODS_WAIT (5 * NS_PER_S) /* for what they belong to */

static const struct {
    const char *group, *resource;
} kinds[K8S_KINDS] = {
    [K8S_POD] = { "/api/v1", "pods" },
    [K8S_NAMESPACE] = { "/api/v1", "namespaces" },
    [K8S_NODE] = { "/api/v1", "nodes" },
    [K8S_DEPLOYMENT] = { "/apis/apps/v1", "deployments" },
    [K8S_STATEFULSET] = { "/apis/apps/v1", "statefulsets" },
    [K8S_DAEMONSET] = { "/apis/apps/v1", "daemonsets" },
    [K8S_JOB] = { "/apis/batch/v1", "jobs" },
    [K8S_REPLICASET] = { "/apis/apps/v1", "replicasets" },
};

static struct clock *clock_of(const struct k8s_cluster *c)
{
    return &c->self.host->loop->clock;
}

/* ---- metrics ---- */

#define KIND_ROWS(word, words)                                                                                         \
    {                                                                                                                  \
        METRIC_ROW("otelcol_otelsvc_k8s_" word "_added", METRIC_COUNTER, "1",                                          \
                   "Number of " words " add events received"),                                                         \
            METRIC_ROW("otelcol_otelsvc_k8s_" word "_updated", METRIC_COUNTER, "1",                                    \
                       "Number of " words " update events received"),                                                  \
            METRIC_ROW("otelcol_otelsvc_k8s_" word "_deleted", METRIC_COUNTER, "1",                                    \
                       "Number of " words " delete events received"),                                                  \
    }

const struct metric_row k8s_event_rows[K8S_KINDS][3] = {
    [K8S_POD] = KIND_ROWS("pod", "pod"),
    [K8S_NAMESPACE] = KIND_ROWS("namespace", "namespace"),
    [K8S_NODE] = KIND_ROWS("node", "node"),
    [K8S_DEPLOYMENT] = KIND_ROWS("deployment", "deployment"),
    [K8S_STATEFULSET] = KIND_ROWS("statefulset", "statefulset"),
    [K8S_DAEMONSET] = KIND_ROWS("daemonset", "daemonset"),
    [K8S_JOB] = KIND_ROWS("job", "job"),
    [K8S_REPLICASET] = KIND_ROWS("replicaset", "ReplicaSet"),
};

const struct metric_row k8s_size_row = METRIC_ROW("otelcol_otelsvc_k8s_pod_table_size", METRIC_GAUGE, "1",
                                                  "Size of table containing pod info", .sum = SHOW_MOST);
const struct metric_row k8s_missed_row =
    METRIC_ROW("otelcol_otelsvc_k8s_ip_lookup_miss", METRIC_COUNTER, "1", "Number of times pod by IP lookup failed");
const struct metric_row k8s_failures_row =
    METRIC_ROW("otelcd_k8s_watch_failures", METRIC_COUNTER, "{failure}",
               "Number of times that the API server could not be asked for objects of a kind, or was not understood.");

/* ---- watches ---- */

static void tell_unwell(struct k8s_cluster *c, const char *why)
{
    uint64_t now = clock_mono(clock_of(c));

    list_each (struct k8s_user, u, &c->users, link) {
        if (why != NULL)
            health_fail(&u->node->health[HEALTH_WORK], now, HEALTH_RECOVERABLE, why);
        else
            health_ok(&u->node->health[HEALTH_WORK], now);
    }
}

static void on_failed(void *owner, const char *path, const char *why)
{
    struct k8s_kind *k = owner;
    struct k8s_cluster *c = k->cluster;

    metric_add(k->failures, 1);
    k->failing = true;
    tell_unwell(c, why);
    if (complaint_due_to(&c->complaint, clock_of(c), why))
        log_warn(&c->self.log, "The API server of the cluster cannot be asked. What is known stays; trying again.",
                 F_STR("path", path), F_STR("error", why), F_UINT("repeated", complaint_taken(&c->complaint)));
}

/* All is well when the last of those that failed works again. */
static void on_works(void *owner)
{
    struct k8s_kind *k = owner;
    struct k8s_cluster *c = k->cluster;

    k->failing = false;
    for (int i = 0; i < K8S_KINDS; i++)
        if (c->kinds[i].failing)
            return;
    tell_unwell(c, NULL);
    if (complaint_over(&c->complaint))
        log_info(&c->self.log, "The API server of the cluster answers again.");
}

static bool all_are_synced(const struct k8s_cluster *c)
{
    for (int i = 0; i < K8S_KINDS; i++)
        if (i != K8S_POD && c->kinds[i].watch != NULL && !kube_watch_is_synced(c->kinds[i].watch))
            return false;
    return true;
}

static void watch_kind(struct k8s_cluster *c, enum k8s_from kind);

static void begin_pods(struct clock_timer *t)
{
    struct k8s_cluster *c = container_of(t, struct k8s_cluster, begin);

    clock_stop(clock_of(c), t);
    if (c->kinds[K8S_POD].watch == NULL)
        watch_kind(c, K8S_POD);
}

static void on_changed(void *owner)
{
    struct k8s_kind *k = owner;
    struct k8s_cluster *c = k->cluster;

    if (c->synced)
        return;
    if (k->kind != K8S_POD) {
        if (c->kinds[K8S_POD].watch == NULL && all_are_synced(c))
            clock_start(clock_of(c), &c->begin, 0, begin_pods); /* not from inside a watch that is being made */
        return;
    }
    if (k->watch == NULL || !kube_watch_is_synced(k->watch))
        return;
    c->synced = true;
    log_info(&c->self.log, "The pods of the cluster are known", F_UINT("pods", c->index.n_pods));
    list_each (struct k8s_user, u, &c->users, link)
        u->synced(u);
}

static char *path_of(const struct k8s_cluster *c, enum k8s_from kind)
{
    const char *ns = k8s_has_name(kind) ? "" : c->rules.namespace;

    return mem_printf("%s%s%s/%s", kinds[kind].group, ns[0] != '\0' ? "/namespaces/" : "", ns, kinds[kind].resource);
}

static void watch_kind(struct k8s_cluster *c, enum k8s_from kind)
{
    struct k8s_kind *k = &c->kinds[kind];
    bool pods = kind == K8S_POD;
    char *path = path_of(c, kind), *node = mem_printf("metadata.name=%s", c->rules.node);
    const struct kube_watch_options o = {
        .api = c->api,
        .path = path,
        .labels = pods ? c->rules.label_selector : "",
        .fields = pods                                               ? c->rules.field_selector
                  : kind == K8S_NODE && c->rules.node[0] != '\0'     ? node
                  : kind == K8S_NAMESPACE && !c->rules.whole_cluster ? "metadata.name=kube-system"
                                                                     : "",
        .rules = { .max_nodes = 200000, .max_depth = 16, .keep = pods ? k8s_pod_field : k8s_thing_field },
        .budget = c->self.host->budget,
        .told = { pods ? k8s_known_put_pod : k8s_known_put_thing, pods ? k8s_known_pod_gone : k8s_known_thing_gone, k },
        .metadata_only = !pods,
        .changed = on_changed,
        .failed = on_failed,
        .works = on_works,
        .owner = k,
    };

    k->watch = kube_watch_new(&o);
    free(path);
    free(node);
}

/* ---- the server ---- */

static int open_file(struct k8s_cluster *c, struct error *err)
{
    char *path = kube_config_path(err);
    int rc = path == NULL ? err->code : kube_file_open(&c->way.file, &c->self, path, c->rules.context, err);

    free(path);
    c->api = &c->way.file.api;
    return rc;
}

static int open_server(struct k8s_cluster *c, struct error *err)
{
    int rc;

    if (c->rules.auth == K8S_AUTH_FILE)
        return open_file(c, err);
    rc = c->rules.auth == K8S_AUTH_NONE ? kube_pod_open_bare(&c->way.pod, &c->self, err)
                                        : kube_pod_open(&c->way.pod, &c->self, err);
    c->api = &c->way.pod.api;
    return rc;
}

static void close_server(struct k8s_cluster *c)
{
    if (c->rules.auth == K8S_AUTH_FILE)
        kube_file_close(&c->way.file);
    else
        kube_pod_close(&c->way.pod);
}

/* ---- its life ---- */

int k8s_cluster_start(struct k8s_cluster *c, struct error *err)
{
    int rc = 0;

    if (c->started)
        return 0;
    rc = open_server(c, err);
    if (rc != 0) {
        close_server(c);
        return rc;
    }
    c->api->pace = &c->pace;
    c->started = true;
    log_info(&c->self.log, "k8s filtering", F_STR("labelSelector", c->rules.label_selector),
             F_STR("fieldSelector", c->rules.field_selector));
    for (int i = 0; i < K8S_KINDS; i++)
        if (i != K8S_POD && c->rules.watched[i])
            watch_kind(c, (enum k8s_from)i);
    if (all_are_synced(c))
        watch_kind(c, K8S_POD);
    else
        clock_start(clock_of(c), &c->begin, PODS_WAIT, begin_pods);
    return 0;
}

static void get_metrics(struct k8s_cluster *c)
{
    struct metrics *m = c->self.host->metrics;
    const struct metric_label label = { "processor", c->id };

    for (int i = 0; i < K8S_KINDS; i++) {
        const struct metric_label labels[] = { label, { "kind", kinds[i].resource } };
        struct k8s_kind *k = &c->kinds[i];

        k->cluster = c;
        k->kind = (enum k8s_from)i;
        k->added = metrics_get(m, &k8s_event_rows[i][0], &label, 1);
        k->updated = metrics_get(m, &k8s_event_rows[i][1], &label, 1);
        k->deleted = metrics_get(m, &k8s_event_rows[i][2], &label, 1);
        k->failures = metrics_get(m, &k8s_failures_row, labels, 2);
    }
    c->size = metrics_get(m, &k8s_size_row, &label, 1);
    c->missed = metrics_get(m, &k8s_missed_row, &label, 1);
}

struct k8s_cluster *k8s_cluster_join(struct node *node, const struct k8s_config *config, struct k8s_user *u)
{
    void **slot = node_shared(node);
    struct k8s_cluster *c = *slot;

    if (c == NULL) {
        c = *slot = mem_zalloc(sizeof(*c));
        c->id = mem_strdup(node->id);
        c->fields[0] = F_STR("otelcol.component.id", c->id);
        c->fields[1] = F_STR("otelcol.component.kind", "processor");
        c->self = (struct node){ .component = node->component,
                                 .id = c->id,
                                 .signal = SIGNAL_COUNT,
                                 .host = node->host,
                                 .log = { .sink = node->log.sink, .fields = c->fields, .n_fields = 2 } };
        list_init(&c->users);
        k8s_rules_init(&c->rules, config);
        kube_pace_init(&c->pace, config->kube_api_qps, config->kube_api_burst > 0 ? config->kube_api_burst : 10);
        k8s_known_init(c);
        get_metrics(c);
    }
    u->node = node;
    list_push(&c->users, &u->link);
    return c;
}

static void free_cluster(struct k8s_cluster *c)
{
    clock_stop(clock_of(c), &c->begin);
    for (int i = 0; i < K8S_KINDS; i++)
        kube_watch_free(c->kinds[i].watch);
    if (c->started)
        close_server(c);
    k8s_known_free(c);
    k8s_rules_free(&c->rules);
    free(c->id);
    free(c);
}

void k8s_cluster_part(struct k8s_user *u, struct k8s_cluster *c)
{
    list_remove(&u->link);
    if (!list_empty(&c->users))
        return;
    *node_shared(u->node) = NULL;
    free_cluster(c);
}
