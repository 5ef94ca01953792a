/* SPDX-License-Identifier: Apache-2.0 */
/* What the node knows goes into the setup; files that cannot be used are the only thing that can go wrong. */
#include "pipeline/node_tls.h"

struct tls *node_tls(const struct node *node, const struct tls_config *config, enum tls_side side, const char *alpn,
                     struct error *err)
{
    const struct tls_setup setup = {
        .loop = node->host->loop,
        .side = side,
        .alpn = alpn,
        .metrics = node->host->metrics,
        .log = &node->log,
        .component = node->id,
    };

    return tls_new(&setup, config, err);
}

#define PING_TIMEOUT (15 * NS_PER_S)

struct http_client_options node_http_client_options(const struct node *node, const struct http_client_config *c)
{
    return (struct http_client_options){
        .url = c->endpoint,
        .proxy_url = c->proxy_url,
        .idle_timeout = (uint64_t)c->idle_conn_timeout.ns,
        .max_connections = c->max_conns_per_host,
        .cookies = c->cookies.on,
        .budget = node->host->budget,
        .version = c->force_attempt_http2 ? HTTP_VERSION_ALPN : HTTP_VERSION_1,
        .keepalive_time = (uint64_t)c->http2_read_idle_timeout.ns,
        .keepalive_timeout = c->http2_ping_timeout.ns > 0 ? (uint64_t)c->http2_ping_timeout.ns : PING_TIMEOUT,
        .keepalive_permit_without_stream = true,
    };
}

static const char *alpn_of(enum http_version version)
{
    return version == HTTP_VERSION_2 ? "h2" : version == HTTP_VERSION_ALPN ? "h2,http/1.1" : "http/1.1";
}

struct http_client *node_http_client(const struct node *node, const struct http_client_options *o,
                                     const struct tls_config *config, bool secure, struct error *err)
{
    struct http_client_options with = *o;
    bool proxied = http_client_needs_proxy_tls(o);
    struct http_client *client = NULL;

    if (with.version == HTTP_VERSION_ALPN && with.max_idle == 0)
        with.version = HTTP_VERSION_1; /* each connection is for one request */
    if (secure)
        with.tls = node_tls(node, config, TLS_CLIENT, alpn_of(with.version), err);
    if (proxied && (with.tls != NULL || !secure))
        with.proxy_tls = node_tls(node, config, TLS_CLIENT, alpn_of(HTTP_VERSION_1), err);
    if ((with.tls != NULL || !secure) && (with.proxy_tls != NULL || !proxied))
        client = http_client_new(node->host->loop, &with, err);
    tls_unref(with.tls);
    tls_unref(with.proxy_tls);
    return client;
}

const struct metric_row peer_clock_row = METRIC_ROW_AT(
    LEVEL_NORMAL, "otelcd_exporter_peer_clock_ahead", METRIC_GAUGE, "s",
    "By how much the peer's clock is ahead of ours, by the Date of its answers, to the second; shown once one "
    "had a Date.",
    .sum = SHOW_MOST);

void node_tell_clock(struct metric *ahead, struct http_client *client)
{
    const struct http_client_stats *stats = client != NULL ? http_client_stats(client) : NULL;

    if (stats != NULL && stats->clock_known)
        metric_set(ahead, (double)stats->clock_ahead);
}
