/* SPDX-License-Identifier: Apache-2.0 */
/* A container has a target for each of its TCP ports in each of its networks, or one where it has no such port. One
 * that shares the network of another has that one's networks. Containers and networks are found by their ids in a
 * sorted list; a chain of containers that leads to itself ends. */
#include "receiver/prometheus/docker_targets.h"

#include <stdio.h>
#include <stdlib.h>

#define META "__meta_docker_"
#define MOST_HOPS 16

static bool keep_field(struct bytes parent, struct bytes key)
{
    static const char *const names[] = {
        "Id",          "Names",    "Image",     "ImageID",   "Labels",      "HostConfig", "NetworkSettings",
        "NetworkMode", "Networks", "IPAddress", "NetworkID", "PrivatePort", "PublicPort", "Type",
        "Ports",       "IP",       "Name",      "Scope",     "Internal",    "Ingress",    "GlobalIPv6Address"
    };

    if (bytes_is(parent, "Labels") || bytes_is(parent, "Networks"))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (bytes_is(key, names[i]))
            return true;
    return false;
}

const struct json_node *docker_answer_read(struct bytes text, struct arena *a, struct error *err)
{
    static const struct json_tree_rules rules = { .max_nodes = 400000, .max_depth = 8, .keep = keep_field };
    const struct json_node *n = json_tree_parse(text, a, &rules, err);

    if (n == NULL)
        error_wrap(err, "the answer is no JSON");
    else if (n->kind != JSON_LIST)
        error_set(err, UV_EINVAL, "the answer is no list");
    return n != NULL && n->kind == JSON_LIST ? n : NULL;
}

/* ---- by id ---- */

struct entry {
    struct bytes id;
    const struct json_node *node;
};

struct entries {
    VEC(struct entry) list;
};

static int compare_entries(const void *a, const void *b)
{
    return bytes_compare(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static void sort_by_id(struct entries *e, const struct json_node *list)
{
    json_each (n, list)
        *vec_push(&e->list) = (struct entry){ json_text_at(n, "Id"), n };
    if (e->list.n > 1)
        qsort(e->list.v, e->list.n, sizeof(*e->list.v), compare_entries);
}

static const struct json_node *find_id(const struct entries *e, struct bytes id)
{
    const struct entry key = { id, NULL }, *found = NULL;

    if (e->list.n > 0)
        found = bsearch(&key, e->list.v, e->list.n, sizeof(key), compare_entries);
    return found != NULL ? found->node : NULL;
}

/* ---- one container ---- */

struct making {
    const struct docker_sd_config *c;
    struct target_group *g;
    struct entries containers, networks;
};

static void put_labels(struct target_group *g, const char *prefix, const struct json_node *labels,
                       void (*put)(struct target_group *, struct bytes, struct bytes))
{
    json_each (l, labels)
        if (l->kind == JSON_STRING)
            put(g, target_group_name(g, prefix, l->key), l->text);
}

static void put_network(const struct making *m, const struct json_node *endpoint, struct bytes ip)
{
    const struct json_node *n = find_id(&m->networks, json_text_at(endpoint, "NetworkID"));
    struct target_group *g = m->g;

    target_group_label(g, bytes_str(META "network_ip"), ip);
    if (n == NULL)
        return;
    target_group_label(g, bytes_str(META "network_id"), json_text_at(n, "Id"));
    target_group_label(g, bytes_str(META "network_name"), json_text_at(n, "Name"));
    target_group_label(g, bytes_str(META "network_scope"), json_text_at(n, "Scope"));
    target_group_label(g, bytes_str(META "network_internal"),
                       bytes_str(json_true_at(n, "Internal") ? "true" : "false"));
    target_group_label(g, bytes_str(META "network_ingress"), bytes_str(json_true_at(n, "Ingress") ? "true" : "false"));
    put_labels(g, META "network_label_", json_at(n, "Labels"), target_group_label);
}

static void put_container(const struct making *m, const struct json_node *c)
{
    const struct json_node *names = json_at(c, "Names");
    struct target_group *g = m->g;

    target_group_common(g, bytes_str(META "container_id"), json_text_at(c, "Id"));
    target_group_common(g, bytes_str(META "container_name"), names->first->text);
    target_group_common(g, bytes_str(META "container_network_mode"), json_text_at(c, "HostConfig.NetworkMode"));
    target_group_common(g, bytes_str(META "container_image"), json_text_at(c, "Image"));
    target_group_common(g, bytes_str(META "container_image_id"), json_text_at(c, "ImageID"));
    put_labels(g, META "container_label_", json_at(c, "Labels"), target_group_common);
}

static void add_in_network(const struct making *m, const struct json_node *c, const struct json_node *endpoint)
{
    struct bytes ip = json_text_at(endpoint, "IPAddress"), mode = json_text_at(c, "HostConfig.NetworkMode");
    struct target_group *g = m->g;
    bool added = false;
    char port[8];

    if (ip.len == 0)
        ip = json_text_at(endpoint, "GlobalIPv6Address");
    json_each (p, json_at(c, "Ports")) {
        struct bytes number = json_text_at(p, "PrivatePort"), public = json_text_at(p, "PublicPort");

        if (!bytes_is(json_text_at(p, "Type"), "tcp") || g->fault != NULL)
            continue;
        put_network(m, endpoint, ip);
        target_group_label(g, bytes_str(META "port_private"), number);
        if (public.len > 0 && !bytes_is(public, "0")) {
            target_group_label(g, bytes_str(META "port_public"), public);
            target_group_label(g, bytes_str(META "port_public_ip"), json_text_at(p, "IP"));
        }
        added = target_group_add(g, target_group_address(g, ip, number));
    }
    if (added || g->fault != NULL)
        return;
    put_network(m, endpoint, ip);
    snprintf(port, sizeof(port), "%u", (unsigned)m->c->port);
    (void)target_group_add(g, bytes_is(mode, "host")
                                  ? target_group_address(g, bytes_str(m->c->host_networking_host), bytes_of("", 0))
                                  : target_group_address(g, ip, bytes_str(port)));
}

/* Its own, or those of the container whose network it is in. */
static const struct json_node *networks_of(const struct making *m, const struct json_node *c)
{
    static const char by[] = "container:";
    const struct json_node *found = json_at(c, "NetworkSettings.Networks");

    for (unsigned hops = 0; hops < MOST_HOPS && (found == NULL || found->n == 0); hops++) {
        struct bytes mode = json_text_at(c, "HostConfig.NetworkMode");

        if (mode.len < sizeof(by) || memcmp(mode.data, by, sizeof(by) - 1) != 0)
            break;
        c = find_id(&m->containers, bytes_skip(mode, sizeof(by) - 1));
        if (c == NULL)
            break;
        found = json_at(c, "NetworkSettings.Networks");
    }
    return found;
}

static void add_container(const struct making *m, const struct json_node *c)
{
    const struct json_node *networks = networks_of(m, c), *first = NULL;

    json_each (n, networks)
        if (n->kind == JSON_OBJECT && (first == NULL || bytes_compare(n->key, first->key) < 0))
            first = n;
    json_each (n, networks)
        if (n->kind == JSON_OBJECT && (n == first || !m->c->match_first_network))
            add_in_network(m, c, n);
}

void docker_targets_make(const struct json_node *containers, const struct json_node *networks,
                         const struct docker_sd_config *c, struct target_group *g)
{
    struct making m = { .c = c, .g = g };

    sort_by_id(&m.containers, containers);
    sort_by_id(&m.networks, networks);
    json_each (one, containers) {
        const struct json_node *names = json_at(one, "Names");

        if (names == NULL || names->kind != JSON_LIST || names->n == 0)
            continue;
        target_group_begin(g);
        put_container(&m, one);
        add_container(&m, one);
    }
    vec_free(&m.containers.list);
    vec_free(&m.networks.list);
}
