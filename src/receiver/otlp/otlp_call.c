/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the otlp receiver, from its request to its answer.
 *
 * The happy path: on_request makes it, its body is gathered into one block (pipeline/request_body.h), call_unpack()
 * inflates and validates, call_unpacked() makes a batch that points into the block, consume() hands it on; when the ack
 * settles the answer leaves. What can go wrong: the peer leaves early (the call stays until its ack has settled, then
 * answers nobody); the bytes are bad (answered, counted, logged with back-off); the budget is spent (the body
 * waits). */
#include "receiver/otlp/otlp.h"

#include "codec/pb.h"
#include "otlp/view.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_CALLS 256u /* spare call structs kept */

static void on_whole(struct request_body *body)
{
    struct otlp_call *call = container_of(body, struct otlp_call, body);

    if (call->health == GRPC_HEALTH_NONE)
        call_unpack(call);
    else if (call_inflate(call))
        call_answer_health(call);
}

static void on_body_refused(struct request_body *body, enum body_refusal why, const char *text)
{
    struct otlp_call *call = container_of(body, struct otlp_call, body);

    if (why == BODY_TOO_SLOW)
        call_reject(call, REJECTED_SLOW, GRPC_DEADLINE_EXCEEDED, 408, "%s", text);
    else
        call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503, "%s", text);
}

void calls_init(struct otlp *r)
{
    r->bodies.host = r->node.host;
    r->bodies.whole = on_whole;
    r->bodies.refuse = on_body_refused;
    body_keeper_init(&r->bodies);
    list_init(&r->calls);
    list_init(&r->idle);
    list_init(&r->to_unpack);
}

struct otlp_call *call_new(struct otlp *r, struct http_request *req, enum transport transport, enum signal signal)
{
    struct otlp_call *call = list_pop(&r->idle, struct otlp_call, link);

    if (call != NULL) {
        r->n_idle--;
        memset(call, 0, sizeof(*call));
    } else {
        call = mem_zalloc(sizeof(*call));
    }
    call->receiver = r;
    call->req = req;
    call->transport = transport;
    call->signal = signal;
    list_push_front(&r->calls, &call->link);
    req->context = call;
    call_trace_begin(call);
    return call;
}

bool call_open_body(struct otlp_call *call)
{
    return body_open(&call->body, &call->receiver->bodies, call->req,
                     host_budget(call->receiver->node.host, call->signal));
}

void call_move(struct otlp_call *call, enum call_state to)
{
    static const uint8_t allowed[] = {
        [CALL_BODY] = 1 << CALL_UNPACKING | 1 << CALL_PIPELINE | 1 << CALL_ANSWERED,
        [CALL_UNPACKING] = 1 << CALL_BODY | 1 << CALL_ANSWERED,
        [CALL_PIPELINE] = 1 << CALL_ANSWERED,
        [CALL_ANSWERED] = 0,
    };

    assert(allowed[call->state] & 1 << to);
    call->state = to;
}

void call_free(struct otlp_call *call)
{
    struct otlp *r = call->receiver;

    if (call->health == GRPC_HEALTH_NONE)
        call_trace_end(call, call->items, "the peer went away");
    body_drop(&call->body);
    clock_stop(&r->node.host->loop->clock, &call->deadline);
    metadata_unref(call->metadata);
    list_remove(&call->link);
    if (r->n_idle < IDLE_CALLS) {
        list_push_front(&r->idle, &call->link);
        r->n_idle++;
    } else {
        free(call);
    }
    receiver_stopped_if_idle(r);
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

/* The response message: partial_success is always there, empty when all is well, as the Go collector answers. `why`
 * without anything rejected is a warning (the OTLP specification has it so). */
static void answer_ok(struct otlp_call *call, uint64_t rejected, const char *why)
{
    struct buf *b = &call->receiver->scratch;
    size_t mark;

    if (call->req == NULL || call->req->responded)
        return;
    b->len = 0;
    mark = pb_begin(b, OTLP_RESPONSE_PARTIAL_SUCCESS);
    if (rejected > 0)
        pb_put_uint(b, OTLP_PARTIAL_SUCCESS_REJECTED, rejected);
    if (why[0] != '\0')
        pb_put_str(b, OTLP_PARTIAL_SUCCESS_MESSAGE, why);
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
    receiver_requests_reject(&call->receiver->requests[call->transport], why, call->req, text);
    call_trace_end(call, 0, text);
    call_move(call, CALL_ANSWERED);
    body_drop(&call->body);
    answer_fault(call, code, http_status, text, why == REJECTED_BUDGET ? 1000 : 0);
}

/* From the verdict to the wire: SAFE is OK, REJECT says never again, RETRY says later (style: only receivers know
 * what a verdict looks like). A status that a backend gave is passed on as it is. */
static void answer_outcome(struct otlp_call *call, const struct outcome *o, uint64_t refused)
{
    enum grpc_status code = o->verdict == VERDICT_REJECT ? GRPC_INVALID_ARGUMENT : GRPC_UNAVAILABLE;

    if (o->verdict == VERDICT_SAFE) {
        answer_ok(call, refused, refused > 0 ? o->why : "");
        return;
    }
    if (o->grpc_status != 0)
        code = (enum grpc_status)o->grpc_status;
    answer_fault(call, code, grpc_status_to_http(code), o->why, o->retry_after_ms);
}

/* More may have been rejected than came, where a processor makes items of others. */
static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct otlp_call *call = container_of(ack, struct otlp_call, ack);
    struct otlp *r = call->receiver;
    uint64_t refused = o->verdict == VERDICT_SAFE && o->rejected < call->items ? o->rejected : call->items;

    metric_add(r->accepted[call->signal][call->transport], call->items - refused);
    metric_add(r->refused[call->signal][call->transport], refused);
    metric_add(r->failed[call->signal][call->transport], 0);
    if (refused > 0 && call->req != NULL)
        receiver_requests_refused(&r->requests[call->transport], call->req, o);
    call_trace_end(call, refused, refused == 0 ? NULL : o->why[0] != '\0' ? o->why : o->reason);
    call_move(call, CALL_ANSWERED);
    if (call->req != NULL)
        answer_outcome(call, o, refused); /* on_close comes later and frees the call */
    else
        call_free(call);
}

static const char *limit_key(const struct otlp_call *call)
{
    return call->transport == TRANSPORT_GRPC ? "protocols::grpc::max_recv_msg_size_mib"
                                             : "protocols::http::max_request_body_size";
}

static void reject_unpacked(struct otlp_call *call, const struct unpacking *u)
{
    switch (u->fault) {
    case UNPACK_INFLATES_TOO_FAR:
        call_reject(call, REJECTED_TOO_LARGE, GRPC_RESOURCE_EXHAUSTED, 413,
                    "the request is larger than %zu bytes after decompression; send smaller batches or raise %s",
                    call->body.limit, limit_key(call));
        break;
    case UNPACK_NO_ROOM:
        call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                    "no room in the memory budget for this request; send it again later");
        break;
    case UNPACK_BAD_CODING:
        call_reject(call, REJECTED_ENCODING, call->transport == TRANSPORT_GRPC ? GRPC_INTERNAL : GRPC_INVALID_ARGUMENT,
                    400, "cannot decompress %s: %s", coding_name(call->coding), u->err.text);
        break;
    case UNPACK_JSON_TOO_LARGE:
    case UNPACK_BAD_JSON:
        call_reject(call, REJECTED_MESSAGE, GRPC_INVALID_ARGUMENT, u->fault == UNPACK_BAD_JSON ? 400 : 413, "%s",
                    u->err.text);
        break;
    default:
        call_reject(call, REJECTED_MESSAGE, GRPC_INVALID_ARGUMENT, 400, "at byte %zu: %s", u->validation.fault_offset,
                    u->validation.fault);
    }
}

/* What came, where an exporter of this graph may send it on as it is, and nothing in it was mended. */
static struct packed packed_of(const struct otlp_call *call, const struct unpacking *u)
{
    struct bytes came = bytes_of(call->body.block->data, call->body.len);

    if (u->fault != UNPACK_DONE || u->json || u->repairs.strings > 0 || u->resolved || u->validation.items == 0 ||
        (call->receiver->node.host->forwarded & 1u << u->coding) == 0 ||
        !coding_is_single(u->coding, came, u->body.len))
        return (struct packed){ 0 };
    return (struct packed){ block_ref(call->body.block), came, u->coding };
}

void call_unpacked(struct otlp_call *call, struct unpacking *u)
{
    struct otlp *r = call->receiver;
    struct host *host = r->node.host;
    struct packed packed = { 0 };
    struct batch *batch;

    if (u->block != NULL) {
        packed = packed_of(call, u);
        block_unref(call->body.block);
        call->body.block = u->block;
        u->block = NULL;
    }
    if (u->fault != UNPACK_DONE) {
        reject_unpacked(call, u);
        return;
    }
    if (u->repairs.strings > 0)
        receiver_count_repaired(r, call, &u->repairs);
    if (u->validation.items == 0) { /* nothing to do is done */
        if (u->foreign)
            receiver_requests_reject(&r->requests[call->transport], REJECTED_NOTHING, call->req, u->err.text);
        call_trace_end(call, 0, NULL);
        call_move(call, CALL_ANSWERED);
        body_drop(&call->body);
        answer_ok(call, 0, u->foreign ? u->err.text : "");
        return;
    }
    call->items = u->validation.items;
    if (call->dating)
        receiver_requests_dated(&r->requests[call->transport], call->req, otlp_first_time(call->signal, u->body));
    batch = batch_new(call->signal, call->body.block, u->body, call->items, clock_mono(&host->loop->clock));
    call->body.block = NULL;
    batch->metadata = metadata_ref(call->metadata);
    batch->packed = packed;
    batch->ordered = u->validation.ordered;
    call_move(call, CALL_PIPELINE);
    ack_init(&call->ack, &host->loop->turn, NULL, call->items, true, on_settled);
    if (r->node.out[call->signal] != NULL) {
        consumer_send(r->node.out[call->signal], batch, &call->ack);
    } else { /* a reload took its pipelines away while the body came */
        batch_unref(batch);
        ack_fail(&call->ack, VERDICT_RETRY, "shutdown", "there is no pipeline for this signal any more");
    }
}

struct metadata *receiver_metadata(const struct otlp *r, const struct http_request *req, enum transport transport)
{
    const struct otlp_protocols_config *p = &r->config->protocols;

    return receiver_request_metadata(r->node.host, req,
                                     transport == TRANSPORT_GRPC ? p->grpc.server.include_metadata
                                                                 : p->http.server.include_metadata);
}
