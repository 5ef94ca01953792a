/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/k8s_rig.h"

#include "config/decode.h"
#include "config/fault.h"
#include "config/yaml.h"
#include "kube/kube_answer.h"
#include "otlp/any_value.h"
#include "processor/k8s_attributes/k8s_apply.h"

#include <stdio.h>
#include <stdlib.h>

static void *shared;

static void require(bool what)
{
    if (!what)
        abort();
}

void **node_shared(struct node *node)
{
    (void)node;
    return &shared;
}

static void on_synced(struct k8s_user *u)
{
    (void)u;
}

void k8s_rig_init(struct k8s_rig *r, const char *yaml)
{
    extern const struct component k8s_attributes_processor;
    struct faults faults = { 0 };
    struct k8s_config *config;

    *r = (struct k8s_rig){ .user = { .synced = on_synced } };
    loop_init(&r->loop, true);
    budget_init(&r->budget, UINT64_MAX, &r->loop.turn);
    metrics_init(&r->metrics);
    log_sink_init(&r->log);
    r->log.level = LOG_OFF;
    r->host = (struct host){
        .loop = &r->loop, .budget = &r->budget, .metrics = &r->metrics, .log = &r->log, .version = "test"
    };
    config = arena_zalloc(&r->arena, sizeof(*config));
    decode_struct(&r->arena, k8s_options, yaml_read(&r->arena, bytes_str(yaml), "test", 1, 1, &faults), "", config,
                  &faults);
    require(faults.n_errors == 0);
    faults_free(&faults);
    r->node = (struct node){
        .id = "k8s_attributes", .host = &r->host, .log = { .sink = &r->log }, .component = &k8s_attributes_processor
    };
    r->cluster = k8s_cluster_join(&r->node, config, &r->user);
    for (int i = 0; i < K8S_KINDS; i++) {
        bool pods = i == K8S_POD;

        kube_store_init(&r->stores[i], &r->budget);
        r->stores[i].told =
            (struct kube_observer){ pods ? k8s_known_put_pod : k8s_known_put_thing,
                                    pods ? k8s_known_pod_gone : k8s_known_thing_gone, &r->cluster->kinds[i] };
    }
}

void k8s_rig_close(struct k8s_rig *r)
{
    for (int i = 0; i < K8S_KINDS; i++)
        kube_store_free(&r->stores[i]);
    k8s_cluster_part(&r->user, r->cluster);
    attribute_list_free(&r->list);
    buf_free(&r->key);
    buf_free(&r->text);
    buf_free(&r->resource);
    arena_free(&r->arena);
    require(r->budget.used == 0 && r->loop.turn.head == NULL);
    metrics_free(&r->metrics);
    log_sink_close(&r->log);
    require(loop_close(&r->loop, NULL, NULL) == 0);
}

bool k8s_rig_tell(struct k8s_rig *r, enum k8s_from kind, struct bytes line, struct error *err)
{
    const struct json_tree_rules rules = { .max_nodes = 10000,
                                           .max_depth = 16,
                                           .keep = kind == K8S_POD ? k8s_pod_field : k8s_thing_field };
    struct kube_event e;

    return kube_event_read(line, &rules, &e, err) && kube_event_take(&e, &r->stores[kind], err);
}

bool k8s_rig_event(struct k8s_rig *r, enum k8s_from kind, const char *type, const char *object)
{
    char *line = mem_printf("{'type':'%s','object':%s}", type, object);
    struct error err;
    bool good;

    for (char *p = line; *p != '\0'; p++)
        *p = (char)(*p == '\'' ? '"' : *p);
    good = k8s_rig_tell(r, kind, bytes_str(line), &err);
    free(line);
    return good;
}

struct bytes k8s_rig_apply(struct k8s_rig *r, struct bytes resource, struct bytes client)
{
    struct k8s_cluster *c = r->cluster;
    const struct k8s_pod *pod = NULL;
    struct k8s_identity who;
    struct pieces pieces = { 0 };

    attribute_list_read(&r->list, resource, 1);
    who = k8s_identify(&c->rules, &r->list, client, &r->key);
    if (who.known)
        pod = k8s_cluster_find(c, buf_bytes(&r->key));
    k8s_apply(c, pod, &r->list);
    attribute_list_write(&r->list, &pieces);
    r->resource.len = 0;
    for (size_t i = 0; i < pieces.n; i++)
        buf_put(&r->resource, pieces.v[i]);
    vec_free(&pieces);
    return buf_bytes(&r->resource);
}

/* From what is written to the wire. */
static struct bytes read_attributes(struct k8s_rig *r, const char *written, struct attribute_list *l)
{
    char *copy = arena_strdup(&r->arena, written), *save, *pair;
    struct pieces pieces = { 0 };
    struct buf out = { 0 };
    struct bytes wire;

    attribute_list_read(l, bytes_of(NULL, 0), 1);
    for (pair = strtok_r(copy, " ", &save); pair != NULL; pair = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(pair, '=');

        require(equals != NULL);
        attribute_list_add(l, bytes_of(pair, (size_t)(equals - pair)), attribute_list_keep(l, bytes_str(equals + 1)));
    }
    attribute_list_write(l, &pieces);
    for (size_t i = 0; i < pieces.n; i++)
        buf_put(&out, pieces.v[i]);
    wire = bytes_of(arena_strndup(&r->arena, out.data, out.len), out.len);
    vec_free(&pieces);
    buf_free(&out);
    return wire;
}

const char *k8s_rig_resource(struct k8s_rig *r, const char *attributes)
{
    struct attribute_list l = { 0 };
    struct bytes out = k8s_rig_apply(r, read_attributes(r, attributes, &l), bytes_str("10.0.0.1"));

    r->text.len = 0;
    attribute_list_read(&l, out, 1);
    for (size_t i = 0; i < l.slots.n; i++) {
        require(slot_is_attribute(&l.slots.v[i]));
        buf_printf(&r->text, "%s%.*s=", i > 0 ? " " : "", (int)l.slots.v[i].key.len,
                   (const char *)l.slots.v[i].key.data);
        any_value_put(&r->text, l.slots.v[i].value);
    }
    attribute_list_free(&l);
    return buf_cstr(&r->text);
}
