/* SPDX-License-Identifier: Apache-2.0 */
/* Each object of the role becomes a group. Fields that are missing, or are something else than they should be, give no
 * label. */
#include "receiver/prometheus/kubernetes_targets.h"

#include <ctype.h>
#include <stdio.h>

#define META "__meta_kubernetes_"

static const char *const fields[] = {
    "metadata",
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "annotations",
    "kind",
    "controller",
    "spec",
    "nodeName",
    "ownerReferences",
    "containers",
    "image",
    "ports",
    "containerPort",
    "initContainers",
    "containerStatuses",
    "protocol",
    "status",
    "phase",
    "podIP",
    "hostIP",
    "initContainerStatuses",
    "conditions",
    "type",
    "containerID",
    "port",
    "clusterIP",
    "externalName",
    "loadBalancer",
    "ingress",
    "ip",
    "loadBalancerIP",
    "ipFamilyPolicy",
    "ipFamilies",
    "subsets",
    "addresses",
    "targetRef",
    "notReadyAddresses",
    "hostname",
    "addressType",
    "endpoints",
    "ready",
    "serving",
    "terminating",
    "zone",
    "deprecatedTopology",
    "appProtocol",
    "providerID",
    "address",
    "daemonEndpoints",
    "kubeletEndpoint",
    "Port",
    "tls",
    "hosts",
    "rules",
    "host",
    "ingressClassName",
    "http",
    "paths",
    "path",
};

bool kubernetes_field_is_known(struct bytes parent, struct bytes key)
{
    if (bytes_is(parent, "labels") || bytes_is(parent, "annotations") || bytes_is(parent, "deprecatedTopology"))
        return true;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        if (bytes_is(key, fields[i]))
            return true;
    return false;
}

/* ---- what several have ---- */

static void put_map(const struct json_node *map, const char *kind, const char *what, struct target_group *g,
                    kubernetes_put *put)
{
    char prefix[100], present[100];

    if (map == NULL || map->kind != JSON_OBJECT)
        return;
    snprintf(prefix, sizeof(prefix), META "%s_%s_", kind, what);
    snprintf(present, sizeof(present), META "%s_%spresent_", kind, what);
    json_each (l, map) {
        if (l->kind != JSON_STRING)
            continue;
        put(g, target_group_name(g, prefix, l->key), l->text);
        put(g, target_group_name(g, present, l->key), bytes_str("true"));
    }
}

void kubernetes_put_metadata(const struct json_node *o, const char *kind, bool named, struct target_group *g,
                             kubernetes_put *put)
{
    if (named) {
        char name[60];

        snprintf(name, sizeof(name), "%s_name", kind);
        put(g, target_group_name(g, META, bytes_str(name)), json_text_at(o, "metadata.name"));
    }
    put_map(json_at(o, "metadata.labels"), kind, "label", g, put);
    put_map(json_at(o, "metadata.annotations"), kind, "annotation", g, put);
}

void kubernetes_put_namespace(const struct kubernetes_view *v, struct bytes ns, struct target_group *g)
{
    const struct kube_object *o = v->namespaces != NULL ? kube_store_find(v->namespaces, ns) : NULL;

    if (o != NULL)
        kubernetes_put_metadata(o->root, "namespace", false, g, target_group_common);
}

void kubernetes_put_node(const struct kubernetes_view *v, struct bytes name, struct target_group *g,
                         kubernetes_put *put)
{
    const struct kube_store *nodes = v->role != KUBERNETES_NODE ? v->of_role[KUBERNETES_NODE] : NULL;
    const struct kube_object *o = nodes != NULL && name.len > 0 ? kube_store_find(nodes, name) : NULL;

    if (o != NULL)
        kubernetes_put_metadata(o->root, "node", true, g, put);
}

/* In lower case; in scratch that the next call overwrites. */
static struct bytes lower_text(struct bytes s, char out[64])
{
    size_t n = s.len < 63 ? s.len : 63;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)tolower(s.data[i]);
    return bytes_of(out, n);
}

/* ---- services ---- */

static void put_ingress_ips(const struct json_node *service, struct target_group *g)
{
    struct buf ips = { 0 };

    json_each (i, json_at(service, "status.loadBalancer.ingress")) {
        struct bytes ip = json_text_at(i, "ip");

        if (ip.len > 0 && ips.len > 0)
            buf_putc(&ips, ',');
        buf_put(&ips, ip);
    }
    if (ips.len == 0)
        buf_put(&ips, json_text_at(service, "spec.loadBalancerIP"));
    target_group_label(g, bytes_str(META "service_loadbalancer_ip"), buf_bytes(&ips));
    buf_free(&ips);
}

static void add_service(const struct kubernetes_view *v, const struct json_node *service, struct target_group *g)
{
    struct bytes ns = json_text_at(service, "metadata.namespace"), name = json_text_at(service, "metadata.name");
    struct bytes type = json_text_at(service, "spec.type");
    struct buf host = { 0 };

    target_group_common(g, bytes_str(META "namespace"), ns);
    kubernetes_put_metadata(service, "service", true, g, target_group_common);
    kubernetes_put_namespace(v, ns, g);
    buf_printf(&host, "%.*s.%.*s.svc", (int)name.len, (const char *)name.data, (int)ns.len, (const char *)ns.data);
    json_each (p, json_at(service, "spec.ports")) {
        target_group_label(g, bytes_str(META "service_port_name"), json_text_at(p, "name"));
        target_group_label(g, bytes_str(META "service_port_number"), json_text_at(p, "port"));
        target_group_label(g, bytes_str(META "service_port_protocol"), json_text_at(p, "protocol"));
        target_group_label(g, bytes_str(META "service_type"), type);
        if (bytes_is(type, "ExternalName"))
            target_group_label(g, bytes_str(META "service_external_name"), json_text_at(service, "spec.externalName"));
        else
            target_group_label(g, bytes_str(META "service_cluster_ip"), json_text_at(service, "spec.clusterIP"));
        if (bytes_is(type, "LoadBalancer"))
            put_ingress_ips(service, g);
        if (!target_group_add(g, target_group_address(g, buf_bytes(&host), json_text_at(p, "port"))))
            break;
    }
    buf_free(&host);
}

/* ---- nodes ---- */

static struct bytes first_address(const struct json_node *node, const char *type)
{
    json_each (a, json_at(node, "status.addresses"))
        if (bytes_is(json_text_at(a, "type"), type))
            return json_text_at(a, "address");
    return bytes_of("", 0);
}

static struct bytes node_address(const struct json_node *node)
{
    static const char *const order[] = { "InternalIP",  "InternalDNS",  "ExternalIP",
                                         "ExternalDNS", "LegacyHostIP", "Hostname" };
    struct bytes found = { 0 };

    for (size_t i = 0; i < sizeof(order) / sizeof(*order) && found.len == 0; i++)
        found = first_address(node, order[i]);
    return found;
}

static void add_node(const struct kubernetes_view *v, const struct json_node *node, struct target_group *g)
{
    struct bytes address = node_address(node), port = json_text_at(node, "status.daemonEndpoints.kubeletEndpoint.Port");
    char scratch[64];

    (void)v;
    target_group_common(g, bytes_str(META "node_provider_id"), json_text_at(node, "spec.providerID"));
    json_each (c, json_at(node, "status.conditions")) {
        struct bytes name = target_group_name(g, META "node_condition_", lower_text(json_text_at(c, "type"), scratch));

        target_group_common(g, name, lower_text(json_text_at(c, "status"), scratch));
    }
    kubernetes_put_metadata(node, "node", true, g, target_group_common);
    if (address.len == 0)
        return;
    target_group_label(g, bytes_str("instance"), json_text_at(node, "metadata.name"));
    json_each (a, json_at(node, "status.addresses")) {
        struct bytes type = json_text_at(a, "type");
        struct bytes name = target_group_name(g, META "node_address_", type);

        if (label_set_get(&g->own, name).len == 0)
            target_group_label(g, name, json_text_at(a, "address"));
    }
    (void)target_group_add(g, target_group_address(g, address, port.len > 0 ? port : bytes_str("0")));
}

/* ---- ingresses ---- */

/* "*" stands for one part, the first. */
static bool host_matches(struct bytes pattern, struct bytes host)
{
    const uint8_t *dot = host.len > 0 ? memchr(host.data, '.', host.len) : NULL;

    if (bytes_equal(pattern, host))
        return true;
    return dot != NULL && pattern.len > 1 && pattern.data[0] == '*' && pattern.data[1] == '.' &&
           bytes_equal(bytes_skip(pattern, 1), bytes_of(dot, (size_t)(bytes_end(host) - dot)));
}

static bool has_tls(const struct json_node *ingress, struct bytes host)
{
    json_each (t, json_at(ingress, "spec.tls"))
        json_each (h, json_at(t, "hosts"))
            if (h->kind == JSON_STRING && host_matches(h->text, host))
                return true;
    return false;
}

static void add_path(const struct json_node *ingress, struct bytes host, struct bytes path, struct target_group *g)
{
    target_group_label(g, bytes_str(META "ingress_scheme"), bytes_str(has_tls(ingress, host) ? "https" : "http"));
    target_group_label(g, bytes_str(META "ingress_host"), host);
    target_group_label(g, bytes_str(META "ingress_path"), path.len > 0 ? path : bytes_str("/"));
    (void)target_group_add(g, target_group_address(g, host, bytes_of("", 0)));
}

static void add_ingress(const struct kubernetes_view *v, const struct json_node *ingress, struct target_group *g)
{
    struct bytes ns = json_text_at(ingress, "metadata.namespace");

    target_group_common(g, bytes_str(META "namespace"), ns);
    target_group_common(g, bytes_str(META "ingress_class_name"), json_text_at(ingress, "spec.ingressClassName"));
    kubernetes_put_metadata(ingress, "ingress", true, g, target_group_common);
    kubernetes_put_namespace(v, ns, g);
    json_each (r, json_at(ingress, "spec.rules")) {
        struct bytes host = json_text_at(r, "host");
        const struct json_node *http = json_at(r, "http");

        if (http == NULL || http->kind != JSON_OBJECT)
            add_path(ingress, host, bytes_str("/"), g);
        json_each (p, json_at(http, "paths"))
            add_path(ingress, host, json_text_at(p, "path"), g);
    }
}

/* ---- all ---- */

void kubernetes_targets_add(const struct kubernetes_view *v, const struct json_node *o, struct target_group *g)
{
    static void (*const add[KUBERNETES_ROLES])(const struct kubernetes_view *, const struct json_node *,
                                               struct target_group *) = {
        [KUBERNETES_POD] = kubernetes_add_pod,
        [KUBERNETES_SERVICE] = add_service,
        [KUBERNETES_ENDPOINTS] = kubernetes_add_endpoints,
        [KUBERNETES_ENDPOINTSLICE] = kubernetes_add_slice,
        [KUBERNETES_NODE] = add_node,
        [KUBERNETES_INGRESS] = add_ingress,
    };

    target_group_begin(g);
    add[v->role](v, o, g);
}
