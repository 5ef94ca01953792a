/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering a body: one block, one copy in most cases, and no more granted to the peer than there is room for.
 *
 * The block is made when the first bytes come, and grows as they do. It is paid for, by its size, to the budget of its
 * signal and to the share of its peer (base/peer_shares.h): what is announced costs nothing until it comes. The first
 * window's worth may come without a grant; more is granted in steps that double, as long as the budget has room for
 * them. When all is there, the payment moves from the body to the block.
 *
 * What can go wrong: the budget is full. Then nothing more is granted, what comes all the same (the peer may use up its
 * window) is held beyond the limit, as far as OVERDRAFT goes, and the body waits for room; after PATIENCE, or without
 * an overdraft at once, the sender is told to retry. A peer that holds more than its share of the budget in bodies
 * without an end is told so at once. A body that comes too slowly is ended: watch_bodies(). */
#include "pipeline/request_body.h"

#include <stdio.h>

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
static void watch_bodies(struct body_keeper *k);

static struct host *host_of(const struct request_body *body)
{
    return body->keeper->host;
}

/* --- waiting --- */

static void refuse_body(struct request_body *body, enum body_refusal why, const char *text)
{
    body->keeper->refuse(body, why, text);
}

static const char no_room[] = "no room in the memory budget for this request; send it again later";

static void on_impatient(struct clock_timer *t)
{
    refuse_body(container_of(t, struct request_body, patience), BODY_NO_ROOM, no_room);
}

static void stop_waiting(struct request_body *body)
{
    budget_cancel(body->budget, &body->waiter);
    clock_stop(&host_of(body)->loop->clock, &body->patience);
    body->over = false;
    body->keeper->overdrawn -= body->overdrawn;
    body->overdrawn = 0;
}

void body_wait(struct request_body *body, uint64_t need)
{
    if (!body->over) {
        body->over = true;
        body->waits_since = clock_mono(&host_of(body)->loop->clock);
        metric_add(body->keeper->waits, 1);
        clock_start(&host_of(body)->loop->clock, &body->patience, PATIENCE, on_impatient);
    }
    body->waiter.need = need;
    budget_wait(body->budget, &body->waiter, on_room);
}

/* --- paying --- */

static void refuse_greedy(struct request_body *body)
{
    refuse_body(
        body, BODY_NO_ROOM,
        "this address holds more than its share of the memory budget in unfinished requests; send it again later");
}

static void refuse_full(struct request_body *body)
{
    refuse_body(body, BODY_NO_ROOM, no_room);
}

/* Pay beyond the limit, and wait: what has come is here. */
static bool charge_beyond(struct request_body *body, uint64_t n)
{
    struct body_keeper *k = body->keeper;

    if (k->overdrawn + n > budget_limit(body->budget) / OVERDRAFT) {
        refuse_full(body);
        return false;
    }
    k->overdrawn += n;
    body->overdrawn += n;
    body->paid += n;
    peer_share_charge(body->peer, body->budget, n);
    body_wait(body, peer_share_need(body->peer, n));
    return true;
}

/* Pay for a block of `cap` bytes; false when it has been refused. */
static bool charge_body(struct request_body *body, size_t cap)
{
    uint64_t n = CALL_COST + (uint64_t)cap;

    if (n <= body->paid)
        return true;
    n -= body->paid;
    switch (body->over ? PEER_FULL : peer_share_take(body->peer, body->budget, n)) {
    case PEER_TAKEN:
        body->paid += n;
        return true;
    case PEER_FULL:
        return charge_beyond(body, n);
    default:
        refuse_greedy(body);
        return false;
    }
}

static void take_back(struct request_body *body)
{
    if (body->peer == NULL)
        return;
    peer_share_give(body->peer, body->budget, body->paid);
    body->paid = 0;
    peer_share_close(host_of(body)->peers, body->peer);
    body->peer = NULL;
}

bool body_open(struct request_body *body, struct body_keeper *k, struct http_request *req, struct budget *budget)
{
    body->keeper = k;
    body->req = req;
    body->budget = budget;
    body->granted = BODY_WINDOW;
    body->peer = peer_share_open(k->host->peers, http_request_network(req));
    body->begun = clock_mono(&k->host->loop->clock);
    list_push(&k->bodies, &body->link);
    watch_bodies(k);
    return charge_body(body, 0);
}

/* --- the window --- */

/* All that can come, as far as we take it. */
static size_t most_of(const struct request_body *body)
{
    return body->expected < body->limit ? body->expected : body->limit;
}

/* Senders send much the same again and again. */
static size_t usual_of(const struct body_keeper *k)
{
    size_t usual = k->usual + k->usual / 8;

    return usual < USUAL_MAX ? usual : USUAL_MAX;
}

/* Let the peer send more, once half of what it may send is here. */
static void open_up(struct request_body *body)
{
    size_t most = most_of(body), may = body->granted - body->overhead, want = usual_of(body->keeper);

    if (body->len >= may / 2)
        want = may < most / 2 ? 2 * may : most;
    if (want > most)
        want = most;
    if (want <= may)
        return;
    switch (peer_share_ask(body->peer, body->budget, want - may)) {
    case PEER_TAKEN:
        http_request_grant(body->req, want - may);
        body->granted += want - may;
        return;
    case PEER_FULL:
        body_wait(body, peer_share_need(body->peer, want - may));
        return;
    default:
        refuse_greedy(body);
    }
}

static void on_room(struct budget_waiter *w)
{
    struct request_body *body = container_of(w, struct request_body, waiter);

    body->begun += clock_mono(&host_of(body)->loop->clock) - body->waits_since; /* that time was ours */
    stop_waiting(body);
    if (body->ended)
        body->keeper->whole(body);
    else if (body->expected > 0)
        open_up(body);
}

void body_begin(struct request_body *body, size_t expected)
{
    body->expected = expected;
    if (!body->over)
        open_up(body);
}

/* --- the block --- */

/* How large the block shall be that takes the next n bytes: all that will come, if it is likely to. */
static size_t size_for(const struct request_body *body, size_t n)
{
    size_t cap = body->block != NULL ? body->block->cap : 0, need = body->len + n, most = most_of(body);
    size_t want = cap > 0 ? 4 * cap : FIRST_BLOCK;

    if (cap == 0 && n >= LIKELY)
        want = usual_of(body->keeper) > FIRST_LIKELY ? usual_of(body->keeper) : FIRST_LIKELY;
    if (want > most)
        want = most;
    return body->over || want < need ? need : want;
}

/* Room for n bytes more, paid for; false when it has been refused. */
static bool make_room(struct request_body *body, size_t n)
{
    size_t cap = size_for(body, n);
    struct block *block;

    if (body->block != NULL && body->len + n <= body->block->cap)
        return true;
    if (!charge_body(body, cap))
        return false;
    block = body->block == NULL ? block_new(NULL, cap) : block_grow(body->block, cap, false);
    if (block == NULL) {
        refuse_full(body);
        return false;
    }
    body->block = block;
    return true;
}

bool body_add(struct request_body *body, struct bytes data)
{
    if (data.len > body->limit - body->len)
        return false;
    if (!make_room(body, data.len))
        return true;
    memcpy(body->block->data + body->len, data.data, data.len);
    body->len += data.len;
    if (!body->over && body->len < body->expected)
        open_up(body);
    return true;
}

/* The block is charged by its size from now on, not the body. */
static void settle_charge(struct request_body *body)
{
    size_t spare;

    if (body->block == NULL)
        body->block = block_force(NULL, 0);
    spare = body->block->cap - body->len;
    if (spare > 4096 && spare > body->len / 8)
        body->block = block_shrink(body->block, body->len);
    take_back(body);
    block_adopt(body->block, body->budget);
}

void body_end(struct request_body *body)
{
    body->ended = true;
    list_remove(&body->link);
    body->keeper->usual = body->len;
    settle_charge(body);
    if (!body->over)
        body->keeper->whole(body);
}

void body_drop(struct request_body *body)
{
    if (body->keeper == NULL)
        return;
    list_remove(&body->link);
    stop_waiting(body);
    take_back(body);
    if (body->block != NULL)
        block_unref(body->block);
    body->block = NULL;
    body->len = 0;
}

/* --- those that are too slow --- */

static bool is_late(const struct request_body *body, uint64_t now)
{
    return now - body->begun > SLOW_GRACE + (uint64_t)body->len * NS_PER_S / SLOW_RATE;
}

static void end_late(struct request_body *body, uint64_t now)
{
    char text[128];

    snprintf(text, sizeof(text),
             "the body did not come in time: %zu bytes in %llu s, where at least %u a second are expected", body->len,
             (unsigned long long)((now - body->begun) / NS_PER_S), SLOW_RATE);
    refuse_body(body, BODY_TOO_SLOW, text);
}

/* Whoever waits for us is not late. */
static void on_watch(struct clock_timer *t)
{
    struct body_keeper *k = container_of(t, struct body_keeper, watch);
    uint64_t now = clock_mono(&k->host->loop->clock);

    list_each (struct request_body, body, &k->bodies, link)
        if (!body->over && is_late(body, now))
            end_late(body, now);
    watch_bodies(k);
}

/* Every few seconds, as long as there are unfinished bodies. */
static void watch_bodies(struct body_keeper *k)
{
    if (!clock_armed(&k->watch) && !list_empty(&k->bodies))
        clock_start(&k->host->loop->clock, &k->watch, WATCH_EVERY, on_watch);
}

/* --- keepers --- */

void body_keeper_init(struct body_keeper *k)
{
    list_init(&k->bodies);
}

void body_keeper_close(struct body_keeper *k)
{
    clock_stop(&k->host->loop->clock, &k->watch);
}
