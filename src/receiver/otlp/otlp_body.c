/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering a body: one block of the right size, one copy, and no more granted to the peer than is paid for.
 *
 * The block is charged to the budget before the peer may send what fills it. Large bodies are granted in steps that
 * double, so that announcing four gigabytes costs a stranger's budget no more than what he really sends. When the
 * budget refuses, nothing more is granted: what the peer could send already (its initial window) is kept, charged
 * without leave, and the body waits for room; after PATIENCE the sender is told to come again. */
#include "receiver/otlp/otlp.h"

#include <assert.h>

#define FIRST_STEP (256ul * 1024) /* typical requests fit: one allocation */
#define FIRST_STEP_UNKNOWN (16ul * 1024)
#define FIRST_STEP_USUAL (1024ul * 1024) /* as long as the last one was, but no longer: growing copies */
#define PATIENCE (5 * NS_PER_S)

static void on_room(struct budget_waiter *w);

static void on_impatient(struct clock_timer *t)
{
    struct otlp_call *call = container_of(t, struct otlp_call, patience);

    call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                "no room in the memory budget for this request; send it again later");
}

void body_wait(struct otlp_call *call)
{
    struct host *host = call->receiver->node.host;

    if (!call->over) {
        call->over = true;
        metric_add(call->receiver->waits, 1);
        clock_start(&host->loop->clock, &call->patience, PATIENCE, on_impatient);
    }
    budget_wait(host->budget, &call->waiter, on_room);
}

/* The capacity after this one: twice as much, never more than can come. */
static size_t next_step(const struct otlp_call *call)
{
    size_t most = call->expected < call->limit ? call->expected : call->limit;
    size_t step = call->block->cap < SIZE_MAX / 2 ? call->block->cap * 2 : most;

    return step < most ? step : most;
}

/* Make the block larger once it is half full, and let the peer send what it has room for. */
static void open_up(struct otlp_call *call)
{
    size_t want = next_step(call);
    size_t room;

    if (want > call->block->cap && call->len >= call->block->cap / 2) {
        struct block *grown = block_grow(call->block, want, false);

        if (grown == NULL) {
            body_wait(call);
            return;
        }
        call->block = grown;
    }
    room = call->block->cap + call->overhead;
    if (room > call->granted) {
        http_request_grant(call->req, room - call->granted);
        call->granted = room;
    }
}

static void on_room(struct budget_waiter *w)
{
    struct otlp_call *call = container_of(w, struct otlp_call, waiter);

    call->over = false;
    clock_stop(&call->receiver->node.host->loop->clock, &call->patience);
    if (call->ended)
        call_deliver(call);
    else
        open_up(call);
}

/* Senders send much the same again and again. */
static size_t first_step(const struct otlp *r, size_t expected)
{
    size_t usual = r->usual_body + r->usual_body / 8, least = expected == SIZE_MAX ? FIRST_STEP_UNKNOWN : FIRST_STEP;

    if (usual < least)
        return least;
    return usual < FIRST_STEP_USUAL ? usual : FIRST_STEP_USUAL;
}

void body_begin(struct otlp_call *call, size_t expected)
{
    struct budget *budget = call->receiver->node.host->budget;
    size_t first = first_step(call->receiver, expected);

    call->expected = expected;
    if (first > expected)
        first = expected;
    if (first > call->limit)
        first = call->limit;
    call->block = block_new(budget, first);
    if (call->block == NULL) {
        call->block = block_force(budget, 0);
        body_wait(call);
        return;
    }
    open_up(call);
}

/* Room for what the peer was allowed to send before the block had it: its initial window. */
static void hold(struct otlp_call *call, size_t need)
{
    size_t want = next_step(call) > need ? next_step(call) : need;
    struct block *grown = call->over ? NULL : block_grow(call->block, want, false);

    if (grown == NULL) {
        grown = block_grow(call->block, need, true);
        body_wait(call);
    }
    call->block = grown;
}

bool body_add(struct otlp_call *call, struct bytes data)
{
    size_t need = call->len + data.len;

    if (data.len > call->limit - call->len)
        return false;
    if (need > call->block->cap)
        hold(call, need);
    memcpy(call->block->data + call->len, data.data, data.len);
    call->len = need;
    if (!call->over && need < call->expected)
        open_up(call);
    return true;
}

void body_end(struct otlp_call *call)
{
    size_t spare = call->block->cap - call->len;

    call->ended = true;
    call->receiver->usual_body = call->len;
    if (spare > 4096 && spare > call->len / 8)
        call->block = block_shrink(call->block, call->len);
    if (!call->over)
        call_deliver(call);
}

void body_drop(struct otlp_call *call)
{
    struct host *host = call->receiver->node.host;

    budget_cancel(host->budget, &call->waiter);
    clock_stop(&host->loop->clock, &call->patience);
    call->over = false;
    if (call->block != NULL)
        block_unref(call->block);
    call->block = NULL;
    call->len = 0;
}
