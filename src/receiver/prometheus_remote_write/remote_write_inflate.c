/* SPDX-License-Identifier: Apache-2.0 */
/* A small body is inflated at once, a large one by a job, which is charged beforehand with the most that it may make.
 * Snappy says in front how long it will be. */
#include "receiver/prometheus_remote_write/remote_write_receiver.h"

#include "codec/pb.h"

#include <stdlib.h>

#define LARGE ((size_t)128 * 1024)
#define LARGE_INSIDE ((size_t)512 * 1024) /* snappy: half a millisecond */
#define USUAL_RATIO 16                    /* of other codings: more than that is seldom inside, and then tried again */

struct inflate_job {
    struct job job;
    struct write_call *call;
    struct budget *budget;
    struct block *body;
    struct bytes packed;
    enum coding coding;
    size_t limit;
    uint64_t charge;
    int rc;
    struct block *out;
    size_t len;
    struct error err;
};

/* ---- what came out ---- */

static void take_message(struct write_call *call, int rc, struct block *out, size_t len, const struct error *err)
{
    size_t limit = call->receiver->max_body;

    if (rc == 0) {
        call->message = out;
        body_drop(&call->body);
        write_call_read(call, bytes_of(out->data, len));
        return;
    }
    if (rc == UV_EFBIG)
        write_call_reject(call, REJECTED_TOO_LARGE, 413,
                          "the request is larger than %zu bytes after decompression; send smaller requests or raise "
                          "max_request_body_size",
                          limit);
    else if (rc == UV_ENOMEM)
        write_call_reject(call, REJECTED_BUDGET, 503,
                          "no room in the memory budget for this request; send it again later");
    else
        write_call_reject(call, REJECTED_ENCODING, 400, "cannot decompress %s: %s", coding_name(call->coding),
                          err->text);
}

static void inflate_here(struct write_call *call)
{
    struct error err = { 0 };
    struct block *out = NULL;
    size_t len = 0;
    int rc = inflate_block(call->coding, bytes_of(call->body.block->data, call->body.len), call->receiver->max_body,
                           call->body.budget, &out, &len, &err);

    take_message(call, rc, out, len, &err);
}

/* ---- in the pool ---- */

static void on_work(struct job *job)
{
    struct inflate_job *j = container_of(job, struct inflate_job, job);

    j->rc = inflate_block(j->coding, j->packed, j->limit, NULL, &j->out, &j->len, &j->err);
}

static void free_job(struct inflate_job *j)
{
    budget_give(j->budget, j->charge);
    if (j->out != NULL)
        block_unref(j->out);
    block_unref(j->body);
    free(j);
}

static void start_job(struct write_call *call, size_t limit);

static void on_work_done(struct job *job)
{
    struct inflate_job *j = container_of(job, struct inflate_job, job);
    struct write_call *call = j->call;
    struct block *out = j->out;

    call->job = NULL;
    write_call_move(call, WRITE_CALL_BODY);
    if (call->req == NULL || call->req->responded) {
        write_call_gone(call);
    } else if (j->rc == UV_EFBIG && j->limit < call->receiver->max_body) {
        start_job(call, call->receiver->max_body);
    } else {
        j->out = NULL;
        if (out != NULL)
            block_adopt(out, j->budget);
        take_message(call, j->rc, out, j->len, &j->err);
    }
    free_job(j);
}

static void on_dropped(struct job *job)
{
    free_job(container_of(job, struct inflate_job, job));
}

static void start_job(struct write_call *call, size_t limit)
{
    struct inflate_job *j;

    if (limit > budget_limit(call->body.budget) / 8) { /* a budget for which that much is out of proportion */
        inflate_here(call);
        return;
    }
    if (!budget_take(call->body.budget, limit)) {
        body_wait(&call->body, limit);
        return;
    }
    j = mem_zalloc(sizeof(*j));
    j->job = (struct job){ .work = on_work, .done = on_work_done, .drop = on_dropped };
    j->call = call;
    j->budget = call->body.budget;
    j->body = block_ref(call->body.block);
    j->packed = bytes_of(call->body.block->data, call->body.len);
    j->coding = call->coding;
    j->limit = limit;
    j->charge = limit;
    call->job = j;
    write_call_move(call, WRITE_CALL_INFLATING);
    job_start(call->receiver->node.host->loop, JOB_CPU, &j->job);
}

/* How much may come out, as far as one can know. */
static size_t limit_of(const struct write_call *call)
{
    size_t most = call->receiver->max_body;
    const uint8_t *p = call->body.block->data, *end = p + call->body.len;
    uint64_t announced;

    if (call->coding != CODING_SNAPPY)
        return call->body.len < most / USUAL_RATIO ? call->body.len * USUAL_RATIO : most;
    return pb_varint(&p, end, &announced) && announced < most ? (size_t)announced : most;
}

void write_call_inflate(struct write_call *call)
{
    size_t limit = limit_of(call);

    if (call->body.len < LARGE && (call->coding != CODING_SNAPPY || limit < LARGE_INSIDE))
        inflate_here(call);
    else
        start_job(call, limit);
}

void write_call_abandon_job(struct write_call *call)
{
    if (call->job != NULL)
        job_abandon(&call->job->job);
    call->job = NULL;
}
