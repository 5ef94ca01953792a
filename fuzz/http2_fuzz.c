/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary frames at an HTTP/2 server on memory, in pieces, with time going by. The first byte chooses the service's
 * ways, the second the size of the pieces; the preface and SETTINGS are sent before. Whatever comes, every request is
 * closed once and the budget is given back. */
#include "support/http_recorder.h"
#include "support/memory_conn.h"

#include <stdlib.h>

#define HELLO "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

static void on_close(struct http_request *req, bool aborted)
{
    if (recorder_of(req)->open == 0)
        abort();
    recorder_on_close(req, aborted);
}

static void play(struct memory_conn *m, struct recorder *r, struct bytes data, size_t piece, bool tight)
{
    while (data.len > 0 && m->fate == HTTP_GOES_ON) {
        size_t n = data.len < piece ? data.len : piece;

        if (tight)
            budget_charge(&m->budget, 2000);
        memory_send(m, bytes_of(data.data, n));
        data = bytes_of(data.data + n, data.len - n);
        clock_advance(&m->loop.clock, 50 * NS_PER_MS);
        if (tight)
            budget_give(&m->budget, 2000);
        turn_run(&m->loop.turn);
        if (r->last != NULL && r->by_hand && !r->last->responded && (n & 1))
            recorder_answer(r->last);
        else if (r->last != NULL && r->by_hand && (n & 2))
            http_request_reset(r->last, 8);
    }
    clock_advance(&m->loop.clock, 10 * NS_PER_S);
    turn_run(&m->loop.turn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_server_options options = { .expect_http2 = true,
                                           .max_concurrent_streams = 3,
                                           .max_header_bytes = 512,
                                           .initial_window = 256,
                                           .read_timeout = NS_PER_S,
                                           .read_header_timeout = NS_PER_S,
                                           .max_connection_age = 5 * NS_PER_S,
                                           .keepalive_time = NS_PER_S,
                                           .enforce_keepalive = true };
    struct memory_conn m;
    struct recorder r;

    if (len < 2)
        return 0;
    recorder_init(&r);
    r.quiet = true;
    r.service.on_close = on_close;
    r.at_once = data[0] & 1;
    r.by_hand = data[0] & 2;
    r.grant = data[0] & 4 ? 1000 : 0;
    memory_open(&m, &options, &r.service, http2_open);
    m.budget.limit = data[0] & 8 ? 1000 : UINT64_MAX;
    memory_send(&m, bytes_of(HELLO, sizeof(HELLO) - 1));
    play(&m, &r, bytes_of(data + 2, len - 2), data[1] + 1u, data[0] & 8);
    memory_close(&m);
    if (r.open != 0)
        abort();
    buf_free(&r.log);
    return 0;
}
