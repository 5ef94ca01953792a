/* SPDX-License-Identifier: Apache-2.0 */
/* The object is gone through twice: first its attributes are gathered, with texts that are still the object's, then
 * all is written into memory of the size that this takes.
 *
 * Of two rules for one attribute the later wins: metadata, labels, what labels say of the service, annotations. */
#include "processor/k8s_attributes/k8s_pod.h"

#include "processor/k8s_attributes/k8s_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define IGNORE "opentelemetry.io/k8s-processor/ignore"
#define SKEW (INT64_C(24) * 60) /* minutes: how far a job's number may be from when its pod was made */

static const char *const owner_kinds[K8S_OWNERS] = { "ReplicaSet", "DaemonSet", "StatefulSet", "Job" };

bool k8s_keeps_field(const char *const *names, struct bytes parent, struct bytes key)
{
    if (bytes_is(parent, "labels") || bytes_is(parent, "annotations"))
        return true;
    for (; *names != NULL; names++)
        if (bytes_is(key, *names))
            return true;
    return false;
}

bool k8s_pod_field(struct bytes parent, struct bytes key)
{
    static const char *const known[] = { "metadata",
                                         "name",
                                         "namespace",
                                         "uid",
                                         "labels",
                                         "annotations",
                                         "resourceVersion",
                                         "creationTimestamp",
                                         "kind",
                                         "controller",
                                         "ownerReferences",
                                         "spec",
                                         "status",
                                         "podIP",
                                         "startTime",
                                         "nodeName",
                                         "hostname",
                                         "hostNetwork",
                                         "containers",
                                         "initContainers",
                                         "image",
                                         "imageID",
                                         "containerStatuses",
                                         "initContainerStatuses",
                                         "containerID",
                                         "restartCount",
                                         NULL };

    return k8s_keeps_field(known, parent, key);
}

void k8s_reader_init(struct k8s_reader *r, const struct k8s_rules *rules)
{
    *r = (struct k8s_reader){ .rules = rules, .image = k8s_image_pattern() };
}

void k8s_reader_free(struct k8s_reader *r)
{
    regex_free(r->image);
    k8s_tags_free(&r->tags);
    vec_free(&r->containers);
    vec_free(&r->ends);
}

/* ---- owners ---- */

static int64_t minutes_of(struct bytes time)
{
    int year, month, day, hour, minute;
    char text[20] = "";

    memcpy(text, time.data, time.len < sizeof(text) ? time.len : sizeof(text) - 1);
    if (time.len < 16 || sscanf(text, "%4d-%2d-%2dT%2d:%2d", &year, &month, &day, &hour, &minute) != 5)
        return -1;
    return (
        int64_t)(timegm(&(struct tm){
                     .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute }) /
                 60);
}

/* A job that a cron job has made is called by it, and by the minute: "backup-28012345". */
static struct bytes cronjob_of(struct bytes job, struct bytes created)
{
    int64_t made = created.len > 0 ? minutes_of(created) : -1;
    uint64_t minute;

    if (job.len < 9 || job.data[job.len - 9] != '-' || !bytes_decimal(bytes_skip(job, job.len - 8), &minute))
        return bytes_str("");
    if (made - (int64_t)minute > SKEW || (int64_t)minute - made > SKEW)
        return bytes_str("");
    return bytes_of(job.data, job.len - 9);
}

static struct bytes deployment_of(struct bytes replicaset, struct bytes hash)
{
    if (hash.len == 0 || replicaset.len < hash.len + 1 || replicaset.data[replicaset.len - hash.len - 1] != '-' ||
        memcmp(bytes_end(replicaset) - hash.len, hash.data, hash.len) != 0)
        return bytes_str("");
    return bytes_of(replicaset.data, replicaset.len - hash.len - 1);
}

static struct bytes label_of(const struct json_node *root, const char *key)
{
    const struct json_node *labels = json_at(root, "metadata.labels");
    struct bytes text = { NULL, 0 };

    json_each (l, labels)
        if (l->kind == JSON_STRING && bytes_is(l->key, key))
            text = l->text;
    return text;
}

static void read_owners(struct k8s_pod *p, const struct json_node *root)
{
    const struct json_node *owners = json_at(root, "metadata.ownerReferences");

    json_each (o, k8s_is_list(owners) ? owners : NULL) {
        struct bytes kind = json_text_at(o, "kind");

        for (int i = 0; i < K8S_OWNERS; i++)
            if (bytes_is(kind, owner_kinds[i])) {
                p->owner[i].name = json_text_at(o, "name");
                p->owner[i].uid = json_text_at(o, "uid");
            }
    }
    p->deployment = deployment_of(p->owner[OWNER_REPLICASET].name, label_of(root, "pod-template-hash"));
    p->cronjob = cronjob_of(p->owner[OWNER_JOB].name, json_text_at(root, "metadata.creationTimestamp"));
}

struct bytes k8s_pod_service(const struct k8s_pod *p, struct bytes deployment, struct bytes cronjob)
{
    if (p->owner[OWNER_REPLICASET].name.len > 0)
        return deployment.len > 0 ? deployment : p->owner[OWNER_REPLICASET].name;
    if (p->owner[OWNER_DAEMONSET].name.len > 0)
        return p->owner[OWNER_DAEMONSET].name;
    if (p->owner[OWNER_STATEFULSET].name.len > 0)
        return p->owner[OWNER_STATEFULSET].name;
    if (p->owner[OWNER_JOB].name.len > 0)
        return cronjob.len > 0 ? cronjob : p->owner[OWNER_JOB].name;
    return p->name;
}

/* ---- attributes ---- */

static void want_field(struct k8s_reader *r, enum k8s_field f, struct bytes text)
{
    if (k8s_rules_want(r->rules, f))
        k8s_tags_set(&r->tags, bytes_str(k8s_field_names[f]), text);
}

static void want_some(struct k8s_reader *r, enum k8s_field f, struct bytes text)
{
    if (text.len > 0)
        want_field(r, f, text);
}

static void want_owner(struct k8s_reader *r, enum k8s_owner o, enum k8s_field name, enum k8s_field uid)
{
    if (r->pod.owner[o].name.len == 0)
        return;
    want_field(r, name, r->pod.owner[o].name);
    want_field(r, uid, r->pod.owner[o].uid);
}

static void put_pod(struct k8s_reader *r, const struct json_node *root)
{
    const struct k8s_pod *p = &r->pod;

    want_field(r, FIELD_POD_NAME, p->name);
    want_field(r, FIELD_POD_HOSTNAME, json_text_at(root, "spec.hostname"));
    want_field(r, FIELD_POD_IP, p->ip);
    want_field(r, FIELD_NAMESPACE_NAME, p->ns);
    want_field(r, FIELD_SERVICE_NAMESPACE, p->ns);
    want_some(r, FIELD_POD_START_TIME, json_text_at(root, "metadata.creationTimestamp"));
    want_field(r, FIELD_POD_UID, p->uid);
    want_owner(r, OWNER_REPLICASET, FIELD_REPLICASET_NAME, FIELD_REPLICASET_UID);
    want_owner(r, OWNER_DAEMONSET, FIELD_DAEMONSET_NAME, FIELD_DAEMONSET_UID);
    want_owner(r, OWNER_STATEFULSET, FIELD_STATEFULSET_NAME, FIELD_STATEFULSET_UID);
    want_owner(r, OWNER_JOB, FIELD_JOB_NAME, FIELD_JOB_UID);
    if (!r->rules->late) {
        want_some(r, FIELD_DEPLOYMENT_NAME, p->deployment);
        want_some(r, FIELD_CRONJOB_NAME, p->cronjob);
        want_field(r, FIELD_SERVICE_NAME, k8s_pod_service(p, p->deployment, p->cronjob));
    }
    want_field(r, FIELD_NODE_NAME, p->node);
    k8s_rules_labels(r->rules, K8S_POD, root, &r->tags);
    want_some(r, FIELD_SERVICE_NAME, label_of(root, "app.kubernetes.io/name"));
    want_some(r, FIELD_SERVICE_NAME, label_of(root, "app.kubernetes.io/instance"));
    want_some(r, FIELD_SERVICE_VERSION, label_of(root, "app.kubernetes.io/version"));
    k8s_rules_annotations(r->rules, K8S_POD, root, &r->tags);
    *vec_push(&r->ends) = r->tags.v.n;
}

/* ---- containers ---- */

/* One that stands in both lists is one. NULL: there are too many. */
static struct k8s_container *find_container(struct k8s_reader *r, struct bytes name)
{
    for (size_t i = 0; i < r->containers.n; i++)
        if (bytes_equal(r->containers.v[i].name, name))
            return &r->containers.v[i];
    if (r->containers.n == K8S_MOST_CONTAINERS)
        return NULL;
    *vec_push(&r->containers) = (struct k8s_container){ .name = name };
    return &r->containers.v[r->containers.n - 1];
}

static void add_field(struct k8s_reader *r, enum k8s_field f, struct bytes text, bool list)
{
    if (k8s_rules_want(r->rules, f) && text.len > 0)
        k8s_tags_add(&r->tags, bytes_str(k8s_field_names[f]), text, list);
}

static void put_image(struct k8s_reader *r, struct bytes text)
{
    struct bytes tag, version;
    struct k8s_image i;

    if (text.len == 0 || !k8s_image_read(r->image, text, &i))
        return;
    tag = i.tag.len > 0 ? i.tag : bytes_str("latest");
    version = i.tag;
    if (i.tag.len > 0 && i.digest.len > 0)
        version = bytes_str(arena_printf(&r->tags.scratch, "%.*s@%.*s", (int)i.tag.len, (const char *)i.tag.data,
                                         (int)i.digest.len, (const char *)i.digest.data));
    else if (i.digest.len > 0)
        version = i.digest;
    add_field(r, FIELD_IMAGE_NAME, i.name, false);
    add_field(r, FIELD_IMAGE_TAG, tag, false);
    add_field(r, FIELD_IMAGE_TAGS, tag, true);
    add_field(r, FIELD_SERVICE_VERSION, version, false);
}

static void put_run(struct k8s_reader *r, const struct k8s_container *c, struct bytes image_id)
{
    add_field(r, FIELD_CONTAINER_ID, c->id, false);
    r->tags.name.len = 0;
    if (k8s_rules_want(r->rules, FIELD_IMAGE_DIGESTS) && image_id.len > 0 &&
        k8s_image_put_canonical(r->image, image_id, &r->tags.name))
        add_field(r, FIELD_IMAGE_DIGESTS,
                  bytes_str(arena_strndup(&r->tags.scratch, r->tags.name.data, r->tags.name.len)), true);
}

/* The item of that name in one of two lists. */
static const struct json_node *find_named(const struct json_node *root, const char *const paths[2], struct bytes name)
{
    for (int i = 0; i < 2; i++) {
        const struct json_node *list = json_at(root, paths[i]);

        json_each (n, k8s_is_list(list) ? list : NULL)
            if (bytes_equal(json_text_at(n, "name"), name))
                return n;
    }
    return NULL;
}

static void read_status(struct k8s_container *c, const struct json_node *status)
{
    struct bytes id = json_text_at(status, "containerID"), restarts = json_text_at(status, "restartCount");
    uint64_t n = 0;

    for (size_t i = 0; i + 3 <= id.len; i++)
        if (memcmp(id.data + i, "://", 3) == 0) {
            id = bytes_skip(id, i + 3);
            break;
        }
    c->has_status = true;
    c->id = id;
    c->restarts = bytes_decimal(restarts, &n) ? (int64_t)n : 0;
}

static void put_container(struct k8s_reader *r, const struct k8s_pod *p, const struct json_node *root,
                          struct k8s_container *c)
{
    static const char *const specs[2] = { "spec.containers", "spec.initContainers" };
    static const char *const statuses[2] = { "status.containerStatuses", "status.initContainerStatuses" };
    const struct json_node *spec = find_named(root, specs, c->name), *status = find_named(root, statuses, c->name);

    if (status != NULL) {
        read_status(c, status);
        add_field(r, FIELD_CONTAINER_NAME, c->name, false);
    }
    put_image(r, json_text_at(spec, "image"));
    if (status != NULL)
        add_field(r, FIELD_SERVICE_INSTANCE,
                  bytes_str(arena_printf(&r->tags.scratch, "%.*s.%.*s.%.*s", (int)p->ns.len, (const char *)p->ns.data,
                                         (int)p->name.len, (const char *)p->name.data, (int)c->name.len,
                                         (const char *)c->name.data)),
                  false);
    *vec_push(&r->ends) = r->tags.v.n;
    if (status != NULL)
        put_run(r, c, json_text_at(status, "imageID"));
    *vec_push(&r->ends) = r->tags.v.n;
}

static void gather_containers(struct k8s_reader *r, const struct json_node *root, const char *path)
{
    const struct json_node *list = json_at(root, path);

    json_each (n, k8s_is_list(list) ? list : NULL)
        if (json_text_at(n, "name").len > 0)
            (void)find_container(r, json_text_at(n, "name"));
}

static void put_containers(struct k8s_reader *r, const struct json_node *root)
{
    gather_containers(r, root, "spec.containers");
    gather_containers(r, root, "spec.initContainers");
    gather_containers(r, root, "status.containerStatuses");
    gather_containers(r, root, "status.initContainerStatuses");
    for (size_t i = 0; i < r->containers.n; i++)
        put_container(r, &r->pod, root, &r->containers.v[i]);
}

/* ---- what is kept ---- */

static bool is_ignored(const struct k8s_rules *rules, const struct k8s_pod *p, const struct json_node *root)
{
    const struct json_node *annotations = json_at(root, "metadata.annotations");

    json_each (a, annotations)
        if (bytes_is(a->key, IGNORE) && bytes_equal_nocase(bytes_trim(a->text), bytes_str("true")))
            return true;
    for (size_t i = 0; i < rules->n_excluded; i++)
        if (regex_search(rules->excluded[i], p->name))
            return true;
    return false;
}

static size_t texts_size(const struct k8s_reader *r)
{
    const struct k8s_pod *p = &r->pod;
    size_t n = p->uid.len + p->name.len + p->ns.len + p->node.len + p->ip.len + p->started.len + p->deployment.len +
               p->cronjob.len;

    for (int i = 0; i < K8S_OWNERS; i++)
        n += p->owner[i].name.len + p->owner[i].uid.len;
    for (size_t i = 0; i < r->containers.n; i++)
        n += r->containers.v[i].name.len + r->containers.v[i].id.len;
    return n;
}

static void keep_texts(struct k8s_pod *p, uint8_t *at)
{
    p->uid = k8s_keep(&at, p->uid);
    p->name = k8s_keep(&at, p->name);
    p->ns = k8s_keep(&at, p->ns);
    p->node = k8s_keep(&at, p->node);
    p->ip = k8s_keep(&at, p->ip);
    p->started = k8s_keep(&at, p->started);
    p->deployment = k8s_keep(&at, p->deployment);
    p->cronjob = k8s_keep(&at, p->cronjob);
    for (int i = 0; i < K8S_OWNERS; i++) {
        p->owner[i].name = k8s_keep(&at, p->owner[i].name);
        p->owner[i].uid = k8s_keep(&at, p->owner[i].uid);
    }
    for (size_t i = 0; i < p->n_containers; i++) {
        p->containers[i].name = k8s_keep(&at, p->containers[i].name);
        p->containers[i].id = k8s_keep(&at, p->containers[i].id);
    }
}

static void share_slots(struct k8s_pod *p, const struct k8s_reader *r, const struct attribute_slot *slots)
{
    size_t from = r->ends.v[0];

    p->attributes = (struct k8s_slots){ slots, from };
    for (size_t i = 0; i < p->n_containers; i++) {
        size_t run = r->ends.v[1 + 2 * i], end = r->ends.v[2 + 2 * i];

        p->containers[i].attributes = (struct k8s_slots){ slots + from, run - from };
        p->containers[i].run = (struct k8s_slots){ slots + run, end - run };
        from = end;
    }
}

static struct k8s_pod *keep_pod(const struct k8s_reader *r)
{
    size_t lists = r->containers.n * sizeof(struct k8s_container), tags = k8s_tags_size(&r->tags);
    size_t size = sizeof(struct k8s_pod) + lists + tags + texts_size(r);
    struct k8s_pod *p = mem_alloc(size);
    uint8_t *at = (uint8_t *)(p + 1);

    *p = r->pod;
    p->size = size;
    p->containers = (struct k8s_container *)(void *)at;
    p->n_containers = r->containers.n;
    if (lists > 0)
        memcpy(at, r->containers.v, lists);
    share_slots(p, r, (const struct attribute_slot *)(void *)(at + lists));
    keep_texts(p, k8s_tags_pack(&r->tags, at + lists));
    return p;
}

struct k8s_pod *k8s_pod_read(struct k8s_reader *r, const struct json_node *root)
{
    struct k8s_pod *p = &r->pod;

    *p = (struct k8s_pod){
        .uid = json_text_at(root, "metadata.uid"),
        .name = json_text_at(root, "metadata.name"),
        .ns = json_text_at(root, "metadata.namespace"),
        .node = json_text_at(root, "spec.nodeName"),
        .ip = json_text_at(root, "status.podIP"),
        .started = json_text_at(root, "status.startTime"),
        .host_network = json_true_at(root, "spec.hostNetwork"),
    };
    if (p->uid.len == 0)
        return NULL;
    k8s_tags_clear(&r->tags);
    r->containers.n = r->ends.n = 0;
    read_owners(p, root);
    p->ignored = is_ignored(r->rules, p, root);
    if (p->ignored) {
        *vec_push(&r->ends) = 0;
    } else {
        put_pod(r, root);
        put_containers(r, root);
    }
    return keep_pod(r);
}
