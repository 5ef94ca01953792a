/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheus_remote_write exporter: its life, and the way from its sender to its client. An attempt of the sender's
 * is a delivery (remote_write_delivery.c), which is encoded and goes out by the shards (remote_write_shard.c); each of
 * their requests is a call of the HTTP client here, with the headers that are configured and what an authenticator
 * adds.
 *
 * What can go wrong with a request is the shards' matter. A client, TLS or directory that cannot be had ends the start.
 * What has not landed by the deadline of a stop is given up by the sender, and its deliveries are forgotten. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "pipeline/node_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SWEEP_INTERVAL (100 * NS_PER_MS)
#define CONSUMERS 2                 /* one batch is encoded while another is on its way */
#define MERGE_BYTES (512ull * 1024) /* of OTLP in one go: what the loop can encode without a stall */
#define DEFAULT_BATCH 3000000
#define MIB (1024ull * 1024)

static struct remote_write_node *remote_write_of(struct node *node)
{
    return container_of(node, struct remote_write_node, node);
}

struct remote_write *remote_write_make_encoder(struct remote_write_node *n)
{
    const struct remote_write_config *c = n->config;
    struct remote_write_options o = {
        .translation = &n->translation.translation,
        .version = n->version,
        .custom_buckets = n->config->convert_explicit_histograms_to_nhcb,
        .keep_classic = n->config->keep_classic_histograms,
        .target_info = c->target_info.enabled,
        .send_metadata = c->send_metadata,
        .shards = n->n_shards,
        .max_bytes = c->max_batch_size_bytes > 0 ? (size_t)c->max_batch_size_bytes : DEFAULT_BATCH,
        .expiration = (uint64_t)c->series_expiration.ns,
        .max_series = c->max_series,
        .clock = &n->node.host->loop->clock,
        .budget = n->node.host->budget,
        .collisions = &n->collisions,
    };
    struct remote_write *encoder = remote_write_new(&o);

    series_limit_tell(remote_write_limit(encoder), n->node.host->metrics,
                      (struct metric_label){ "exporter", n->node.id }, &n->node.log, o.clock,
                      limit_health_init(&n->limit_health, &n->node));
    remote_write_use_shards(encoder, n->in_use);
    return encoder;
}

/* One attempt, which goes on until all of it has landed or was given up. */
static void on_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    delivery_start(container_of(self, struct remote_write_node, attempt), batch, ack);
}

/* ---- life ---- */

/* Without a queue, and where nobody keeps what fails: in memory, without retries. */
static bool senders_wait(const struct remote_write_config *c)
{
    return !c->remote_write_queue.enabled || (!c->wal.on && !c->retry_on_failure.enabled);
}

static struct sender_options sender_options_of(const struct remote_write_config *c)
{
    struct sender_options o = {
        .queue_size = c->wal.on ? UINT64_MAX : (uint64_t)c->remote_write_queue.queue_size,
        .consumers = CONSUMERS,
        .merge_bytes = c->include_metadata_keys.n > 0 ? 0 : MERGE_BYTES,
        .merge_batches = c->wal.on ? c->wal.buffer_size : 0,
    };

    if (!c->remote_write_queue.enabled)
        o.queue_size = UINT64_MAX;
    if (senders_wait(c)) {
        o.wait_for_result = true;
        o.consumers = 1000;
        o.merge_bytes = 0; /* each hears of its own */
    }
    return o;
}

static void set_sender(struct remote_write_node *n)
{
    const struct remote_write_config *c = n->config;
    struct sender_options o = sender_options_of(c);

    o.disk = (struct wal_options){ .directory = n->wal_directory,
                                   .max_bytes = c->wal.max_size_mib * MIB,
                                   .sync = c->wal.fsync };
    o.attempt = &n->attempt;
    n->sender = sender_new(&n->node, &o);
}

/* In a trial the queue tries again, which the exporter itself does otherwise. */
static bool queue(const void *config, struct sender_options *o)
{
    const struct remote_write_config *c = config;

    *o = sender_options_of(c);
    o->retry = &c->retry_on_failure;
    o->retry_forever = c->retry_forever;
    return true;
}

/* A header that the client puts where it belongs: no authenticator sees it. */
static bool is_clients_header(const char *name)
{
    return bytes_equal_nocase(bytes_str(name), bytes_str("host")) ||
           bytes_equal_nocase(bytes_str(name), bytes_str("user-agent"));
}

/* The configuration's, and then the request's own. */
static void gather_headers(const struct remote_write_node *n, struct shard_attempt *t)
{
    const struct string_map *configured = &client_config(n->config)->headers;
    struct call_headers *h = &t->authorized.headers;

    call_headers_reset(h);
    for (size_t i = 0; i < configured->n; i++)
        if (!is_clients_header(configured->v[i].key))
            call_headers_add(h, bytes_str(configured->v[i].key), bytes_str(configured->v[i].value));
    for (size_t i = 0; i < t->call.n_headers; i++)
        call_headers_add(h, t->call.headers[i].name, t->call.headers[i].value);
}

static void start_call(struct remote_write_node *n, struct http_call *call)
{
    struct shard_attempt *t = container_of(call, struct shard_attempt, call);

    if (n->authenticator == NULL) {
        http_call_start(n->client, call);
        return;
    }
    gather_headers(n, t);
    authorized_call_start(&t->authorized, n->authenticator, t->request->delivery->batch->metadata, n->node.host->loop,
                          n->client, call);
}

static void cancel_call(struct remote_write_node *n, struct http_call *call)
{
    (void)n;
    authorized_call_cancel(&container_of(call, struct shard_attempt, call)->authorized, call);
}

static const char *receiver_name(const struct remote_write_node *n)
{
    return http_client_name(n->client);
}

static const struct remote_write_port client_port = { start_call, cancel_call, receiver_name };

static int create(struct node *node, const void *config, struct error *err)
{
    struct remote_write_node *n = remote_write_of(node);
    const struct remote_write_config *c = n->config = config;
    uint64_t shards = c->max_batch_request_parallelism;

    (void)err;
    if (shards == 0)
        shards = c->remote_write_queue.num_consumers > 0 ? (uint64_t)c->remote_write_queue.num_consumers : 1;
    n->n_shards = (uint32_t)shards;
    n->in_use = 1;
    n->port = &client_port;
    shard_scale_init(&n->scale, n->n_shards, clock_mono(&node->host->loop->clock));
    list_init(&n->deliveries);
    list_init(&n->held);
    n->refused.budget = node->host->budget;
    n->version = (enum remote_write_version)c->protobuf_message;
    translation_configure(&n->translation, &c->translation, !c->disable_scope_info, &c->external_labels);
    n->translation.translation.target_by_either = true;
    n->translation.translation.constants_on_target = true;
    n->translation.translation.collapse_labels = true;
    collisions_init(&n->collisions, node->host->metrics, node->id, &node->log, &node->host->loop->clock);
    n->encoder = remote_write_make_encoder(n);
    n->shards = mem_alloc(n->n_shards * sizeof(*n->shards));
    for (uint32_t i = 0; i < n->n_shards; i++)
        remote_write_shard_init(&n->shards[i], n);
    n->attempt.consume = on_attempt;
    if (c->wal.on)
        n->wal_directory = mem_printf("%s/prom_remotewrite", c->wal.directory);
    remote_write_metrics_init(n);
    if (client_config(c)->auth.on)
        n->authenticator = node->host->find_client_authenticator(node, client_config(c)->auth.authenticator);
    set_sender(n);
    return 0;
}

static void on_sweep(struct clock_timer *t)
{
    struct remote_write_node *n = container_of(t, struct remote_write_node, sweep);

    remote_write_sweep(n->encoder);
    (void)shard_scale_plan(&n->scale, clock_mono(&n->node.host->loop->clock));
    clock_start(&n->node.host->loop->clock, t, SWEEP_INTERVAL, on_sweep);
}

static int make_client(struct remote_write_node *n, struct error *err)
{
    const struct http_client_config *k = client_config(n->config);
    struct http_header *headers = mem_alloc((k->headers.n + 1) * sizeof(*headers));
    bool secure = strncasecmp(k->endpoint, "https:", 6) == 0;
    struct http_client_options o = node_http_client_options(&n->node, k);

    o.user_agent = n->user_agent;
    o.headers = headers;
    o.max_idle = client_max_idle(k, (uint64_t)n->n_shards * SHARD_PROBES);
    for (size_t i = 0; i < k->headers.n; i++)
        if (n->authenticator == NULL || is_clients_header(k->headers.v[i].key))
            headers[o.n_headers++] =
                (struct http_header){ bytes_str(k->headers.v[i].key), bytes_str(k->headers.v[i].value) };
    snprintf(n->user_agent, sizeof(n->user_agent), "otelcd/%s", n->node.host->version);
    n->client = node_http_client(&n->node, &o, &k->tls, secure, err);
    free(headers);
    return n->client != NULL ? 0 : UV_EINVAL;
}

/* `directory` itself is the user's to make; the last step of it may be ours. */
static int make_directory(struct remote_write_node *n, struct error *err)
{
    const char *directory = n->config->wal.directory;

    if (n->wal_directory == NULL || mkdir(directory, 0700) == 0 || errno == EEXIST)
        return 0;
    return error_set(err, -errno, "wal::directory: cannot make %s: %s", directory, uv_strerror(-errno));
}

static void claim(const void *config, struct claims *claims)
{
    const struct remote_write_config *c = config;

    if (c->wal.on)
        claim_directory(claims, "wal::directory", c->wal.directory);
}

static int start(struct node *node, struct error *err)
{
    struct remote_write_node *n = remote_write_of(node);
    int rc = make_client(n, err);

    if (rc == 0)
        rc = make_directory(n, err);
    if (rc == 0)
        rc = sender_start(n->sender, err);
    if (rc != 0)
        return rc;
    n->resumed = (struct remote_write_resumed){ node->ledger->held, CONSUMERS * MERGE_BYTES, CONSUMERS };
    clock_start(&node->host->loop->clock, &n->sweep, SWEEP_INTERVAL, on_sweep);
    node->peer = http_client_name(n->client);
    log_info(&node->log, "Sending remote write", F_STR("endpoint", node->peer),
             F_STR("protobuf_message", remote_write_messages[n->version]),
             F_STR("queue", n->wal_directory != NULL ? n->wal_directory : "memory"));
    return 0;
}

static void forget_deliveries(struct remote_write_node *n)
{
    list_each (struct delivery, d, &n->deliveries, link)
        delivery_free(d);
    n->under_way = 0;
}

static void on_sender_stopped(struct node *node)
{
    struct remote_write_node *n = remote_write_of(node);

    for (uint32_t i = 0; i < n->n_shards; i++)
        remote_write_shard_close(&n->shards[i]);
    forget_deliveries(n); /* the sender has given them up at the deadline */
    node->peer = NULL;
    if (n->client != NULL)
        http_client_close(n->client);
    n->client = NULL;
    clock_stop(&node->host->loop->clock, &n->sweep);
    n->stopped(node);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct remote_write_node *n = remote_write_of(node);

    n->stopped = done;
    n->stopping = true;
    for (uint32_t i = 0; i < n->n_shards; i++)
        remote_write_shard_stop(&n->shards[i]);
    sender_stop(n->sender, deadline, on_sender_stopped);
}

static void hurry(struct node *node)
{
    sender_hurry(remote_write_of(node)->sender);
}

static void destroy(struct node *node)
{
    struct remote_write_node *n = remote_write_of(node);

    for (uint32_t i = 0; i < n->n_shards; i++)
        remote_write_shard_close(&n->shards[i]);
    forget_deliveries(n);
    if (n->client != NULL)
        http_client_close(n->client);
    clock_stop(&node->host->loop->clock, &n->sweep);
    sender_free(n->sender);
    remote_write_metrics_close(n);
    remote_write_free(n->encoder);
    refused_series_free(&n->refused);
    collisions_free(&n->collisions);
    translation_free(&n->translation);
    free(n->shards);
    free(n->wal_directory);
}

static bool keeps(const void *config)
{
    return ((const struct remote_write_config *)config)->wal.directory[0] != '\0';
}

static const char *const aliases[] = { "prometheusremotewrite", NULL };

extern const struct component prometheus_remote_write_exporter;
const struct component prometheus_remote_write_exporter = {
    COMPONENT_TYPE("prometheus_remote_write", COMPONENT_EXPORTER, .aliases = aliases,
                   .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "beta"),
    .alone = "samples of one series have to arrive in their order",
    .summary = "Sends metrics in Prometheus' remote write protocol, each series in order, from a queue in memory or on "
               "disk.",
    .safe =
        "In the queue; with wal: on disk and synced; without wal and retries, or without a queue: when the receiver "
        "has it.",
    COMPONENT_CONFIG(struct remote_write_config, remote_write_options, .finish = remote_write_options_finish,
                     .check = remote_write_check, .keeps = keeps, .queue = queue, .claim = claim),
    .metrics = remote_write_metric_rows,
    COMPONENT_NODE(struct remote_write_node, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
