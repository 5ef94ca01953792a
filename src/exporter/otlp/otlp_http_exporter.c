/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp_http exporter: OTLP over HTTP, as protobuf or JSON. What is here is its configuration: rows, what they
 * cannot say, and how they become the settings of an exporter and the options of its client. All that moves is in
 * otlp_export.c and otlp_request.c.
 *
 * What can go wrong: no endpoint for a signal that it is used for, or one that is no URL: refused when the
 * configuration is read. TLS that cannot be set up: the node does not start. */
#include "exporter/otlp/otlp_exporter.h"

#include "config/client_rows.h"
#include "net/http/proxy.h"
#include "pipeline/node_tls.h"

#include <stdio.h>

enum { ENCODING_PROTO, ENCODING_JSON };
static const char *const encodings[] = { "proto", "json", NULL };

struct compression_config {
    int64_t level;
};

struct otlp_http_exporter_config {
    struct delivery_config delivery; /* first */
    struct http_client_config client;
    struct compression_config compression_params;
    const char *traces_endpoint, *metrics_endpoint, *logs_endpoint, *profiles_endpoint;
    int encoding;
    uint64_t max_request_bytes;
};

static const struct option compression_options[] = {
    OPT_INT(
        struct compression_config, level, "0", NULL, NULL,
        "gzip, zlib and deflate: 1 (fast) to 9 (small), -1 is 6; zstd: its own levels, 1 to 19. 0: the fastest that "
        "is good."),
    OPT_END,
};

/* clang-format off */
#define T struct otlp_http_exporter_config
static const struct option options[] = {
    HTTP_CLIENT_ROWS(T, client,
                     "Base URL of the receiver, for instance http://collector:4318: the signal's path (v1/traces, "
                     "v1/metrics, v1/logs, v1development/profiles) is added.",
                     "30s", "gzip", "gzip, zstd, snappy, x-snappy-framed, deflate, zlib, lz4 or none.", "100"),
    OPT_GROUP(T, compression_params, struct compression_config, compression_options, GROUP_PLAIN, "How much to compress."),
    OPT_STRING(T, traces_endpoint, "", "URL that takes traces, used as it is; endpoint does not count for them."),
    OPT_STRING(T, metrics_endpoint, "", "The same for metrics."),
    OPT_STRING(T, logs_endpoint, "", "The same for logs."),
    OPT_STRING(T, profiles_endpoint, "", "The same for profiles."),
    OPT_ENUM(T, encoding, encodings, "proto", "How requests are written: proto or json."),
    CLIENT_AUTH_ROW(T, client),
    OTLP_EXPORTER_ROWS(T),
    OPT_END,
};
#undef T
/* clang-format on */

static const char *own_endpoint(const struct otlp_http_exporter_config *c, enum signal signal)
{
    const char *const own[SIGNAL_COUNT] = { c->traces_endpoint, c->metrics_endpoint, c->logs_endpoint,
                                            c->profiles_endpoint };

    return own[signal];
}

/* ---- what the configuration may say ---- */

/* *secure is set where it is https. */
static void check_url(const char *url, const char *key, bool *secure, struct check *ck)
{
    struct error err = { 0 };
    struct url parsed;

    if (url[0] != '\0' && url_parse(&parsed, bytes_str(url), &err) != 0)
        check_fail(ck, key, "%s must be a valid URL: %s", key, err.text);
    else if (url[0] != '\0' && parsed.secure)
        *secure = true;
}

static void check(const void *config, struct check *ck)
{
    static const char *const reserved[] = { "content-encoding",  "content-type", "content-length",
                                            "transfer-encoding", "connection",   NULL };
    const struct otlp_http_exporter_config *c = config;
    struct error err = { 0 };
    bool any = c->client.endpoint[0] != '\0', secure = false;

    check_url(c->client.endpoint, "endpoint", &secure, ck);
    for (int s = 0; s < SIGNAL_COUNT; s++) {
        char key[32];

        snprintf(key, sizeof(key), "%s_endpoint", signal_table[s].name);
        check_url(own_endpoint(c, (enum signal)s), key, &secure, ck);
        any = any || own_endpoint(c, (enum signal)s)[0] != '\0';
    }
    if (!any)
        check_fail(ck, "endpoint", "at least one endpoint must be specified: write endpoint: http://host:4318");
    secure = proxy_check(c->client.proxy_url, "proxy_url", ck) || secure;
    if (secure)
        tls_check(&c->client.tls, TLS_CLIENT, "tls", ck);
    else
        tls_check_plain(&c->client.tls, "tls", ck);
    if (otlp_exporter_coding(c->client.compression, false, &err) == CODING_UNKNOWN)
        check_fail(ck, "compression", "%s", err.text);
    else
        otlp_exporter_check_level(c->client.compression, c->compression_params.level, ck);
    client_headers_check(&c->client.headers, reserved, "headers", ck);
    sending_queue_check(&c->delivery.sending_queue, ck);
    retry_check(&c->delivery.retry_on_failure, "retry_on_failure", ck);
}

static void check_use(const void *config, enum signal signal, struct check *ck)
{
    const struct otlp_http_exporter_config *c = config;
    char key[32];

    snprintf(key, sizeof(key), "%s_endpoint", signal_table[signal].name);
    if (c->client.endpoint[0] == '\0' && own_endpoint(c, signal)[0] == '\0')
        check_fail(ck, key, "either endpoint or %s must be specified", key);
}

/* ---- life ---- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct otlp_exporter *n = otlp_exporter_of(node);
    const struct otlp_http_exporter_config *c = config;
    struct otlp_settings s = {
        .json = c->encoding == ENCODING_JSON,
        .coding = otlp_exporter_coding(c->client.compression, false, NULL),
        .level = otlp_exporter_level(c->compression_params.level),
        .timeout = (uint64_t)c->client.timeout.ns,
        .max_request_bytes = c->max_request_bytes,
        .headers = &c->client.headers,
        .auth = &c->client.auth,
        .delivery = &c->delivery,
    };

    n->config = config;
    if (otlp_target_http(&n->target, c->client.endpoint, own_endpoint(c, node->signal), node->signal, err) != 0)
        return UV_EINVAL;
    otlp_exporter_create(n, &s);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct otlp_exporter *n = otlp_exporter_of(node);
    const struct http_client_config *k = &((const struct otlp_http_exporter_config *)n->config)->client;
    struct http_client_options o = node_http_client_options(node, k);

    o.max_idle = client_max_idle(k, 100);
    return otlp_exporter_start(n, o, &k->tls, err);
}

DELIVERY_BEGINS(struct otlp_http_exporter_config);

static const char *const aliases[] = { "otlphttp", NULL };

extern const struct component otlp_http_exporter;
const struct component otlp_http_exporter = {
    COMPONENT_TYPE("otlp_http", COMPONENT_EXPORTER, .aliases = aliases, .signals = SIGNAL_ALL, .stability = "stable"),
    .spread = SPREAD_EACH,
    .summary = "Sends OTLP over HTTP, as protobuf or JSON.",
    .safe = OTLP_EXPORTER_SAFE,
    COMPONENT_CONFIG(struct otlp_http_exporter_config, options, .finish = delivery_finish, .check = check,
                     .check_use = check_use, .keeps = delivery_keeps, .queue = delivery_queue),
    .metrics = otlp_exporter_metric_rows,
    COMPONENT_NODE(struct otlp_exporter, .create = create, .start = start, .stop = otlp_exporter_stop,
                   .hurry = otlp_exporter_hurry, .destroy = otlp_exporter_destroy),
};
