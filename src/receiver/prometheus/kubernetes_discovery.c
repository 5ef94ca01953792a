/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that run in a cluster of Kubernetes. What the role needs is listed and watched (kube/kube_watch.h), in each
 * namespace that is asked for; a moment after something has changed, all targets are made anew of what is known, in
 * slices. What changes while they are made has them made once more.
 *
 * An API server that cannot be asked is told in the log, and what was known stays; watches come back by themselves.
 * Where we are in no pod, or its files or that of kubectl cannot be read, that is tried again too. */
#include "base/loop/slicer.h"
#include "kube/kube_file.h"
#include "kube/kube_watch.h"
#include "net/http/url.h"
#include "receiver/prometheus/kubernetes_targets.h"
#include "receiver/prometheus/scrape_caller.h"

#include <stdlib.h>

#define SOON (10 * NS_PER_MS)
#define LATER NS_PER_S         /* between two times that targets are made */
#define MUCH_LATER (5 * LATER) /* of many */
#define MANY 1000u
#define AGAIN (30 * NS_PER_S) /* after there was no API server */

struct kubernetes_discovery;

/* What is watched in one namespace, or in all. NULL: nobody needs it. */
struct spot {
    struct kube_watch *of_role[KUBERNETES_ROLES];
    struct kube_watch *replicasets, *jobs;
};

/* Targets on their way. */
struct making {
    bool on, any; /* any: of a spot that is ready */
    size_t spot;  /* the one that is walked through, and whether it has been begun */
    bool begun;
    struct target_list found;
    struct target_group group; /* into found */
};

struct kubernetes_discovery {
    struct discovery base;
    const struct kubernetes_sd_config *config;
    struct scrape_caller caller; /* with an api_server */
    struct kube_file file;       /* with a kubeconfig_file */
    struct kube_pod pod;         /* without both */
    struct kube_api server;      /* by the caller */
    const struct kube_api *api;  /* NULL: there is none yet */
    char *prefix;
    VEC(struct spot) spots;
    struct kube_watch *nodes, *namespaces;
    struct clock_timer timer;
    struct slicer *slicer;
    struct making making;
    size_t n_targets;
    bool made; /* once */
};

static struct kubernetes_discovery *discovery_of(struct discovery *d)
{
    return container_of(d, struct kubernetes_discovery, base);
}

static struct clock *clock_of(const struct kubernetes_discovery *k)
{
    return &k->base.node->host->loop->clock;
}

static enum kubernetes_role role_of(const struct kubernetes_discovery *k)
{
    return (enum kubernetes_role)(k->config->role - 1);
}

/* ---- targets ---- */

static bool is_ready(const struct kube_watch *w)
{
    return w == NULL || kube_watch_is_synced(w);
}

static bool spot_is_ready(const struct kubernetes_discovery *k, const struct spot *s)
{
    for (size_t i = 0; i < KUBERNETES_ROLES; i++)
        if (!is_ready(s->of_role[i]))
            return false;
    return is_ready(s->replicasets) && is_ready(s->jobs) && is_ready(k->nodes) && is_ready(k->namespaces);
}

static const struct kube_store *store_of(struct kube_watch *w)
{
    return w != NULL ? kube_watch_store(w) : NULL;
}

static struct kubernetes_view view_of(const struct kubernetes_discovery *k, const struct spot *s)
{
    struct kubernetes_view v = {
        .role = role_of(k),
        .namespaces = store_of(k->namespaces),
        .replicasets = store_of(s->replicasets),
        .jobs = store_of(s->jobs),
        .job = k->config->attach.job,
        .cronjob = k->config->attach.cronjob,
    };

    for (size_t i = 0; i < KUBERNETES_ROLES; i++)
        v.of_role[i] = store_of(s->of_role[i]);
    v.of_role[KUBERNETES_NODE] = store_of(k->nodes);
    return v;
}

static void end_making(struct kubernetes_discovery *k)
{
    struct making *m = &k->making;

    if (m->group.fault != NULL) {
        discovery_fail(&k->base, "kubernetes", http_client_name(k->api->http), m->group.fault);
        target_list_free(&m->found);
    } else if (m->any) {
        k->n_targets = m->found.targets.n;
        k->made = true;
        discovery_set(&k->base, "kubernetes", &m->found);
    }
    target_group_free(&m->group);
    *m = (struct making){ 0 };
}

/* Of the objects that become targets. */
static struct kube_store *target_store(const struct kubernetes_discovery *k)
{
    bool node = role_of(k) == KUBERNETES_NODE;

    return kube_watch_store(node ? k->nodes : k->spots.v[k->making.spot].of_role[role_of(k)]);
}

/* False: there is none that can be walked through. */
static bool begin_spot(struct kubernetes_discovery *k)
{
    struct making *m = &k->making;

    while (m->spot < k->spots.n && !spot_is_ready(k, &k->spots.v[m->spot]))
        m->spot++;
    if (m->spot == k->spots.n)
        return false;
    kube_store_walk(target_store(k));
    m->any = m->begun = true;
    return true;
}

static bool make_some(void *arg)
{
    struct kubernetes_discovery *k = arg;
    struct making *m = &k->making;
    const struct kube_object *o;
    struct kubernetes_view v;

    if (!m->on)
        return false;
    if (m->group.fault != NULL || (!m->begun && !begin_spot(k))) {
        end_making(k);
        return false;
    }
    v = view_of(k, &k->spots.v[m->spot]);
    o = kube_store_next(target_store(k));
    if (o != NULL) {
        kubernetes_targets_add(&v, o->root, &m->group);
    } else {
        m->spot++;
        m->begun = false;
    }
    return true;
}

static void on_changed(void *owner);

static void make_targets(struct clock_timer *timer)
{
    struct kubernetes_discovery *k = container_of(timer, struct kubernetes_discovery, timer);

    if (k->making.on) { /* with what there was; it is made once more */
        on_changed(k);
        return;
    }
    k->making = (struct making){ .on = true, .group = { .out = &k->making.found } };
    slicer_start(k->slicer);
}

static void on_changed(void *owner)
{
    struct kubernetes_discovery *k = owner;

    if (!clock_armed(&k->timer))
        clock_start(clock_of(k), &k->timer, !k->made ? SOON : k->n_targets > MANY ? MUCH_LATER : LATER, make_targets);
}

static void on_failed(void *owner, const char *path, const char *why)
{
    discovery_fail(&((struct kubernetes_discovery *)owner)->base, "kubernetes", path, why);
}

/* ---- watches ---- */

struct kind {
    const char *group, *resource;
};

static const struct kind kinds[KUBERNETES_ROLES] = {
    [KUBERNETES_POD] = { "/api/v1", "pods" },
    [KUBERNETES_SERVICE] = { "/api/v1", "services" },
    [KUBERNETES_ENDPOINTS] = { "/api/v1", "endpoints" },
    [KUBERNETES_ENDPOINTSLICE] = { "/apis/discovery.k8s.io/v1", "endpointslices" },
    [KUBERNETES_NODE] = { "/api/v1", "nodes" },
    [KUBERNETES_INGRESS] = { "/apis/networking.k8s.io/v1", "ingresses" },
};

static const struct kind namespaces = { "/api/v1", "namespaces" }, replicasets = { "/apis/apps/v1", "replicasets" },
                         jobs = { "/apis/batch/v1", "jobs" };

/* `ns` NULL: of all, or of what is in none. */
static struct kube_watch *watch_kind(struct kubernetes_discovery *k, const struct kind *kind, const char *ns,
                                     const struct kubernetes_selector *selector)
{
    char *path = ns != NULL ? mem_printf("%s/namespaces/%s/%s", kind->group, ns, kind->resource)
                            : mem_printf("%s/%s", kind->group, kind->resource);
    const struct kube_watch_options o = {
        .api = k->api,
        .path = path,
        .labels = selector != NULL ? selector->label : "",
        .fields = selector != NULL ? selector->field : "",
        .rules = { .max_nodes = 200000, .max_depth = 16, .keep = kubernetes_field_is_known },
        .budget = host_budget(k->base.node->host, SIGNAL_METRICS),
        .changed = on_changed,
        .failed = on_failed,
        .owner = k,
    };
    struct kube_watch *w = kube_watch_new(&o);

    free(path);
    return w;
}

static struct kube_watch *watch_role(struct kubernetes_discovery *k, enum kubernetes_role role, const char *ns)
{
    const struct kubernetes_selector *s = k->config->selectors.v, *found = NULL;

    for (size_t i = 0; i < k->config->selectors.n; i++)
        if (s[i].role == (int)role + 1)
            found = &s[i];
    return watch_kind(k, &kinds[role], ns, found);
}

static bool role_needs(enum kubernetes_role role, enum kubernetes_role other)
{
    bool endpoints = role == KUBERNETES_ENDPOINTS || role == KUBERNETES_ENDPOINTSLICE;

    return role == other || (endpoints && (other == KUBERNETES_POD || other == KUBERNETES_SERVICE));
}

static void watch_spot(struct kubernetes_discovery *k, const char *ns)
{
    bool pods = role_needs(role_of(k), KUBERNETES_POD);
    struct spot s = { 0 };

    for (int i = 0; i < KUBERNETES_ROLES; i++)
        if (i != KUBERNETES_NODE && role_needs(role_of(k), (enum kubernetes_role)i))
            s.of_role[i] = watch_role(k, (enum kubernetes_role)i, ns);
    if (pods && k->config->attach.deployment)
        s.replicasets = watch_kind(k, &replicasets, ns, NULL);
    if (pods && k->config->attach.cronjob)
        s.jobs = watch_kind(k, &jobs, ns, NULL);
    *vec_push(&k->spots) = s;
}

static void watch_all(struct kubernetes_discovery *k, const char *own)
{
    const struct kubernetes_sd_config *c = k->config;
    bool node = role_of(k) == KUBERNETES_NODE;

    if (node || (c->attach.node && role_needs(role_of(k), KUBERNETES_POD)))
        k->nodes = watch_role(k, KUBERNETES_NODE, NULL);
    if (c->attach.namespace && !node)
        k->namespaces = watch_kind(k, &namespaces, NULL, NULL);
    for (size_t i = 0; i < c->namespaces.names.n && !node; i++)
        watch_spot(k, c->namespaces.names.v[i]);
    if (own != NULL && !node)
        watch_spot(k, own);
    if (k->spots.n == 0)
        watch_spot(k, NULL);
}

/* ---- its life ---- */

static void put_caller(void *owner, struct call_headers *h)
{
    scrape_caller_headers(owner, true, h);
}

static int open_server(struct kubernetes_discovery *k, struct error *err)
{
    const struct scrape_way way = { .lasting = true };
    bool secure;

    if (kube_url_read(k->config->api_server, &k->prefix, &secure, err) != 0)
        return err->code;
    k->server = (struct kube_api){ .node = k->base.node,
                                   .prefix = k->prefix,
                                   .put_headers = put_caller,
                                   .owner = &k->caller,
                                   .auth = k->caller.auth };
    k->server.http = scrape_caller_client(&k->caller, k->config->api_server, &way, err);
    if (k->server.http == NULL)
        return err->code;
    k->api = &k->server;
    return 0;
}

static int open_file(struct kubernetes_discovery *k, struct error *err)
{
    int rc = kube_file_open(&k->file, k->base.node, k->config->kubeconfig_file, "", err);

    if (rc == 0)
        k->api = &k->file.api;
    else
        kube_file_close(&k->file);
    return rc;
}

static int open_api(struct kubernetes_discovery *k, struct buf *own, struct error *err)
{
    if (k->config->api_server[0] != '\0')
        return open_server(k, err);
    if (k->config->kubeconfig_file[0] != '\0')
        return open_file(k, err);
    if (kube_pod_open(&k->pod, k->base.node, err) != 0 ||
        (k->config->namespaces.own_namespace && kube_pod_namespace(own, err) != 0)) {
        kube_pod_close(&k->pod);
        return err->code;
    }
    k->api = &k->pod.api;
    return 0;
}

static void try_to_start(struct clock_timer *timer)
{
    struct kubernetes_discovery *k = container_of(timer, struct kubernetes_discovery, timer);
    struct buf own = { 0 };
    struct error err;

    if (open_api(k, &own, &err) == 0) {
        watch_all(k, own.len > 0 ? buf_cstr(&own) : NULL);
    } else {
        discovery_fail(&k->base, "kubernetes", "its API server", err.text);
        clock_start(clock_of(k), &k->timer, AGAIN, try_to_start);
    }
    buf_free(&own);
}

static void start(struct discovery *d)
{
    try_to_start(&discovery_of(d)->timer);
}

static void free_spot(struct spot *s)
{
    for (size_t i = 0; i < KUBERNETES_ROLES; i++)
        kube_watch_free(s->of_role[i]);
    kube_watch_free(s->replicasets);
    kube_watch_free(s->jobs);
}

static void free_discovery(struct discovery *d)
{
    struct kubernetes_discovery *k = discovery_of(d);

    clock_stop(clock_of(k), &k->timer);
    for (size_t i = 0; i < k->spots.n; i++)
        free_spot(&k->spots.v[i]);
    vec_free(&k->spots);
    kube_watch_free(k->nodes);
    kube_watch_free(k->namespaces);
    target_list_free(&k->making.found);
    target_group_free(&k->making.group);
    slicer_free(k->slicer);
    kube_file_close(&k->file);
    if (k->pod.api.node != NULL)
        kube_pod_close(&k->pod);
    if (k->server.http != NULL)
        http_client_close(k->server.http);
    if (k->caller.node != NULL)
        scrape_caller_close(&k->caller);
    free(k->prefix);
    discovery_close(d);
    free(k);
}

static const struct discovery_ops kubernetes_ops = { .start = start, .free = free_discovery };

struct discovery *kubernetes_discovery_new(const struct node *node, const struct kubernetes_sd_config *c,
                                           struct error *err)
{
    struct kubernetes_discovery *k = mem_zalloc(sizeof(*k));
    bool server = c->api_server[0] != '\0';

    k->base.ops = &kubernetes_ops;
    k->base.node = node;
    k->config = c;
    k->slicer = slicer_new(node->host->loop, make_some, k);
    if (!server || scrape_caller_open(&k->caller, node, &c->client, strncmp(c->api_server, "https", 5) == 0, err) == 0)
        return &k->base;
    free_discovery(&k->base);
    return NULL;
}
