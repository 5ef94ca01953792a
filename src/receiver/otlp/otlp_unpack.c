/* SPDX-License-Identifier: Apache-2.0 */
/* From a whole body to valid wire bytes: inflated, turned from JSON, validated.
 *
 * A small body is unpacked at once. A large one would hold up the loop (20 MiB of JSON for a tenth of a second) and
 * is a job's work: JOBS of a receiver at a time, since each may need a multiple of what the body has; the others wait
 * their turn. A job reads a block that nobody changes and allocates without the budget, which is the loop's: the most
 * that it can need is charged before it begins. */
#include "receiver/otlp/otlp.h"

#include "otlp/json.h"
#include "otlp/profile_strings.h"
#include "otlp/repair.h"

#include <assert.h>
#include <stdlib.h>

#define JOBS 2u
#define LARGE_WIRE ((size_t)2048 * 1024)
#define LARGE_CODED ((size_t)128 * 1024)
#define LARGE_JSON ((size_t)256 * 1024)
#define USUAL_RATIO 16 /* more than that is seldom inside; it is then tried again with all that is allowed */
#define SCRATCH_KEPT ((size_t)1024 * 1024) /* one huge document must not pin its scratch for ever */

struct unpack_job {
    struct job job;
    struct otlp_call *call;
    struct budget *budget;
    struct block *body; /* what u.body points into */
    uint64_t charge;
    struct unpacking u;
};

/* --- the work --- */

static bool inflate_body(struct unpacking *u)
{
    struct block *block;
    size_t len;
    int rc = inflate_block(u->coding, u->body, u->limit, u->budget, &block, &len, &u->err);

    if (rc != 0) {
        u->fault = rc == UV_EFBIG ? UNPACK_INFLATES_TOO_FAR : rc == UV_ENOMEM ? UNPACK_NO_ROOM : UNPACK_BAD_CODING;
        return false;
    }
    u->block = block;
    u->body = bytes_of(block->data, len);
    return true;
}

/* The wire bytes in a block of their own. */
static bool keep_wire(struct unpacking *u, const struct buf *wire)
{
    struct block *block = block_new(u->budget, wire->len);

    if (block == NULL) {
        u->fault = UNPACK_NO_ROOM;
        return false;
    }
    if (wire->len > 0)
        memcpy(block->data, wire->data, wire->len);
    if (u->block != NULL)
        block_unref(u->block);
    u->block = block;
    u->body = bytes_of(block->data, wire->len);
    return true;
}

static bool from_json(struct unpacking *u, struct buf *wire)
{
    int rc;

    wire->len = 0;
    rc = json_request_to_wire(signal_table[u->signal].request, u->body, u->limit, wire, &u->repairs, &u->err);
    if (rc != 0) {
        u->fault = rc == UV_E2BIG ? UNPACK_JSON_TOO_LARGE : UNPACK_BAD_JSON;
        return false;
    }
    u->foreign = wire->len == 0 && otlp_foreign_json(u->signal, u->body, &u->err);
    return keep_wire(u, wire);
}

/* A string that is not UTF-8 costs no more than itself. A copy is made only here, where there is one; in a job it is
 * not charged until the job is done. False: what is wrong is more than that. */
static bool repair_body(struct unpacking *u, struct buf *wire)
{
    struct validation v;

    wire->len = 0;
    buf_reserve(wire, u->body.len + REPAIR_GROWTH);
    u->repairs.strings = otlp_repair(u->signal, u->body, wire);
    if (u->repairs.strings == 0)
        return false;
    error_set(&u->repairs.first, 0, "at byte %zu: %s", u->validation.fault_offset, u->validation.fault);
    if (!otlp_validate(u->signal, buf_bytes(wire), &v)) {
        u->validation = v;
        return false;
    }
    u->validation = v;
    (void)keep_wire(u, wire); /* without room, the fault says so */
    return true;
}

/* Of profiles whose resources are described by numbers of texts. Without room the fault says so. A text stands where
 * its number was, behind the value of its key. */
static void resolve_strings(struct unpacking *u, struct buf *wire)
{
    wire->len = 0;
    if (profile_strings_resolve(u->body, u->limit, wire))
        u->resolved = keep_wire(u, wire);
    u->validation.ordered &= !u->resolved;
}

/* Touches nothing but u and wire. */
static void unpack_body(struct unpacking *u, struct buf *wire)
{
    if (u->coding != CODING_IDENTITY && !inflate_body(u))
        return;
    if (u->json && !from_json(u, wire))
        return;
    if (!otlp_validate(u->signal, u->body, &u->validation) && !(u->validation.is_text && repair_body(u, wire)))
        u->fault = UNPACK_INVALID;
    else if (!u->json && u->validation.items == 0)
        u->foreign = otlp_foreign_wire(u->signal, u->body, &u->err);
    if (u->signal == SIGNAL_PROFILES && u->fault == UNPACK_DONE)
        resolve_strings(u, wire);
}

static struct unpacking work_of(const struct otlp_call *call)
{
    return (struct unpacking){
        .signal = call->signal,
        .coding = call->coding,
        .json = call->json,
        .limit = call->body.limit,
        .body = bytes_of(call->body.block->data, call->body.len),
        .budget = call->body.budget,
    };
}

static void free_block(struct unpacking *u)
{
    if (u->block != NULL)
        block_unref(u->block);
    u->block = NULL;
}

/* --- at once --- */

static void unpack_here(struct otlp_call *call, struct unpacking *u)
{
    struct buf *scratch = &call->receiver->scratch;

    unpack_body(u, scratch);
    if (scratch->cap > SCRATCH_KEPT)
        buf_free(scratch);
}

/* False when it turns out to be large. */
static bool unpack_small(struct otlp_call *call)
{
    struct unpacking u = work_of(call);
    size_t most = u.json ? LARGE_JSON : LARGE_WIRE;

    if (call->body.len >= (u.coding != CODING_IDENTITY ? LARGE_CODED : most))
        return false;
    if (u.coding != CODING_IDENTITY && u.limit > most)
        u.limit = most;
    unpack_here(call, &u);
    if (u.fault == UNPACK_INFLATES_TOO_FAR && u.limit < call->body.limit)
        return false;
    call_unpacked(call, &u);
    return true;
}

/* --- in the pool --- */

static bool is_waited_for(const struct otlp_call *call)
{
    return call->req != NULL && !call->req->responded;
}

/* Nobody wants the answer any more. */
static void drop_call(struct otlp_call *call)
{
    metric_add(call->receiver->requests[call->transport].rejected[REJECTED_ABORTED], 1);
    if (call->req == NULL) {
        call_free(call);
        return;
    }
    call_move(call, CALL_ANSWERED); /* its deadline has passed; on_close frees it */
    body_drop(&call->body);
}

static void run_jobs(struct otlp *r);

static void on_work(struct job *job)
{
    struct buf wire = { 0 };

    unpack_body(&container_of(job, struct unpack_job, job)->u, &wire);
    buf_free(&wire);
}

static void queue_call(struct otlp_call *call)
{
    list_push(&call->receiver->to_unpack, &call->to_unpack);
    call_move(call, CALL_UNPACKING);
    run_jobs(call->receiver);
}

static bool hit_its_limit(const struct unpacking *u)
{
    return u->fault == UNPACK_INFLATES_TOO_FAR || u->fault == UNPACK_JSON_TOO_LARGE;
}

static void take_result(struct otlp_call *call, struct unpack_job *job)
{
    call->job = NULL;
    call_move(call, CALL_BODY);
    call->receiver->jobs--;
    run_jobs(call->receiver);
    if (!is_waited_for(call)) {
        drop_call(call);
    } else if (hit_its_limit(&job->u) && job->u.limit < call->body.limit) {
        call->unpack_limit = call->body.limit;
        queue_call(call);
    } else {
        if (job->u.block != NULL)
            block_adopt(job->u.block, job->budget);
        call_unpacked(call, &job->u);
    }
}

static void free_job(struct unpack_job *j)
{
    free_block(&j->u);
    block_unref(j->body);
    free(j);
}

static void on_work_done(struct job *job)
{
    struct unpack_job *j = container_of(job, struct unpack_job, job);

    budget_give(j->budget, j->charge);
    take_result(j->call, j);
    free_job(j);
}

/* The receiver has gone. */
static void on_dropped(struct job *job)
{
    struct unpack_job *j = container_of(job, struct unpack_job, job);

    budget_give(j->budget, j->charge);
    free_job(j);
}

/* What a job is allowed at first. */
static size_t first_limit(const struct otlp_call *call)
{
    size_t usual = call->body.len < call->body.limit / USUAL_RATIO ? call->body.len * USUAL_RATIO : call->body.limit;

    if (usual < LARGE_WIRE)
        usual = LARGE_WIRE;
    return call->coding == CODING_IDENTITY || usual > call->body.limit ? call->body.limit : usual;
}

/* What it allocates at most: the inflated text, for JSON its wire form twice (which is shorter than the text), and what
 * texts for numbers take. */
static uint64_t charge_of(const struct otlp_call *call, size_t limit)
{
    bool coded = call->coding != CODING_IDENTITY;
    uint64_t text = coded ? limit : call->body.len;

    return (coded ? text : 0) + (call->json ? 2 * text : 0) +
           (call->signal == SIGNAL_PROFILES ? profile_strings_memory(text) : 0);
}

static void begin_job(struct otlp_call *call)
{
    struct otlp *r = call->receiver;
    struct budget *budget = call->body.budget;
    size_t limit = call->unpack_limit > 0 ? call->unpack_limit : first_limit(call);
    uint64_t charge = charge_of(call, limit);
    struct unpack_job *job;

    call_move(call, CALL_BODY);
    if (charge > budget_limit(budget) / 8) { /* a budget for which that much is out of proportion */
        struct unpacking u = work_of(call);

        unpack_here(call, &u);
        call_unpacked(call, &u);
        return;
    }
    if (!budget_take(budget, charge)) {
        body_wait(&call->body, charge);
        return;
    }
    job = mem_zalloc(sizeof(*job));
    job->job = (struct job){ .work = on_work, .done = on_work_done, .drop = on_dropped };
    job->call = call;
    job->budget = budget;
    job->charge = charge;
    job->body = block_ref(call->body.block);
    job->u = work_of(call);
    job->u.budget = NULL;
    job->u.limit = limit;
    call->job = job;
    call_move(call, CALL_UNPACKING);
    r->jobs++;
    job_start(r->node.host->loop, JOB_CPU, &job->job);
}

static void run_jobs(struct otlp *r)
{
    while (r->jobs < JOBS && !list_empty(&r->to_unpack)) {
        struct otlp_call *call = list_pop(&r->to_unpack, struct otlp_call, to_unpack);

        if (is_waited_for(call))
            begin_job(call);
        else
            drop_call(call);
    }
}

void call_unpack(struct otlp_call *call)
{
    if (!unpack_small(call))
        queue_call(call);
}

bool call_inflate(struct otlp_call *call)
{
    struct unpacking u = work_of(call);

    if (u.coding == CODING_IDENTITY)
        return true;
    if (!inflate_body(&u)) {
        call_unpacked(call, &u);
        return false;
    }
    block_unref(call->body.block);
    call->body.block = u.block;
    call->body.len = u.body.len;
    return true;
}

void unpack_abandon(struct otlp *r)
{
    list_each (struct otlp_call, call, &r->calls, link) {
        assert(call->state == CALL_UNPACKING && call->req == NULL);
        if (call->job != NULL)
            job_abandon(&call->job->job);
        list_remove(&call->to_unpack);
        call_free(call);
    }
}
