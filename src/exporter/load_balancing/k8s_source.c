/* SPDX-License-Identifier: Apache-2.0 */
/* Members that are the ready endpoints of a service: its endpoint slices are listed and watched (kube/kube_watch.h). A
 * moment after something has changed all of them are gone through, each address with each port. Of an endpoint that
 * says nothing of it, it is ready.
 *
 * Before the first list is complete nobody is told anything, but for that it takes long. Where we are in no pod, or its
 * files cannot be read, that is tried again. */
#include "exporter/load_balancing/load_balancing.h"

#include "kube/kube_watch.h"
#include "net/http/url.h"
#include "pipeline/node_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON (10 * NS_PER_MS)
#define AGAIN (10 * NS_PER_S) /* after there was no API server */
#define ENDPOINT_MOST 253u    /* bytes of an address or name */

struct k8s_source {
    struct member_source base;
    const struct k8s_resolver_config *config;
    struct kube_pod pod; /* without api_server */
    struct kube_api api;
    char *prefix;
    char *service, *ns;
    struct kube_watch *watch;
    struct clock_timer soon, late;
};

static struct k8s_source *source_of(struct member_source *s)
{
    return container_of(s, struct k8s_source, base);
}

static struct clock *clock_of(const struct k8s_source *s)
{
    return &s->base.node->host->loop->clock;
}

/* ---- slices ---- */

static bool keep_field(struct bytes parent, struct bytes key)
{
    static const char *const known[] = { "metadata",        "name",      "namespace",
                                         "resourceVersion", "endpoints", "addresses",
                                         "conditions",      "hostname",  "ready" };

    (void)parent;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_is(key, known[i]))
            return true;
    return false;
}

static void add_host(const struct k8s_source *s, struct bytes host, bool name, endpoint_list *found)
{
    bool v6 = memchr(host.data, ':', host.len) != NULL;

    for (size_t i = 0; i < s->config->ports.n && found->n <= MEMBERS_MOST; i++)
        *vec_push(found) = mem_printf("%s%.*s%s%s%s%s%s:%s", v6 ? "[" : "", (int)host.len, (const char *)host.data,
                                      v6 ? "]" : "", name ? "." : "", name ? s->service : "", name ? "." : "",
                                      name ? s->ns : "", s->config->ports.v[i]);
}

/* What stands in a name that we dial and write down. */
static bool is_host(struct bytes b)
{
    bool ok = b.len > 0 && b.len <= ENDPOINT_MOST;

    for (size_t i = 0; i < b.len && ok; i++)
        ok = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:", b.data[i]) != NULL &&
             b.data[i] != '\0';
    return ok;
}

static void add_endpoint(const struct k8s_source *s, const struct json_node *endpoint, endpoint_list *found)
{
    const struct json_node *ready = json_at(endpoint, "conditions.ready");
    struct bytes hostname = json_text_at(endpoint, "hostname");

    if (ready != NULL && ready->kind == JSON_BOOL && !json_true_at(endpoint, "conditions.ready"))
        return;
    if (s->config->return_hostnames) {
        if (is_host(hostname))
            add_host(s, hostname, true, found);
        return;
    }
    json_each (address, json_at(endpoint, "addresses"))
        if (is_host(address->text))
            add_host(s, address->text, false, found);
}

static void gather_endpoints(struct clock_timer *timer)
{
    struct k8s_source *s = container_of(timer, struct k8s_source, soon);
    endpoint_list found = { 0 };

    if (!kube_watch_is_synced(s->watch))
        return;
    clock_stop(clock_of(s), &s->late);
    list_each (struct kube_object, slice, &kube_watch_store(s->watch)->objects, link)
        json_each (endpoint, json_at(slice->root, "endpoints"))
            add_endpoint(s, endpoint, &found);
    s->base.found(s->base.node, &found);
}

static void on_changed(void *owner)
{
    struct k8s_source *s = owner;

    if (!clock_armed(&s->soon))
        clock_start(clock_of(s), &s->soon, SOON, gather_endpoints);
}

static void on_failed(void *owner, const char *path, const char *why)
{
    struct k8s_source *s = owner;
    char text[400];

    snprintf(text, sizeof(text), "%s: %s", path, why);
    s->base.failed(s->base.node, text);
}

static void on_late(struct clock_timer *timer)
{
    struct k8s_source *s = container_of(timer, struct k8s_source, late);

    s->base.failed(s->base.node, "the endpoint slices were not listed in time");
}

/* ---- its life ---- */

static void put_nothing(void *owner, struct call_headers *h)
{
    (void)owner;
    (void)h;
}

static int open_url(struct k8s_source *s, struct error *err)
{
    static const struct tls_config system_roots = {
        .on = true, .ca_file = "", .cert_file = "", .key_file = "", .client_ca_file = "", .server_name_override = ""
    };
    const struct http_client_options o = { .url = s->config->api_server,
                                           .user_agent = "otelcd",
                                           .max_idle = 4,
                                           .budget = s->base.node->host->budget,
                                           .version = HTTP_VERSION_ALPN };
    bool secure;

    if (kube_url_read(s->config->api_server, &s->prefix, &secure, err) != 0)
        return err->code;
    s->api = (struct kube_api){ .node = s->base.node, .prefix = s->prefix, .put_headers = put_nothing };
    s->api.http = node_http_client(s->base.node, &o, &system_roots, secure, err);
    return s->api.http != NULL ? 0 : err->code;
}

static int open_pod(struct k8s_source *s, struct error *err)
{
    struct buf own = { 0 };
    int rc = kube_pod_open(&s->pod, s->base.node, err);

    if (rc == 0 && s->ns == NULL && (rc = kube_pod_namespace(&own, err)) == 0)
        s->ns = bytes_dup(buf_bytes(&own));
    buf_free(&own);
    if (rc != 0)
        kube_pod_close(&s->pod);
    s->api = s->pod.api;
    return rc;
}

static void watch_slices(struct k8s_source *s)
{
    char *path = mem_printf("/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices", s->ns);
    char *labels = mem_printf("kubernetes.io/service-name=%s", s->service);
    const struct kube_watch_options o = {
        .api = &s->api,
        .path = path,
        .labels = labels,
        .rules = { .max_nodes = 200000, .max_depth = 16, .keep = keep_field },
        .budget = s->base.node->host->budget,
        .changed = on_changed,
        .failed = on_failed,
        .owner = s,
    };

    s->watch = kube_watch_new(&o);
    free(path);
    free(labels);
}

static void try_to_start(struct clock_timer *timer)
{
    struct k8s_source *s = container_of(timer, struct k8s_source, soon);
    bool url = s->config->api_server[0] != '\0';
    struct error err;

    error_clear(&err);
    if (url && s->ns == NULL)
        s->ns = mem_strdup("default");
    if ((url ? open_url(s, &err) : open_pod(s, &err)) == 0) {
        watch_slices(s);
        return;
    }
    s->base.failed(s->base.node, err.text);
    clock_start(clock_of(s), &s->soon, AGAIN, try_to_start);
}

static void start(struct member_source *base)
{
    struct k8s_source *s = source_of(base);

    clock_start(clock_of(s), &s->late, (uint64_t)s->config->timeout.ns, on_late);
    try_to_start(&s->soon);
}

static void free_source(struct member_source *base)
{
    struct k8s_source *s = source_of(base);

    if (base->node != NULL) {
        clock_stop(clock_of(s), &s->soon);
        clock_stop(clock_of(s), &s->late);
    }
    kube_watch_free(s->watch);
    if (s->pod.api.node != NULL)
        kube_pod_close(&s->pod);
    else if (s->api.http != NULL)
        http_client_close(s->api.http);
    free(s->prefix);
    free(s->service);
    free(s->ns);
    free(s);
}

struct member_source *k8s_source_new(const struct k8s_resolver_config *c)
{
    static const struct member_source_ops ops = { "k8s", start, free_source };
    struct k8s_source *s = mem_zalloc(sizeof(*s));
    const char *dot = strchr(c->service, '.');

    s->base.ops = &ops;
    s->config = c;
    s->service = dot != NULL ? bytes_dup(bytes_of(c->service, (size_t)(dot - c->service))) : mem_strdup(c->service);
    s->ns = dot != NULL ? mem_strdup(dot + 1) : NULL;
    return &s->base;
}
