/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that are there stay: a source knows better. What is added is not copied, for it is kept as it stands on
 * the wire. Of containers nothing is said unless it is clear which is meant. */
#include "processor/k8s_attributes/k8s_apply.h"

#include "processor/k8s_attributes/k8s_known.h"

#include <arpa/inet.h>

/* ---- who it is of ---- */

static struct bytes text_of(const struct attribute_list *l, struct bytes key)
{
    size_t at = attribute_list_find(l, key);
    struct value v = { .type = VALUE_EMPTY };

    if (at != ATTRIBUTE_NONE)
        v = value_read(l->slots.v[at].value);
    return v.type == VALUE_STRING ? v.bytes : bytes_of(NULL, 0);
}

static bool is_address(struct bytes text)
{
    char copy[INET6_ADDRSTRLEN + 1];
    uint8_t any[16];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET, copy, any) == 1 || inet_pton(AF_INET6, copy, any) == 1;
}

static struct bytes address_of(const struct attribute_list *l, struct bytes client)
{
    struct bytes text = text_of(l, bytes_str("k8s.pod.ip"));

    if (text.len == 0)
        text = text_of(l, bytes_str("ip"));
    if (text.len == 0)
        text = client;
    if (text.len == 0 && is_address(text_of(l, bytes_str("host.name"))))
        text = text_of(l, bytes_str("host.name"));
    return text;
}

/* False: one of its sources has no value. */
static bool try_association(const struct k8s_association *a, const struct attribute_list *l, struct bytes client,
                            struct k8s_identity *who, struct buf *key)
{
    bool good = true;

    key->len = 0;
    who->address = bytes_of(NULL, 0);
    who->known = true;
    for (size_t i = 0; i < a->n; i++) {
        bool connection = a->source[i].connection;
        struct bytes value = connection ? client : text_of(l, a->source[i].name);

        if (value.len == 0 || (!connection && bytes_is(a->source[i].name, "host.name") && !is_address(value)))
            return false;
        if (connection && who->address.len == 0)
            who->address = value;
        good &= k8s_key_add(key, connection, a->source[i].name, value);
    }
    who->known = good; /* a value may be longer than any that is known */
    who->by = a;
    return true;
}

struct k8s_identity k8s_identify(const struct k8s_rules *r, const struct attribute_list *l, struct bytes client,
                                 struct buf *key)
{
    struct k8s_identity who = { 0 };

    for (size_t i = 0; i < r->n_associations; i++)
        if (try_association(&r->associations[i], l, client, &who, key))
            return who;
    who = (struct k8s_identity){ 0 };
    if (r->n_associations > 0)
        return who;
    key->len = 0;
    who.address = address_of(l, client);
    who.known = k8s_key_add(key, true, bytes_str(""), who.address);
    return who;
}

/* ---- what it gets ---- */

static bool is_blank(struct bytes value)
{
    struct value v = value_read(value);

    return v.type == VALUE_EMPTY || ((v.type == VALUE_STRING || v.type == VALUE_BYTES) && v.bytes.len == 0);
}

void k8s_set_text(struct attribute_list *l, const char *key, struct bytes text)
{
    size_t at = attribute_list_find(l, bytes_str(key));

    if (at == ATTRIBUTE_NONE)
        attribute_list_add(l, bytes_str(key), attribute_list_keep(l, text));
    else if (is_blank(l->slots.v[at].value) && text.len > 0)
        attribute_list_change_one(l, at, attribute_list_keep(l, text));
}

static void set_slots(struct attribute_list *l, struct k8s_slots s, bool blanks)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t at = attribute_list_find(l, s.v[i].key);

        if (at == ATTRIBUTE_NONE)
            attribute_list_add_slot(l, &s.v[i]);
        else if (blanks && is_blank(l->slots.v[at].value) && !is_blank(s.v[i].value))
            attribute_list_change_one(l, at, s.v[i].value);
    }
}

static const struct k8s_container *find_container(const struct k8s_pod *p, struct bytes name, struct bytes id)
{
    const struct k8s_container *only = NULL;
    size_t n = 0;

    for (size_t i = 0; i < p->n_containers; i++) {
        const struct k8s_container *c = &p->containers[i];

        if (name.len > 0 ? bytes_equal(c->name, name) : id.len > 0 && c->has_status && bytes_equal(c->id, id))
            return c;
        if (c->has_status) {
            only = c;
            n++;
        }
    }
    if (name.len > 0 || id.len > 0)
        return NULL;
    if (n == 1)
        return only;
    return p->n_containers == 1 ? p->containers : NULL;
}

/* The start of it that is meant: that of the restart count on the resource, else the last one. */
static bool is_run(const struct k8s_container *c, const struct attribute_list *l)
{
    size_t at = attribute_list_find(l, bytes_str("k8s.container.restart_count"));
    struct value v;
    uint64_t n;

    if (!c->has_status || at == ATTRIBUTE_NONE)
        return c->has_status;
    v = value_read(l->slots.v[at].value);
    if (v.type == VALUE_INT)
        return v.integer == c->restarts;
    return v.type == VALUE_STRING && bytes_decimal(v.bytes, &n) && (int64_t)n == c->restarts;
}

static void apply_container(const struct k8s_pod *p, struct attribute_list *l)
{
    const struct k8s_container *c = p->n_containers > 0 ? find_container(p, text_of(l, bytes_str("k8s.container.name")),
                                                                         text_of(l, bytes_str("container.id")))
                                                        : NULL;

    if (c == NULL)
        return;
    set_slots(l, c->attributes, true);
    if (is_run(c, l))
        set_slots(l, c->run, false);
}

static void apply_late(struct k8s_cluster *c, const struct k8s_pod *p, struct attribute_list *l)
{
    struct k8s_tag late[K8S_LATE];
    size_t n = k8s_cluster_late(c, p, late);

    for (size_t i = 0; i < n; i++) {
        size_t at = attribute_list_find(l, late[i].key);

        if (at == ATTRIBUTE_NONE)
            attribute_list_add(l, late[i].key, attribute_list_keep(l, late[i].text));
        else if (is_blank(l->slots.v[at].value))
            attribute_list_change_one(l, at, attribute_list_keep(l, late[i].text));
    }
}

/* What the pod is in, by its own word; else by the resource's. */
static const struct k8s_thing *find_thing(struct k8s_cluster *c, enum k8s_from kind, struct bytes of_pod,
                                          const struct attribute_list *l, enum k8s_field attribute)
{
    const struct k8s_thing *t = k8s_cluster_thing(c, kind, of_pod);

    if (t != NULL || !c->rules.watched[kind])
        return t;
    if (k8s_has_name(kind) && of_pod.len > 0)
        return NULL;
    return k8s_cluster_thing(c, kind, text_of(l, bytes_str(k8s_field_names[attribute])));
}

static void apply_thing(const struct k8s_thing *t, struct attribute_list *l)
{
    if (t != NULL)
        set_slots(l, t->attributes, true);
}

static void apply_things(struct k8s_cluster *c, const struct k8s_pod *p, struct attribute_list *l)
{
    static const struct k8s_pod nobody;
    const struct k8s_pod *of = p != NULL ? p : &nobody;
    const struct k8s_thing *set = k8s_cluster_thing(c, K8S_REPLICASET, of->owner[OWNER_REPLICASET].uid);
    const struct k8s_thing *node = find_thing(c, K8S_NODE, of->node, l, FIELD_NODE_NAME);

    apply_thing(node, l);
    if (node != NULL && node->uid.len > 0)
        k8s_set_text(l, "k8s.node.uid", node->uid);
    apply_thing(
        find_thing(c, K8S_DEPLOYMENT, set != NULL ? set->owner_uid : bytes_of(NULL, 0), l, FIELD_DEPLOYMENT_UID), l);
    apply_thing(find_thing(c, K8S_STATEFULSET, of->owner[OWNER_STATEFULSET].uid, l, FIELD_STATEFULSET_UID), l);
    apply_thing(find_thing(c, K8S_DAEMONSET, of->owner[OWNER_DAEMONSET].uid, l, FIELD_DAEMONSET_UID), l);
    apply_thing(find_thing(c, K8S_JOB, of->owner[OWNER_JOB].uid, l, FIELD_JOB_UID), l);
}

void k8s_apply(struct k8s_cluster *c, const struct k8s_pod *p, struct attribute_list *l)
{
    struct bytes ns;

    if (p != NULL) {
        set_slots(l, p->attributes, true);
        apply_late(c, p, l);
        apply_container(p, l);
    }
    ns = p != NULL && p->ns.len > 0 ? p->ns : text_of(l, bytes_str("k8s.namespace.name"));
    apply_thing(k8s_cluster_thing(c, K8S_NAMESPACE, ns), l);
    if (ns.len > 0 && k8s_rules_want(&c->rules, FIELD_SERVICE_NAMESPACE))
        k8s_set_text(l, "service.namespace", ns);
    apply_things(c, p, l);
}
