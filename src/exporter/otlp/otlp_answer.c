/* SPDX-License-Identifier: Apache-2.0 */
/* An answer is looked at from the outside in: did one come at all; what does the status of HTTP say; of gRPC, what does
 * its own say, and the details beside it; at last the message in it. Each step is one table or one function.
 *
 * Where the Go collector takes a peer that hangs up in the middle for a refusal (a stream that is reset, an answer
 * without a grpc-status) we try again: nobody has said that the data is not wanted. And a page of HTML is no success,
 * whatever its status: no receiver of OTLP answers so. */
#include "exporter/otlp/otlp_answer.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/compress.h"
#include "exporter/otlp/peer_status.h"
#include "exporter/otlp/request_limit.h"
#include "net/http2/grpc.h"
#include "otlp/json.h"
#include "rpc/rpc_status.pb-c.h"

#include <stdio.h>

#define TEXT_MAX 140 /* bytes of a peer's own words */

/* ---- what to do about it ---- */

static const struct {
    const char *reason, *advice;
} advices[] = {
    { "unauthorized", "the peer wants other credentials: look at `headers` (authorization), or at `auth`" },
    { "forbidden", "the peer knows these credentials and does not let them send here: ask whoever runs it" },
    { "not_found", "nothing takes OTLP at that URL: `endpoint` is a base to which /v1/<signal> is added; a path of "
                   "its own belongs into <signal>_endpoint" },
    { "unimplemented", "the peer does not take this signal: it needs a pipeline for it; or `endpoint` is the port of "
                       "something else" },
    { "redirected", "the peer wants another address: write that one as `endpoint`" },
    { "throttled", "the peer asks to slow down: raise its limits, or send less" },
    { "exhausted", "the peer has no room and does not say when to retry, which OTLP takes for good: raise its limits, "
                   "or send less" },
    { "unavailable", "the peer cannot take it now: look at its own log" },
    { "too_large", "a single item is larger than the peer takes: raise its limit (the Go collector: "
                   "max_recv_msg_size_mib, max_request_body_size)" },
    { "not_otlp", "what answers there is no receiver of OTLP: look at `endpoint`" },
    { "bad_answer", "the peer's answer is no OTLP: look at `endpoint`" },
    { "invalid", "the peer finds the data invalid: its own log may say more" },
    { "unsupported", "the peer does not read this form: set `compression: gzip` or none, and `encoding: proto`" },
};

static const char *advice_for(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++)
        if (strcmp(advices[i].reason, reason) == 0)
            return advices[i].advice;
    return NULL;
}

/* ---- codes ---- */

struct code_row {
    const char *name;
    enum otlp_fate fate;
    const char *reason;
};

static const struct code_row codes[] = {
    [GRPC_OK] = { "OK", OTLP_TAKEN, NULL },
    [GRPC_CANCELLED] = { "CANCELLED", OTLP_RETRY, "canceled" },
    [GRPC_UNKNOWN] = { "UNKNOWN", OTLP_REFUSED, "rejected" },
    [GRPC_INVALID_ARGUMENT] = { "INVALID_ARGUMENT", OTLP_REFUSED, "invalid" },
    [GRPC_DEADLINE_EXCEEDED] = { "DEADLINE_EXCEEDED", OTLP_RETRY, "timeout" },
    [GRPC_NOT_FOUND] = { "NOT_FOUND", OTLP_REFUSED, "not_found" },
    [6] = { "ALREADY_EXISTS", OTLP_REFUSED, "rejected" },
    [GRPC_PERMISSION_DENIED] = { "PERMISSION_DENIED", OTLP_REFUSED, "forbidden" },
    [GRPC_RESOURCE_EXHAUSTED] = { "RESOURCE_EXHAUSTED", OTLP_REFUSED, "exhausted" },
    [9] = { "FAILED_PRECONDITION", OTLP_REFUSED, "rejected" },
    [GRPC_ABORTED] = { "ABORTED", OTLP_RETRY, "aborted" },
    [GRPC_OUT_OF_RANGE] = { "OUT_OF_RANGE", OTLP_RETRY, "out_of_range" },
    [GRPC_UNIMPLEMENTED] = { "UNIMPLEMENTED", OTLP_REFUSED, "unimplemented" },
    [GRPC_INTERNAL] = { "INTERNAL", OTLP_REFUSED, "rejected" },
    [GRPC_UNAVAILABLE] = { "UNAVAILABLE", OTLP_RETRY, "unavailable" },
    [GRPC_DATA_LOSS] = { "DATA_LOSS", OTLP_RETRY, "data_loss" },
    [GRPC_UNAUTHENTICATED] = { "UNAUTHENTICATED", OTLP_REFUSED, "unauthorized" },
};

static void set_fate(struct otlp_answer *out, enum otlp_fate fate, const char *reason)
{
    out->fate = fate;
    out->reason = reason;
    out->advice = reason != NULL ? advice_for(reason) : NULL;
}

static void set_text(struct otlp_answer *out, const struct otlp_question *q, const char *what, struct buf *said)
{
    snprintf(out->text, sizeof(out->text), "%s answered %s%s%s", q->peer, what, said->len > 0 ? ": " : "",
             buf_cstr(said));
}

/* ---- the message in the answer ---- */

static void read_partial(struct otlp_answer *out, const struct otlp_question *q, struct bytes wire)
{
    struct partial_success p;
    struct buf said = { 0 };

    if (!partial_success_read(wire, &p)) {
        set_fate(out, OTLP_REFUSED, "bad_answer");
        out->code = GRPC_INTERNAL;
        snprintf(out->text, sizeof(out->text), "%s answered with what is no Export response", q->peer);
        return;
    }
    peer_text_put(&said, p.message, TEXT_MAX);
    snprintf(out->text, sizeof(out->text), "%s", buf_cstr(&said));
    buf_free(&said);
    out->rejected = p.rejected < q->items ? p.rejected : q->items;
    if (out->rejected > 0)
        out->reason = "rejected_by_peer";
}

/* ---- HTTP ---- */

static bool media_is(const struct http_response *a, const char *type)
{
    const struct bytes *v = http_response_header(a, "content-type");
    size_t len = strlen(type);

    return v != NULL && v->len >= len && bytes_equal_nocase(bytes_of(v->data, len), bytes_str(type)) &&
           (v->len == len || v->data[len] == ';' || v->data[len] == ' ');
}

/* What the body says when it is inflated. The block is the caller's to give back, when there is one. False: it cannot
 * be, or is too large. */
static bool plain_body(const struct http_response *a, struct block **block, struct bytes *body)
{
    const struct bytes *coding = http_response_header(a, "content-encoding");
    size_t len;

    *body = a->body;
    if (a->cut || a->body.len >= OTLP_ANSWER_MAX)
        return false;
    if (coding == NULL || a->body.len == 0 || coding_by_name(*coding) == CODING_IDENTITY)
        return true;
    if (inflate_block(coding_by_name(*coding), a->body, OTLP_ANSWER_MAX, NULL, block, &len, NULL) != 0)
        return false;
    *body = bytes_of((*block)->data, len);
    return true;
}

static void read_http_success(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a,
                              struct bytes body)
{
    struct buf wire = { 0 };

    if (media_is(a, "text/html")) {
        set_fate(out, OTLP_REFUSED, "not_otlp");
        out->code = GRPC_UNIMPLEMENTED;
        snprintf(out->text, sizeof(out->text), "%s answered %d with a page of HTML", q->peer, a->status);
    } else if (media_is(a, "application/x-protobuf")) {
        read_partial(out, q, body);
    } else if (media_is(a, "application/json") && body.len > 0) {
        if (json_to_wire(signal_table[q->signal].response, body, OTLP_ANSWER_MAX, &wire, NULL) != 0)
            buf_putc(&wire, '\xff');
        read_partial(out, q, buf_bytes(&wire));
    }
    buf_free(&wire);
}

/* A Status in either form. `wire` has what it points to. */
static bool read_status(const struct http_response *a, struct bytes body, struct buf *wire, struct peer_status *status)
{
    if (media_is(a, "application/x-protobuf"))
        return peer_status_read(body, status);
    return media_is(a, "application/json") && body.len <= PEER_STATUS_MAX &&
           json_to_wire(&rpc__status__descriptor, body, PEER_STATUS_MAX, wire, NULL) == 0 &&
           peer_status_read(buf_bytes(wire), status);
}

/* The peer's words: a Status's, else the body's beginning. */
static void put_said(struct buf *said, const struct http_response *a, struct bytes body, struct peer_status *status)
{
    struct buf wire = { 0 };

    *status = (struct peer_status){ 0 };
    if (read_status(a, body, &wire, status) && status->message.len > 0)
        body = status->message;
    if (!media_is(a, "text/html"))
        peer_text_put(said, body, TEXT_MAX);
    status->message = (struct bytes){ 0 };
    buf_free(&wire);
}

static int code_of_http(int status)
{
    switch (status) {
    case 400:
    case 413:
        return GRPC_INVALID_ARGUMENT;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
        return GRPC_RESOURCE_EXHAUSTED;
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

static const char *reason_of_http(int status)
{
    switch (status) {
    case 400:
        return "invalid";
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 404:
    case 405:
        return "not_found";
    case 413:
        return "too_large";
    case 415:
        return "unsupported";
    case 429:
        return "throttled";
    case 502:
    case 503:
    case 504:
        return "unavailable";
    default:
        return status >= 300 && status < 400 ? "redirected" : "rejected";
    }
}

static enum otlp_fate fate_of_http(int status)
{
    if (status == 413)
        return OTLP_TOO_LARGE;
    return status == 429 || status == 502 || status == 503 || status == 504 ? OTLP_RETRY : OTLP_REFUSED;
}

static void read_http_failure(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a,
                              struct bytes body)
{
    struct peer_status status;
    struct buf said = { 0 };
    char what[16];

    set_fate(out, fate_of_http(a->status), reason_of_http(a->status));
    out->code = code_of_http(a->status);
    put_said(&said, a, body, &status);
    if (out->fate == OTLP_TOO_LARGE)
        (void)request_limit_named(buf_bytes(&said), &out->limit);
    if (out->fate == OTLP_RETRY)
        out->retry_after_ms = a->retry_after_ms > 0 ? a->retry_after_ms : status.retry_after_ms;
    snprintf(what, sizeof(what), "%d", a->status);
    set_text(out, q, what, &said);
    buf_free(&said);
}

/* The peer has the data: sent again it would be there twice. What it may have rejected is not known. */
static void take_unread(struct otlp_answer *out, const struct otlp_question *q)
{
    out->reason = "answer_too_large";
    snprintf(out->text, sizeof(out->text),
             "%s took it, with an answer that is larger than 4 MiB or cannot be inflated: what it says is not known",
             q->peer);
}

static void read_http(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    bool success = a->status >= 200 && a->status < 300;
    struct block *block = NULL;
    struct bytes body;

    if (!plain_body(a, &block, &body) && success && !media_is(a, "text/html"))
        take_unread(out, q);
    else if (success)
        read_http_success(out, q, a, body);
    else
        read_http_failure(out, q, a, body);
    if (block != NULL)
        block_unref(block);
}

/* ---- gRPC ---- */

static const struct bytes *grpc_field(const struct http_response *a, const char *name)
{
    for (size_t i = 0; i < a->n_trailers; i++)
        if (bytes_is(a->trailers[i].name, name))
            return &a->trailers[i].value;
    return http_response_header(a, name);
}

/* -1: there is none. What is no number, or no code, is UNKNOWN. */
static int grpc_code(const struct http_response *a)
{
    const struct bytes *v = grpc_field(a, "grpc-status");
    int code = 0;

    if (v == NULL)
        return -1;
    for (size_t i = 0; i < v->len; i++)
        code = v->len > 2 || v->data[i] < '0' || v->data[i] > '9' ? 99 : code * 10 + v->data[i] - '0';
    return v->len == 0 || code >= (int)ARRAY_LEN(codes) ? GRPC_UNKNOWN : code;
}

static struct peer_status read_details(const struct http_response *a)
{
    const struct bytes *v = grpc_field(a, "grpc-status-details-bin");
    struct peer_status status = { 0 };
    struct buf wire = { 0 };

    if (v != NULL && v->len <= PEER_STATUS_MAX && base64_decode(*v, &wire) &&
        !peer_status_read(buf_bytes(&wire), &status))
        status = (struct peer_status){ 0 };
    status.message = (struct bytes){ 0 };
    buf_free(&wire);
    return status;
}

/* The one message of a success. False: too large, or not to be inflated. */
static bool grpc_message(const struct http_response *a, struct block **block, struct bytes *message)
{
    const struct bytes *coding = http_response_header(a, "grpc-encoding");
    size_t len;

    *message = (struct bytes){ 0 };
    if (a->body.len == 0)
        return true;
    if (a->cut || a->body.len < GRPC_PREFIX_LEN || a->body.len >= OTLP_ANSWER_MAX ||
        grpc_prefix_len(a->body.data) != a->body.len - GRPC_PREFIX_LEN)
        return false;
    *message = bytes_skip(a->body, GRPC_PREFIX_LEN);
    if (a->body.data[0] == 0)
        return true;
    if (coding == NULL ||
        inflate_block(coding_by_name(*coding), *message, OTLP_ANSWER_MAX, NULL, block, &len, NULL) != 0)
        return false;
    *message = bytes_of((*block)->data, len);
    return true;
}

static void read_grpc_success(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    struct block *block = NULL;
    struct bytes message;

    if (grpc_message(a, &block, &message))
        read_partial(out, q, message);
    else
        take_unread(out, q);
    if (block != NULL)
        block_unref(block);
}

static bool is_about_compression(struct bytes text)
{
    static const char *const words[] = { "decompress", "grpc-encoding", "ompression" };

    for (size_t i = 0; text.len > 0 && i < ARRAY_LEN(words); i++)
        if (memmem(text.data, text.len, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

static void read_grpc_failure(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a,
                              int code)
{
    const struct bytes *message = grpc_field(a, "grpc-message");
    const struct code_row *row = &codes[code];
    struct peer_status status = read_details(a);
    struct buf said = { 0 };

    set_fate(out, row->fate, row->reason);
    out->code = code;
    if (message != NULL)
        peer_message_put(&said, *message, TEXT_MAX);
    out->retry_after_ms = status.retry_after_ms;
    if ((code == GRPC_RESOURCE_EXHAUSTED || code == GRPC_OUT_OF_RANGE) &&
        request_limit_named(buf_bytes(&said), &out->limit))
        set_fate(out, OTLP_TOO_LARGE, "too_large");
    else if (code == GRPC_RESOURCE_EXHAUSTED && status.may_retry)
        set_fate(out, OTLP_RETRY, "throttled");
    else if (code == GRPC_UNIMPLEMENTED && is_about_compression(buf_bytes(&said)))
        set_fate(out, OTLP_REFUSED, "unsupported");
    if (out->fate != OTLP_RETRY)
        out->retry_after_ms = 0;
    set_text(out, q, row->name, &said);
    buf_free(&said);
}

/* There is no grpc-status: a proxy has answered, or no gRPC server at all. */
static void read_foreign(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    static const int unavailable[] = { 429, 502, 503, 504 };
    const struct bytes *type = http_response_header(a, "content-type");
    char what[24];
    struct buf none = { 0 };

    snprintf(what, sizeof(what), "HTTP %d", a->status);
    set_text(out, q, what, &none);
    buf_free(&none);
    for (size_t i = 0; i < ARRAY_LEN(unavailable); i++)
        if (a->status == unavailable[i]) {
            set_fate(out, OTLP_RETRY, "unavailable");
            out->retry_after_ms = a->retry_after_ms;
            return;
        }
    if (a->status == 200 && type != NULL && grpc_content_type(*type)) {
        set_fate(out, OTLP_RETRY, "no_status");
        snprintf(out->text, sizeof(out->text), "%s ended its answer without a grpc-status", q->peer);
        return;
    }
    if (a->status == 401 || a->status == 403)
        set_fate(out, OTLP_REFUSED, reason_of_http(a->status));
    else
        set_fate(out, OTLP_REFUSED, "not_otlp");
    out->code = a->status == 404 ? GRPC_UNIMPLEMENTED : code_of_http(a->status);
}

static void read_grpc(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    int code = grpc_code(a);

    if (code < 0)
        read_foreign(out, q, a);
    else if (code == GRPC_OK)
        read_grpc_success(out, q, a);
    else
        read_grpc_failure(out, q, a, code);
}

/* ---- no answer ---- */

/* The peer speaks something else: most often it is the port of the other protocol. */
static const char *advice_for_spoken(const struct otlp_question *q, enum http_spoken spoken)
{
    switch (spoken) {
    case HTTP_SPOKEN_HTTP1:
        return "this is a port of HTTP/1.1, and otlp_grpc needs one of gRPC: write the other port (4317) into "
               "`endpoint`, or use otlp_http";
    case HTTP_SPOKEN_HTTP2:
        return "this is a port of gRPC, and otlp_http needs one of HTTP: write the other port (4318) into `endpoint`, "
               "or "
               "use otlp_grpc";
    case HTTP_SPOKEN_TLS:
        return q->grpc ? "this port wants TLS: remove tls::insecure, or write https:// before `endpoint`"
                       : "this port wants TLS: write https:// in `endpoint`";
    default:
        return "what answers there is no receiver of OTLP: look at the port in `endpoint`";
    }
}

static void read_silence(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    set_fate(out, OTLP_RETRY, a->failure == HTTP_TIMED_OUT ? "timeout" : "unreachable");
    if (a->failure == HTTP_WRONG_PROTOCOL) {
        set_fate(out, OTLP_RETRY, "wrong_protocol");
        out->advice = advice_for_spoken(q, a->spoken);
    }
    snprintf(out->text, sizeof(out->text), "%s", a->why);
}

void otlp_answer_read(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a)
{
    *out = (struct otlp_answer){ .fate = OTLP_TAKEN };
    if (a->failure != HTTP_ANSWERED)
        read_silence(out, q, a);
    else if (q->grpc)
        read_grpc(out, q, a);
    else
        read_http(out, q, a);
}
