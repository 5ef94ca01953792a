/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheus_remote_write exporter: metrics, pushed in Prometheus' remote write protocol. */
#include "exporter/remote_write.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SWEEP_INTERVAL (100 * NS_PER_MS)
#define MERGE_BYTES (512 * 1024u) /* of OTLP in one go: what the loop can encode without a stall */
#define DEFAULT_BATCH 3000000
#define MIB (1024ull * 1024)

/* clang-format off */
static const struct option tls_options[] = {
    OPT_BOOL(struct remote_write_tls_config, insecure, "false", "No TLS: the endpoint is http:// anyway."),
    OPT_BOOL(struct remote_write_tls_config, insecure_skip_verify, "false", "Says nothing without TLS."),
#define NO_TLS(key) OPT_REFUSED(key, "TLS to the receiver comes with a later version: remove this key and let a TLS proxy stand between")
    NO_TLS("ca_file"), NO_TLS("ca_pem"), NO_TLS("cert_file"), NO_TLS("cert_pem"), NO_TLS("key_file"), NO_TLS("key_pem"),
    NO_TLS("min_version"), NO_TLS("max_version"), NO_TLS("cipher_suites"), NO_TLS("curve_preferences"),
    NO_TLS("server_name_override"), NO_TLS("reload_interval"), NO_TLS("include_system_ca_certs_pool"), NO_TLS("tpm"),
    OPT_END,
};

#define C struct remote_write_client_config
#define ROW(T, m, key_, kind_, type, def_, ...)                                                                       \
    { .key = (key_), .kind = (kind_), .offset = OPT_FIELD(T, m, type), .def = (def_), __VA_ARGS__ }

/* The HTTP client's keys, of `struct remote_write_client_config m` inside T. */
#define CLIENT_ROWS(T, m)                                                                                             \
    ROW(T, m endpoint, "endpoint", OPTION_STRING, const char *, "",                                                   \
        .help = "URL of the receiver, for instance http://prometheus:9090/api/v1/write."),                            \
    ROW(T, m timeout, "timeout", OPTION_DURATION, duration, "5s", .min = "0s",                                        \
        .help = "For one attempt, to the end of the answer; 0s for none."),                                           \
    ROW(T, m headers, "headers", OPTION_HEADERS, struct string_map, NULL,                                             \
        .help = "Headers of every request, for instance Authorization or X-Scope-OrgID. Values are never printed."),  \
    ROW(T, m compression, "compression", OPTION_STRING, const char *, "", .help = "Only snappy, which is what the "   \
        "protocol has."),                                                                                             \
    ROW(T, m proxy_url, "proxy_url", OPTION_STRING, const char *, "",                                                 \
        .help = "An HTTP proxy; without it http_proxy and no_proxy of the environment."),                             \
    ROW(T, m max_idle_conns, "max_idle_conns", OPTION_UINT, uint64_t, "100",                                          \
        .help = "Connections that are kept; 0: as many as there are."),                                               \
    ROW(T, m max_idle_conns_per_host, "max_idle_conns_per_host", OPTION_UINT, uint64_t, "0",                          \
        .help = "The same, and there is but one host. 0: num_consumers."),                                            \
    ROW(T, m max_conns_per_host, "max_conns_per_host", OPTION_UINT, uint64_t, "0",                                    \
        .help = "Connections at one time; 0 for no limit."),                                                          \
    ROW(T, m idle_conn_timeout, "idle_conn_timeout", OPTION_DURATION, duration, "90s", .min = "0s",                   \
        .help = "A kept connection closes after it; 0s for never."),                                                  \
    ROW(T, m disable_keep_alives, "disable_keep_alives", OPTION_BOOL, bool, "false",                                  \
        .help = "A connection for each request."),                                                                    \
    { .key = "tls", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m tls, struct remote_write_tls_config),              \
      .options = tls_options, .size = sizeof(struct remote_write_tls_config), .mode = GROUP_PLAIN,                    \
      .help = "TLS to the receiver comes with a later version." },                                                    \
    OPT_REFUSED("auth", "authenticator extensions are not served: write the header yourself, "                        \
                "headers: {Authorization: \"Bearer ...\"}, or user:password@ in the endpoint"),                       \
    OPT_REFUSED("read_buffer_size", "the connection's buffer is 64 KiB: remove this key"),                            \
    OPT_REFUSED("compression_params", "snappy has no levels: remove this key"),                                       \
    OPT_REFUSED("cookies", "cookies are not kept: remove this key"),                                                  \
    OPT_REFUSED("middlewares", "middleware extensions are not served: remove this key"),                              \
    OPT_REFUSED("force_attempt_http2", "requests go over HTTP/1.1: remove this key"),                                 \
    OPT_REFUSED("http2_read_idle_timeout", "requests go over HTTP/1.1: remove this key"),                             \
    OPT_REFUSED("http2_ping_timeout", "requests go over HTTP/1.1: remove this key")

static const struct option http_options[] = {
    CLIENT_ROWS(struct remote_write_http_config, client.),
    OPT_REFUSED("write_buffer_size", "a request is written whole: remove this key"),
    OPT_END,
};

static const struct option queue_options[] = {
    OPT_BOOL(struct remote_write_queue_config, enabled, "true",
             "Keep batches until they are delivered. Without it a sender waits for the receiver's answer."),
    OPT_INT(struct remote_write_queue_config, queue_size, "10000", NULL, NULL, "Batches in memory, what is in flight "
            "included. With `wal` the disk's limit counts instead."),
    OPT_INT(struct remote_write_queue_config, num_consumers, "5", NULL, NULL,
            "Requests in flight at one time. Each series keeps to one of them, so it stays in order."),
    OPT_END,
};

static const struct option wal_options[] = {
    OPT_STRING(struct remote_write_wal_config, directory, "",
               "Where batches wait on disk; prom_remotewrite is made below it, and nobody else may use that."),
    OPT_UINT(struct remote_write_wal_config, buffer_size, "300", "1", NULL,
             "Batches that may go together in one round of requests."),
    OPT_DURATION(struct remote_write_wal_config, truncate_frequency, "1m", "0s", NULL,
                 "Says nothing here: files are removed as soon as all in them is delivered."),
    OPT_DURATION(struct remote_write_wal_config, lag_record_frequency, "15s", "0s", NULL,
                 "Says nothing here: the age is worked out at each scrape."),
    OPT_UINT(struct remote_write_wal_config, max_size_mib, "1024", "8", "16777216",
             "The disk that it may take; beyond it senders are told to come again."),
    OPT_BOOL(struct remote_write_wal_config, fsync, "true",
             "A sender is answered when its batch is synced. Without it a power failure may lose the last seconds."),
    OPT_END,
};

static const struct option target_options[] = {
    OPT_BOOL(struct remote_write_target_config, enabled, "true", "Send a series target_info for each resource."),
    OPT_END,
};

static const struct option retry_options[] = { RETRY_ROWS("50ms") };

static const char *const messages[] = { "prometheus.WriteRequest", "io.prometheus.write.v2.Request", NULL };

#define T struct remote_write_config
static const struct option options[] = {
    CLIENT_ROWS(T, client.),
    ROW(T, client.write_buffer_size, "write_buffer_size", OPTION_UINT, uint64_t, "524288",
        .help = "Says nothing here: a request is written whole."),
    OPT_GROUP(T, http, struct remote_write_http_config, http_options, GROUP_NONE,
              "The HTTP client's keys, in place of those at the top level."),
    TRANSLATION_ROWS(T, translation),
    OPT_MAP(T, external_labels, "Labels that every series gets, where it has none of that name."),
    OPT_GROUP(T, remote_write_queue, struct remote_write_queue_config, queue_options, GROUP_PLAIN, "The queue."),
    OPT_GROUP(T, wal, struct remote_write_wal_config, wal_options, GROUP_NONE,
              "The queue on disk: what was accepted survives restarts, kill -9 and power failures."),
    OPT_GROUP(T, retry_on_failure, struct retry_config, retry_options, GROUP_PLAIN, "When to try again."),
    OPT_GROUP(T, target_info, struct remote_write_target_config, target_options, GROUP_PLAIN, "The series target_info."),
    OPT_INT(T, max_batch_size_bytes, "3000000", "0", "1000000000",
            "Most bytes of one request, before compression; 0 for the default."),
    OPT_UINT(T, max_batch_request_parallelism, "0", NULL, "1000", "In place of num_consumers. 0: not set."),
    OPT_BOOL(T, disable_scope_info, "false", "Leave the otel_scope_* labels out."),
    OPT_BOOL(T, send_metadata, "false", "With prometheus.WriteRequest, send type, help and unit of metrics too, each once "
             "a minute. The newer message always has them."),
    OPT_ENUM(T, protobuf_message, messages, "prometheus.WriteRequest",
             "Remote-Write 1.0 or 2.0. When the receiver does not know 2.0, 1.0 is sent."),
    OPT_STRINGS(T, include_metadata_keys, "[]", "What clients sent under these names becomes headers of the requests with "
                "their points. The receiver needs include_metadata."),
    OPT_DURATION(T, series_expiration, "10m", "1m", NULL,
                 "A series that was not seen for so long is forgotten, and costs a little more when it comes again."),
    OPT_BOOL(T, convert_explicit_histograms_to_nhcb, "false",
             "Send explicit histograms as native ones with custom buckets. Needs Remote-Write 2.0; a receiver that knows "
             "only 1.0 gets them as they are."),
    OPT_BOOL(T, keep_classic_histograms, "false", "With convert_explicit_histograms_to_nhcb, send their _bucket, _sum and "
             "_count series too."),
    OPT_REFUSED("export_created_metric", "gone from the Go collector too; Remote-Write 2.0 has start timestamps: remove "
                "this key"),
    OPT_REFUSED("sending_queue", "this exporter's queue is remote_write_queue, and wal for one on disk: move the keys"),
    OPT_END,
};
#undef T
#undef C
/* clang-format on */

static struct remote_write_node *remote_write_of(struct node *node)
{
    return container_of(node, struct remote_write_node, node);
}

/* ---- batches ---- */

/* What a user can do about points that are not sent. */
static const char *advice(const char *reason)
{
    static const struct {
        const char *reason, *text;
    } texts[] = {
        { "delta_temporality", "remote write has cumulative values only: set the SDK's temporality to cumulative" },
        { "no_temporality", "a sum or histogram must say its temporality" },
        { "duplicate_timestamp", "one batch had several points of a series for one time; the last was sent" },
        { "bad_name", "nothing of the metric's name can stand in a Prometheus name: rename it" },
        { "bad_label", "an attribute's name leaves no label name, is reserved (__), or there are too many: rename it" },
        { "scale", "an exponential histogram's scale is below -4, the least that Prometheus has" },
        { "malformed", "a histogram's buckets do not fit together" },
        { "series_budget", "the memory budget has no room: raise it, or send fewer attributes" },
        { "retries_exhausted", "the receiver did not take it within retry_on_failure::max_elapsed_time" },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].reason, reason) == 0)
            return texts[i].text;
    return answer_advice(reason);
}

void remote_write_drop_items(struct remote_write_node *n, struct delivery *d, uint64_t items, const char *reason,
                             const char *example, const char *text)
{
    struct remote_write_reason *r = remote_write_reason(n, reason);

    ack_drop(d->ack, items, reason);
    metric_add(r->items, items);
    if (complaint_due(&r->complaint, n->node.host->clock))
        log_warn(&n->node.log, "Points are not sent", F_STR("reason", reason), F_STR("series", example),
                 F_STR("because", advice(reason)), F_STR("receiver", text), F_UINT("points", items),
                 F_UINT("repeated", complaint_taken(&r->complaint)));
}

static void encode(struct delivery *d, bool with_drops)
{
    struct remote_write_node *n = d->node;
    struct remote_write_result result;

    d->parts = 1; /* ours, until all are pushed */
    remote_write_encode(n->encoder, d->batch, &result);
    for (size_t i = 0; with_drops && i < result.n_drops; i++) {
        remote_write_drop_items(n, d, result.drops[i].items, result.drops[i].reason, result.drops[i].example, "");
        metric_add(n->m.failed_translations, result.drops[i].items);
    }
    for (struct remote_write_request *r = result.first, *next; r != NULL; r = next) {
        next = r->next;
        metric_add(n->m.translated, r->samples + r->histograms);
        if (r->newest > n->highest)
            n->highest = r->newest;
        lane_push(&n->lanes[r->shard % n->n_lanes], d, r);
    }
    delivery_part_ended(d);
}

static void free_delivery(struct delivery *d)
{
    *d->link = d->next;
    if (d->next != NULL)
        d->next->link = d->link;
    turn_cancel(d->node->node.host->turn, &d->task);
    batch_unref(d->batch);
    free(d);
}

static struct remote_write *make_encoder(struct remote_write_node *n)
{
    const struct remote_write_config *c = n->config;
    struct remote_write_options o = {
        .translation = &n->translation.translation,
        .version = n->version,
        .custom_buckets = n->config->convert_explicit_histograms_to_nhcb,
        .keep_classic = n->config->keep_classic_histograms,
        .target_info = c->target_info.enabled,
        .send_metadata = c->send_metadata,
        .shards = n->n_lanes,
        .max_bytes = c->max_batch_size_bytes > 0 ? (size_t)c->max_batch_size_bytes : DEFAULT_BATCH,
        .expiration = (uint64_t)c->series_expiration.ns,
        .clock = n->node.host->clock,
        .budget = n->node.host->budget,
    };

    return remote_write_new(&o);
}

/* Once more, in the form that the receiver knows. */
static void on_again(struct turn_task *task)
{
    struct delivery *d = container_of(task, struct delivery, task);
    struct remote_write_node *n = d->node;

    d->again = false;
    if (remote_write_version(n->encoder) != n->version) {
        remote_write_free(n->encoder);
        n->encoder = make_encoder(n);
    }
    encode(d, false);
}

void delivery_part_ended(struct delivery *d)
{
    struct remote_write_node *n = d->node;
    bool durable = n->wal_directory != NULL;

    if (--d->parts > 0)
        return;
    if (d->again) {
        d->task.run = on_again;
        turn_defer(n->node.host->turn, &d->task);
        return;
    }
    if (d->failed > 0 && (durable || !n->config->remote_write_queue.enabled)) {
        ack_fail(d->ack, VERDICT_RETRY, "receiver_failed", "%s", d->why);
    } else {
        ack_drop(d->ack, d->failed, "shutdown");
        ack_safe(d->ack);
    }
    free_delivery(d);
}

/* One attempt, which goes on until all of it has landed or was given up. */
static void on_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct remote_write_node *n = container_of(self, struct remote_write_node, attempt);
    struct delivery *d = mem_zalloc(sizeof(*d));

    d->node = n;
    d->batch = batch;
    d->ack = ack;
    d->next = n->deliveries;
    d->link = &n->deliveries;
    if (d->next != NULL)
        d->next->link = &d->next;
    n->deliveries = d;
    encode(d, true);
}

/* ---- configuration ---- */

static void check_external(const struct remote_write_config *c, struct check *ck)
{
    for (size_t i = 0; i < c->external_labels.n; i++)
        if (c->external_labels.v[i].key[0] == '\0' || c->external_labels.v[i].value[0] == '\0')
            check_fail(ck, "external_labels",
                       "prometheus remote write: external labels configuration contains an empty "
                       "key or value");
    translation_check_constants(&c->external_labels, "external_labels", ck);
}

static void check_headers(const struct string_map *headers, const char *path, struct check *ck)
{
    static const char *const reserved[] = { "content-encoding",  "content-type", "content-length",
                                            "transfer-encoding", "connection",   "x-prometheus-remote-write-version" };

    for (size_t i = 0; i < headers->n; i++)
        for (size_t j = 0; j < ARRAY_LEN(reserved); j++)
            if (bytes_equal_nocase(bytes_str(headers->v[i].key), bytes_str(reserved[j])))
                check_fail(ck, path, "\"%s\" is the protocol's own header: remove it", headers->v[i].key);
}

static void check_keys(const struct remote_write_config *c, struct check *ck)
{
    static const char *const reserved[] = { "content-encoding", "content-type", "user-agent",
                                            "content-length",   "host",         "x-prometheus-remote-write-version" };

    for (size_t i = 0; i < c->include_metadata_keys.n; i++)
        for (size_t j = 0; j < ARRAY_LEN(reserved); j++)
            if (bytes_equal_nocase(bytes_str(c->include_metadata_keys.v[i]), bytes_str(reserved[j])))
                check_fail(ck, "include_metadata_keys", "\"%s\" is the protocol's own header and cannot be handed on",
                           c->include_metadata_keys.v[i]);
}

static void check_client(const struct remote_write_config *c, struct check *ck)
{
    const struct remote_write_client_config *k = client_config(c);
    const char *at = c->http.on ? "http::endpoint" : "endpoint";
    struct error err = { 0 };
    struct url url;

    if (k->endpoint[0] == '\0')
        check_fail(ck, at,
                   "must be set: the URL that takes remote write, for instance "
                   "http://prometheus:9090/api/v1/write");
    else if (url_parse(&url, bytes_str(k->endpoint), &err) != 0)
        check_fail(ck, at, "invalid endpoint: %s", err.text);
    else if (url.secure)
        check_fail(ck, at, "https comes with a later version: write http://, or let a TLS proxy stand between");
    if (k->proxy_url[0] != '\0' && url_parse(&url, bytes_str(k->proxy_url), &err) != 0)
        check_fail(ck, c->http.on ? "http::proxy_url" : "proxy_url", "%s", err.text);
    else if (k->proxy_url[0] != '\0' && url.secure)
        check_fail(ck, c->http.on ? "http::proxy_url" : "proxy_url", "a proxy is reached over http, not https");
    if (k->compression[0] != '\0' && strcmp(k->compression, "snappy") != 0)
        check_fail(ck, c->http.on ? "http::compression" : "compression", "compression type must be snappy");
    check_headers(&k->headers, c->http.on ? "http::headers" : "headers", ck);
}

static void check_queue(const struct remote_write_config *c, struct check *ck)
{
    const struct remote_write_queue_config *q = &c->remote_write_queue;

    if (q->queue_size < 0)
        check_fail(ck, "remote_write_queue::queue_size", "remote write queue size can't be negative");
    if (q->enabled && q->queue_size == 0)
        check_fail(ck, "remote_write_queue::queue_size", "a 0 size queue will drop all the data");
    if (q->num_consumers < 0)
        check_fail(ck, "remote_write_queue::num_consumers", "remote write consumer number can't be negative");
    if (q->num_consumers > 1000)
        check_fail(ck, "remote_write_queue::num_consumers", "at most 1000");
    if (check_was_set(ck, "max_batch_request_parallelism") && c->max_batch_request_parallelism < 1)
        check_fail(ck, "max_batch_request_parallelism", "max_batch_request_parallelism can't be set to below 1");
}

static void check_wal(const struct remote_write_config *c, struct check *ck)
{
    static const char *const idle[] = { "wal::truncate_frequency", "wal::lag_record_frequency" };

    if (!c->wal.on)
        return;
    if (c->wal.directory[0] == '\0')
        check_fail(ck, "wal::directory", "must be set: a directory that survives restarts");
    if (!c->remote_write_queue.enabled)
        check_fail(ck, "wal", "needs the queue: remove remote_write_queue::enabled: false");
    for (size_t i = 0; i < ARRAY_LEN(idle); i++)
        if (check_was_set(ck, idle[i]))
            check_warn(ck, idle[i], "says nothing here: what is delivered is removed at once");
}

static void check(const void *config, struct check *ck)
{
    const struct remote_write_config *c = config;
    bool utf8 = c->translation.translation_strategy >= 1 + NAME_UTF8_WITH_SUFFIXES;

    check_client(c, ck);
    check_queue(c, ck);
    check_wal(c, ck);
    check_external(c, ck);
    check_keys(c, ck);
    retry_check(&c->retry_on_failure, "retry_on_failure", ck);
    translation_check(&c->translation, ck);
    if (utf8 && c->protobuf_message == REMOTE_WRITE_1)
        check_fail(
            ck, "translation_strategy",
            "translation strategy %s requires Prometheus Remote Write 2.0 (UTF-8 support): set protobuf_message: "
            "io.prometheus.write.v2.Request",
            translation_strategies[c->translation.translation_strategy]);
    if (c->convert_explicit_histograms_to_nhcb && c->protobuf_message == REMOTE_WRITE_1)
        check_fail(ck, "convert_explicit_histograms_to_nhcb",
                   "Remote-Write 1.0 has no custom buckets: set protobuf_message: io.prometheus.write.v2.Request");
    if (c->keep_classic_histograms && !c->convert_explicit_histograms_to_nhcb)
        check_fail(
            ck, "keep_classic_histograms",
            "says nothing without convert_explicit_histograms_to_nhcb: true; classic histograms are sent as they "
            "are");
    if (check_was_set(ck, "write_buffer_size"))
        check_warn(ck, "write_buffer_size", "says nothing here: a request is written whole");
    ((struct remote_write_config *)(uintptr_t)c)->retry_forever =
        c->wal.on && !check_was_set(ck, "retry_on_failure::max_elapsed_time");
}

/* ---- life ---- */

static void set_sender(struct remote_write_node *n)
{
    const struct remote_write_config *c = n->config;
    struct sender_options o = {
        .queue_size = c->wal.on ? UINT64_MAX : (uint64_t)c->remote_write_queue.queue_size,
        .consumers = 2, /* one is encoded while another is on its way */
        .merge_bytes = c->include_metadata_keys.n > 0 ? 0 : MERGE_BYTES,
        .merge_batches = c->wal.on ? c->wal.buffer_size : 0,
        .directory = n->wal_directory,
        .max_disk_bytes = c->wal.max_size_mib * MIB,
        .no_sync = !c->wal.fsync,
        .attempt = &n->attempt,
    };

    if (!c->remote_write_queue.enabled) {
        o.queue_size = UINT64_MAX;
        o.wait_for_result = true;
        o.consumers = 1000;
    }
    n->sender = sender_new(&n->node, &o);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct remote_write_node *n = remote_write_of(node);
    const struct remote_write_config *c = n->config = config;
    uint64_t lanes = c->max_batch_request_parallelism;

    (void)err;
    if (lanes == 0)
        lanes = c->remote_write_queue.num_consumers > 0 ? (uint64_t)c->remote_write_queue.num_consumers : 1;
    n->n_lanes = (uint32_t)lanes;
    n->version = (enum remote_write_version)c->protobuf_message;
    translation_configure(&n->translation, &c->translation, !c->disable_scope_info, &c->external_labels);
    n->translation.translation.target_by_either = true;
    n->encoder = make_encoder(n);
    n->lanes = mem_alloc(n->n_lanes * sizeof(*n->lanes));
    for (uint32_t i = 0; i < n->n_lanes; i++)
        lane_init(&n->lanes[i], n);
    n->attempt.consume = on_attempt;
    if (c->wal.on)
        n->wal_directory = mem_printf("%s/prom_remotewrite", c->wal.directory);
    remote_write_metrics_init(n);
    set_sender(n);
    return 0;
}

static void on_sweep(struct clock_timer *t)
{
    struct remote_write_node *n = container_of(t, struct remote_write_node, sweep);

    remote_write_sweep(n->encoder);
    clock_start(n->node.host->clock, t, SWEEP_INTERVAL, on_sweep);
}

static int make_client(struct remote_write_node *n, struct error *err)
{
    const struct remote_write_client_config *k = client_config(n->config);
    struct http_header *headers = mem_alloc((k->headers.n + 1) * sizeof(*headers));
    uint64_t idle = k->max_idle_conns_per_host > 0 ? k->max_idle_conns_per_host : n->n_lanes;
    struct http_client_options o = {
        .url = k->endpoint,
        .proxy_url = k->proxy_url,
        .user_agent = n->user_agent,
        .headers = headers,
        .n_headers = k->headers.n,
        .idle_timeout = (uint64_t)k->idle_conn_timeout.ns,
        .max_idle = k->disable_keep_alives                              ? 0
                    : k->max_idle_conns > 0 && k->max_idle_conns < idle ? k->max_idle_conns
                                                                        : idle,
        .max_connections = k->max_conns_per_host,
    };

    for (size_t i = 0; i < k->headers.n; i++)
        headers[i] = (struct http_header){ bytes_str(k->headers.v[i].key), bytes_str(k->headers.v[i].value) };
    snprintf(n->user_agent, sizeof(n->user_agent), "otelcd/%s", n->node.host->version);
    n->client = http_client_new(n->node.host->loop, n->node.host->turn, n->node.host->clock, &o, err);
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
    clock_start(node->host->clock, &n->sweep, SWEEP_INTERVAL, on_sweep);
    log_info(&node->log, "Sending remote write", F_STR("endpoint", http_client_name(n->client)),
             F_STR("protobuf_message", messages[n->version]),
             F_STR("queue", n->wal_directory != NULL ? n->wal_directory : "memory"));
    return 0;
}

static void forget_deliveries(struct remote_write_node *n)
{
    for (struct delivery *d = n->deliveries, *next; d != NULL; d = next) {
        next = d->next;
        free_delivery(d);
    }
}

static void on_sender_stopped(struct node *node)
{
    struct remote_write_node *n = remote_write_of(node);

    for (uint32_t i = 0; i < n->n_lanes; i++)
        lane_close(&n->lanes[i]);
    forget_deliveries(n); /* the sender has given them up at the deadline */
    if (n->client != NULL)
        http_client_close(n->client);
    n->client = NULL;
    clock_stop(node->host->clock, &n->sweep);
    n->stopped(node);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct remote_write_node *n = remote_write_of(node);

    n->stopped = done;
    n->stopping = true;
    for (uint32_t i = 0; i < n->n_lanes; i++)
        lane_stop(&n->lanes[i]);
    sender_stop(n->sender, deadline, on_sender_stopped);
}

static void destroy(struct node *node)
{
    struct remote_write_node *n = remote_write_of(node);

    for (uint32_t i = 0; i < n->n_lanes; i++)
        lane_close(&n->lanes[i]);
    forget_deliveries(n);
    if (n->client != NULL)
        http_client_close(n->client);
    clock_stop(node->host->clock, &n->sweep);
    sender_free(n->sender);
    remote_write_metrics_close(n);
    remote_write_free(n->encoder);
    translation_free(&n->translation);
    free(n->lanes);
    free(n->wal_directory);
}

static const char *const aliases[] = { "prometheusremotewrite", NULL };

extern const struct component prometheus_remote_write_exporter;
const struct component prometheus_remote_write_exporter = {
    .type = "prometheus_remote_write",
    .aliases = aliases,
    .kind = COMPONENT_EXPORTER,
    .signals = SIGNAL_BIT(SIGNAL_METRICS),
    .stability = "beta",
    .summary = "Sends metrics in Prometheus' remote write protocol, each series in order, from a queue in memory or on "
               "disk.",
    .safe = "In the queue; with wal: on disk and synced.",
    .config_size = sizeof(struct remote_write_config),
    .options = options,
    .metrics = remote_write_metric_rows,
    .node_size = sizeof(struct remote_write_node),
    .check = check,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};
