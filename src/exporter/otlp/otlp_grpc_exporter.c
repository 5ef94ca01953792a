/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp_grpc exporter: OTLP over gRPC. A request is a call over HTTP/2 whose body is one message with its prefix.
 * What is here is its configuration: rows, what they cannot say, and how they become the settings of an exporter and
 * the options of its client; load_balancing makes its members by the same functions. All that moves is in otlp_export.c
 * and otlp_request.c.
 *
 * What can go wrong: an endpoint that is no target of gRPC, or headers that are gRPC's own: refused when the
 * configuration is read. Credentials that must not be sent in plain text, and no TLS: the node does not start. */
#include "exporter/otlp/otlp_grpc.h"

#include "net/socket/tls.h"

#define KEEPALIVE_LEAST (10 * NS_PER_S) /* gRPC's own: peers end connections that ask more often */

/* clang-format off */
#define T struct otlp_grpc_exporter_config
const struct option otlp_grpc_options[] = {
    GRPC_CLIENT_ROWS(T, client,
                     "Receiver, as host:port; also dns:///host:port, passthrough:///host:port, unix:///path/of.sock. "
                     "http:// in front changes nothing, https:// asks for TLS.",
                     "gzip", "gzip, zstd, snappy or none."),
    OPT_DURATION(T, timeout, "5s", "0s", NULL, "Longest time for one attempt, to the end of the answer; 0s is no limit."),
    CLIENT_AUTH_ROW(T, client),
    OTLP_EXPORTER_ROWS(T),
    OPT_END,
};
#undef T
/* clang-format on */

static bool is_pick_first(const struct grpc_client_config *c)
{
    return strcmp(c->balancer_name, "pick_first") == 0;
}

/* ---- what the configuration may say ---- */

static void check_endpoint(const struct grpc_client_config *c, struct check *ck)
{
    struct error err = { 0 };
    struct otlp_target target;

    if (otlp_target_grpc(&target, c->endpoint, !tls_config_is_plain(&c->tls), &err) != 0)
        check_fail(ck, "endpoint", "%s", err.text);
    else if (target.secure)
        tls_check(&c->tls, TLS_CLIENT, "tls", ck);
    otlp_target_free(&target);
}

static void check_rest(const struct otlp_grpc_exporter_config *c, struct check *ck)
{
    static const char *const reserved[] = { "content-type",         "te",
                                            "grpc-timeout",         "grpc-encoding",
                                            "grpc-accept-encoding", "content-length",
                                            "transfer-encoding",    "connection",
                                            "user-agent",           NULL };
    struct error err = { 0 };

    if (otlp_exporter_coding(c->client.compression, true, &err) == CODING_UNKNOWN)
        check_fail(ck, "compression", "%s", err.text);
    if (!is_pick_first(&c->client) && strcmp(c->client.balancer_name, "round_robin") != 0)
        check_fail(ck, "balancer_name", "invalid balancer_name: %s: write round_robin or pick_first",
                   c->client.balancer_name);
    client_headers_check(&c->client.headers, reserved, "headers", ck);
    sending_queue_check(&c->delivery.sending_queue, ck);
    retry_check(&c->delivery.retry_on_failure, "retry_on_failure", ck);
}

static void check(const void *config, struct check *ck)
{
    const struct otlp_grpc_exporter_config *c = config;

    check_endpoint(&c->client, ck);
    check_rest(c, ck);
}

void otlp_grpc_member_check(const void *config, struct check *ck)
{
    const struct otlp_grpc_exporter_config *c = config;

    if (!tls_config_is_plain(&c->client.tls))
        tls_check(&c->client.tls, TLS_CLIENT, "tls", ck);
    check_rest(c, ck);
}

/* ---- life ---- */

int otlp_grpc_create(struct otlp_exporter *n, const struct otlp_grpc_exporter_config *c, const char *endpoint,
                     struct error *err)
{
    struct otlp_settings s = {
        .grpc = true,
        .coding = otlp_exporter_coding(c->client.compression, true, NULL),
        .timeout = (uint64_t)c->timeout.ns,
        .max_request_bytes = c->max_request_bytes,
        .headers = &c->client.headers,
        .auth = &c->client.auth,
        .delivery = &c->delivery,
    };

    n->config = c;
    if (otlp_target_grpc(&n->target, endpoint, !tls_config_is_plain(&c->client.tls), err) != 0)
        return UV_EINVAL;
    otlp_exporter_create(n, &s);
    return 0;
}

static int create(struct node *node, const void *config, struct error *err)
{
    const struct otlp_grpc_exporter_config *c = config;

    return otlp_grpc_create(otlp_exporter_of(node), c, c->client.endpoint, err);
}

static void set_keepalive(struct http_client_options *o, const struct client_keepalive_config *k)
{
    if (!k->on)
        return;
    o->keepalive_time = (uint64_t)k->time.ns > KEEPALIVE_LEAST ? (uint64_t)k->time.ns : KEEPALIVE_LEAST;
    o->keepalive_timeout = (uint64_t)k->timeout.ns;
    o->keepalive_permit_without_stream = k->permit_without_stream;
}

int otlp_grpc_start(struct node *node, struct error *err)
{
    struct otlp_exporter *n = otlp_exporter_of(node);
    const struct grpc_client_config *k = &((const struct otlp_grpc_exporter_config *)n->config)->client;
    struct http_client_options o = {
        .version = HTTP_VERSION_2,
        .authority = k->authority[0] != '\0' ? k->authority : NULL,
        .user_agent = k->user_agent[0] != '\0' ? k->user_agent : NULL,
        .round_robin = !is_pick_first(k),
        .wait_for_ready = k->wait_for_ready,
        .budget = node->host->budget,
    };

    if (n->authenticator != NULL && n->authenticator->secure_only && !n->target.secure)
        return error_set(err, UV_EINVAL,
                         "the credentials of auth::authenticator \"%s\" require transport level security: they are not "
                         "sent in plain text",
                         k->auth.authenticator);
    set_keepalive(&o, &k->keepalive);
    return otlp_exporter_start(n, o, &k->tls, err);
}

DELIVERY_BEGINS(struct otlp_grpc_exporter_config);

static const char *const aliases[] = { "otlp", NULL };

extern const struct component otlp_grpc_exporter;
const struct component otlp_grpc_exporter = {
    COMPONENT_TYPE("otlp_grpc", COMPONENT_EXPORTER, .aliases = aliases, .signals = SIGNAL_ALL, .stability = "stable"),
    .spread = SPREAD_EACH,
    .summary = "Sends OTLP over gRPC.",
    .safe = OTLP_EXPORTER_SAFE,
    COMPONENT_CONFIG(struct otlp_grpc_exporter_config, otlp_grpc_options, .finish = delivery_finish, .check = check,
                     .keeps = delivery_keeps, .queue = delivery_queue),
    .metrics = otlp_exporter_metric_rows,
    COMPONENT_NODE(struct otlp_exporter, .create = create, .start = otlp_grpc_start, .stop = otlp_exporter_stop,
                   .hurry = otlp_exporter_hurry, .destroy = otlp_exporter_destroy),
};
