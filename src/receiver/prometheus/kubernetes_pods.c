/* SPDX-License-Identifier: Apache-2.0 */
/* Pods, and the endpoints of services, most of which are pods: an endpoint that is one has the pod's labels too, and
 * the ports of its containers that no endpoint has had become targets of their own behind them. */
#include "receiver/prometheus/kubernetes_targets.h"

#include <ctype.h>
#include <stdlib.h>

#define META "__meta_kubernetes_"

static const struct json_node *controller_of(const struct json_node *o)
{
    json_each (r, json_at(o, "metadata.ownerReferences"))
        if (json_true_at(r, "controller"))
            return r;
    return NULL;
}

/* Of the object of that name in the store: the controller, if it is of that kind. */
static struct bytes controller_name(const struct kube_store *s, struct bytes ns, struct bytes name, const char *kind)
{
    const struct kube_object *o = s != NULL ? kube_store_get(s, ns, name) : NULL;
    const struct json_node *c = o != NULL ? controller_of(o->root) : NULL;

    return bytes_is(json_text_at(c, "kind"), kind) ? json_text_at(c, "name") : bytes_of("", 0);
}

static void put_controller(const struct kubernetes_view *v, const struct json_node *pod, struct target_group *g,
                           kubernetes_put *put)
{
    const struct json_node *c = controller_of(pod);
    struct bytes ns = json_text_at(pod, "metadata.namespace"), kind = json_text_at(c, "kind"),
                 name = json_text_at(c, "name");

    put(g, bytes_str(META "pod_controller_kind"), kind);
    put(g, bytes_str(META "pod_controller_name"), name);
    if (bytes_is(kind, "ReplicaSet"))
        put(g, bytes_str(META "pod_deployment_name"), controller_name(v->replicasets, ns, name, "Deployment"));
    if (bytes_is(kind, "Job") && v->job)
        put(g, bytes_str(META "pod_job_name"), name);
    if (bytes_is(kind, "Job") && v->cronjob)
        put(g, bytes_str(META "pod_cronjob_name"), controller_name(v->jobs, ns, name, "CronJob"));
}

static void put_ready(const struct json_node *pod, struct target_group *g, kubernetes_put *put)
{
    char text[16] = "unknown";

    json_each (c, json_at(pod, "status.conditions"))
        if (bytes_is(json_text_at(c, "type"), "Ready")) {
            struct bytes status = json_text_at(c, "status");
            size_t n = status.len < sizeof(text) - 1 ? status.len : sizeof(text) - 1;

            for (size_t i = 0; i < n; i++)
                text[i] = (char)tolower(status.data[i]);
            text[n] = '\0';
            break;
        }
    put(g, bytes_str(META "pod_ready"), bytes_str(text));
}

void kubernetes_put_pod(const struct kubernetes_view *v, const struct json_node *pod, struct target_group *g,
                        kubernetes_put *put)
{
    put(g, bytes_str(META "pod_ip"), json_text_at(pod, "status.podIP"));
    put_ready(pod, g, put);
    put(g, bytes_str(META "pod_phase"), json_text_at(pod, "status.phase"));
    put(g, bytes_str(META "pod_node_name"), json_text_at(pod, "spec.nodeName"));
    put(g, bytes_str(META "pod_host_ip"), json_text_at(pod, "status.hostIP"));
    put(g, bytes_str(META "pod_uid"), json_text_at(pod, "metadata.uid"));
    kubernetes_put_metadata(pod, "pod", true, g, put);
    put_controller(v, pod, g, put);
}

/* ---- pods ---- */

static struct bytes container_id(const struct json_node *pod, const char *statuses, struct bytes name)
{
    json_each (s, json_at(pod, statuses))
        if (bytes_equal(json_text_at(s, "name"), name))
            return json_text_at(s, "containerID");
    return bytes_of("", 0);
}

static void put_container(const struct json_node *c, bool init, struct target_group *g)
{
    target_group_label(g, bytes_str(META "pod_container_name"), json_text_at(c, "name"));
    target_group_label(g, bytes_str(META "pod_container_image"), json_text_at(c, "image"));
    target_group_label(g, bytes_str(META "pod_container_init"), bytes_str(init ? "true" : "false"));
}

static void put_port(const struct json_node *port, struct bytes protocol, struct target_group *g)
{
    target_group_label(g, bytes_str(META "pod_container_port_name"), json_text_at(port, "name"));
    target_group_label(g, bytes_str(META "pod_container_port_number"), json_text_at(port, "containerPort"));
    target_group_label(g, bytes_str(META "pod_container_port_protocol"), protocol);
}

static void add_container(const struct json_node *pod, const struct json_node *c, bool init, struct target_group *g)
{
    struct bytes ip = json_text_at(pod, "status.podIP");
    struct bytes id =
        container_id(pod, init ? "status.initContainerStatuses" : "status.containerStatuses", json_text_at(c, "name"));
    const struct json_node *ports = json_at(c, "ports");

    json_each (p, ports) {
        put_container(c, init, g);
        target_group_label(g, bytes_str(META "pod_container_id"), id);
        put_port(p, json_text_at(p, "protocol"), g);
        if (!target_group_add(g, target_group_address(g, ip, json_text_at(p, "containerPort"))))
            return;
    }
    if (ports != NULL && ports->n > 0)
        return;
    put_container(c, init, g);
    target_group_label(g, bytes_str(META "pod_container_id"), id);
    (void)target_group_add(g, target_group_address(g, ip, bytes_of("", 0)));
}

/* Where nodes are attached, a pod whose node is not among those that were selected is none. */
static bool is_elsewhere(const struct kubernetes_view *v, const struct json_node *pod)
{
    const struct kube_store *nodes = v->of_role[KUBERNETES_NODE];

    return nodes != NULL && kube_store_find(nodes, json_text_at(pod, "spec.nodeName")) == NULL;
}

void kubernetes_add_pod(const struct kubernetes_view *v, const struct json_node *pod, struct target_group *g)
{
    struct bytes ns = json_text_at(pod, "metadata.namespace");

    if (json_text_at(pod, "status.podIP").len == 0 || is_elsewhere(v, pod))
        return;
    kubernetes_put_pod(v, pod, g, target_group_common);
    target_group_common(g, bytes_str(META "namespace"), ns);
    kubernetes_put_node(v, json_text_at(pod, "spec.nodeName"), g, target_group_common);
    kubernetes_put_namespace(v, ns, g);
    json_each (c, json_at(pod, "spec.containers"))
        add_container(pod, c, false, g);
    json_each (c, json_at(pod, "spec.initContainers"))
        add_container(pod, c, true, g);
}

/* ---- endpoints ---- */

/* A pod that one of the object's endpoints was, and the port. */
struct seen {
    const struct json_node *pod;
    struct bytes port;
};

#define MOST_STEPS 20000000u /* ports that are looked at for the endpoints of one object */

struct seen_pods {
    VEC(struct seen) list;
    const struct kubernetes_view *v;
    struct target_group *g;
    uint64_t steps;
};

static const struct json_node *pod_of(const struct kubernetes_view *v, const struct json_node *ref)
{
    const struct kube_object *o;

    if (!bytes_is(json_text_at(ref, "kind"), "Pod") || v->of_role[KUBERNETES_POD] == NULL)
        return NULL;
    o = kube_store_get(v->of_role[KUBERNETES_POD], json_text_at(ref, "namespace"), json_text_at(ref, "name"));
    return o != NULL ? o->root : NULL;
}

static void put_matching_ports(struct seen_pods *s, const struct json_node *containers, bool init, struct bytes port,
                               struct bytes protocol)
{
    json_each (c, containers)
        json_each (p, json_at(c, "ports")) {
            if (s->steps++ > MOST_STEPS)
                s->g->fault = "the pods of an object's endpoints have too many ports";
            if (port.len > 0 && bytes_equal(json_text_at(p, "containerPort"), port)) {
                put_container(c, init, s->g);
                put_port(p, protocol.len > 0 ? protocol : json_text_at(p, "protocol"), s->g);
                break;
            }
        }
}

/* The labels of the pod that it is, if it is one; then the target. */
static void add_endpoint(struct seen_pods *s, const struct json_node *ref, struct bytes address, struct bytes port,
                         struct bytes protocol)
{
    const struct json_node *pod = pod_of(s->v, ref);

    if (pod != NULL) {
        kubernetes_put_pod(s->v, pod, s->g, target_group_label);
        put_matching_ports(s, json_at(pod, "spec.containers"), false, port, protocol);
        put_matching_ports(s, json_at(pod, "spec.initContainers"), true, port, protocol);
        *vec_push(&s->list) = (struct seen){ pod, port };
    }
    (void)target_group_add(s->g, target_group_address(s->g, address, port));
}

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    if (x->pod != y->pod)
        return x->pod < y->pod ? -1 : 1;
    return bytes_compare(x->port, y->port);
}

static void add_unseen(const struct seen_pods *s, const struct json_node *pod, const char *containers, bool init)
{
    struct bytes ip = json_text_at(pod, "status.podIP");

    json_each (c, json_at(pod, containers))
        json_each (p, json_at(c, "ports")) {
            const struct seen key = { pod, json_text_at(p, "containerPort") };

            if (bsearch(&key, s->list.v, s->list.n, sizeof(key), compare_seen) != NULL)
                continue;
            kubernetes_put_pod(s->v, pod, s->g, target_group_label);
            put_container(c, init, s->g);
            put_port(p, json_text_at(p, "protocol"), s->g);
            if (!target_group_add(s->g, target_group_address(s->g, ip, key.port)))
                return;
        }
}

/* Ports of these pods that no endpoint has had. */
static void end_pods(struct seen_pods *s)
{
    if (s->list.n > 0)
        qsort(s->list.v, s->list.n, sizeof(*s->list.v), compare_seen);
    for (size_t i = 0; i < s->list.n; i++) {
        const struct json_node *pod = s->list.v[i].pod;

        if ((i > 0 && s->list.v[i - 1].pod == pod) || json_text_at(pod, "status.podIP").len == 0)
            continue;
        add_unseen(s, pod, "spec.containers", false);
        add_unseen(s, pod, "spec.initContainers", true);
    }
    vec_free(&s->list);
}

static const struct json_node *put_service(const struct kubernetes_view *v, struct bytes ns, struct bytes name,
                                           struct target_group *g)
{
    const struct kube_store *services = v->of_role[KUBERNETES_SERVICE];
    const struct kube_object *o = services != NULL && name.len > 0 ? kube_store_get(services, ns, name) : NULL;

    if (o == NULL)
        return NULL;
    kubernetes_put_metadata(o->root, "service", true, g, target_group_common);
    return o->root;
}

static void add_addresses(struct seen_pods *s, const struct json_node *addresses, const struct json_node *port,
                          bool ready)
{
    struct target_group *g = s->g;

    json_each (a, addresses) {
        const struct json_node *ref = json_at(a, "targetRef");
        struct bytes node = json_text_at(a, "nodeName");

        target_group_label(g, bytes_str(META "endpoint_port_name"), json_text_at(port, "name"));
        target_group_label(g, bytes_str(META "endpoint_port_protocol"), json_text_at(port, "protocol"));
        target_group_label(g, bytes_str(META "endpoint_ready"), bytes_str(ready ? "true" : "false"));
        target_group_label(g, bytes_str(META "endpoint_address_target_kind"), json_text_at(ref, "kind"));
        target_group_label(g, bytes_str(META "endpoint_address_target_name"), json_text_at(ref, "name"));
        target_group_label(g, bytes_str(META "endpoint_node_name"), node);
        target_group_label(g, bytes_str(META "endpoint_hostname"), json_text_at(a, "hostname"));
        if (node.len == 0 && bytes_is(json_text_at(ref, "kind"), "Node"))
            node = json_text_at(ref, "name");
        kubernetes_put_node(s->v, node, g, target_group_label);
        add_endpoint(s, ref, json_text_at(a, "ip"), json_text_at(port, "port"), json_text_at(port, "protocol"));
        if (g->fault != NULL)
            return;
    }
}

void kubernetes_add_endpoints(const struct kubernetes_view *v, const struct json_node *endpoints,
                              struct target_group *g)
{
    struct bytes ns = json_text_at(endpoints, "metadata.namespace");
    struct seen_pods seen = { .v = v, .g = g };

    target_group_common(g, bytes_str(META "namespace"), ns);
    put_service(v, ns, json_text_at(endpoints, "metadata.name"), g);
    kubernetes_put_metadata(endpoints, "endpoints", true, g, target_group_common);
    kubernetes_put_namespace(v, ns, g);
    json_each (s, json_at(endpoints, "subsets"))
        json_each (p, json_at(s, "ports")) {
            add_addresses(&seen, json_at(s, "addresses"), p, true);
            add_addresses(&seen, json_at(s, "notReadyAddresses"), p, false);
        }
    end_pods(&seen);
}

/* ---- slices ---- */

/* The service has two families, and this is not its first: the same endpoints are in another slice. */
static bool is_second_family(const struct json_node *service, const struct json_node *slice)
{
    struct bytes policy = json_text_at(service, "spec.ipFamilyPolicy");
    const struct json_node *families = json_at(service, "spec.ipFamilies");

    if ((!bytes_is(policy, "PreferDualStack") && !bytes_is(policy, "RequireDualStack")) || families == NULL ||
        families->first == NULL)
        return false;
    return !bytes_equal(families->first->text, json_text_at(slice, "addressType"));
}

static void put_slice_endpoint(const struct seen_pods *s, const struct json_node *e, const struct json_node *port)
{
    const struct json_node *ref = json_at(e, "targetRef");
    struct target_group *g = s->g;

    target_group_label(g, bytes_str(META "endpointslice_port_name"), json_text_at(port, "name"));
    target_group_label(g, bytes_str(META "endpointslice_port_protocol"), json_text_at(port, "protocol"));
    target_group_label(g, bytes_str(META "endpointslice_port"), json_text_at(port, "port"));
    target_group_label(g, bytes_str(META "endpointslice_port_app_protocol"), json_text_at(port, "appProtocol"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_conditions_ready"),
                       json_text_at(e, "conditions.ready"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_conditions_serving"),
                       json_text_at(e, "conditions.serving"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_conditions_terminating"),
                       json_text_at(e, "conditions.terminating"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_hostname"), json_text_at(e, "hostname"));
    target_group_label(g, bytes_str(META "endpointslice_address_target_kind"), json_text_at(ref, "kind"));
    target_group_label(g, bytes_str(META "endpointslice_address_target_name"), json_text_at(ref, "name"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_node_name"), json_text_at(e, "nodeName"));
    target_group_label(g, bytes_str(META "endpointslice_endpoint_zone"), json_text_at(e, "zone"));
    json_each (t, json_at(e, "deprecatedTopology")) {
        target_group_label(g, target_group_name(g, META "endpointslice_endpoint_topology_", t->key), t->text);
        target_group_label(g, target_group_name(g, META "endpointslice_endpoint_topology_present_", t->key),
                           bytes_str("true"));
    }
    kubernetes_put_node(
        s->v, bytes_is(json_text_at(ref, "kind"), "Node") ? json_text_at(ref, "name") : json_text_at(e, "nodeName"), g,
        target_group_label);
}

/* Found in the labels, whose names have dots. */
static struct bytes service_name(const struct json_node *slice)
{
    json_each (l, json_at(slice, "metadata.labels"))
        if (bytes_is(l->key, "kubernetes.io/service-name"))
            return l->text;
    return bytes_of("", 0);
}

void kubernetes_add_slice(const struct kubernetes_view *v, const struct json_node *slice, struct target_group *g)
{
    struct bytes ns = json_text_at(slice, "metadata.namespace");
    struct seen_pods seen = { .v = v, .g = g };
    const struct json_node *service;

    target_group_common(g, bytes_str(META "namespace"), ns);
    target_group_common(g, bytes_str(META "endpointslice_address_type"), json_text_at(slice, "addressType"));
    kubernetes_put_metadata(slice, "endpointslice", true, g, target_group_common);
    service = put_service(v, ns, service_name(slice), g);
    kubernetes_put_namespace(v, ns, g);
    if (is_second_family(service, slice))
        return;
    json_each (e, json_at(slice, "endpoints"))
        json_each (p, json_at(slice, "ports"))
            json_each (a, json_at(e, "addresses")) {
                put_slice_endpoint(&seen, e, p);
                if (a->kind == JSON_STRING && g->fault == NULL)
                    add_endpoint(&seen, json_at(e, "targetRef"), a->text, json_text_at(p, "port"), bytes_of("", 0));
            }
    end_pods(&seen);
}
