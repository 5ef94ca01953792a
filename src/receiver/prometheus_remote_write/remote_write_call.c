/* SPDX-License-Identifier: Apache-2.0 */
/* One call, from its request to its answer.
 *
 * The happy path: its body is gathered (pipeline/request_body.h) and inflated, the message is read (prom/intake), a
 * small one at once, a large one in slices that take turns with those of others; the batch goes into the pipeline, and
 * when that has settled the answer is 204.
 *
 * What can go wrong: the message is none, or too large: answered at once. Some of its series may not be: the others go
 * on, and the answer is 400 with what is wrong with the first, for the sender is not to send all of it again. The
 * pipeline cannot take it now: 503, and the sender comes again. The peer leaves early: what has not gone into the
 * pipeline is forgotten. */
#include "receiver/prometheus_remote_write/remote_write_receiver.h"

#include "pipeline/trace/receipt.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTS_RATIO 4u /* the points of a request may take so much more than a message may be long */

static struct loop *loop_of(const struct write_call *call)
{
    return call->receiver->node.host->loop;
}

/* ---- life ---- */

void write_call_move(struct write_call *call, enum write_call_state to)
{
    static const uint8_t allowed[] = {
        [WRITE_CALL_BODY] = 1 << WRITE_CALL_INFLATING | 1 << WRITE_CALL_READING | 1 << WRITE_CALL_ANSWERED,
        [WRITE_CALL_INFLATING] = 1 << WRITE_CALL_BODY,
        [WRITE_CALL_READING] = 1 << WRITE_CALL_PIPELINE | 1 << WRITE_CALL_ANSWERED,
        [WRITE_CALL_PIPELINE] = 1 << WRITE_CALL_ANSWERED,
        [WRITE_CALL_ANSWERED] = 0,
    };

    assert(allowed[call->state] & 1 << to);
    call->state = to;
}

static void end_span(struct write_call *call, uint64_t refused, const char *error)
{
    if (call->traced.start == 0)
        return;
    receipt_end(&call->receiver->node, &call->traced, SIGNAL_METRICS,
                &(struct receipt){ .kind = TRACED_SERVER,
                                   .transport = "http",
                                   .format = call->version == WRITE_2 ? "remote write 2.0" : "remote write 1.0",
                                   .from_key = "network.peer.address",
                                   .from = call->req != NULL ? http_request_peer(call->req) : NULL,
                                   .accepted = call->items - refused,
                                   .refused = refused,
                                   .error = error });
}

/* All but the call itself. */
static void drop_work(struct write_call *call)
{
    body_drop(&call->body);
    list_remove(&call->queue_link);
    if (call->reading != NULL)
        write_reading_free(call->reading);
    call->reading = NULL;
    if (call->message != NULL)
        block_unref(call->message);
    call->message = NULL;
}

static void free_call(struct write_call *call)
{
    struct write_receiver *r = call->receiver;

    end_span(call, call->items, "the peer went away");
    drop_work(call);
    metadata_unref(call->metadata);
    list_remove(&call->link);
    free(call);
    write_receiver_idle(r);
}

static struct write_call *new_call(struct write_receiver *r, struct http_request *req)
{
    struct write_call *call = mem_zalloc(sizeof(*call));

    call->receiver = r;
    call->req = req;
    req->context = call;
    list_push(&r->calls, &call->link);
    return call;
}

/* ---- answers ---- */

void write_call_reject(struct write_call *call, enum rejection why, int status, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    receiver_requests_reject(&call->receiver->requests, why, call->req, text);
    end_span(call, 0, text);
    write_call_move(call, WRITE_CALL_ANSWERED);
    drop_work(call);
    if (call->req != NULL && !call->req->responded)
        write_request_answer(call->req, status, NULL, status == 503, text);
}

void write_call_gone(struct write_call *call)
{
    metric_add(call->receiver->requests.rejected[REJECTED_ABORTED], 1);
    if (call->req == NULL) {
        free_call(call);
        return;
    }
    write_call_move(call, WRITE_CALL_ANSWERED);
    drop_work(call);
}

/* What did not become a point, and what the pipeline has rejected for good, was not written. Of the latter it is not
 * known what it was: floats, as most are. */
static void take_off(struct write_result *written, uint64_t rejected)
{
    uint64_t samples = rejected < written->samples ? rejected : written->samples;

    written->samples -= samples;
    rejected -= samples;
    written->histograms -= rejected < written->histograms ? rejected : written->histograms;
}

static void answer_outcome(struct write_call *call, const struct outcome *o)
{
    static const struct write_result nothing;
    uint64_t wait = (o->retry_after_ms + 999) / 1000;

    if (o->verdict == VERDICT_RETRY) {
        write_request_answer(call->req, 503, NULL, wait == 0 ? 1 : wait < 3600 ? (unsigned)wait : 3600u, o->why);
        return;
    }
    if (o->verdict == VERDICT_REJECT) {
        write_request_answer(call->req, 400, &nothing, 0, o->why);
        return;
    }
    take_off(&call->result, o->rejected);
    if (call->result.why[0] != '\0')
        write_request_answer(call->req, 400, &call->result, 0, call->result.why);
    else if (o->rejected > 0)
        write_request_answer(call->req, 400, &call->result, 0, o->why);
    else
        write_request_answer(call->req, 204, &call->result, 0, "");
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct write_call *call = container_of(ack, struct write_call, ack);
    uint64_t refused = o->verdict == VERDICT_SAFE && o->rejected < call->items ? o->rejected : call->items;

    metric_add(call->receiver->accepted, call->items - refused);
    metric_add(call->receiver->refused, refused);
    if (refused > 0)
        receiver_requests_refused(&call->receiver->requests, call->req, o);
    end_span(call, refused,
             call->result.why[0] != '\0' ? call->result.why
             : refused == 0              ? NULL
             : o->why[0] != '\0'         ? o->why
                                         : o->reason);
    write_call_move(call, WRITE_CALL_ANSWERED);
    if (call->req == NULL)
        free_call(call);
    else if (!call->req->responded)
        answer_outcome(call, o); /* on_close comes later and frees the call */
}

/* ---- reading ---- */

static void tell_left_out(struct write_call *call)
{
    struct write_receiver *r = call->receiver;
    const struct write_result *w = &call->result;

    metric_add(r->left_out[LEFT_INVALID], w->invalid);
    metric_add(r->left_out[LEFT_SERIES_LIMIT], w->refused);
    metric_add(r->left_out[LEFT_EXEMPLARS], w->lost);
    if (w->why[0] != '\0' && complaint_due(&r->left_out_log, &loop_of(call)->clock))
        log_warn(&r->node.log, "Samples of a remote write were left out", F_STR("error", w->why),
                 F_UINT("invalid", w->invalid), F_UINT("over_limit", w->refused),
                 F_STR("peer", call->req != NULL ? http_request_peer(call->req) : "gone"),
                 F_UINT("requests", complaint_taken(&r->left_out_log)));
}

static void send_batch(struct write_call *call)
{
    struct write_receiver *r = call->receiver;
    struct batch *batch;

    write_reading_end(call->reading, &call->result);
    batch = call->result.batch;
    call->result.batch = NULL;
    drop_work(call);
    tell_left_out(call);
    write_call_move(call, WRITE_CALL_PIPELINE);
    call->items = batch != NULL ? batch->items : 0;
    ack_init(&call->ack, &loop_of(call)->turn, NULL, call->items, true, on_settled);
    if (batch == NULL) { /* nothing to do is done */
        ack_settle(&call->ack, &(struct outcome){ .verdict = VERDICT_SAFE });
        return;
    }
    batch->metadata = metadata_ref(call->metadata);
    consumer_send(r->node.out[SIGNAL_METRICS], batch, &call->ack);
}

/* True: it wants another turn. */
static bool read_slice(struct write_call *call)
{
    switch (write_reading_step(call->reading)) {
    case WRITE_MORE:
        return true;
    case WRITE_WHOLE:
        send_batch(call);
        break;
    case WRITE_MALFORMED:
        write_call_reject(call, REJECTED_MESSAGE, 400, "%s", write_reading_fault(call->reading));
        break;
    case WRITE_TOO_LARGE:
        write_call_reject(call, REJECTED_TOO_LARGE, 413, "%s; send smaller requests",
                          write_reading_fault(call->reading));
        break;
    case WRITE_NO_ROOM:
        write_call_reject(call, REJECTED_BUDGET, 503, "%s", write_reading_fault(call->reading));
        break;
    }
    return false;
}

/* One slice of the call that waits longest. */
static bool read_next(void *arg)
{
    struct write_receiver *r = arg;
    struct write_call *call = list_pop(&r->line, struct write_call, queue_link);

    if (call != NULL && read_slice(call))
        list_push(&r->line, &call->queue_link);
    return !list_empty(&r->line);
}

void write_call_read(struct write_call *call, struct bytes message)
{
    struct write_receiver *r = call->receiver;

    write_call_move(call, WRITE_CALL_READING);
    call->reading = write_reading_new(r->intake, call->version, message, POINTS_RATIO * r->max_body);
    list_push(&r->line, &call->queue_link);
    slicer_start(r->slicer);
}

/* ---- the body ---- */

static void on_whole(struct request_body *body)
{
    write_call_inflate(container_of(body, struct write_call, body));
}

static void on_body_refused(struct request_body *body, enum body_refusal why, const char *text)
{
    bool slow = why == BODY_TOO_SLOW;

    write_call_reject(container_of(body, struct write_call, body), slow ? REJECTED_SLOW : REJECTED_BUDGET,
                      slow ? 408 : 503, "%s", text);
}

void write_calls_init(struct write_receiver *r)
{
    list_init(&r->calls);
    list_init(&r->line);
    r->slicer = slicer_new(r->node.host->loop, read_next, r);
    r->bodies.host = r->node.host;
    r->bodies.whole = on_whole;
    r->bodies.refuse = on_body_refused;
    body_keeper_init(&r->bodies);
}

void write_calls_abandon(struct write_receiver *r)
{
    list_each (struct write_call, call, &r->calls, link) {
        assert(call->req == NULL);
        write_call_abandon_job(call);
        free_call(call);
    }
}

/* ---- the service ---- */

static void on_request(struct http_service *s, struct http_request *req)
{
    struct write_receiver *r = container_of(s, struct write_receiver, service);
    enum write_version version;
    struct write_call *call;
    enum coding coding;

    receiver_requests_saw(&r->requests, req);
    if (!write_request_check(r, req, &version, &coding))
        return;
    call = new_call(r, req);
    call->version = version;
    call->coding = coding;
    if (traced_wanted(&r->node))
        traced_begin(&r->node, &call->traced, http_request_header(req, "traceparent"));
    call->body.limit = r->max_body;
    call->metadata = receiver_request_metadata(r->node.host, req, r->config->server.include_metadata);
    if (body_open(&call->body, &r->bodies, req, host_budget(r->node.host, SIGNAL_METRICS)))
        body_begin(&call->body, req->content_length >= 0 ? (size_t)req->content_length : SIZE_MAX);
}

static void on_body(struct http_request *req, struct bytes data)
{
    struct write_call *call = req->context;

    if (call == NULL || call->state != WRITE_CALL_BODY)
        return;
    if (!body_add(&call->body, data))
        write_call_reject(call, REJECTED_TOO_LARGE, 413,
                          "the body is larger than %zu bytes; send smaller requests or raise max_request_body_size",
                          call->body.limit);
}

static void on_end(struct http_request *req)
{
    struct write_call *call = req->context;

    if (call != NULL && call->state == WRITE_CALL_BODY)
        body_end(&call->body);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct write_call *call = http_request_leave(req);

    if (call == NULL)
        return;
    call->req = NULL;
    if (aborted && (call->state == WRITE_CALL_BODY || call->state == WRITE_CALL_READING))
        metric_add(call->receiver->requests.rejected[REJECTED_ABORTED], 1);
    if (call->state != WRITE_CALL_PIPELINE && call->state != WRITE_CALL_INFLATING)
        free_call(call);
}

static void on_refused(struct http_service *s, struct http_request *req, const struct gate_refusal *refusal)
{
    write_request_refuse(container_of(s, struct write_receiver, service), req, refusal);
}

static void on_broken(struct http_service *s, const char *peer, const char *reason, const char *why)
{
    receiver_requests_broke(&container_of(s, struct write_receiver, service)->requests, peer, reason, why);
}

const struct http_service write_receiver_service = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_close = on_close,
    .on_refused = on_refused,
    .on_broken = on_broken,
};
