/* SPDX-License-Identifier: Apache-2.0 */
/* A call as OTLP/HTTP: paths, methods, media types, codings, status bodies in the request's own encoding
 * (the OTLP specification). */
#include "receiver/otlp/otlp.h"

#include "otlp/json.h"
#include "rpc/rpc_status.pb-c.h"

#include <stdio.h>

static void header_add(struct otlp *r, const char *name, struct bytes value)
{
    *vec_push(&r->headers) = (struct http_header){ bytes_str(name), value };
}

/* --- answers --- */

/* A plain-text answer to a request that has no call: 404, 405, 415. */
static void answer_text(struct otlp *r, struct http_request *req, int status, const char *text)
{
    r->headers.n = 0;
    header_add(r, "content-type", bytes_str("text/plain; charset=utf-8"));
    header_add(r, "x-content-type-options", bytes_str("nosniff"));
    if (status == 405)
        header_add(r, "allow", bytes_str("POST"));
    http_respond(req, status, r->headers.v, r->headers.n, bytes_str(text));
}

static struct bytes media_type(bool json)
{
    return bytes_str(json ? "application/json" : "application/x-protobuf");
}

/* `wire` in the request's encoding; the JSON form is made in `text`. */
static struct bytes encode_message(const ProtobufCMessageDescriptor *type, struct bytes wire, bool json,
                                   struct buf *text)
{
    if (!json)
        return wire;
    text->len = 0;
    wire_to_json(type, wire, text, NULL);
    return buf_bytes(text);
}

void http_answer_ok(struct otlp_call *call, struct bytes message)
{
    struct otlp *r = call->receiver;
    struct buf text = { 0 };

    r->headers.n = 0;
    header_add(r, "content-type", media_type(call->json));
    http_respond(call->req, 200, r->headers.v, r->headers.n,
                 encode_message(signal_table[call->signal].response, message, call->json, &text));
    buf_free(&text);
}

/* r->headers has those of its own. */
static void answer_status(struct otlp *r, struct http_request *req, bool json, int status, enum grpc_status code,
                          const char *message, uint64_t retry_after_ms)
{
    struct buf packed = { 0 }, text = { 0 };
    char seconds[24];

    grpc_status_pack(code, bytes_str(message), retry_after_ms, &packed);
    header_add(r, "content-type", media_type(json));
    if (retry_after_ms > 0 && (status == 429 || status == 503)) {
        snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)((retry_after_ms + 999) / 1000));
        header_add(r, "retry-after", bytes_str(seconds));
    }
    http_respond(req, status, r->headers.v, r->headers.n,
                 encode_message(&rpc__status__descriptor, buf_bytes(&packed), json, &text));
    buf_free(&packed);
    buf_free(&text);
}

void http_answer_fault(struct otlp_call *call, int http_status, enum grpc_status code, const char *message,
                       uint64_t retry_after_ms)
{
    call->receiver->headers.n = 0;
    answer_status(call->receiver, call->req, call->json, http_status, code, message, retry_after_ms);
}

/* --- the request --- */

/* The media type without its parameters; false when it is neither of the two. */
static bool read_media_type(struct http_request *req, bool *json)
{
    const struct bytes *header = http_request_header(req, "content-type");
    struct bytes type = header != NULL ? *header : bytes_of(NULL, 0);
    const uint8_t *semicolon = type.len > 0 ? memchr(type.data, ';', type.len) : NULL;

    if (semicolon != NULL)
        type.len = (size_t)(semicolon - type.data);
    while (type.len > 0 && (type.data[type.len - 1] == ' ' || type.data[type.len - 1] == '\t'))
        type.len--;
    *json = type.len == 0 || bytes_equal_nocase(type, bytes_str("application/json"));
    return *json || bytes_equal_nocase(type, bytes_str("application/x-protobuf"));
}

void http_answer_refused(struct otlp *r, struct http_request *req, const struct gate_refusal *refusal)
{
    bool json, known = read_media_type(req, &json);

    r->headers.n = 0;
    if (refusal->busy) {
        answer_status(r, req, json || !known, 503, GRPC_UNAVAILABLE, refusal->why, 1000);
        return;
    }
    *vec_push(&r->headers) = gate_refusal_header(refusal);
    answer_status(r, req, json || !known, 401, GRPC_UNAUTHENTICATED, refusal->why, 0);
}

/* What to do instead of asking for that path: its remedy, or the paths that there are. */
static void describe_paths(const struct otlp *r, struct bytes path, char *text, size_t size)
{
    const char *doubled = otlp_path_doubled(r, path);
    int n;

    if (doubled != NULL) {
        snprintf(text, size,
                 "exporters add the signal's path to OTEL_EXPORTER_OTLP_ENDPOINT themselves: write it without %s",
                 doubled);
        return;
    }
    n = snprintf(text, size, "this OTLP receiver serves POST");
    for (int s = 0; s < SIGNAL_COUNT; s++)
        if (r->node.out[s] != NULL && n > 0 && (size_t)n < size)
            n += snprintf(text + n, size - (size_t)n, " %s", r->paths[s]);
}

static void answer_not_found(struct otlp *r, struct http_request *req)
{
    char advice[400], why[512];

    describe_paths(r, req->path, advice, sizeof(advice));
    snprintf(why, sizeof(why), "unknown path %.*s; %s", (int)(req->path.len < 100 ? req->path.len : 100),
             (const char *)req->path.data, advice);
    receiver_requests_reject(&r->requests[TRANSPORT_HTTP], REJECTED_UNKNOWN, req, why);
    snprintf(why, sizeof(why), "404 page not found; %s\n", advice);
    answer_text(r, req, 404, why);
}

static void answer_bad_protocol(struct otlp *r, struct http_request *req, int status, const char *text)
{
    receiver_requests_reject(&r->requests[TRANSPORT_HTTP], REJECTED_PROTOCOL, req, text);
    answer_text(r, req, status, text);
}

/* Refused by what its headers say, with a Status body; false when all is well. */
static bool refused_by_headers(struct otlp_call *call, const struct bytes *coding)
{
    struct otlp *r = call->receiver;
    struct http_request *req = call->req;

    if (call->coding == CODING_UNKNOWN || !r->coding_allowed[call->coding]) {
        call_reject(call, REJECTED_ENCODING, GRPC_INVALID_ARGUMENT, 400, "unsupported Content-Encoding: %.*s",
                    coding != NULL ? (int)(coding->len < 64 ? coding->len : 64) : 0,
                    coding != NULL ? (const char *)coding->data : "");
    } else if (req->content_length > 0 && (uint64_t)req->content_length > call->body.limit) {
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "the body of %lld bytes is larger than %zu; send smaller batches or raise "
                    "protocols::http::max_request_body_size",
                    (long long)req->content_length, call->body.limit);
    } else {
        return false;
    }
    return true;
}

void http_on_request(struct otlp_port *port, struct http_request *req)
{
    struct otlp *r = port->receiver;
    const struct bytes *coding = http_request_header(req, "content-encoding");
    enum signal s = otlp_path_signal(r, req->path);
    struct otlp_call *call;
    bool json;

    if (s == SIGNAL_COUNT && grpc_serves(req->path)) {
        answer_bad_protocol(r, req, 415,
                            "415 unsupported media type: this is a gRPC method, its content type is application/grpc");
        return;
    }
    if (s == SIGNAL_COUNT) {
        answer_not_found(r, req);
        return;
    }
    if (!bytes_is(req->method, "POST")) {
        answer_bad_protocol(r, req, 405, "405 method not allowed, supported: [POST]");
        return;
    }
    if (!read_media_type(req, &json)) {
        answer_bad_protocol(r, req, 415,
                            "415 unsupported media type, supported: [application/json, application/x-protobuf]");
        return;
    }
    call = call_new(r, req, TRANSPORT_HTTP, s);
    call->json = json;
    call->body.limit = r->max_body;
    call->coding = coding == NULL || coding->len == 0 ? CODING_IDENTITY : coding_by_name(*coding);
    if (coding != NULL && coding->len > 0 && call->coding == CODING_IDENTITY)
        call->coding = CODING_UNKNOWN; /* spelled out, "identity" is no Content-Encoding (RFC 9110 8.4.1) */
    if (refused_by_headers(call, coding))
        return;
    call->metadata = receiver_metadata(r, req, TRANSPORT_HTTP);
    if (!call_open_body(call))
        return;
    body_begin(&call->body, req->content_length >= 0 ? (size_t)req->content_length : SIZE_MAX);
}
