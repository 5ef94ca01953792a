/* SPDX-License-Identifier: Apache-2.0 */
/* Each object that comes takes the place of the version before it. A pod's keys are put first by its uid, so that it is
 * found when it goes; an address or container that it does not have any more is left to the version that had it, for
 * the grace period. What hangs on other objects is looked up when it is asked for, so that it does not matter which
 * came first. */
#include "processor/k8s_attributes/k8s_known.h"

#include <stdlib.h>

static struct clock *clock_of(const struct k8s_cluster *c)
{
    return &c->self.host->loop->clock;
}

static void show_size(struct k8s_cluster *c)
{
    metric_set(c->size, (double)c->index.table.n);
}

/* ---- pods ---- */

static struct bytes value_of(struct k8s_cluster *c, const struct k8s_pod *p, struct bytes name)
{
    struct k8s_tag late[K8S_LATE];
    struct bytes text;
    size_t n;

    if (bytes_is(name, "k8s.namespace.name"))
        return p->ns;
    if (bytes_is(name, "k8s.pod.name"))
        return p->name;
    if (bytes_is(name, "k8s.pod.uid"))
        return p->uid;
    if (bytes_is(name, "host.name") || bytes_is(name, "k8s.pod.ip"))
        return p->ip;
    text = k8s_slots_text(p->attributes, name);
    n = text.data == NULL ? k8s_cluster_late(c, p, late) : 0;
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(late[i].key, name))
            return late[i].text;
    return text;
}

/* `id`: of the container, where the association asks for one. */
static bool add_sources(struct k8s_cluster *c, const struct k8s_association *a, const struct k8s_pod *p,
                        struct bytes id)
{
    for (size_t i = 0; i < a->n; i++) {
        struct bytes name = a->source[i].name, value;

        if (a->source[i].connection)
            value = p->host_network ? bytes_str("") : p->ip;
        else
            value = bytes_is(name, "container.id") ? id : value_of(c, p, name);
        if (!k8s_key_add(&c->key, a->source[i].connection, name, value))
            return false;
    }
    return a->n > 0;
}

static bool put_association(struct k8s_cluster *c, const struct k8s_association *a, struct k8s_pod *p,
                            const struct k8s_pod *before)
{
    bool by_container = false;

    for (size_t i = 0; i < a->n; i++)
        by_container |= !a->source[i].connection && bytes_is(a->source[i].name, "container.id");
    for (size_t i = 0; i < (by_container ? p->n_containers : 1); i++) {
        c->key.len = 0;
        if (add_sources(c, a, p, by_container ? p->containers[i].id : bytes_str("")) &&
            !k8s_index_put(&c->index, buf_bytes(&c->key), p, before))
            return false;
    }
    return true;
}

static bool put_address(struct k8s_cluster *c, bool connection, struct k8s_pod *p, const struct k8s_pod *before)
{
    c->key.len = 0;
    return !k8s_key_add(&c->key, connection, bytes_str(connection ? "" : "k8s.pod.ip"), p->ip) ||
           k8s_index_put(&c->index, buf_bytes(&c->key), p, before);
}

static bool put_keys(struct k8s_cluster *c, struct k8s_pod *p, const struct k8s_pod *before)
{
    if (!k8s_index_put_uid(&c->index, p, before))
        return false;
    for (size_t i = 0; i < c->rules.n_associations; i++)
        if (!put_association(c, &c->rules.associations[i], p, before))
            return false;
    return p->host_network || (put_address(c, true, p, before) && put_address(c, false, p, before));
}

static void on_expiry(struct clock_timer *t)
{
    struct k8s_cluster *c = container_of(t, struct k8s_cluster, expiry);
    uint64_t now = clock_mono(clock_of(c)), next = k8s_index_expire(&c->index, now);

    if (next > 0)
        clock_start(clock_of(c), t, next - now, on_expiry);
    table_settle(&c->index.table, 1024);
    show_size(c);
}

static uint64_t leave_by(struct k8s_cluster *c)
{
    if (!clock_armed(&c->expiry))
        clock_start(clock_of(c), &c->expiry, c->rules.grace, on_expiry);
    return clock_mono(clock_of(c)) + c->rules.grace;
}

/* Nobody could find it by that; and it alone is left out, not all that the server has to tell. */
static void leave_out(struct k8s_cluster *c, struct k8s_pod *p)
{
    if (complaint_due(&c->odd, clock_of(c)))
        log_warn(&c->self.log, "A pod is left out, for its uid is too long", F_UINT("uid_bytes", p->uid.len),
                 F_UINT("limit_bytes", K8S_MOST_VALUE), F_UINT("repeated", complaint_taken(&c->odd)));
    free(p);
}

bool k8s_known_put_pod(void *owner, const struct json_node *root, bool renewed, struct error *err)
{
    struct k8s_kind *k = owner;
    struct k8s_cluster *c = k->cluster;
    struct k8s_pod *p = k8s_pod_read(&c->reader, root), *before;
    bool good;

    metric_add(renewed ? k->updated : k->added, 1);
    if (p == NULL)
        return true;
    if (p->uid.len > K8S_MOST_VALUE) {
        leave_out(c, p);
        return true;
    }
    before = k8s_index_by_uid(&c->index, p->uid);
    if (before != NULL && k8s_pod_is_older(p, before)) {
        free(p);
        return true;
    }
    if (!k8s_index_take(&c->index, p)) {
        free(p);
        error_set(err, UV_ENOMEM, "no room in the memory budget for another pod (there are %zu, at most %u)",
                  c->index.n_pods, K8S_MOST_PODS);
        return false;
    }
    before = k8s_index_by_uid(&c->index, p->uid); /* it may have been gone, and made room */
    good = put_keys(c, p, before);
    if (!good)
        error_set(err, UV_ENOMEM, "no room in the memory budget for what another pod is found by");
    if (!good && p->entries != NULL) /* the watch does not know it, and will not say that it goes */
        k8s_index_leave(&c->index, p, leave_by(c));
    k8s_index_settle(&c->index, p, before, leave_by(c));
    show_size(c);
    return good;
}

void k8s_known_pod_gone(void *owner, const struct kube_object *o)
{
    struct k8s_kind *k = owner;
    struct k8s_pod *p = k8s_index_by_uid(&k->cluster->index, o->uid);

    metric_add(k->deleted, 1);
    if (p != NULL)
        k8s_index_leave(&k->cluster->index, p, leave_by(k->cluster));
}

const struct k8s_pod *k8s_cluster_find(struct k8s_cluster *c, struct bytes key)
{
    const struct k8s_pod *p = k8s_index_find(&c->index, key);

    if (p == NULL)
        metric_add(c->missed, 1);
    return p != NULL && !p->ignored ? p : NULL;
}

/* ---- what they belong to ---- */

static uint64_t thing_hash(const void *entry)
{
    return bytes_hash(((const struct k8s_thing *)entry)->id);
}

static bool thing_is(const void *entry, const void *key)
{
    return bytes_equal(((const struct k8s_thing *)entry)->id, *(const struct bytes *)key);
}

static struct k8s_thing *find_thing(struct k8s_cluster *c, enum k8s_from kind, struct bytes id)
{
    struct bytes key;

    c->thing_key.len = 0;
    buf_putc(&c->thing_key, (char)('a' + kind));
    buf_put(&c->thing_key, id);
    key = buf_bytes(&c->thing_key);
    return table_find(&c->things, bytes_hash(key), thing_is, &key);
}

const struct k8s_thing *k8s_cluster_thing(struct k8s_cluster *c, enum k8s_from kind, struct bytes id)
{
    return c->rules.watched[kind] && id.len > 0 && id.len <= K8S_MOST_VALUE ? find_thing(c, kind, id) : NULL;
}

static void free_thing(struct k8s_cluster *c, struct k8s_thing *t)
{
    list_remove(&t->link);
    table_remove(&c->things, t, thing_hash(t));
    budget_give(c->self.host->budget, t->size);
    free(t);
}

bool k8s_thing_field(struct bytes parent, struct bytes key)
{
    static const char *const known[] = {
        "metadata", "name",       "namespace",       "uid", "labels", "resourceVersion", "annotations",
        "kind",     "controller", "ownerReferences", NULL
    };

    return k8s_keeps_field(known, parent, key);
}

static const struct json_node *find_owner(const struct json_node *root, const char *kind)
{
    const struct json_node *owners = json_at(root, "metadata.ownerReferences");

    json_each (o, k8s_is_list(owners) ? owners : NULL)
        if (bytes_is(json_text_at(o, "kind"), kind) && json_true_at(o, "controller"))
            return o;
    return NULL;
}

static struct k8s_thing *make_thing(struct k8s_cluster *c, enum k8s_from kind, struct bytes id,
                                    const struct json_node *root)
{
    const struct json_node *owner = find_owner(root, kind == K8S_JOB ? "CronJob" : "Deployment");
    struct bytes uid = json_text_at(root, "metadata.uid"), name = json_text_at(owner, "name"),
                 owner_uid = json_text_at(owner, "uid");
    struct k8s_tags *tags = &c->reader.tags;
    struct k8s_thing *t;
    uint8_t *at;
    size_t size;

    k8s_tags_clear(tags);
    if (kind != K8S_REPLICASET) {
        k8s_rules_labels(&c->rules, kind, root, tags);
        k8s_rules_annotations(&c->rules, kind, root, tags);
    }
    size = sizeof(*t) + k8s_tags_size(tags) + 1 + id.len + uid.len + name.len + owner_uid.len;
    t = mem_alloc(size);
    at = k8s_tags_pack(tags, (uint8_t *)(t + 1));
    *t =
        (struct k8s_thing){ .size = size, .attributes = { (const struct attribute_slot *)(void *)(t + 1), tags->v.n } };
    t->id = bytes_of(at, id.len + 1);
    *at++ = (uint8_t)('a' + kind);
    (void)k8s_keep(&at, id);
    t->uid = k8s_keep(&at, uid);
    t->owner_name = k8s_keep(&at, name);
    t->owner_uid = k8s_keep(&at, owner_uid);
    return t;
}

bool k8s_known_put_thing(void *owner, const struct json_node *root, bool renewed, struct error *err)
{
    struct k8s_kind *k = owner;
    struct k8s_cluster *c = k->cluster;
    struct bytes id = json_text_at(root, k8s_has_name(k->kind) ? "metadata.name" : "metadata.uid");
    struct k8s_thing *t, *before = id.len > 0 ? find_thing(c, k->kind, id) : NULL;

    metric_add(renewed ? k->updated : k->added, 1);
    if (before != NULL)
        free_thing(c, before);
    if (id.len == 0)
        return true;
    t = make_thing(c, k->kind, id, root);
    if (budget_take(c->self.host->budget, t->size)) {
        if (table_insert(&c->things, t, thing_hash(t))) {
            list_push(&c->all_things, &t->link);
            return true;
        }
        budget_give(c->self.host->budget, t->size);
    }
    free(t);
    error_set(err, UV_ENOMEM, "no room in the memory budget for another object");
    return false;
}

void k8s_known_thing_gone(void *owner, const struct kube_object *o)
{
    struct k8s_kind *k = owner;
    struct k8s_thing *t = find_thing(k->cluster, k->kind, k8s_has_name(k->kind) ? o->key : o->uid);

    metric_add(k->deleted, 1);
    if (t != NULL)
        free_thing(k->cluster, t);
}

size_t k8s_cluster_late(struct k8s_cluster *c, const struct k8s_pod *p, struct k8s_tag tags[K8S_LATE])
{
    const struct k8s_thing *set = k8s_cluster_thing(c, K8S_REPLICASET, p->owner[OWNER_REPLICASET].uid);
    const struct k8s_thing *job = k8s_cluster_thing(c, K8S_JOB, p->owner[OWNER_JOB].uid);
    const struct k8s_thing *system = k8s_cluster_thing(c, K8S_NAMESPACE, bytes_str("kube-system"));
    struct bytes none = { NULL, 0 }, deployment = set != NULL ? set->owner_name : p->deployment,
                 cronjob = job != NULL ? job->owner_name : p->cronjob;
    const struct {
        enum k8s_field field;
        struct bytes text;
    } found[K8S_LATE] = {
        { FIELD_DEPLOYMENT_NAME, deployment },
        { FIELD_DEPLOYMENT_UID, set != NULL ? set->owner_uid : none },
        { FIELD_CRONJOB_NAME, cronjob },
        { FIELD_CRONJOB_UID, job != NULL ? job->owner_uid : none },
        { FIELD_SERVICE_NAME, k8s_pod_service(p, deployment, cronjob) },
        { FIELD_CLUSTER_UID, system != NULL ? system->uid : none },
    };
    size_t n = 0;

    for (size_t i = 0; c->rules.late && i < K8S_LATE; i++)
        if (k8s_rules_want(&c->rules, found[i].field) && found[i].text.len > 0)
            tags[n++] = (struct k8s_tag){ bytes_str(k8s_field_names[found[i].field]), found[i].text, false };
    return n;
}

/* ---- all of it ---- */

void k8s_known_init(struct k8s_cluster *c)
{
    k8s_reader_init(&c->reader, &c->rules);
    k8s_index_init(&c->index, c->self.host->budget);
    list_init(&c->all_things);
    table_init(&c->things, thing_hash, c->self.host->budget);
}

void k8s_known_free(struct k8s_cluster *c)
{
    clock_stop(clock_of(c), &c->expiry);
    list_each (struct k8s_thing, t, &c->all_things, link)
        free_thing(c, t);
    table_free(&c->things);
    k8s_index_free(&c->index);
    k8s_reader_free(&c->reader);
    buf_free(&c->key);
    buf_free(&c->thing_key);
}
