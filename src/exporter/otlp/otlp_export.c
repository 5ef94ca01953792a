/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way. Its parts go out one after another, each with an answer of its own: taken, perhaps but for some
 * items; refused, which is no reason to keep back the next one; too large, then it is cut in smaller ones and these
 * take its place, down to single items. A single item that is too large is dropped, and so are those, together, of
 * which each would be, for what they are in is; nothing else ever is for its size. What is cut is cut part by part,
 * each when the one before it has its answer, or in a slice of a later turn when that was dropped: a large batch holds
 * up nobody for longer than one part of it takes, and is in memory once, and that part twice.
 *
 * With each answer but the last the sender hears of that part; with the last the batch is settled: safe, with what was
 * rejected and why; or, when nothing of it was taken, as refused. The first answer that says to come again ends it
 * before: the sender keeps what is left, and hands it over again when its time has come.
 *
 * A part may have its answer while it is still being begun (a body that is encoded on the spot and comes out too long).
 * So parts are begun in one loop, to which such an answer returns instead of beginning the next one on top of it. */
#include "exporter/otlp/otlp_exporter.h"

#include "net/http2/grpc.h"
#include "otlp/cut/cutter.h"

#include <assert.h>
#include <stdio.h>

void otlp_export_free(struct otlp_export *e)
{
    list_remove(&e->link);
    list_remove(&e->dropping);
    otlp_request_free(&e->request);
    for (size_t i = 0; i < e->parts.n; i++) {
        if (e->parts.v[i].batch != NULL)
            batch_unref(e->parts.v[i].batch);
        batch_cutter_free(e->parts.v[i].cutter);
    }
    vec_free(&e->parts);
    free(e);
}

/* ---- parts ---- */

/* What is first is to be cut: the next part of it takes its place in front. */
static void cut_next(struct otlp_export *e)
{
    struct batch_cutter *c = e->parts.v[e->parts.n - 1].cutter;
    uint64_t largest = e->parts.v[e->parts.n - 1].largest;
    struct batch *part = batch_cutter_next(c);

    assert(part != NULL);
    if (batch_cutter_left(c) == 0) {
        batch_cutter_free(c);
        e->parts.n--;
    }
    *vec_push(&e->parts) =
        (struct otlp_part){ .batch = part, .largest = largest, .lost = part->items > 1 && part->bytes > largest };
}

/* The one under way, or next. */
static struct batch *first_part(const struct otlp_export *e)
{
    return e->parts.v[e->parts.n - 1].batch;
}

/* ---- the end ---- */

static void settle_export(struct otlp_export *e)
{
    struct ack *ack = e->ack;
    bool refused = e->refused == e->items && e->refusal.verdict == VERDICT_REJECT;
    struct outcome o;

    outcome_copy(&o, refused ? &e->refusal : &e->done);
    otlp_export_free(e);
    ack_settle(ack, &o);
}

/* What is left, as one batch; its references go with it. */
static struct batch *take_rest(struct otlp_export *e)
{
    batch_parts in_order = { 0 };
    struct batch *rest;

    while (e->parts.n > 0) {
        struct otlp_part p = e->parts.v[--e->parts.n];

        *vec_push(&in_order) = p.batch != NULL ? p.batch : batch_cutter_rest(p.cutter);
        batch_cutter_free(p.cutter);
    }
    rest = batch_merge(in_order.v, in_order.n);
    vec_free(&in_order);
    return rest;
}

static void settle_for_now(struct otlp_export *e, const struct otlp_answer *a)
{
    struct outcome o = { .verdict = VERDICT_RETRY, .reason = a->reason, .retry_after_ms = a->retry_after_ms };
    struct ack *ack = e->ack;

    snprintf(o.why, sizeof(o.why), "%s", a->text);
    if (e->answered > 0)
        sender_attempt_narrow(ack, take_rest(e), &e->done);
    otlp_export_free(e);
    ack_settle(ack, &o);
}

/* ---- what became of a part ---- */

/* The last one is told by settling. */
static void end_part(struct otlp_export *e, uint64_t rejected, const char *reason)
{
    struct batch *part = e->parts.v[--e->parts.n].batch;
    struct losses lost = { 0 };

    e->answered += part->items;
    losses_add(&lost, rejected, reason);
    if (e->parts.n > 0)
        sender_attempt_part(e->ack, part->items, &lost);
    batch_unref(part);
}

/* The code goes to whoever waits behind, unless it would have him come again with what is refused for good. */
static int code_to_pass(const struct otlp_answer *a)
{
    return a->fate == OTLP_REFUSED && grpc_status_to_http((enum grpc_status)a->code) != 429 ? a->code : 0;
}

static void refuse_part(struct otlp_export *e, const struct otlp_answer *a)
{
    uint64_t items = first_part(e)->items;

    otlp_exporter_complain(e->node, a, items);
    e->refused += items;
    e->refusal = (struct outcome){ .verdict = VERDICT_REJECT, .reason = a->reason, .grpc_status = code_to_pass(a) };
    snprintf(e->refusal.why, sizeof(e->refusal.why), "%s", a->text);
    outcome_reject(&e->done, items, a->reason, "%s", a->text);
    end_part(e, items, a->reason);
}

/* Several items that are too large for what each of them is in. */
static void drop_lost_part(struct otlp_export *e)
{
    struct otlp_answer a = { .fate = OTLP_REFUSED, .reason = "too_large" };
    uint64_t largest = e->parts.v[e->parts.n - 1].largest;

    a.advice = "raise that limit, or let their sender say less in what is repeated with each item";
    snprintf(a.text, sizeof(a.text),
             "what several items are in (resource, scope, metric) makes each of them alone larger than %s of %llu",
             largest < e->node->limit.most ? "what the peer takes" : "max_request_bytes", (unsigned long long)largest);
    refuse_part(e, &a);
}

/* What is one item, or cannot be cut, and still too large. */
static void drop_large_part(struct otlp_export *e, uint64_t size, const char *who, uint64_t limit)
{
    const struct batch *part = first_part(e);
    struct otlp_answer a = { .fate = OTLP_REFUSED, .reason = "too_large" };

    a.advice = part->items > 1 ? "requests of this signal cannot be cut: raise that limit, or let senders make smaller "
                                 "ones"
                               : "raise that limit, or let its sender keep it smaller";
    snprintf(a.text, sizeof(a.text), "%s of %llu bytes is larger than %s of %llu",
             part->items > 1 ? "a request" : "one item", (unsigned long long)size, who, (unsigned long long)limit);
    refuse_part(e, &a);
}

/* The part under way in pieces of at most `most` bytes, in its place. `named`: a limit that the peer has named, or 0.
 */
static void cut_part(struct otlp_export *e, uint64_t most, uint64_t named)
{
    uint64_t largest = named > 0 && named < e->node->limit.most ? named : e->node->limit.most;
    struct batch *part = e->parts.v[--e->parts.n].batch;
    struct batch_cutter *c = batch_cutter_new(part, most > 0 ? most : 1, largest, e->node->node.host->budget);

    metric_add(e->node->m.splits, 1);
    *vec_push(&e->parts) = (struct otlp_part){ .cutter = c, .largest = largest };
    batch_unref(part);
}

/* ---- sending ---- */

static void go_on_later(struct otlp_export *e)
{
    struct otlp_exporter *n = e->node;

    list_push(&n->dropping, &e->dropping);
    if (n->slicer == NULL)
        n->slicer = slicer_new(n->node.host->loop, otlp_export_step, n);
    slicer_start(n->slicer);
}

/* Until a request is under way, a part was dropped without one, or the export has ended. */
static void send_parts(struct otlp_export *e)
{
    const struct request_limit *limit = &e->node->limit;
    uint64_t answered = e->answered;

    if (e->beginning)
        return;
    e->beginning = true;
    while (e->parts.n > 0 && e->request.state == REQUEST_NONE && e->answered == answered) {
        struct batch *part = first_part(e);

        if (part == NULL) {
            cut_next(e);
        } else if (e->parts.v[e->parts.n - 1].lost) {
            drop_lost_part(e);
        } else if (part->bytes > limit->now && otlp_batch_divisible(part)) {
            cut_part(e, limit->now, 0);
        } else if (part->bytes > limit->most) {
            drop_large_part(e, part->bytes, "max_request_bytes", limit->most);
        } else {
            otlp_request_start(&e->request, e->node, part);
        }
    }
    e->beginning = false;
    if (e->request.state != REQUEST_NONE)
        return;
    if (e->parts.n > 0)
        go_on_later(e);
    else
        settle_export(e);
}

bool otlp_export_step(void *node)
{
    struct otlp_exporter *n = node;
    struct otlp_export *e = list_pop(&n->dropping, struct otlp_export, dropping);

    if (e != NULL)
        send_parts(e);
    return e != NULL;
}

void otlp_export_too_long(struct otlp_request *r, uint64_t size)
{
    struct otlp_export *e = container_of(r, struct otlp_export, request);
    const struct request_limit *limit = &e->node->limit;
    uint64_t bytes = first_part(e)->bytes;

    if (otlp_batch_divisible(first_part(e))) /* as much smaller as the body is too long, and a little more */
        cut_part(e, (uint64_t)((double)bytes * (double)limit->now / (double)size * 0.9), 0);
    else
        drop_large_part(e, size, "max_request_bytes", limit->most);
    send_parts(e);
}

static void log_limit(struct otlp_exporter *n, const struct otlp_answer *a)
{
    log_warn(&n->node.log, "The peer takes no requests as large: from now on they are sent in parts",
             F_STR("answer", a->text), F_UINT("bytes", n->limit.now),
             F_STR("advice", "raise the peer's limit (the Go collector: max_recv_msg_size_mib, max_request_body_size), "
                             "or set max_request_bytes to it"));
}

static void handle_too_large(struct otlp_export *e, const struct otlp_answer *a, uint64_t size)
{
    struct otlp_exporter *n = e->node;
    struct batch *part = first_part(e);
    bool lower = request_limit_refused(&n->limit, size, a->limit, clock_mono(&n->node.host->loop->clock));

    if (lower && complaint_due(&n->too_large, &n->node.host->loop->clock))
        log_limit(n, a);
    if (otlp_batch_divisible(part))
        cut_part(e, part->bytes > n->limit.now ? n->limit.now : part->bytes / 2, n->settings.json ? 0 : a->limit);
    else
        drop_large_part(e, size, "what the peer takes", a->limit > 0 ? a->limit : n->limit.now);
}

/* Taken, but perhaps for what the peer says it rejected. */
static void take_part(struct otlp_export *e, const struct otlp_answer *a, uint64_t size)
{
    struct otlp_exporter *n = e->node;

    request_limit_taken(&n->limit, size, clock_mono(&n->node.host->loop->clock));
    if (a->rejected > 0 || a->text[0] != '\0')
        otlp_exporter_complain(n, a, a->rejected);
    outcome_reject(&e->done, a->rejected, "rejected_by_peer", "%s", a->text);
    if (a->rejected == 0 && complaint_over(&n->refusing))
        log_info(&n->node.log, "The peer takes what is sent again");
    end_part(e, a->rejected, "rejected_by_peer");
}

void otlp_export_answered(struct otlp_request *r, const struct otlp_answer *a)
{
    struct otlp_export *e = container_of(r, struct otlp_export, request);

    switch (a->fate) {
    case OTLP_TAKEN:
        take_part(e, a, r->size);
        break;
    case OTLP_REFUSED:
        refuse_part(e, a);
        break;
    case OTLP_TOO_LARGE:
        handle_too_large(e, a, r->size);
        break;
    case OTLP_RETRY:
        otlp_exporter_complain(e->node, a, first_part(e)->items);
        settle_for_now(e, a);
        return;
    }
    send_parts(e);
}

void otlp_export_start(struct otlp_exporter *n, struct batch *batch, struct ack *ack)
{
    struct otlp_export *e = mem_zalloc(sizeof(*e));

    e->node = n;
    e->ack = ack;
    e->items = batch->items;
    *vec_push(&e->parts) = (struct otlp_part){ .batch = batch };
    list_push(&n->exports, &e->link);
    send_parts(e);
}
