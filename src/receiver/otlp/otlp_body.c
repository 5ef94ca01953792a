/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering a body: one block, one copy in most cases, and no more granted to the peer than there is room for.
 *
 * The block is made when the first bytes come, and grows as they do. It is paid for, by its size, to the budget of its
 * signal and to the share of its peer (base/peer_shares.h): what is announced costs nothing until it comes. The first
 * window's worth may come without a grant; more is granted in steps that double, as long as the budget has room for
 * them. When all is there, the payment moves from the call to the block.
 *
 * What can go wrong: the budget is full. Then nothing more is granted, what comes all the same (the peer may use up its
 * window) is held beyond the limit, as far as OVERDRAFT goes, and the body waits for room; after PATIENCE, or without
 * an overdraft at once, the sender is told to come again. A peer that holds more than its share of the budget in bodies
 * without an end is told so at once. A body that comes too slowly is ended: receiver_watch_bodies(). */
#include "receiver/otlp/otlp.h"

#include <assert.h>

#define FIRST_BLOCK 1024ul
#define FIRST_LIKELY (16ul * 1024)
#define LIKELY (8ul * 1024)       /* who sends so much at once sends the rest, too */
#define USUAL_MAX (1024ul * 1024) /* a block as long as the last body, but no longer */
#define PATIENCE (5 * NS_PER_S)
#define OVERDRAFT 32 /* this part of the budget may be held beyond its limit by all who wait */
#define CALL_COST                                                                                                      \
    2048u /* what a call takes before any of its body is there: its structs, the stream's and the request's */
#define SLOW_GRACE (20 * NS_PER_S)
#define SLOW_RATE 500u /* bytes a second, on average, after the grace */
#define WATCH_EVERY (5 * NS_PER_S)

static void on_room(struct budget_waiter *w);

static struct host *host_of(const struct otlp_call *call)
{
    return call->receiver->node.host;
}

/* --- waiting --- */

static void on_impatient(struct clock_timer *t)
{
    struct otlp_call *call = container_of(t, struct otlp_call, patience);

    call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                "no room in the memory budget for this request; send it again later");
}

static void stop_waiting(struct otlp_call *call)
{
    budget_cancel(call->budget, &call->waiter);
    clock_stop(&host_of(call)->loop->clock, &call->patience);
    call->over = false;
    call->receiver->overdrawn -= call->overdrawn;
    call->overdrawn = 0;
}

void body_wait(struct otlp_call *call, uint64_t need)
{
    if (!call->over) {
        call->over = true;
        call->waits_since = clock_mono(&host_of(call)->loop->clock);
        metric_add(call->receiver->waits, 1);
        clock_start(&host_of(call)->loop->clock, &call->patience, PATIENCE, on_impatient);
    }
    call->waiter.need = need;
    budget_wait(call->budget, &call->waiter, on_room);
}

/* --- paying --- */

static void reject_greedy(struct otlp_call *call)
{
    call_reject(
        call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
        "this address holds more than its share of the memory budget in unfinished requests; send it again later");
}

static void reject_full(struct otlp_call *call)
{
    call_reject(call, REJECTED_BUDGET, GRPC_UNAVAILABLE, 503,
                "no room in the memory budget for this request; send it again later");
}

/* Pay beyond the limit, and wait: what has come is here. */
static bool overdraw(struct otlp_call *call, uint64_t n)
{
    struct otlp *r = call->receiver;

    if (r->overdrawn + n > budget_limit(call->budget) / OVERDRAFT) {
        reject_full(call);
        return false;
    }
    r->overdrawn += n;
    call->overdrawn += n;
    call->paid += n;
    peer_share_charge(call->peer, call->budget, n);
    body_wait(call, peer_share_need(call->peer, n));
    return true;
}

/* Pay for a block of `cap` bytes; false when the call has been answered. */
static bool charge_body(struct otlp_call *call, size_t cap)
{
    uint64_t n = CALL_COST + (uint64_t)cap;

    if (n <= call->paid)
        return true;
    n -= call->paid;
    switch (call->over ? PEER_FULL : peer_share_take(call->peer, call->budget, n)) {
    case PEER_TAKEN:
        call->paid += n;
        return true;
    case PEER_FULL:
        return overdraw(call, n);
    default:
        reject_greedy(call);
        return false;
    }
}

static void take_back(struct otlp_call *call)
{
    if (call->peer == NULL)
        return;
    peer_share_give(call->peer, call->budget, call->paid);
    call->paid = 0;
    peer_share_close(host_of(call)->peers, call->peer);
    call->peer = NULL;
}

bool body_open(struct otlp_call *call)
{
    call->budget = host_budget(host_of(call), call->signal);
    call->peer = peer_share_open(host_of(call)->peers, http_request_network(call->req));
    call->begun = clock_mono(&host_of(call)->loop->clock);
    receiver_watch_bodies(call->receiver);
    return charge_body(call, 0);
}

/* --- the window --- */

/* All that can come, as far as we take it. */
static size_t most_of(const struct otlp_call *call)
{
    return call->expected < call->limit ? call->expected : call->limit;
}

/* Senders send much the same again and again. */
static size_t usual_of(const struct otlp *r)
{
    size_t usual = r->usual_body + r->usual_body / 8;

    return usual < USUAL_MAX ? usual : USUAL_MAX;
}

/* Let the peer send more, once half of what it may send is here. */
static void open_up(struct otlp_call *call)
{
    size_t most = most_of(call), may = call->granted - call->overhead, want = usual_of(call->receiver);

    if (call->len >= may / 2)
        want = may < most / 2 ? 2 * may : most;
    if (want > most)
        want = most;
    if (want <= may)
        return;
    switch (peer_share_ask(call->peer, call->budget, want - may)) {
    case PEER_TAKEN:
        http_request_grant(call->req, want - may);
        call->granted += want - may;
        return;
    case PEER_FULL:
        body_wait(call, peer_share_need(call->peer, want - may));
        return;
    default:
        reject_greedy(call);
    }
}

static void on_room(struct budget_waiter *w)
{
    struct otlp_call *call = container_of(w, struct otlp_call, waiter);

    call->begun += clock_mono(&host_of(call)->loop->clock) - call->waits_since; /* that time was ours */
    stop_waiting(call);
    if (call->ended)
        call_deliver(call);
    else if (call->expected > 0)
        open_up(call);
}

void body_begin(struct otlp_call *call, size_t expected)
{
    call->expected = expected;
    if (!call->over)
        open_up(call);
}

/* --- the block --- */

/* How large the block shall be that takes the next n bytes: all that will come, if it is likely to. */
static size_t size_for(const struct otlp_call *call, size_t n)
{
    size_t cap = call->block != NULL ? call->block->cap : 0, need = call->len + n, most = most_of(call);
    size_t want = cap > 0 ? 4 * cap : FIRST_BLOCK;

    if (cap == 0 && n >= LIKELY)
        want = usual_of(call->receiver) > FIRST_LIKELY ? usual_of(call->receiver) : FIRST_LIKELY;
    if (want > most)
        want = most;
    return call->over || want < need ? need : want;
}

/* Room for n bytes more, paid for; false when the call has been answered. */
static bool make_room(struct otlp_call *call, size_t n)
{
    size_t cap = size_for(call, n);
    struct block *block;

    if (call->block != NULL && call->len + n <= call->block->cap)
        return true;
    if (!charge_body(call, cap))
        return false;
    block = call->block == NULL ? block_new(NULL, cap) : block_grow(call->block, cap, false);
    if (block == NULL) {
        reject_full(call);
        return false;
    }
    call->block = block;
    return true;
}

bool body_add(struct otlp_call *call, struct bytes data)
{
    if (data.len > call->limit - call->len)
        return false;
    if (!make_room(call, data.len))
        return true;
    memcpy(call->block->data + call->len, data.data, data.len);
    call->len += data.len;
    if (!call->over && call->len < call->expected)
        open_up(call);
    return true;
}

/* The block is charged by its size from now on, not the call. */
static void settle(struct otlp_call *call)
{
    size_t spare;

    if (call->block == NULL)
        call->block = block_force(NULL, 0);
    spare = call->block->cap - call->len;
    if (spare > 4096 && spare > call->len / 8)
        call->block = block_shrink(call->block, call->len);
    take_back(call);
    block_adopt(call->block, call->budget);
}

void body_end(struct otlp_call *call)
{
    call->ended = true;
    call->receiver->usual_body = call->len;
    settle(call);
    if (!call->over)
        call_deliver(call);
}

void body_drop(struct otlp_call *call)
{
    if (call->budget == NULL)
        return;
    stop_waiting(call);
    take_back(call);
    if (call->block != NULL)
        block_unref(call->block);
    call->block = NULL;
    call->len = 0;
}

/* --- those that are too slow --- */

static bool is_late(const struct otlp_call *call, uint64_t now)
{
    return now - call->begun > SLOW_GRACE + (uint64_t)call->len * NS_PER_S / SLOW_RATE;
}

/* Whoever waits for us is not late; nor is a call whose body is whole. */
static void on_watch(struct clock_timer *t)
{
    struct otlp *r = container_of(t, struct otlp, watch);
    uint64_t now = clock_mono(&r->node.host->loop->clock);
    bool more = false;

    list_each (struct otlp_call, call, &r->calls, link) {
        if (call->state != CALL_BODY || call->ended)
            continue;
        more = true;
        if (!call->over && is_late(call, now))
            call_reject(call, REJECTED_SLOW, GRPC_DEADLINE_EXCEEDED, 408,
                        "the body did not come in time: %zu bytes in %llu s, where at least %u a second are expected",
                        call->len, (unsigned long long)((now - call->begun) / NS_PER_S), SLOW_RATE);
    }
    if (more)
        receiver_watch_bodies(r);
}

void receiver_watch_bodies(struct otlp *r)
{
    if (!clock_armed(&r->watch))
        clock_start(&r->node.host->loop->clock, &r->watch, WATCH_EVERY, on_watch);
}
