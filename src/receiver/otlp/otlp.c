/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp receiver: takes OTLP over gRPC and HTTP and answers when the pipelines have. What becomes of one request is
 * in otlp_call.c. */
#include "receiver/otlp/otlp.h"

#include "net/socket/endpoint.h"
#include "net/socket/tls.h"
#include "pipeline/node_server.h"

#include <stdlib.h>

#define DEFAULT_MESSAGE (4u << 20) /* gRPC's default */

/* --- the HTTP service of both ports --- */

/* A client on the wrong port is served, and told once what to correct (the first of a run, then with back-off). */
static void note_mismatch(struct otlp_port *port, struct http_request *req, bool grpc)
{
    struct otlp *r = port->receiver;

    if (grpc == (port->meant == TRANSPORT_GRPC) || !complaint_due(&port->mismatch, &r->node.host->loop->clock))
        return;
    log_warn(&r->node.log,
             grpc ? "A gRPC exporter sends to the OTLP/HTTP port; it is served, but should be pointed at the gRPC port"
                  : "An OTLP/HTTP exporter sends to the OTLP/gRPC port; it is served, but should be pointed at the "
                    "HTTP port",
             F_STR("peer", http_request_peer(req)), F_STR("endpoint", http_server_address(port->server)),
             F_STR("usual port", grpc ? "4317" : "4318"), F_UINT("requests", complaint_taken(&port->mismatch)));
}

static void on_request(struct http_service *s, struct http_request *req)
{
    struct otlp_port *port = container_of(s, struct otlp_port, service);
    const struct bytes *type = http_request_header(req, "content-type");
    bool grpc = type != NULL && grpc_content_type(*type);
    struct receiver_requests *requests = &port->receiver->requests[grpc ? TRANSPORT_GRPC : TRANSPORT_HTTP];

    receiver_requests_saw(requests, req);
    note_mismatch(port, req, grpc);
    if (grpc)
        grpc_on_request(port, req);
    else
        http_on_request(port, req);
    if (req->context != NULL)
        ((struct otlp_call *)req->context)->dating = receiver_requests_dating(requests);
}

static void on_body(struct http_request *req, struct bytes data)
{
    struct otlp_call *call = req->context;

    if (call == NULL || call->state != CALL_BODY)
        return;
    if (call->transport == TRANSPORT_GRPC)
        grpc_on_body(call, data);
    else if (!body_add(&call->body, data))
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "the body is larger than %zu bytes; send smaller batches or raise "
                    "protocols::http::max_request_body_size",
                    call->body.limit);
}

static void on_end(struct http_request *req)
{
    struct otlp_call *call = req->context;

    if (call == NULL || call->state != CALL_BODY)
        return;
    if (call->transport == TRANSPORT_GRPC)
        grpc_on_end(call);
    else
        body_end(&call->body);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct otlp_call *call = http_request_leave(req);

    if (call == NULL)
        return;
    call->req = NULL;
    if (aborted && call->state == CALL_BODY)
        metric_add(call->receiver->requests[call->transport].rejected[REJECTED_ABORTED], 1);
    if (call->state != CALL_PIPELINE && call->state != CALL_UNPACKING)
        call_free(call);
    else
        clock_stop(&call->receiver->node.host->loop->clock, &call->deadline);
}

static void on_refused(struct http_service *s, struct http_request *req, const struct gate_refusal *refusal)
{
    struct otlp *r = container_of(s, struct otlp_port, service)->receiver;
    const struct bytes *type = http_request_header(req, "content-type");
    bool grpc = type != NULL && grpc_content_type(*type);

    receiver_requests_saw(&r->requests[grpc ? TRANSPORT_GRPC : TRANSPORT_HTTP], req);
    receiver_requests_reject(&r->requests[grpc ? TRANSPORT_GRPC : TRANSPORT_HTTP],
                             refusal->busy ? REJECTED_BUSY : REJECTED_STRANGER, req, refusal->why);
    if (grpc)
        grpc_answer_fault(req, 200, refusal->busy ? GRPC_UNAVAILABLE : GRPC_UNAUTHENTICATED, refusal->why,
                          refusal->busy ? 1000 : 0);
    else
        http_answer_refused(r, req, refusal);
}

static void on_broken(struct http_service *s, const char *peer, const char *reason, const char *why)
{
    struct otlp_port *port = container_of(s, struct otlp_port, service);

    receiver_requests_broke(&port->receiver->requests[port->meant], peer, reason, why);
}

const struct http_service otlp_service = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_close = on_close,
    .on_refused = on_refused,
    .on_broken = on_broken,
};

/* --- the component --- */

void receiver_stopped_if_idle(struct otlp *r)
{
    if (r->on_stopped != NULL && r->servers_open == 0 && list_empty(&r->calls)) {
        void (*done)(struct node *) = r->on_stopped;

        r->on_stopped = NULL;
        done(&r->node);
    }
}

static int listen_on(struct otlp *r, enum transport t, struct http_server_options *o, const char *msg,
                     struct error *err)
{
    static const char *const paths[] = { [TRANSPORT_GRPC] = "protocols::grpc", [TRANSPORT_HTTP] = "protocols::http" };
    struct otlp_port *port = &r->ports[t];
    const struct otlp_protocols_config *p = &r->config->protocols;
    const struct tls_config *tls = t == TRANSPORT_GRPC ? &p->grpc.server.tls : &p->http.server.tls;

    o->initial_window = BODY_WINDOW;
    port->service = otlp_service;
    port->receiver = r;
    port->meant = t;
    if (node_server_listen(&port->server, &r->node, o, tls, &port->service, paths[t], err) != 0)
        return err->code;
    r->servers_open++;
    log_info(&r->node.log, msg, F_STR("endpoint", http_server_address(port->server)), F_BOOL("tls", tls->on));
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct otlp *r = container_of(node, struct otlp, node);
    const struct otlp_config *c = r->config;
    struct http_server_options o;

    if (c->protocols.grpc.on) {
        o = node_grpc_server_options(node, &c->protocols.grpc.server);
        if (listen_on(r, TRANSPORT_GRPC, &o, "Starting GRPC server", err) != 0)
            return err->code;
    }
    if (c->protocols.http.on) {
        o = node_http_server_options(node, &c->protocols.http.server);
        if (listen_on(r, TRANSPORT_HTTP, &o, "Starting HTTP server", err) != 0)
            return err->code;
    }
    return 0;
}

static void on_server_stopped(struct http_server *s, void *arg)
{
    struct otlp *r = arg;

    (void)s;
    r->servers_open--;
    receiver_stopped_if_idle(r);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct otlp *r = container_of(node, struct otlp, node);

    r->stopping = true;
    r->on_stopped = done;
    receiver_tell_watchers(r);
    for (int t = 0; t < TRANSPORT_COUNT; t++)
        if (r->ports[t].server != NULL)
            http_server_stop(r->ports[t].server, deadline, on_server_stopped, r);
    receiver_stopped_if_idle(r);
}

static void hurry(struct node *node)
{
    struct otlp *r = container_of(node, struct otlp, node);

    for (int t = 0; t < TRANSPORT_COUNT && r->servers_open > 0; t++)
        if (r->ports[t].server != NULL)
            http_server_hurry(r->ports[t].server);
}

/* A path as it stands in a request: with its leading slash. */
static const char *path_of(struct otlp *r, enum signal s, const char *configured)
{
    if (configured == NULL || configured[0] == '\0')
        return signal_table[s].http_path;
    if (configured[0] == '/')
        return configured;
    r->path_memory[s] = mem_printf("/%s", configured);
    return r->path_memory[s];
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct otlp *r = container_of(node, struct otlp, node);
    const struct otlp_config *c = config;
    const struct http_server_config *http = &c->protocols.http.server;

    (void)err;
    calls_init(r);
    r->config = c;
    r->max_message = c->protocols.grpc.server.max_recv_msg_size_mib > 0
                         ? (size_t)c->protocols.grpc.server.max_recv_msg_size_mib << 20
                         : DEFAULT_MESSAGE;
    r->max_body = (size_t)http_body_limit(http);
    for (int k = 0; k < CODING_COUNT && !c->protocols.http.on; k++)
        r->coding_allowed[k] = true; /* HTTP on the gRPC port, with nothing configured for it */
    for (size_t i = 0; i < http->compression_algorithms.n && c->protocols.http.on; i++)
        r->coding_allowed[coding_by_name(bytes_str(http->compression_algorithms.v[i]))] = true;
    r->paths[SIGNAL_TRACES] = path_of(r, SIGNAL_TRACES, c->protocols.http.traces_url_path);
    r->paths[SIGNAL_METRICS] = path_of(r, SIGNAL_METRICS, c->protocols.http.metrics_url_path);
    r->paths[SIGNAL_LOGS] = path_of(r, SIGNAL_LOGS, c->protocols.http.logs_url_path);
    r->paths[SIGNAL_PROFILES] = signal_table[SIGNAL_PROFILES].http_path;
    receiver_metrics_init(r);
    return 0;
}

static void destroy(struct node *node)
{
    struct otlp *r = container_of(node, struct otlp, node);
    struct otlp_call *call;

    r->on_stopped = NULL;
    body_keeper_close(&r->bodies);
    unpack_abandon(r);
    for (int t = 0; t < TRANSPORT_COUNT; t++)
        if (r->ports[t].server != NULL)
            http_server_free(r->ports[t].server);
    while ((call = list_pop(&r->idle, struct otlp_call, link)) != NULL)
        free(call);
    for (int s = 0; s < SIGNAL_COUNT; s++)
        free(r->path_memory[s]);
    receiver_metrics_close(r);
    clients_free(&r->clients);
    vec_free(&r->headers);
    buf_free(&r->scratch);
}

/* --- what the configuration may say --- */

static void check(const void *config, struct check *ck)
{
    const struct otlp_config *c = config;
    const struct strings *codings = &c->protocols.http.server.compression_algorithms;

    if (!c->protocols.grpc.on && !c->protocols.http.on)
        check_fail(ck, "protocols",
                   "must specify at least one protocol when using the OTLP receiver: "
                   "write `grpc:` or `http:` (or both) under protocols");
    if (c->protocols.grpc.on)
        endpoint_check_option("protocols::grpc::endpoint", c->protocols.grpc.server.endpoint,
                              c->protocols.grpc.server.transport, ck);
    if (c->protocols.http.on)
        endpoint_check_option("protocols::http::endpoint", c->protocols.http.server.endpoint,
                              c->protocols.http.server.transport, ck);
    if (c->protocols.grpc.on && c->protocols.grpc.server.tls.on)
        tls_check(&c->protocols.grpc.server.tls, TLS_SERVER, "protocols::grpc::tls", ck);
    if (c->protocols.http.on && c->protocols.http.server.tls.on)
        tls_check(&c->protocols.http.server.tls, TLS_SERVER, "protocols::http::tls", ck);
    for (size_t i = 0; i < codings->n; i++) {
        enum coding coding = coding_by_name(bytes_str(codings->v[i]));

        if (coding == CODING_UNKNOWN)
            check_fail(ck, "protocols::http::compression_algorithms",
                       "\"%s\" is not a compression this receiver knows; it knows \"\", gzip, zlib, deflate, zstd, "
                       "snappy, x-snappy-framed and lz4",
                       codings->v[i]);
    }
    http_cors_check(&c->protocols.http.server.cors, "protocols::http::cors", ck);
}

static void claim(const void *config, struct claims *claims)
{
    const struct otlp_protocols_config *p = &((const struct otlp_config *)config)->protocols;

    if (p->grpc.on)
        claim_address(claims, "protocols::grpc::endpoint", p->grpc.server.endpoint, p->grpc.server.transport);
    if (p->http.on)
        claim_address(claims, "protocols::http::endpoint", p->http.server.endpoint, p->http.server.transport);
}

static const struct option grpc_rows[] = {
    GRPC_SERVER_ROWS(struct otlp_grpc_config, server, "localhost:4317"),
    OPT_END,
};

static const struct option http_rows[] = {
    HTTP_SERVER_ROWS(struct otlp_http_config, server, "localhost:4318", "0s", "0s", "0s"),
    OPT_STRING(struct otlp_http_config, traces_url_path, "/v1/traces", "Path that takes traces."),
    OPT_STRING(struct otlp_http_config, metrics_url_path, "/v1/metrics", "Path that takes metrics."),
    OPT_STRING(struct otlp_http_config, logs_url_path, "/v1/logs", "Path that takes logs."),
    OPT_END,
};

static const struct option protocol_rows[] = {
    OPT_GROUP(struct otlp_protocols_config, grpc, struct otlp_grpc_config, grpc_rows, GROUP_DEFAULT,
              "OTLP over gRPC; off unless the key is there."),
    OPT_GROUP(struct otlp_protocols_config, http, struct otlp_http_config, http_rows, GROUP_DEFAULT,
              "OTLP over HTTP, protobuf and JSON; off unless the key is there."),
    OPT_END,
};

static const struct option options[] = {
    OPT_GROUP(struct otlp_config, protocols, struct otlp_protocols_config, protocol_rows, GROUP_PLAIN,
              "Which protocols to serve, and where. Either port answers both protocols."),
    OPT_END,
};

const struct component otlp_receiver = {
    COMPONENT_TYPE("otlp", COMPONENT_RECEIVER, .signals = SIGNAL_ALL, .shared = true, .stability = "stable"),
    .spread = SPREAD_EACH,
    .summary = "Takes OTLP over gRPC and HTTP.",
    .safe = "A sender is told OK when all pipelines behind have said that its items are safe; until then it waits.",
    COMPONENT_CONFIG(struct otlp_config, options, .check = check, .claim = claim),
    .metrics = otlp_receiver_metrics,
    COMPONENT_NODE(struct otlp, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy),
};
