/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp receiver: takes OTLP over gRPC and HTTP and answers when the pipelines have.
 *
 * The happy path of a call: on_request makes it, its body is gathered into one block (otlp_body.c), call_deliver()
 * inflates, validates and makes a batch that points into the block, consume() hands it on; when the ack settles the
 * answer leaves. What can go wrong: the peer leaves early (the call stays until its ack has settled, then answers
 * nobody); the bytes are bad (answered, counted, logged with back-off); the budget is spent (otlp_body.c waits). */
#include "receiver/otlp.h"

#include "codec/pb.h"
#include "net/endpoint.h"
#include "otlp/json.h"
#include "otlp/validate.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define INITIAL_WINDOW ((size_t)256 * 1024) /* bytes a request may send before we know how long it is */
#define DEFAULT_MESSAGE (4u << 20)          /* gRPC's default */
#define IDLE_CALLS 256u                     /* spare call structs kept */

/* --- one call --- */

struct otlp_call *call_new(struct otlp *r, struct http_request *req, enum transport transport, enum signal signal)
{
    struct otlp_call *call = r->idle;

    if (call != NULL) {
        r->idle = call->next;
        r->n_idle--;
        memset(call, 0, sizeof(*call));
    } else {
        call = mem_zalloc(sizeof(*call));
    }
    call->receiver = r;
    call->req = req;
    call->transport = transport;
    call->signal = signal;
    call->granted = INITIAL_WINDOW;
    call->next = r->calls;
    if (call->next != NULL)
        call->next->prev = call;
    r->calls = call;
    req->context = call;
    return call;
}

static void stopped_if_idle(struct otlp *r)
{
    if (r->on_stopped != NULL && r->servers_open == 0 && r->calls == NULL) {
        void (*done)(struct node *) = r->on_stopped;

        r->on_stopped = NULL;
        done(&r->node);
    }
}

static void call_free(struct otlp_call *call)
{
    struct otlp *r = call->receiver;

    body_drop(call);
    clock_stop(r->node.host->clock, &call->deadline);
    metadata_unref(call->metadata);
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        r->calls = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    if (r->n_idle < IDLE_CALLS) {
        call->next = r->idle;
        r->idle = call;
        r->n_idle++;
    } else {
        free(call);
    }
    stopped_if_idle(r);
}

static void answer_fault(struct otlp_call *call, enum grpc_status code, int http_status, const char *message,
                         uint64_t retry_after_ms)
{
    if (call->req == NULL || call->req->responded)
        return;
    if (call->transport == TRANSPORT_GRPC)
        grpc_answer_fault(call->req, 200, code, message, retry_after_ms);
    else
        http_answer_fault(call, http_status, code, message, retry_after_ms);
}

/* The response message: partial_success is always there, empty when all is well, as the Go collector answers. */
static void answer_ok(struct otlp_call *call, uint64_t rejected, const char *why)
{
    struct buf *b = &call->receiver->scratch;
    size_t mark;

    if (call->req == NULL || call->req->responded)
        return;
    b->len = 0;
    mark = pb_begin(b, 1);
    if (rejected > 0) {
        pb_put_uint(b, 1, rejected);
        pb_put_str(b, 2, why);
    }
    pb_end(b, mark);
    if (call->transport == TRANSPORT_GRPC)
        grpc_answer_ok(call, buf_bytes(b));
    else
        http_answer_ok(call, buf_bytes(b));
}

void call_reject(struct otlp_call *call, enum rejection why, enum grpc_status code, int http_status, const char *fmt,
                 ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    receiver_count_rejected(call->receiver, call->transport, why, call->req, text);
    call->state = CALL_ANSWERED;
    body_drop(call);
    answer_fault(call, code, http_status, text, why == REJECTED_BUDGET ? 1000 : 0);
}

/* From the verdict to the wire: SAFE is OK, REJECT says never again, RETRY says later (style: only receivers know
 * what a verdict looks like). A status that a backend gave is passed on as it is. */
static void answer_outcome(struct otlp_call *call, const struct outcome *o)
{
    enum grpc_status code = o->verdict == VERDICT_REJECT ? GRPC_INVALID_ARGUMENT : GRPC_UNAVAILABLE;

    if (o->verdict == VERDICT_SAFE) {
        answer_ok(call, o->rejected, o->why);
        return;
    }
    if (o->grpc_status != 0)
        code = (enum grpc_status)o->grpc_status;
    answer_fault(call, code, grpc_status_to_http(code), o->why, o->retry_after_ms);
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct otlp_call *call = container_of(ack, struct otlp_call, ack);
    struct otlp *r = call->receiver;
    uint64_t refused = o->verdict == VERDICT_SAFE ? o->rejected : call->items;

    metric_add(r->accepted[call->signal][call->transport], call->items - refused);
    metric_add(r->refused[call->signal][call->transport], refused);
    metric_add(r->failed[call->signal][call->transport], 0);
    call->state = CALL_ANSWERED;
    if (call->req != NULL)
        answer_outcome(call, o); /* on_close comes later and frees the call */
    else
        call_free(call);
}

/* The block with the message's wire bytes instead of the compressed ones. False: rejected. */
static bool inflate(struct otlp_call *call)
{
    struct host *host = call->receiver->node.host;
    struct block *out;
    struct error err;
    size_t len;

    switch (inflate_block(call->coding, bytes_of(call->block->data, call->len), call->limit, host->budget, &out, &len,
                          &err)) {
    case 0:
        block_unref(call->block);
        call->block = out;
        call->len = len;
        return true;
    case UV_EFBIG:
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "the request is larger than %zu bytes after decompression; send smaller batches or raise %s",
                    call->limit,
                    call->transport == TRANSPORT_GRPC ? "protocols::grpc::max_recv_msg_size_mib"
                                                      : "protocols::http::max_request_body_size");
        return false;
    case UV_ENOMEM:
        call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                    "no room in the memory budget for this request; send it again later");
        return false;
    default:
        call_reject(call, REJECTED_ENCODING, call->transport == TRANSPORT_GRPC ? GRPC_INTERNAL : GRPC_INVALID_ARGUMENT,
                    400, "cannot decompress %s: %s", coding_name(call->coding), err.text);
        return false;
    }
}

static bool from_json(struct otlp_call *call)
{
    struct buf *wire = &call->receiver->scratch;
    struct host *host = call->receiver->node.host;
    struct block *block;
    struct error err;
    int rc;

    wire->len = 0;
    rc = json_to_wire(signal_table[call->signal].request, bytes_of(call->block->data, call->len), call->limit, wire,
                      &err);
    if (rc != 0) {
        call_reject(call, REJECTED_MESSAGE, GRPC_INVALID_ARGUMENT, rc == UV_E2BIG ? 413 : 400, "%s", err.text);
        return false;
    }
    block = block_new(host->budget, wire->len);
    if (block == NULL) {
        call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                    "no room in the memory budget for this request; send it again later");
        return false;
    }
    memcpy(block->data, wire->data, wire->len);
    block_unref(call->block);
    call->block = block;
    call->len = wire->len;
    if (wire->cap > (1u << 20)) /* one huge document must not pin its scratch for ever */
        buf_free(wire);
    return true;
}

void call_deliver(struct otlp_call *call)
{
    struct otlp *r = call->receiver;
    struct host *host = r->node.host;
    struct validation v;
    struct batch *batch;
    struct bytes data;

    if (call->health != NOT_HEALTH) {
        grpc_health_answer(call);
        return;
    }
    if (call->coding != CODING_IDENTITY && !inflate(call))
        return;
    if (call->json && !from_json(call))
        return;
    data = bytes_of(call->block->data, call->len);
    if (!otlp_validate(call->signal, data, &v)) {
        call_reject(call, REJECTED_MESSAGE, GRPC_INVALID_ARGUMENT, 400, "at byte %zu: %s", v.fault_offset, v.fault);
        return;
    }
    if (v.items == 0) { /* nothing to do is done */
        call->state = CALL_ANSWERED;
        body_drop(call);
        answer_ok(call, 0, "");
        return;
    }
    call->items = v.items;
    batch = batch_new(call->signal, call->block, data, v.items, clock_mono(host->clock));
    call->block = NULL;
    batch->metadata = metadata_ref(call->metadata);
    call->state = CALL_PIPELINE;
    ack_init(&call->ack, host->turn, NULL, v.items, true, on_settled);
    consumer_send(r->node.out[call->signal], batch, &call->ack);
}

/* The IP address of "10.1.2.3:5678" or "[::1]:5678"; of a unix socket none. */
static struct bytes address_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');

    if (colon == NULL)
        return bytes_of(NULL, 0);
    if (peer[0] == '[')
        return bytes_of(peer + 1, (size_t)(colon - peer) - 2);
    return bytes_of(peer, (size_t)(colon - peer));
}

struct metadata *receiver_metadata(struct otlp *r, struct http_request *req, enum transport transport)
{
    bool keep = transport == TRANSPORT_GRPC ? r->config->protocols.grpc.server.include_metadata
                                            : r->config->protocols.http.server.include_metadata;
    struct metadata_entry *entries;
    struct metadata *m;
    uint32_t n = 0;

    if (!keep && !r->node.host->client_address)
        return NULL;
    entries = mem_alloc((req->n_headers + 2) * sizeof(*entries));
    for (size_t i = 0; keep && i < req->n_headers; i++)
        entries[n++] = (struct metadata_entry){ req->headers[i].name, req->headers[i].value };
    if (r->node.host->client_address)
        entries[n++] = (struct metadata_entry){ bytes_str(METADATA_ADDRESS), address_of(http_request_peer(req)) };
    if (keep && req->authority.len > 0 && http_request_header(req, "host") == NULL)
        entries[n++] = (struct metadata_entry){ bytes_str("host"), req->authority };
    m = metadata_new(entries, n);
    free(entries);
    return m;
}

/* --- the HTTP service of both ports --- */

/* A client on the wrong port is served, and told once what to correct (the first of a run, then with back-off). */
static void note_mismatch(struct otlp_port *port, struct http_request *req, bool grpc)
{
    struct otlp *r = port->receiver;

    if (grpc == (port->meant == TRANSPORT_GRPC) || !complaint_due(&port->mismatch, r->node.host->clock))
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

    note_mismatch(port, req, grpc);
    if (grpc)
        grpc_on_request(port, req);
    else
        http_on_request(port, req);
}

static void on_body(struct http_request *req, struct bytes data)
{
    struct otlp_call *call = req->context;

    if (call == NULL || call->state != CALL_BODY)
        return;
    if (call->transport == TRANSPORT_GRPC)
        grpc_on_body(call, data);
    else if (!body_add(call, data))
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "the body is larger than %zu bytes; send smaller batches or raise "
                    "protocols::http::max_request_body_size",
                    call->limit);
}

static void on_end(struct http_request *req)
{
    struct otlp_call *call = req->context;

    if (call == NULL || call->state != CALL_BODY)
        return;
    if (call->transport == TRANSPORT_GRPC)
        grpc_on_end(call);
    else
        body_end(call);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct otlp_call *call = req->context;

    if (call == NULL)
        return;
    call->req = NULL;
    req->context = NULL;
    if (aborted && call->state == CALL_BODY)
        metric_add(call->receiver->rejected[call->transport][REJECTED_ABORTED], 1);
    if (call->state != CALL_PIPELINE)
        call_free(call);
    else
        clock_stop(call->receiver->node.host->clock, &call->deadline);
}

/* --- the component --- */

static uint64_t ns_of(duration d)
{
    return d.ns > 0 ? (uint64_t)d.ns : 0;
}

static void grpc_options(const struct grpc_server_config *c, struct http_server_options *o)
{
    *o = (struct http_server_options){
        .endpoint = c->endpoint,
        .transport = c->transport,
        .expect_http2 = true,
        .max_concurrent_streams = (uint32_t)c->max_concurrent_streams,
        .initial_window = INITIAL_WINDOW,
        .read_buffer_size = (size_t)c->read_buffer_size,
        .write_buffer_size = (size_t)c->write_buffer_size,
        .enforce_keepalive = c->keepalive.on && c->keepalive.enforcement_policy.on,
        .keepalive_min_time = ns_of(c->keepalive.enforcement_policy.min_time),
        .keepalive_permit_without_stream = c->keepalive.enforcement_policy.permit_without_stream,
        .keepalive_time = NS_PER_S * 3600 * 2,
        .keepalive_timeout = 20 * NS_PER_S,
    };
    if (c->keepalive.on && c->keepalive.server_parameters.on) {
        o->max_connection_idle = ns_of(c->keepalive.server_parameters.max_connection_idle);
        o->max_connection_age = ns_of(c->keepalive.server_parameters.max_connection_age);
        o->max_connection_age_grace = ns_of(c->keepalive.server_parameters.max_connection_age_grace);
        if (c->keepalive.server_parameters.time.ns > 0)
            o->keepalive_time = ns_of(c->keepalive.server_parameters.time);
        if (c->keepalive.server_parameters.timeout.ns > 0)
            o->keepalive_timeout = ns_of(c->keepalive.server_parameters.timeout);
    }
}

static void http_options(const struct http_server_config *c, struct http_server_options *o)
{
    *o = (struct http_server_options){
        .endpoint = c->endpoint,
        .transport = c->transport,
        .initial_window = INITIAL_WINDOW,
        .read_header_timeout = ns_of(c->read_header_timeout),
        .read_timeout = ns_of(c->read_timeout),
        .write_timeout = ns_of(c->write_timeout),
        .idle_timeout = ns_of(c->idle_timeout),
        .no_keep_alive = !c->keep_alives_enabled,
    };
}

static int listen_on(struct otlp *r, enum transport t, const struct http_server_options *o, const char *msg,
                     struct error *err)
{
    struct host *host = r->node.host;
    struct otlp_port *port = &r->ports[t];

    port->service =
        (struct http_service){ .on_request = on_request, .on_body = on_body, .on_end = on_end, .on_close = on_close };
    port->receiver = r;
    port->meant = t;
    if (http_server_listen(&port->server, host->loop, o, &port->service, host->clock, host->turn, host->budget,
                           &r->node.log, NULL, err) != 0)
        return error_wrap(err, "protocols::%s::endpoint", transport_names[t]);
    r->servers_open++;
    log_info(&r->node.log, msg, F_STR("endpoint", http_server_address(port->server)));
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct otlp *r = container_of(node, struct otlp, node);
    const struct otlp_config *c = r->config;
    struct http_server_options o;

    if (c->protocols.grpc.on) {
        grpc_options(&c->protocols.grpc.server, &o);
        if (listen_on(r, TRANSPORT_GRPC, &o, "Starting GRPC server", err) != 0)
            return err->code;
    }
    if (c->protocols.http.on) {
        http_options(&c->protocols.http.server, &o);
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
    stopped_if_idle(r);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct otlp *r = container_of(node, struct otlp, node);

    r->stopping = true;
    r->on_stopped = done;
    grpc_health_stopping(r);
    for (int t = 0; t < TRANSPORT_COUNT; t++)
        if (r->ports[t].server != NULL)
            http_server_stop(r->ports[t].server, deadline, on_server_stopped, r);
    stopped_if_idle(r);
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
    r->config = c;
    r->max_message = c->protocols.grpc.server.max_recv_msg_size_mib > 0
                         ? (size_t)c->protocols.grpc.server.max_recv_msg_size_mib << 20
                         : DEFAULT_MESSAGE;
    r->max_body = (size_t)http_body_limit(http);
    for (int k = 0; k < CODING_LZ4 && !c->protocols.http.on; k++)
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

    assert(r->calls == NULL);
    for (int t = 0; t < TRANSPORT_COUNT; t++)
        if (r->ports[t].server != NULL)
            http_server_free(r->ports[t].server);
    while (r->idle != NULL) {
        struct otlp_call *call = r->idle;

        r->idle = call->next;
        free(call);
    }
    for (int s = 0; s < SIGNAL_COUNT; s++)
        free(r->path_memory[s]);
    receiver_metrics_close(r);
    vec_free(&r->headers);
    buf_free(&r->scratch);
}

/* --- what the configuration may say --- */

static void check_endpoint(const char *path, const char *endpoint, const char *transport, struct check *ck)
{
    struct error err;

    if (endpoint_check(endpoint, transport, &err) != 0)
        check_fail(ck, path, "%s", err.text);
}

static void check(const void *config, struct check *ck)
{
    const struct otlp_config *c = config;
    const struct strings *codings = &c->protocols.http.server.compression_algorithms;

    if (!c->protocols.grpc.on && !c->protocols.http.on)
        check_fail(ck, "protocols",
                   "must specify at least one protocol when using the OTLP receiver: "
                   "write `grpc:` or `http:` (or both) under protocols");
    if (c->protocols.grpc.on)
        check_endpoint("protocols::grpc::endpoint", c->protocols.grpc.server.endpoint,
                       c->protocols.grpc.server.transport, ck);
    if (c->protocols.http.on)
        check_endpoint("protocols::http::endpoint", c->protocols.http.server.endpoint,
                       c->protocols.http.server.transport, ck);
    for (size_t i = 0; i < codings->n; i++) {
        enum coding coding = coding_by_name(bytes_str(codings->v[i]));

        if (coding == CODING_UNKNOWN || coding == CODING_LZ4)
            check_fail(ck, "protocols::http::compression_algorithms",
                       "\"%s\" is not a compression this receiver knows; it knows \"\", gzip, zlib, deflate, zstd, "
                       "snappy and x-snappy-framed",
                       codings->v[i]);
    }
    if (check_was_set(ck, "protocols::http::cors") && c->protocols.http.server.cors.on &&
        c->protocols.http.server.cors.allowed_origins.n == 0)
        check_warn(ck, "protocols::http::cors", "CORS is off, because allowed_origins is empty");
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
    .type = "otlp",
    .kind = COMPONENT_RECEIVER,
    .signals = SIGNAL_ALL,
    .shared = true,
    .stability = "stable",
    .summary = "Takes OTLP over gRPC and HTTP.",
    .config_size = sizeof(struct otlp_config),
    .options = options,
    .metrics = otlp_receiver_metrics,
    .node_size = sizeof(struct otlp),
    .check = check,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};
