/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, then what they cannot say: combinations that the Go collector refuses, in its words, and what cannot be
 * reached from here, with what to write instead. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "net/http/proxy.h"
#include "net/socket/tls.h"
#include "prom/series/series_limit.h"

/* clang-format off */
#define ENDPOINT_HELP "URL of the receiver, for instance http://prometheus:9090/api/v1/write."
#define CLIENT_ROWS(T, m)                                                                                             \
    CLIENT_AUTH_ROW(T, m),                                                                                            \
    HTTP_CLIENT_ROWS(T, m, ENDPOINT_HELP, "5s", "", "Only snappy, which is what the protocol has.",                   \
                     "8 * num_consumers"),                                                                            \
    OPT_REFUSED("compression_params", "snappy has no levels: remove this key")

static const struct option http_options[] = {
    CLIENT_ROWS(struct remote_write_http_config, client),
    OPT_END,
};

static const struct option queue_options[] = {
    OPT_BOOL(struct remote_write_queue_config, enabled, "true",
             "Keep batches until they are delivered. Without it a sender waits for the receiver's answer."),
    OPT_INT(struct remote_write_queue_config, queue_size, "10000", NULL, NULL, "Batches in memory, including those in flight. With `wal` the disk's limit counts instead."),
    OPT_INT(struct remote_write_queue_config, num_consumers, "5", NULL, NULL,
            "Requests in flight at one time, at most: as many are in use as the rate needs, one at first. Each series "
            "keeps to one of them, so it stays in order."),
    OPT_END,
};

static const struct option wal_options[] = {
    OPT_STRING(struct remote_write_wal_config, directory, "",
               "Where batches wait on disk, in a directory prom_remotewrite that is this exporter's alone."),
    OPT_UINT(struct remote_write_wal_config, buffer_size, "300", "1", NULL,
             "Batches that may go together in one round of requests."),
    OPT_IGNORED("truncate_frequency", "files are removed as soon as all in them is delivered"),
    OPT_IGNORED("lag_record_frequency", "the age is worked out at each scrape"),
    OPT_UINT(struct remote_write_wal_config, max_size_mib, "1024", "8", "16777216",
             "Most disk that it may take, in MiB; beyond it senders are told to retry."),
    OPT_BOOL(struct remote_write_wal_config, fsync, "true",
             "A sender is answered when its batch is synced. Without it a power failure may lose the last seconds."),
    OPT_END,
};

static const struct option target_options[] = {
    OPT_BOOL(struct remote_write_target_config, enabled, "true", "Send a series target_info for each resource."),
    OPT_END,
};

static const struct option retry_options[] = { RETRY_ROWS("50ms") };

const char *const remote_write_messages[] = { "prometheus.WriteRequest", "io.prometheus.write.v2.Request", NULL };

#define T struct remote_write_config
const struct option remote_write_options[] = {
    CLIENT_ROWS(T, client),
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
            "Most bytes of one request, before compression; 0 for the default.", .zero = "3000000"),
    OPT_UINT(T, max_batch_request_parallelism, "0", NULL, "1000", "Overrides num_consumers; 0 does not."),
    OPT_BOOL(T, disable_scope_info, "false", "Leave the otel_scope_* labels out."),
    OPT_BOOL(T, send_metadata, "false", "With prometheus.WriteRequest, send type, help and unit of metrics too, each once "
             "a minute. The newer message always has them."),
    OPT_ENUM(T, protobuf_message, remote_write_messages, "prometheus.WriteRequest",
             "Remote-Write 1.0 or 2.0. When the receiver does not know 2.0, 1.0 is sent."),
    OPT_STRINGS(T, include_metadata_keys, "[]", "What clients sent under these names becomes headers of the requests with "
                "their points. The receiver needs include_metadata."),
    OPT_DURATION(T, series_expiration, "10m", "1m", NULL,
                 "A series that was not seen for so long is forgotten, and costs a little more when it comes again."),
    OPT_UINT(T, max_series, "0", NULL, NULL,
             SERIES_LIMIT_WORDS "0: all are sent, and remembered as far as half of the memory budget goes."),
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
/* clang-format on */

/* ---- what the rows cannot say ---- */

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
    static const char *const reserved[] = { "content-encoding",
                                            "content-type",
                                            "content-length",
                                            "transfer-encoding",
                                            "connection",
                                            "x-prometheus-remote-write-version",
                                            NULL };

    client_headers_check(headers, reserved, path, ck);
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
    const struct http_client_config *k = client_config(c);
    const char *at = c->http.on ? "http::endpoint" : "endpoint";
    bool proxied = proxy_check(k->proxy_url, c->http.on ? "http::proxy_url" : "proxy_url", ck);
    struct error err = { 0 };
    struct url url;

    if (k->endpoint[0] == '\0')
        check_fail(ck, at,
                   "must be set: the URL that takes remote write, for instance "
                   "http://prometheus:9090/api/v1/write");
    else if (url_parse(&url, bytes_str(k->endpoint), &err) != 0)
        check_fail(ck, at, "invalid endpoint: %s", err.text);
    else if (proxied || url.secure)
        tls_check(&k->tls, TLS_CLIENT, c->http.on ? "http::tls" : "tls", ck);
    else
        tls_check_plain(&k->tls, c->http.on ? "http::tls" : "tls", ck);
    if (k->auth.on && url_parse(&url, bytes_str(k->endpoint), &err) == 0 && url.userinfo.len > 0)
        check_fail(ck, at, "user:password@ and auth both say who we are: remove one of them");
    if (k->compression[0] != '\0' && strcmp(k->compression, "snappy") != 0)
        check_fail(ck, c->http.on ? "http::compression" : "compression", "compression type must be snappy");
    else if (coding_load(CODING_SNAPPY, &err) != 0)
        check_fail(ck, "", "%s", err.text);
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
    if (!c->wal.on)
        return;
    if (c->wal.directory[0] == '\0')
        check_fail(ck, "wal::directory", "must be set: a directory that survives restarts");
    if (!c->remote_write_queue.enabled)
        check_fail(ck, "wal", "needs the queue: remove remote_write_queue::enabled: false");
}

void remote_write_options_finish(void *config, struct check *ck)
{
    struct remote_write_config *c = config;

    c->retry_forever = c->wal.on && !check_was_set(ck, "retry_on_failure::max_elapsed_time");
}

void remote_write_check(const void *config, struct check *ck)
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
            "has no effect without convert_explicit_histograms_to_nhcb: true; classic histograms are sent as they "
            "are");
}
