/* SPDX-License-Identifier: Apache-2.0 */
/* The k8s_attributes processor: resources get what the API server says of the pod that they are of. A batch comes in,
 * each resource's pod is looked up among those that are known, and what it gives is put in; a resource that gets
 * nothing goes on as the bytes that came.
 *
 * With wait_for_metadata batches wait here, unanswered, until the pods were listed once. When that takes too long their
 * senders are told to retry, and so are those that come until then. */
#include "pipeline/item_count.h"
#include "processor/item_processor.h"
#include "processor/k8s_attributes/k8s_apply.h"

#include <stdlib.h>

#define NOT_KNOWN "the pods of the cluster are not known yet"

static const struct metric_row association_row =
    METRIC_ROW("otelcol_k8s_pod_association", METRIC_COUNTER, "{resource}",
               "Number of resources whose pod was looked for, by what it was looked for and whether it was found.");

struct waiting_batch {
    struct batch *batch;
    struct ack *ack;
};

struct k8s_attributes {
    struct item_processor processor;
    const struct k8s_config *config;
    struct k8s_rules *rules;     /* the cluster's, or of passthrough */
    struct k8s_rules own;        /* of passthrough */
    struct k8s_cluster *cluster; /* NULL with passthrough */
    struct k8s_user user;
    struct attribute_list list;
    struct bytes client; /* address of who has sent the batch */
    struct buf key;
    struct metric **found, **missed; /* by the association; behind those by an address, and by nothing */
    /* wait_for_metadata: */
    void (*pass)(struct consumer *self, struct batch *batch, struct ack *ack);
    VEC(struct waiting_batch) waiting;
    struct turn_task release;
    struct clock_timer timer;
    bool late;
};

static struct k8s_attributes *k8s_of(struct node *node)
{
    return container_of(item_processor_of(node), struct k8s_attributes, processor);
}

/* ---- resources ---- */

static void count_lookup(struct k8s_attributes *p, const struct k8s_identity *who, bool found)
{
    size_t n = p->rules->n_associations;
    size_t at = who->by != NULL ? (size_t)(who->by - p->rules->associations) : who->known ? n : n + 1;

    metric_add(found ? p->found[at] : p->missed[at], 1);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct k8s_attributes *p = arg;
    const struct k8s_pod *pod = NULL;
    struct k8s_identity who;

    attribute_list_read(&p->list, at->message, at->attributes);
    who = k8s_identify(p->rules, &p->list, p->client, &p->key);
    if (who.address.len > 0 && (p->cluster == NULL || k8s_rules_want(p->rules, FIELD_POD_IP)))
        k8s_set_text(&p->list, "k8s.pod.ip", who.address);
    if (p->cluster != NULL) {
        if (who.known)
            pod = k8s_cluster_find(p->cluster, buf_bytes(&p->key));
        count_lookup(p, &who, pod != NULL);
        k8s_apply(p->cluster, pod, &p->list);
    }
    if (!p->list.changed)
        return REWRITE_PASS;
    attribute_list_write(&p->list, edit);
    return REWRITE_EDIT;
}

static void begin_batch(struct item_processor *r, const struct batch *b)
{
    struct k8s_attributes *p = container_of(r, struct k8s_attributes, processor);
    const struct metadata_entry *e;
    uint32_t at = 0;

    p->client = bytes_of(NULL, 0);
    if (r->node.wants_client_address && b->metadata != NULL &&
        (e = metadata_find(b->metadata, bytes_str(METADATA_ADDRESS), &at)) != NULL)
        p->client = e->value;
}

/* ---- waiting ---- */

static bool is_waiting(const struct k8s_attributes *p)
{
    return p->pass != NULL && p->cluster != NULL && !p->cluster->synced && !p->processor.node.host->alone;
}

static void refuse_batch(struct batch *batch, struct ack *ack, const char *reason)
{
    batch_unref(batch);
    ack_fail(ack, VERDICT_RETRY, reason, NOT_KNOWN);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct k8s_attributes *p = k8s_of(container_of(self, struct node, in));

    if (!is_waiting(p))
        p->pass(self, batch, ack);
    else if (p->late)
        refuse_batch(batch, ack, "metadata");
    else
        *vec_push(&p->waiting) = (struct waiting_batch){ batch, ack };
}

/* They go on, or back where they came from. */
static void release_all(struct k8s_attributes *p, const char *reason)
{
    for (size_t i = 0; i < p->waiting.n; i++) {
        struct waiting_batch w = p->waiting.v[i];

        if (reason == NULL)
            p->pass(&p->processor.node.in, w.batch, w.ack);
        else
            refuse_batch(w.batch, w.ack, reason);
    }
    vec_free(&p->waiting);
}

static void on_release(struct turn_task *t)
{
    release_all(container_of(t, struct k8s_attributes, release), NULL);
}

static void on_synced(struct k8s_user *u)
{
    struct k8s_attributes *p = container_of(u, struct k8s_attributes, user);
    struct loop *loop = p->processor.node.host->loop;

    clock_stop(&loop->clock, &p->timer);
    p->release.run = on_release;
    turn_defer(&loop->turn, &p->release);
}

static void on_late(struct clock_timer *t)
{
    struct k8s_attributes *p = container_of(t, struct k8s_attributes, timer);

    p->late = true;
    log_warn(&p->processor.node.log,
             "The pods of the cluster are not known after wait_for_metadata_timeout. Refusing data until they are.",
             F_UINT("batches_refused", p->waiting.n));
    release_all(p, "metadata");
}

/* ---- its life ---- */

static void get_metrics(struct k8s_attributes *p, struct node *node)
{
    size_t n = p->rules->n_associations;

    p->found = mem_zalloc(2 * (n + 2) * sizeof(struct metric *));
    p->missed = p->found + n + 2;
    for (size_t i = 0; i < n + 2; i++)
        for (int status = 0; status < 2; status++) {
            const struct metric_label labels[] = {
                { "processor", node->id },
                { "pod_identifier", i < n    ? p->rules->associations[i].told
                                    : i == n ? "connection"
                                             : "" },
                { "status", status == 0 ? "success" : "error" },
                { "otelcol_signal", signal_table[node->signal].name },
            };

            (status == 0 ? p->found : p->missed)[i] =
                metrics_get(node->host->metrics, &association_row, labels, ARRAY_LEN(labels));
        }
}

static bool needs_client(const struct k8s_rules *r)
{
    bool needs = r->n_associations == 0;

    for (size_t i = 0; i < r->n_associations; i++)
        for (size_t k = 0; k < r->associations[i].n; k++)
            needs |= r->associations[i].source[k].connection;
    return needs;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct k8s_attributes *p = k8s_of(node);
    const struct k8s_config *c = config;

    (void)err;
    item_processor_init(&p->processor, NULL);
    p->config = c;
    p->processor.visitor.resource = on_resource;
    p->processor.begins = begin_batch;
    p->user.synced = on_synced;
    p->rules = &p->own;
    if (c->passthrough) {
        k8s_rules_init(&p->own, c);
    } else {
        p->cluster = k8s_cluster_join(node, c, &p->user);
        p->rules = &p->cluster->rules;
        get_metrics(p, node);
    }
    if (p->cluster != NULL && c->wait_for_metadata) {
        p->pass = node->in.consume;
        node->in.consume = consume;
    }
    node->wants_client_address = needs_client(p->rules);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct k8s_attributes *p = k8s_of(node);
    int rc = p->cluster != NULL && !node->host->alone ? k8s_cluster_start(p->cluster, err) : 0;

    if (rc == 0 && p->pass != NULL && is_waiting(p))
        clock_start(&node->host->loop->clock, &p->timer, (uint64_t)p->config->wait_for_metadata_timeout.ns, on_late);
    return rc;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct k8s_attributes *p = k8s_of(node);

    (void)deadline;
    clock_stop(&node->host->loop->clock, &p->timer);
    turn_cancel(&node->host->loop->turn, &p->release);
    release_all(p, is_waiting(p) ? "shutdown" : NULL);
    done(node);
}

static void destroy(struct node *node)
{
    struct k8s_attributes *p = k8s_of(node);

    if (p->cluster != NULL)
        k8s_cluster_part(&p->user, p->cluster);
    else
        k8s_rules_free(&p->own);
    free(p->found);
    attribute_list_free(&p->list);
    buf_free(&p->key);
    item_processor_free(&p->processor);
}

#define EVENTS_OF(kind) &k8s_event_rows[kind][0], &k8s_event_rows[kind][1], &k8s_event_rows[kind][2]

static const struct metric_row *const metric_rows[] = {
    ITEM_COUNT_ROWS,
    &association_row,
    EVENTS_OF(K8S_POD),
    EVENTS_OF(K8S_NAMESPACE),
    EVENTS_OF(K8S_NODE),
    EVENTS_OF(K8S_DEPLOYMENT),
    EVENTS_OF(K8S_STATEFULSET),
    EVENTS_OF(K8S_DAEMONSET),
    EVENTS_OF(K8S_JOB),
    EVENTS_OF(K8S_REPLICASET),
    &k8s_size_row,
    &k8s_missed_row,
    &k8s_failures_row,
    NULL,
};

static const char *const aliases[] = { "k8sattributes", NULL };

extern const struct component k8s_attributes_processor;
const struct component k8s_attributes_processor = {
    COMPONENT_TYPE("k8s_attributes", COMPONENT_PROCESSOR, .aliases = aliases, .signals = SIGNAL_ALL,
                   .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Gives resources the metadata of the Kubernetes pod that they are of.",
    COMPONENT_CONFIG(struct k8s_config, k8s_options, .check = k8s_config_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct k8s_attributes, .create = create, .start = start, .stop = stop, .destroy = destroy),
};
