/* SPDX-License-Identifier: Apache-2.0 */
/* Rows alone. Those of metrics have two keys more, by which others choose between what here is one thing. */
#include "service/own/own_rows.h"

static const char *const protocols[] = { "http/protobuf", "http/json", "grpc", "grpc/protobuf", NULL };
static const char *const encodings[] = { "protobuf", "json", NULL };
static const char *const temporalities[] = { "cumulative", NULL };
static const char *const aggregations[] = { "explicit_bucket_histogram", NULL };

#define T struct own_peer_config
#define ENDPOINT_HTTP                                                                                                  \
    "Whom to send to, for instance http://backend:4318. Without a path the signal's is added (/v1/logs); with one it " \
    "is used as it is. Empty: http://localhost:4318."
#define ENDPOINT_GRPC                                                                                                  \
    "Whom to send to, as host:port or http://host:port (plain) or https://host:port. Empty: localhost:4317."

/* clang-format off */
#define SHARED_ROWS                                                                                                   \
    OPT_HEADERS(T, headers, "Headers of every request. Values are never printed."),                                  \
    OPT_SECRET(T, headers_list,                                                                                       \
               "Headers too, as name=value,name=value with % escapes; those of headers count first."),                \
    OPT_STRING(T, compression, "none", "gzip, zstd, snappy or none; over HTTP those of otlp_http."),                  \
    OPT_UINT(T, timeout, "10000", "1", "3600000", "Milliseconds: the longest time of one attempt.")

#define METRIC_ROWS                                                                                                   \
    OPT_ENUM(T, temporality_preference, temporalities, "cumulative",                                                  \
             "Own metrics are cumulative; an exporter's pipeline with cumulativetodelta makes others of them."),      \
    OPT_ENUM(T, default_histogram_aggregation, aggregations, "explicit_bucket_histogram",                             \
             "Own histograms have explicit buckets.")

#define OTLP_ROWS                                                                                                     \
    OPT_ENUM(T, protocol, protocols, "http/protobuf", "http/protobuf, http/json or grpc; grpc/protobuf is its old name."), \
    OPT_STRING(T, endpoint, "", "As of otlp_http or of otlp_grpc, by the protocol."),                                 \
    SHARED_ROWS,                                                                                                      \
    OPT_BOOL(T, insecure, "false", "Over grpc: without TLS. Over HTTP the URL says so."),                             \
    OPT_STRING(T, certificate, "", "File of the CA that the peer's certificate is checked with; empty: the system's."), \
    OPT_STRING(T, client_key, "", "File of our key, where the peer wants a certificate."),                            \
    OPT_STRING(T, client_certificate, "", "File of our certificate.")

#define HTTP_ROWS                                                                                                     \
    OPT_STRING(T, endpoint, "", ENDPOINT_HTTP),                                                                       \
    OPT_ENUM(T, encoding, encodings, "protobuf", "How requests are written."),                                       \
    SHARED_ROWS,                                                                                                      \
    OPT_GROUP(T, tls, struct own_tls_config, http_tls_options, GROUP_PLAIN, "TLS to https:// endpoints.")

#define GRPC_ROWS                                                                                                     \
    OPT_STRING(T, endpoint, "", ENDPOINT_GRPC),                                                                       \
    SHARED_ROWS,                                                                                                      \
    OPT_GROUP(T, tls, struct own_tls_config, grpc_tls_options, GROUP_PLAIN, "TLS to the peer.")

#define TLS_ROWS                                                                                                      \
    OPT_STRING(struct own_tls_config, ca_file, "", "CA that the peer's certificate is checked with; empty: the system's."), \
    OPT_STRING(struct own_tls_config, cert_file, "", "Our certificate, where the peer wants one."),                   \
    OPT_STRING(struct own_tls_config, key_file, "", "Its key.")

#define EXPORTER_ROWS(otlp_, http_, grpc_)                                                                            \
    OPT_GROUP(struct own_exporter_config, otlp, struct own_peer_config, otlp_, GROUP_NONE,                            \
              "OTLP by the protocol that it names; the form that the Go collector takes."),                           \
    OPT_GROUP(struct own_exporter_config, otlp_http, struct own_peer_config, http_, GROUP_DEFAULT, "OTLP over HTTP."), \
    OPT_GROUP(struct own_exporter_config, otlp_grpc, struct own_peer_config, grpc_, GROUP_DEFAULT, "OTLP over gRPC."), \
    OPT_REFUSED("console", "own telemetry is not printed: send it by otlp to a pipeline with a debug exporter"),      \
    OPT_REFUSED("otlp_file/development", "own telemetry is not written to files: send it by otlp to a pipeline with " \
                                         "a file exporter")
/* clang-format on */

static const struct option http_tls_options[] = { TLS_ROWS, OPT_END };
static const struct option grpc_tls_options[] = {
    TLS_ROWS,
    OPT_BOOL(struct own_tls_config, insecure, "false", "Without TLS."),
    OPT_END,
};

static const struct option otlp_options[] = { OTLP_ROWS, OPT_END };
static const struct option http_options[] = { HTTP_ROWS, OPT_END };
static const struct option grpc_options[] = { GRPC_ROWS, OPT_END };
static const struct option metric_otlp_options[] = { OTLP_ROWS, METRIC_ROWS, OPT_END };
static const struct option metric_http_options[] = { HTTP_ROWS, METRIC_ROWS, OPT_END };
static const struct option metric_grpc_options[] = { GRPC_ROWS, METRIC_ROWS, OPT_END };
#undef T

static const struct option exporter_options[] = {
    EXPORTER_ROWS(otlp_options, http_options, grpc_options),
    OPT_END,
};

static const struct option metric_exporter_options[] = {
    EXPORTER_ROWS(metric_otlp_options, metric_http_options, metric_grpc_options),
    OPT_END,
};

/* clang-format off */
#define T struct own_batch_config
#define BATCH_ROWS(delay_, word_)                                                                                     \
    OPT_UINT(T, schedule_delay, delay_, "1", "3600000", "Milliseconds: the longest that one of the " word_ " waits."), \
    OPT_UINT(T, export_timeout, "30000", "1", "3600000",                                                              \
             "Milliseconds: what could not be sent for so long is dropped, and counted."),                            \
    OPT_UINT(T, max_queue_size, "2048", "1", "100000", "The " word_ " that wait; more are dropped, and counted."),    \
    OPT_UINT(T, max_export_batch_size, "512", "1", "100000",                                                          \
             "So many are sent without waiting for more. At most max_queue_size."),                                   \
    OPT_GROUP(T, exporter, struct own_exporter_config, exporter_options, GROUP_PLAIN, "Whom they are sent to.")
/* clang-format on */

static const struct option log_batch_options[] = { BATCH_ROWS("1000", "lines"), OPT_END };
static const struct option trace_batch_options[] = { BATCH_ROWS("5000", "spans"), OPT_END };
#undef T

static const struct option simple_options[] = {
    OPT_GROUP(struct own_simple_config, exporter, struct own_exporter_config, exporter_options, GROUP_PLAIN,
              "Whom it is sent to."),
    OPT_END,
};

const struct option own_log_processor_options[] = {
    OPT_GROUP(struct own_processor_config, batch, struct own_batch_config, log_batch_options, GROUP_NONE,
              "What comes is sent in batches."),
    OPT_GROUP(struct own_processor_config, simple, struct own_simple_config, simple_options, GROUP_NONE,
              "What comes is sent at once."),
    OPT_END,
};

const struct option own_trace_processor_options[] = {
    OPT_GROUP(struct own_processor_config, batch, struct own_batch_config, trace_batch_options, GROUP_NONE,
              "What comes is sent in batches."),
    OPT_GROUP(struct own_processor_config, simple, struct own_simple_config, simple_options, GROUP_NONE,
              "What comes is sent at once."),
    OPT_END,
};

static const struct option always_options[] = { OPT_END };

static const struct option ratio_options[] = {
    OPT_DOUBLE(struct own_ratio_config, ratio, "1", "0", "1", "The share of traces, by their ids."),
    OPT_END,
};

#define BY_PARENT "what the parent says counts: remove this key"

/* clang-format off */
#define SAMPLER_ROWS(T)                                                                                               \
    OPT_GROUP(T, always_on, struct own_always_config, always_options, GROUP_DEFAULT, "All of them."),                 \
    OPT_GROUP(T, always_off, struct own_always_config, always_options, GROUP_DEFAULT, "None."),                       \
    OPT_GROUP(T, trace_id_ratio_based, struct own_ratio_config, ratio_options, GROUP_DEFAULT, "A share of them."),    \
    OPT_REFUSED("jaeger_remote", "nobody is asked: write trace_id_ratio_based: {ratio: 0.1}")
/* clang-format on */

static const struct option root_options[] = { SAMPLER_ROWS(struct own_root_sampler_config), OPT_END };

static const struct option parent_options[] = {
    OPT_GROUP(struct own_parent_sampler_config, root, struct own_root_sampler_config, root_options, GROUP_DEFAULT,
              "Of traces that begin here; without it all."),
    OPT_REFUSED("remote_parent_sampled", BY_PARENT),
    OPT_REFUSED("remote_parent_not_sampled", BY_PARENT),
    OPT_REFUSED("local_parent_sampled", "spans here have no parents of otelcd's own: remove this key"),
    OPT_REFUSED("local_parent_not_sampled", "spans here have no parents of otelcd's own: remove this key"),
    OPT_END,
};

const struct option own_sampler_options[] = {
    SAMPLER_ROWS(struct own_sampler_config),
    OPT_GROUP(struct own_sampler_config, parent_based, struct own_parent_sampler_config, parent_options, GROUP_DEFAULT,
              "Of requests with a traceparent those whose parent was recorded; root decides of the others."),
    OPT_END,
};

const struct option own_periodic_options[] = {
    OPT_UINT(struct own_periodic_config, interval, "60000", "1", "86400000",
             "Milliseconds from one sending to the next."),
    OPT_UINT(struct own_periodic_config, timeout, "30000", "1", "3600000",
             "Milliseconds: what could not be sent for so long is dropped, and counted; the next has all of it anew."),
    OPT_GROUP(struct own_periodic_config, exporter, struct own_exporter_config, metric_exporter_options, GROUP_PLAIN,
              "Whom they are sent to."),
    OPT_END,
};
