/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a store and of the intakes in it. A store has the tables that all targets of a receiver share, the limit
 * of series, and the one take that is under way; an intake is a target, with its labels and what was discovered of it,
 * and takes its lines, families and reports along when it goes.
 *
 * What can go wrong: an intake that goes in the middle of a take: that is cancelled first. A store goes only when no
 * intake is left, which is asserted. */
#include "base/mem.h"
#include "base/unconst.h"
#include "prom/intake/intake_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SCOPE_NAME "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"

static struct bytes keep_bytes(struct bytes b)
{
    return b.len == 0 ? (struct bytes){ NULL, 0 } : bytes_of(memcpy(mem_alloc(b.len), b.data, b.len), b.len);
}

static void drop_bytes(struct bytes b)
{
    free_const(b.data);
}

struct intake_store *intake_store_new(const struct intake_store_options *o)
{
    struct intake_store *s = mem_zalloc(sizeof(*s));
    struct buf scope = { 0 };

    s->budget = o->budget;
    s->clock = o->clock;
    series_limit_init(&s->limit, o->budget);
    s->limit.max = o->max_series;
    if (o->metrics != NULL)
        series_limit_tell(&s->limit, o->metrics, (struct metric_label){ "receiver", o->receiver }, o->log, o->clock,
                          o->watch);
    table_init(&s->known, identity_hash_of, o->budget);
    table_init(&s->lines, line_hash_of, o->budget);
    table_init(&s->points, point_hash_of, o->budget);
    slab_init(&s->slab, o->budget);
    pb_put_str(&scope, OTLP_SCOPE_NAME, SCOPE_NAME);
    pb_put_str(&scope, OTLP_SCOPE_VERSION, o->version);
    s->scope = keep_bytes(buf_bytes(&scope));
    buf_free(&scope);
    pieces_init(&s->take);
    return s;
}

void intake_store_free(struct intake_store *s)
{
    struct take *t = &s->take;

    assert(s->known.n == 0 && s->lines.n == 0 && s->points.n == 0);
    series_limit_free(&s->limit);
    table_free(&s->known);
    table_free(&s->lines);
    table_free(&s->points);
    slab_close(&s->slab);
    assembly_free(&t->assembly);
    label_set_free(&t->labels);
    label_set_free(&t->exemplar_labels);
    buf_free(&t->empty);
    buf_free(&t->attributes);
    buf_free(&t->scratch);
    buf_free(&t->name);
    buf_free(&t->key);
    buf_free(&t->native);
    vec_free(&t->lines);
    vec_free(&t->gathered);
    vec_free(&t->released);
    vec_free(&t->moved);
    vec_free(&t->buckets);
    vec_free(&t->informed);
    vec_free(&t->resources);
    drop_bytes(s->scope);
    free(s);
}

void intake_store_collect(struct intake_store *s)
{
    s->limit.others = table_size(&s->known) + table_size(&s->lines) + table_size(&s->points);
    series_limit_collect(&s->limit);
}

/* ---- what Kubernetes told of the target ---- */

static const struct {
    const char *label, *attribute;
} kubernetes[] = {
    { "__meta_kubernetes_pod_name", "k8s.pod.name" },
    { "__meta_kubernetes_pod_uid", "k8s.pod.uid" },
    { "__meta_kubernetes_pod_container_name", "k8s.container.name" },
    { "__meta_kubernetes_namespace", "k8s.namespace.name" },
    { "__meta_kubernetes_pod_node_name", "k8s.node.name" },
    { "__meta_kubernetes_node_name", "k8s.node.name" },
    { "__meta_kubernetes_endpoint_node_name", "k8s.node.name" },
};

static const struct {
    const char *kind, *attribute;
} controllers[] = {
    { "ReplicaSet", "k8s.replicaset.name" },   { "DaemonSet", "k8s.daemonset.name" },
    { "StatefulSet", "k8s.statefulset.name" }, { "Job", "k8s.job.name" },
    { "CronJob", "k8s.cronjob.name" },
};

static void put_text(struct buf *b, const char *attribute, struct bytes value)
{
    if (value.len > 0)
        attribute_put(b, OTLP_RESOURCE_ATTRIBUTES, bytes_str(attribute), value);
}

static struct bytes extra_attributes(const struct label_set *discovered)
{
    struct bytes kind = label_set_get(discovered, bytes_str("__meta_kubernetes_pod_controller_kind")), extra;
    struct bytes name = label_set_get(discovered, bytes_str("__meta_kubernetes_pod_controller_name")), node = { 0 };
    struct buf b = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(kubernetes); i++) {
        struct bytes value = label_set_get(discovered, bytes_str(kubernetes[i].label));

        if (strcmp(kubernetes[i].attribute, "k8s.node.name") != 0)
            put_text(&b, kubernetes[i].attribute, value);
        else if (value.len > 0)
            node = value;
    }
    put_text(&b, "k8s.node.name", node);
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
        if (bytes_is(kind, controllers[i].kind))
            put_text(&b, controllers[i].attribute, name);
    extra = keep_bytes(buf_bytes(&b));
    buf_free(&b);
    return extra;
}

/* ---- intakes ---- */

struct intake *intake_new(struct intake_store *s, const struct intake_rules *rules, const struct intake_target *target)
{
    struct intake *in = mem_zalloc(sizeof(*in));
    uint64_t number = s->n_intakes++;
    struct bytes job = label_set_get(target->labels, bytes_str("job"));

    in->digest = digest_number((struct digest){ 0, 0 }, number);
    in->id = (struct identity){ .hash = bytes_hash(bytes_of(&number, sizeof(number))), .kind = OF_INTAKE };
    in->store = s;
    in->rules = rules;
    list_init(&in->families);
    for (size_t i = 0; i < target->labels->list.n; i++) {
        const struct label_pair *l = &target->labels->list.v[i];

        if (l->name.len < 2 || memcmp(l->name.data, "__", 2) != 0)
            label_set_copy(&in->labels, l->name, l->value);
    }
    if (target->discovered != NULL) {
        in->scheme = keep_bytes(label_set_get(target->discovered, bytes_str("__scheme__")));
        in->extra = extra_attributes(target->discovered);
    }
    in->sender = series_sender_hold(&s->limit, bytes_hash(job), job);
    budget_charge(s->budget, sizeof(*in));
    return in;
}

void intake_free(struct intake *in)
{
    intake_cancel(in);
    for (size_t i = 0; i < in->lines.n; i++)
        line_drop(in, in->lines.v[i]);
    reports_free(in);
    families_free(in);
    budget_give(in->store->budget, in->lines.cap * sizeof(*in->lines.v) + sizeof(*in));
    series_sender_release(&in->store->limit, in->sender);
    vec_free(&in->lines);
    label_set_free(&in->labels);
    drop_bytes(in->extra);
    drop_bytes(in->scheme);
    free(in);
}
