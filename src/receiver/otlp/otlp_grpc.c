/* SPDX-License-Identifier: Apache-2.0 */
/* A call as gRPC: one message with its five-byte prefix in, one message and trailers out,
 * and the health service (grpc.health.v1: Check, List, Watch). */
#include "receiver/otlp/otlp.h"

#include <stdio.h>

/* --- answers --- */

void grpc_answer_ok(struct otlp_call *call, struct bytes message)
{
    grpc_answer_unary(call->req, message);
}

/* --- the request --- */

static enum signal signal_by_path(struct bytes path)
{
    for (int s = 0; s < SIGNAL_COUNT; s++)
        if (bytes_is(path, signal_table[s].grpc_path))
            return (enum signal)s;
    return SIGNAL_COUNT;
}

bool grpc_serves(struct bytes path)
{
    return signal_by_path(path) != SIGNAL_COUNT || grpc_health_method(path) != GRPC_HEALTH_NONE;
}

static void on_deadline(struct clock_timer *t)
{
    struct otlp_call *call = container_of(t, struct otlp_call, deadline);

    if (call->req == NULL || call->req->responded)
        return;
    if (call->state == CALL_BODY) {
        call_reject(call, REJECTED_ABORTED, GRPC_DEADLINE_EXCEEDED, 504,
                    "the deadline passed before the request was complete");
        return;
    }
    grpc_answer_fault(call->req, 200, GRPC_DEADLINE_EXCEEDED, "the deadline passed before the pipelines answered", 0);
}

/* What is wrong with the request before any of its body is read; true when all is well. */
static bool is_acceptable(struct otlp_port *port, struct http_request *req, uint64_t *timeout)
{
    struct otlp *r = port->receiver;
    const struct bytes *header = http_request_header(req, "grpc-timeout");
    const char *fault = NULL;
    int status = 200;

    *timeout = 0;
    if (!req->http2) {
        fault = "gRPC needs HTTP/2; this request came over HTTP/1";
        status = 400;
    } else if (!bytes_is(req->method, "POST")) {
        fault = "gRPC calls are POST requests";
        status = 405;
    } else if (header != NULL && !grpc_timeout_parse(*header, timeout)) {
        fault = "malformed grpc-timeout";
        status = 400;
    }
    if (fault == NULL)
        return true;
    receiver_requests_reject(&r->requests[TRANSPORT_GRPC], REJECTED_PROTOCOL, req, fault);
    grpc_answer_fault(req, status, GRPC_INTERNAL, fault, 0);
    return false;
}

static void fail_unknown(struct otlp *r, struct http_request *req, enum signal s)
{
    char text[256];

    if (s != SIGNAL_COUNT)
        snprintf(text, sizeof(text), "no pipeline takes %s from this receiver", signal_table[s].name);
    else
        snprintf(text, sizeof(text), "unknown service or method %.*s", (int)(req->path.len < 160 ? req->path.len : 160),
                 (const char *)req->path.data);
    receiver_requests_reject(&r->requests[TRANSPORT_GRPC], REJECTED_UNKNOWN, req, text);
    grpc_answer_fault(req, 200, GRPC_UNIMPLEMENTED, text, 0);
}

void grpc_on_request(struct otlp_port *port, struct http_request *req)
{
    struct otlp *r = port->receiver;
    enum signal s = signal_by_path(req->path);
    enum grpc_health_method health = grpc_health_method(req->path);
    const struct bytes *encoding;
    struct otlp_call *call;
    uint64_t timeout;

    if (!is_acceptable(port, req, &timeout))
        return;
    if (health == GRPC_HEALTH_NONE && (s == SIGNAL_COUNT || r->node.out[s] == NULL)) {
        fail_unknown(r, req, s);
        return;
    }
    call = call_new(r, req, TRANSPORT_GRPC, s);
    call->health = health;
    call->body.limit = health != GRPC_HEALTH_NONE ? GRPC_HEALTH_LIMIT : r->max_message;
    call->body.overhead = GRPC_PREFIX_LEN;
    encoding = http_request_header(req, "grpc-encoding");
    call->coding = encoding != NULL ? coding_by_name(*encoding) : CODING_IDENTITY;
    call->metadata = receiver_metadata(r, req, TRANSPORT_GRPC);
    if (timeout > 0)
        clock_start(&r->node.host->loop->clock, &call->deadline, timeout, on_deadline);
    call_open_body(call);
}

/* The prefix is whole: what follows, may it come, and how is it coded? */
static void on_prefix(struct otlp_call *call)
{
    size_t len = grpc_prefix_len(call->prefix);

    if (call->prefix[0] > 1) {
        call_reject(call, REJECTED_PROTOCOL, GRPC_INTERNAL, 400, "message flag %u is neither 0 nor 1", call->prefix[0]);
    } else if (call->prefix[0] == 1 && call->coding == CODING_IDENTITY) {
        call_reject(call, REJECTED_PROTOCOL, GRPC_INTERNAL, 400,
                    "the message is flagged as compressed, but there is no grpc-encoding");
    } else if (call->prefix[0] == 1 && call->coding >= CODING_SNAPPY_FRAMED) {
        call_reject(call, REJECTED_ENCODING, GRPC_UNIMPLEMENTED, 400,
                    "this grpc-encoding is not supported; use one of " GRPC_ACCEPT_ENCODINGS);
    } else if (len > call->body.limit) {
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "received message larger than max (%zu vs. %zu); send smaller batches or raise "
                    "protocols::grpc::max_recv_msg_size_mib",
                    len, call->body.limit);
    } else {
        if (call->prefix[0] == 0)
            call->coding = CODING_IDENTITY;
        body_begin(&call->body, len);
    }
}

void grpc_on_body(struct otlp_call *call, struct bytes data)
{
    if (call->prefix_len < GRPC_PREFIX_LEN) {
        size_t n = GRPC_PREFIX_LEN - call->prefix_len;

        if (n > data.len)
            n = data.len;
        if (n > 0)
            memcpy(call->prefix + call->prefix_len, data.data, n);
        call->prefix_len = (uint8_t)(call->prefix_len + n);
        data = bytes_of(data.data + n, data.len - n);
        if (call->prefix_len < GRPC_PREFIX_LEN)
            return;
        on_prefix(call);
    }
    if (call->state != CALL_BODY || data.len == 0)
        return;
    if (data.len > call->body.expected - call->body.len) {
        call_reject(call, REJECTED_PROTOCOL, GRPC_INTERNAL, 400, "more than one message in a unary call");
        return;
    }
    body_add(&call->body, data);
}

void grpc_on_end(struct otlp_call *call)
{
    if (call->prefix_len == 0)
        call_reject(call, REJECTED_PROTOCOL, GRPC_INTERNAL, 400, "the call has no message");
    else if (call->prefix_len < GRPC_PREFIX_LEN || call->body.len < call->body.expected)
        call_reject(call, REJECTED_PROTOCOL, GRPC_INTERNAL, 400, "unexpected EOF: the message is cut short");
    else
        body_end(&call->body);
}

/* --- health --- */

/* "" is the whole server; each signal that has a pipeline is a service under its gRPC name. */
static enum grpc_serving serving_of(const struct otlp *r, struct bytes service)
{
    enum grpc_serving now = r->stopping ? GRPC_NOT_SERVING : GRPC_SERVING;

    if (service.len == 0)
        return now;
    for (int s = 0; s < SIGNAL_COUNT; s++) {
        struct bytes path = bytes_str(signal_table[s].grpc_path + 1);

        path.len = (size_t)((const uint8_t *)memchr(path.data, '/', path.len) - path.data);
        if (bytes_equal(path, service))
            return r->node.out[s] != NULL ? now : GRPC_SERVICE_UNKNOWN;
    }
    return GRPC_SERVICE_UNKNOWN;
}

static void answer_list(struct otlp_call *call)
{
    struct otlp *r = call->receiver;
    struct buf *b = &r->scratch;

    b->len = 0;
    for (int s = -1; s < SIGNAL_COUNT; s++) {
        struct bytes name = { 0 };

        if (s >= 0 && r->node.out[s] == NULL)
            continue;
        if (s >= 0) {
            name = bytes_str(signal_table[s].grpc_path + 1);
            name.len = (size_t)((const uint8_t *)memchr(name.data, '/', name.len) - name.data);
        }
        grpc_health_put_entry(b, name, serving_of(r, name));
    }
    grpc_answer_ok(call, buf_bytes(b));
}

void call_answer_health(struct otlp_call *call)
{
    struct otlp *r = call->receiver;
    struct bytes service;

    if (!grpc_health_parse(bytes_of(call->body.block->data, call->body.len), &service)) {
        call_reject(call, REJECTED_MESSAGE, GRPC_INVALID_ARGUMENT, 400, "malformed HealthCheckRequest");
        return;
    }
    call_move(call, CALL_ANSWERED);
    if (call->health == GRPC_HEALTH_LIST)
        answer_list(call);
    else if (call->health == GRPC_HEALTH_CHECK)
        grpc_health_answer_check(call->req, serving_of(r, service));
    else
        grpc_health_answer_watch(call->req, serving_of(r, service));
    body_drop(&call->body);
}

void receiver_tell_watchers(struct otlp *r)
{
    list_each (struct otlp_call, call, &r->calls, link)
        if (call->health == GRPC_HEALTH_WATCH && call->state == CALL_ANSWERED && call->req != NULL)
            grpc_health_tell_stopping(call->req);
}
