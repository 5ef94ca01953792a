/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to options, key by key; a time of zero or less is none, and where gRPC says what an absent one is, that. */
#include "pipeline/node_server.h"

#include "pipeline/authenticator.h"
#include "pipeline/node_tls.h"

#define PING_AFTER (7200 * NS_PER_S) /* gRPC's defaults for servers */
#define PING_TIMEOUT (20 * NS_PER_S)

static uint64_t ns_or(duration d, uint64_t otherwise)
{
    return d.ns > 0 ? (uint64_t)d.ns : otherwise;
}

struct http_server_options node_http_server_options(const struct node *node, const struct http_server_config *c)
{
    struct http_server_options o = {
        .endpoint = c->endpoint,
        .transport = c->transport,
        .listeners = node->host->listeners,
        .read_header_timeout = ns_or(c->read_header_timeout, 0),
        .read_timeout = ns_or(c->read_timeout, 0),
        .write_timeout = ns_or(c->write_timeout, 0),
        .idle_timeout = ns_or(c->idle_timeout, 0),
        .no_keep_alive = !c->keep_alives_enabled,
        .cors = c->cors.on && c->cors.allowed_origins.n > 0 ? &c->cors : NULL,
        .response_headers = &c->response_headers,
    };

    gatekeeper_set(node, &c->auth, &o);
    return o;
}

static void set_keepalive(struct http_server_options *o, const struct grpc_keepalive_config *c)
{
    const struct keepalive_parameters_config *p = &c->server_parameters;

    o->enforce_keepalive = c->on && c->enforcement_policy.on;
    o->keepalive_min_time = ns_or(c->enforcement_policy.min_time, 0);
    o->keepalive_permit_without_stream = c->enforcement_policy.permit_without_stream;
    o->keepalive_time = PING_AFTER;
    o->keepalive_timeout = PING_TIMEOUT;
    if (!c->on || !p->on)
        return;
    o->max_connection_idle = ns_or(p->max_connection_idle, 0);
    o->max_connection_age = ns_or(p->max_connection_age, 0);
    o->max_connection_age_grace = ns_or(p->max_connection_age_grace, 0);
    o->keepalive_time = ns_or(p->time, PING_AFTER);
    o->keepalive_timeout = ns_or(p->timeout, PING_TIMEOUT);
}

struct http_server_options node_grpc_server_options(const struct node *node, const struct grpc_server_config *c)
{
    struct http_server_options o = {
        .endpoint = c->endpoint,
        .transport = c->transport,
        .listeners = node->host->listeners,
        .expect_http2 = true,
        .max_concurrent_streams = (uint32_t)c->max_concurrent_streams,
        .read_buffer_size = (size_t)c->read_buffer_size,
        .write_buffer_size = (size_t)c->write_buffer_size,
    };

    set_keepalive(&o, &c->keepalive);
    gatekeeper_set(node, &c->auth, &o);
    return o;
}

int node_server_listen(struct http_server **out, const struct node *node, const struct http_server_options *o,
                       const struct tls_config *tls, struct http_service *service, const char *path, struct error *err)
{
    struct http_server_options with = *o;
    int rc;

    if (tls != NULL && tls->on && (with.tls = node_tls(node, tls, TLS_SERVER, "h2,http/1.1", err)) == NULL)
        return path != NULL ? error_wrap(err, "%s", path) : err->code;
    rc = http_server_listen(out, node->host->loop, &with, service, node->host->budget, &node->log, NULL, err);
    tls_unref(with.tls);
    return rc == 0 || path == NULL ? rc : error_wrap(err, "%s::endpoint", path);
}
