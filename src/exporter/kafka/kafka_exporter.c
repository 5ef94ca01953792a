/* SPDX-License-Identifier: Apache-2.0 */
/* The kafka exporter: its life. The sender in front keeps what waits and tries again; with its queue off it is there
 * too, and whoever sends waits for the brokers' answer. librdkafka connects when there is something to send, so brokers
 * that are away do not keep it from starting. When the sender has stopped, exports that it has given up are forgotten,
 * and the producers close on a thread; their records end with them. */
#include "exporter/kafka/kafka_exporter.h"

#include "otlp/metadata.h"

#include <stdlib.h>

#define RECORD_OVERHEAD 512u /* of a record and its request, beside value, key and headers */

static void on_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    kafka_export_start(container_of(self, struct kafka_exporter, attempt), batch, ack);
}

static void add_key(struct kafka_exporter *n, const char *key)
{
    if (key[0] != '\0')
        n->keys.v[n->keys.n++] = key;
}

/* What of the clients' metadata records are made of: batches that differ in it are not sent as one. */
static void set_keys(struct kafka_exporter *n)
{
    const struct strings *include = &n->config->include_metadata_keys;
    const struct kafka_signal_config *s = &n->config->signals[n->node.signal];

    n->keys.v = mem_alloc((include->n + 2) * sizeof(n->keys.v[0]));
    for (size_t i = 0; i < include->n; i++)
        add_key(n, include->v[i]);
    add_key(n, s->topic_from_metadata_key);
    add_key(n, s->message_key_from_metadata_key);
}

static void set_split(struct kafka_exporter *n)
{
    const struct kafka_exporter_config *c = n->config;
    struct kafka_split_rules *r = &n->split;
    enum signal s = n->node.signal;
    bool by_topic = c->topic_from_attribute[0] != '\0';

    r->topic_attribute = bytes_str(c->topic_from_attribute);
    r->trace_key =
        (s == SIGNAL_TRACES && c->partition_traces_by_id) || (s == SIGNAL_LOGS && c->partition_logs_by_trace_id);
    r->resource_key = (s == SIGNAL_METRICS && c->partition_metrics_by_resource_attributes) ||
                      (s == SIGNAL_LOGS && c->partition_logs_by_resource_attributes);
    r->short_key = n->encoding == KAFKA_JAEGER_PROTO || n->encoding == KAFKA_JAEGER_JSON; /* as Jaeger writes ids */
    r->trace_key = r->trace_key || r->short_key;
    if (n->encoding == KAFKA_RAW || r->short_key)
        r->by = KAFKA_BY_ITEM;
    else if (r->trace_key)
        r->by = KAFKA_BY_TRACE;
    else
        r->by = r->resource_key || by_topic ? KAFKA_BY_RESOURCE : KAFKA_WHOLE;
}

static void init_producer(struct kafka_exporter *n, struct kafka_producer *p, bool alone)
{
    const struct kafka_sasl_config *sasl = &n->config->client.auth.sasl;

    p->node = n;
    p->alone = alone;
    list_init(&p->records);
    if (sasl->on && sasl->oauthbearer_token_source[0] != '\0')
        kafka_client_set_authenticator(
            &p->client, n->node.host->find_client_authenticator(&n->node, sasl->oauthbearer_token_source));
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct kafka_exporter *n = kafka_exporter_of(node);

    (void)err;
    n->config = config;
    n->topic = kafka_exporter_topic(config, node->signal);
    n->encoding = kafka_exporter_encoding(config, node->signal);
    n->attempt.consume = on_attempt;
    list_init(&n->exports);
    list_init(&n->working);
    kafka_topics_init(&n->topics, node->host->budget);
    request_limit_init(&n->limit, n->config->producer.max_message_bytes - RECORD_OVERHEAD);
    n->slicer = slicer_new(node->host->loop, kafka_export_step, n);
    init_producer(n, &n->main, false);
    init_producer(n, &n->single, true);
    set_split(n);
    set_keys(n);
    kafka_exporter_metrics_init(n);
    n->sender =
        delivery_sender(node, &n->config->delivery, (struct sender_options){ .attempt = &n->attempt, .keys = n->keys });
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct kafka_exporter *n = kafka_exporter_of(node);
    int rc = kafka_producer_open(&n->main, err);

    if (rc == 0)
        rc = sender_start(n->sender, err);
    if (rc == 0)
        log_info(&node->log, "Sending to Kafka", F_STR("brokers", n->config->client.brokers.v[0]),
                 F_STR("topic", n->topic), F_STR("librdkafka", n->main.client.lib->rd_kafka_version_str()));
    return rc;
}

static void on_client_closed(struct kafka_client *c)
{
    struct kafka_producer *p = container_of(c, struct kafka_producer, client);
    struct kafka_exporter *n = p->node;

    while (!list_empty(&p->records)) {
        struct kafka_record *r = list_first(&p->records, struct kafka_record, link);

        batch_unref(r->piece.batch);
        kafka_record_free(r);
    }
    if (--n->closing == 0)
        n->stopped(&n->node);
}

static const char *blocked_on(const struct node *node)
{
    return container_of_const(node, struct kafka_exporter, node)->closing > 0 ? "librdkafka's threads" : NULL;
}

/* One that is being made anew goes on closing, for good now. */
static void close_producer(struct kafka_producer *p)
{
    if (p->client.state == KAFKA_CLIENT_CLOSING)
        p->client.closed = on_client_closed;
    else
        kafka_client_close(&p->client, on_client_closed);
}

static void on_sender_stopped(struct node *node)
{
    struct kafka_exporter *n = kafka_exporter_of(node);

    list_each (struct kafka_export, e, &n->exports, link)
        kafka_export_forget(e); /* the sender has given them up at the deadline */
    node->blocked_on = blocked_on;
    n->closing = 2;
    close_producer(&n->main);
    close_producer(&n->single);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct kafka_exporter *n = kafka_exporter_of(node);

    n->stopped = done;
    sender_stop(n->sender, deadline, on_sender_stopped);
}

static void hurry(struct node *node)
{
    sender_hurry(kafka_exporter_of(node)->sender);
}

static void destroy(struct node *node)
{
    struct kafka_exporter *n = kafka_exporter_of(node);

    list_each (struct kafka_export, e, &n->exports, link)
        kafka_export_forget(e);
    sender_free(n->sender);
    slicer_free(n->slicer);
    kafka_exporter_metrics_close(n);
    kafka_topics_free(&n->topics);
    buf_free(&n->scratch);
    jaeger_span_free(&n->span);
    free(n->keys.v);
}

DELIVERY_BEGINS(struct kafka_exporter_config);

extern const struct component kafka_exporter;
const struct component kafka_exporter = {
    COMPONENT_TYPE("kafka", COMPONENT_EXPORTER, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Sends to topics of Apache Kafka, as OTLP, JSON, spans of Jaeger or Zipkin, or the bodies of logs.",
    .safe = "In the queue; with storage: on disk and synced; without a queue, or without retries and storage: when the "
            "brokers have it, as producer::required_acks says (0: when it is written to them).",
    COMPONENT_CONFIG(struct kafka_exporter_config, kafka_exporter_options, .finish = delivery_finish,
                     .check = kafka_exporter_check, .check_use = kafka_exporter_check_use, .keeps = delivery_keeps,
                     .queue = delivery_queue),
    .metrics = kafka_exporter_metric_rows,
    COMPONENT_NODE(struct kafka_exporter, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
