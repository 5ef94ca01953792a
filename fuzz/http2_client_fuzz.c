/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary frames at an HTTP/2 client on memory, in pieces, with time going by and calls that come and go. The first
 * byte chooses what the calls want and whether the peer's SETTINGS come before, the second the size of the pieces.
 * Whatever comes, every call ends once, no byte of a body is looked at after its call is over, and the budget is given
 * back. */
#include "support/memory_client.h"

#include <stdlib.h>

#define HELLO "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\2\0\0\0\4\1\0\0\0\0"
#define CALLS 4
#define BODY 40000

struct player {
    struct memory_client m;
    struct memory_call calls[CALLS];
    struct bytes parts[CALLS][2];
    uint8_t *bodies[CALLS];
    bool left[CALLS];
    size_t begun;
};

static bool pauses;

static void on_body(struct http_call *call, struct bytes data)
{
    if (call->status < 200 || data.len == 0)
        abort();
}

/* The body goes with the call: who reads it later is seen by the sanitizer. */
static void free_ended(struct player *p)
{
    for (size_t i = 0; i < p->begun; i++) {
        if (p->calls[i].told > 1 || (p->left[i] && p->calls[i].told > 0))
            abort();
        if (p->bodies[i] == NULL || (p->calls[i].told == 0 && !p->left[i]))
            continue;
        free(p->bodies[i]);
        p->bodies[i] = NULL;
    }
}

static void begin_call(struct player *p, uint8_t ways)
{
    size_t i = p->begun;
    struct memory_call *c = &p->calls[i];

    if (i == CALLS || p->m.dead || p->m.io.ops->room(&p->m.io) == 0)
        return;
    p->bodies[i] = mem_zalloc(BODY);
    p->parts[i][0] = bytes_of(p->bodies[i], 5);
    p->parts[i][1] = bytes_of(p->bodies[i] + 5, BODY - 5);
    c->call.parts = p->parts[i];
    c->call.n_parts = i & 1 ? 2 : 0;
    c->call.max_response = 20;
    c->call.on_body = ways & 1 ? on_body : NULL;
    p->begun++;
    memory_client_start(&p->m, c);
    if (pauses && c->told == 0)
        p->m.io.ops->pause(&p->m.io, &c->call, true);
}

static void leave_call(struct player *p, size_t i)
{
    if (i >= p->begun || p->calls[i].told > 0 || p->left[i])
        return;
    p->left[i] = true;
    p->m.io.ops->doubt(&p->m.io, NS_PER_S / 10);
    memory_client_leave(&p->m, &p->calls[i]);
}

static void play(struct player *p, struct bytes data, size_t piece, uint8_t ways)
{
    for (unsigned turn = 0; data.len > 0 && !p->m.dead; turn++) {
        size_t n = data.len < piece ? data.len : piece;

        p->m.stuck = ways & 2 && turn % 3 != 0;
        memory_client_hear(&p->m, bytes_of(data.data, n));
        data = bytes_skip(data, n);
        free_ended(p);
        if (ways & 4 && turn % 5 == 4)
            leave_call(p, turn / 5 % CALLS);
        free_ended(p);
        clock_advance(&p->m.loop.clock, 50 * NS_PER_MS);
        turn_run(&p->m.loop.turn);
        begin_call(p, ways);
        free_ended(p);
    }
    p->m.stuck = false;
    clock_advance(&p->m.loop.clock, 10 * NS_PER_S);
    turn_run(&p->m.loop.turn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct player p = { .begun = 0 };

    if (len < 2)
        return 0;
    pauses = data[0] & 16;
    memory_client_open(&p.m, http2_client_open);
    p.m.shared.keepalive_time = NS_PER_S;
    p.m.shared.keepalive_timeout = NS_PER_S;
    p.m.budget.limit = data[0] & 8 ? 300 : UINT64_MAX;
    if (!(data[0] & 32))
        memory_client_hear(&p.m, bytes_of(HELLO, sizeof(HELLO) - 1));
    begin_call(&p, data[0]);
    begin_call(&p, data[0]);
    play(&p, bytes_of(data + 2, len - 2), data[1] + 1u, data[0]);
    memory_client_close(&p.m);
    free_ended(&p);
    for (size_t i = 0; i < p.begun; i++)
        if (p.calls[i].told + p.left[i] != 1)
            abort();
    return 0;
}
