/* SPDX-License-Identifier: Apache-2.0 */
/* One request: the part's own bytes where nothing is to be done to them, or those that a client has compressed, else
 * what an encoding made of them, on a thread where that takes long; then the call; then its answer goes to the export.
 *
 * What can go wrong: the body comes out longer than a request may be (JSON is), and the export cuts its part; the peer
 * cannot read what the client has compressed, and gets it once more, compressed by us; nobody can be reached, or no
 * answer comes in time, which is an answer too (otlp_answer.h); the exporter goes first, and cancels call or job. */
#include "exporter/otlp/otlp_exporter.h"

#include "base/loop/job.h"
#include "net/http2/grpc.h"
#include "otlp/json.h"

#include <assert.h>
#include <stdio.h>

/* Bodies from here on are compressed, or turned into JSON, beside the loop: about a millisecond's work. */
#define LARGE_CODED (256 * 1024u)
#define LARGE_JSON (64 * 1024u)
#define JSON_SIZE 4 /* times the batch: what its text is counted with, while it is made */

/* What becomes of a batch that does not go as it is. On a thread it touches only itself and the batch's bytes. */
struct otlp_encoding {
    struct job job;
    struct otlp_request *request;
    struct budget *budget;
    uint64_t charged;
    struct batch *batch; /* a reference */
    bool json;
    enum coding coding;
    int level;
    struct buf content, body; /* before compression, where that is not the batch's; and behind it */
    int rc;
    struct error err;
};

static void enter_state(struct otlp_request *r, enum request_state to)
{
    static const uint8_t allowed[REQUEST_STATES] = {
        [REQUEST_NONE] = 1 << REQUEST_ENCODING | 1 << REQUEST_ASKING | 1 << REQUEST_SENDING,
        [REQUEST_ENCODING] = 1 << REQUEST_ASKING | 1 << REQUEST_SENDING | 1 << REQUEST_NONE,
        [REQUEST_ASKING] = 1 << REQUEST_SENDING | 1 << REQUEST_NONE,
        [REQUEST_SENDING] = 1 << REQUEST_NONE,
    };

    assert(allowed[r->state] & 1 << to);
    r->state = to;
}

/* ---- encoding ---- */

static int write_json(struct otlp_encoding *e)
{
    const struct batch *b = e->batch;
    struct buf joined = { 0 };
    struct bytes wire = bytes_of(b->segments[0].data, b->segments[0].len);
    int rc;

    if (b->n_segments > 1) {
        for (uint32_t i = 0; i < b->n_segments; i++)
            buf_append(&joined, b->segments[i].data, b->segments[i].len);
        wire = buf_bytes(&joined);
    }
    rc = wire_to_json(signal_table[b->signal].request, wire, &e->content, &e->err);
    buf_free(&joined);
    return rc;
}

static void encode_body(struct job *job)
{
    struct otlp_encoding *e = container_of(job, struct otlp_encoding, job);
    struct bytes one, *parts = &one;
    size_t n = 1;

    e->rc = e->json ? write_json(e) : 0;
    if (e->rc != 0 || e->coding == CODING_IDENTITY)
        return;
    if (e->json) {
        one = buf_bytes(&e->content);
    } else {
        n = e->batch->n_segments;
        parts = mem_alloc(n * sizeof(*parts));
        for (size_t i = 0; i < n; i++)
            parts[i] = bytes_of(e->batch->segments[i].data, e->batch->segments[i].len);
    }
    e->rc = deflate_parts(e->coding, e->level, parts, n, &e->body, &e->err);
    if (parts != &one)
        free(parts);
}

/* The books follow what is there. */
static void charge_encoding(struct otlp_encoding *e, uint64_t now)
{
    budget_give(e->budget, e->charged);
    e->charged = now;
    budget_charge(e->budget, now);
}

static void free_encoding(struct otlp_encoding *e)
{
    buf_free(&e->content);
    buf_free(&e->body);
    batch_unref(e->batch);
    budget_give(e->budget, e->charged);
    free(e);
}

/* The request has gone. */
static void on_dropped(struct job *job)
{
    free_encoding(container_of(job, struct otlp_encoding, job));
}

static void take_encoded(struct otlp_request *r);

static void on_encoded(struct job *job)
{
    struct otlp_encoding *e = container_of(job, struct otlp_encoding, job);

    take_encoded(e->request);
}

static struct otlp_encoding *new_encoding(struct otlp_request *r)
{
    const struct otlp_settings *s = &r->node->settings;
    struct otlp_encoding *e = mem_zalloc(sizeof(*e));

    e->job = (struct job){ .work = encode_body, .done = on_encoded, .drop = on_dropped };
    e->request = r;
    e->budget = r->node->node.host->budget;
    e->batch = batch_ref(r->batch);
    e->json = s->json;
    e->coding = s->coding;
    e->level = s->level;
    return e;
}

/* ---- the call ---- */

static void end_request(struct otlp_request *r)
{
    if (r->encoding != NULL)
        free_encoding(r->encoding);
    r->encoding = NULL;
    r->parts.n = 0;
    enter_state(r, REQUEST_NONE);
}

static void count_answer(struct otlp_request *r, const struct otlp_answer *a)
{
    struct otlp_exporter *n = r->node;
    uint64_t took = clock_mono(&n->node.host->loop->clock) - r->begun;

    metric_add(n->m.requests[a->fate == OTLP_TAKEN ? 0 : 1], 1);
    metric_observe(n->m.seconds, (double)took / (double)NS_PER_S);
    if (n->m.latency == NULL)
        return;
    metric_observe(n->m.latency, (double)took / (double)NS_PER_MS);
    metric_add(n->m.outcome[a->fate == OTLP_TAKEN ? 0 : 1], 1);
}

/* Nothing has been done to what a client has compressed as we would. */
static bool goes_as_it_came(const struct otlp_request *r)
{
    const struct packed *p = &r->batch->packed;

    return !r->anew && p->block != NULL && p->coding == r->node->settings.coding && otlp_exporter_forwards(r->node);
}

/* A peer that cannot read a body says that it is no good (400, INVALID_ARGUMENT), or that it failed (INTERNAL). */
static bool may_be_the_coding(const struct otlp_answer *a)
{
    return a->code == GRPC_INVALID_ARGUMENT || a->code == GRPC_INTERNAL;
}

static void begin_request(struct otlp_request *r);

static void on_done(struct http_call *call, const struct http_response *response)
{
    struct otlp_request *r = container_of(call, struct otlp_request, call);
    struct otlp_exporter *n = r->node;
    const struct otlp_question q = {
        .grpc = n->settings.grpc, .signal = n->node.signal, .peer = n->name, .items = r->batch->items, .size = r->size
    };
    struct otlp_answer a;

    bool forwarded = goes_as_it_came(r);

    otlp_answer_read(&a, &q, response);
    if (a.code == GRPC_UNAUTHENTICATED && n->authenticator != NULL && authenticator_refused(n->authenticator, &r->auth))
        a.fate = OTLP_RETRY; /* with something else to say */
    count_answer(r, &a);
    end_request(r);
    r->anew = forwarded && a.fate == OTLP_REFUSED && may_be_the_coding(&a);
    if (r->anew)
        begin_request(r);
    else
        otlp_export_answered(r, &a);
}

/* The parts of the body, which stay where they are until the answer; those of a gRPC message behind its prefix. */
static void set_parts(struct otlp_request *r)
{
    const struct otlp_encoding *e = r->encoding;
    bool coded = e != NULL || goes_as_it_came(r);
    uint64_t length = 0;

    r->parts.n = 0;
    if (r->node->settings.grpc)
        *vec_push(&r->parts) = bytes_of(r->prefix, sizeof(r->prefix));
    if (e != NULL)
        *vec_push(&r->parts) = buf_bytes(e->coding == CODING_IDENTITY ? &e->content : &e->body);
    else if (coded)
        *vec_push(&r->parts) = r->batch->packed.data;
    for (uint32_t i = 0; !coded && i < r->batch->n_segments; i++)
        *vec_push(&r->parts) = bytes_of(r->batch->segments[i].data, r->batch->segments[i].len);
    for (size_t i = 0; i < r->parts.n; i++)
        length += r->parts.v[i].len;
    metric_add(r->node->m.bytes, length);
    if (r->node->settings.grpc)
        grpc_prefix_put(r->prefix, coded, (uint32_t)(length - sizeof(r->prefix)));
}

static void start_call(struct otlp_request *r)
{
    enter_state(r, REQUEST_SENDING);
    r->node->port->start(r->node, &r->call);
}

/* ---- who we are ---- */

static void tell_unauthorized(struct turn_task *task)
{
    struct otlp_request *r = container_of(task, struct otlp_request, failing);
    struct otlp_answer a = { .fate = r->auth.permanent ? OTLP_REFUSED : OTLP_RETRY,
                             .reason = "authenticator",
                             .retry_after_ms = r->auth.retry_after_ms };

    snprintf(a.text, sizeof(a.text), "%s", r->auth.why);
    end_request(r);
    otlp_export_answered(r, &a);
}

static void take_verdict(struct otlp_request *r, enum auth_verdict v)
{
    if (v == AUTH_GRANTED) {
        r->call.headers = r->headers.list.v;
        r->call.n_headers = r->headers.list.n;
        start_call(r);
    } else if (v == AUTH_FAILED) {
        r->failing.run = tell_unauthorized;
        turn_defer(&r->node->node.host->loop->turn, &r->failing);
    }
}

static void on_authorized(struct auth_request *auth, enum auth_verdict v)
{
    take_verdict(container_of(auth, struct otlp_request, auth), v);
}

static void ask_authenticator(struct otlp_request *r)
{
    struct otlp_exporter *n = r->node;

    call_headers_reset(&r->headers);
    for (size_t i = 0; i < n->headers.n; i++)
        call_headers_add(&r->headers, n->headers.v[i].name, n->headers.v[i].value);
    r->auth = (struct auth_request){ .metadata = r->batch->metadata, .headers = &r->headers, .done = on_authorized };
    enter_state(r, REQUEST_ASKING);
    take_verdict(r, authenticator_ask(n->authenticator, &r->auth));
}

static void send_request(struct otlp_request *r)
{
    struct otlp_exporter *n = r->node;

    set_parts(r);
    r->call = (struct http_call){
        .method = "POST",
        .path = n->settings.grpc ? signal_table[n->node.signal].grpc_path : NULL,
        .headers = n->headers.v,
        .n_headers = n->headers.n,
        .parts = r->parts.v,
        .n_parts = r->parts.n,
        .timeout = n->settings.timeout,
        .max_response = OTLP_ANSWER_MAX,
        .repeatable = true,
        .on_done = on_done,
    };
    if (n->authenticator != NULL)
        ask_authenticator(r);
    else
        start_call(r);
}

static void refuse_unencodable(struct otlp_request *r)
{
    struct otlp_answer a = { .fate = OTLP_REFUSED, .reason = "not_encodable" };

    snprintf(a.text, sizeof(a.text), "cannot be encoded: %.150s", r->encoding->err.text);
    end_request(r);
    otlp_export_answered(r, &a);
}

static void take_encoded(struct otlp_request *r)
{
    struct otlp_encoding *e = r->encoding;
    uint64_t size;

    if (e->rc != 0) {
        refuse_unencodable(r);
        return;
    }
    size = e->json ? e->content.len : r->size;
    if (size > (otlp_batch_divisible(r->batch) ? r->node->limit.now : r->node->limit.most)) {
        end_request(r);
        otlp_export_too_long(r, size);
        return;
    }
    r->size = size;
    if (e->coding != CODING_IDENTITY)
        buf_free(&e->content);
    charge_encoding(e, e->content.cap + e->body.cap);
    send_request(r);
}

static void start_encoding(struct otlp_request *r)
{
    struct otlp_encoding *e = r->encoding = new_encoding(r);

    charge_encoding(e, (e->json ? JSON_SIZE : 1) * r->batch->bytes);
    enter_state(r, REQUEST_ENCODING);
    if (r->batch->bytes >= (e->json ? LARGE_JSON : LARGE_CODED)) {
        job_start(r->node->node.host->loop, JOB_CPU, &e->job);
        return;
    }
    encode_body(&e->job);
    take_encoded(r);
}

static void begin_request(struct otlp_request *r)
{
    const struct otlp_exporter *n = r->node;

    r->size = r->batch->bytes;
    r->begun = clock_mono(&n->node.host->loop->clock);
    if ((n->settings.json || n->settings.coding != CODING_IDENTITY) && !goes_as_it_came(r))
        start_encoding(r);
    else
        send_request(r);
}

void otlp_request_start(struct otlp_request *r, struct otlp_exporter *n, struct batch *batch)
{
    r->node = n;
    r->batch = batch;
    r->anew = false;
    begin_request(r);
}

void otlp_request_free(struct otlp_request *r)
{
    if (r->state == REQUEST_SENDING)
        r->node->port->cancel(r->node, &r->call);
    if (r->state == REQUEST_ASKING) {
        authenticator_cancel(&r->auth);
        turn_cancel(&r->node->node.host->loop->turn, &r->failing);
    }
    if (r->state == REQUEST_ENCODING)
        job_abandon(&r->encoding->job);
    else if (r->encoding != NULL)
        free_encoding(r->encoding);
    vec_free(&r->parts);
    call_headers_free(&r->headers);
}
