/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as HTTP/1: requests and bodies are the same wherever the stream of bytes is cut (a server that reads
 * them differently in two pieces can be talked into reading what its neighbour did not), and all is given back.
 * The first byte chooses the service's ways, the second where to cut. */
#include "support/http_recorder.h"
#include "support/memory_conn.h"

#include <stdlib.h>

struct seen {
    struct buf requests; /* "POST /x;" of each */
    uint64_t bodies;
};

static void on_request(struct http_service *s, struct http_request *req)
{
    struct recorder *r = container_of(s, struct recorder, service);
    const struct bytes *host = http_request_header(req, "host");

    for (size_t i = 0; i < req->n_headers; i++)
        if (req->headers[i].name.len == 0 || memchr(req->headers[i].value.data, '\n', req->headers[i].value.len))
            abort();
    if (host != NULL && req->authority.len == 0 && host->len > 0)
        abort();
    recorder_on_request(s, req);
    buf_printf(&r->log, "%.*s %.*s;", (int)req->method.len, (const char *)req->method.data, (int)req->path.len,
               (const char *)req->path.data);
}

static void play(struct seen *seen, uint8_t ways, struct bytes a, struct bytes b)
{
    struct http_server_options options = { .max_header_bytes = 1024, .initial_window = 64 };
    struct memory_conn m;
    struct recorder r;

    recorder_init(&r);
    r.quiet = true;
    r.service.on_request = on_request;
    r.at_once = ways & 1;
    r.grant = ways & 2 ? 1 << 20 : 0;
    memory_open(&m, &options, &r.service, http1_open);
    memory_send(&m, a);
    clock_advance(&m.loop.clock, NS_PER_MS);
    memory_send(&m, b);
    clock_advance(&m.loop.clock, 100 * NS_PER_S);
    turn_run(&m.loop.turn);
    if (m.fate == HTTP_GOES_ON)
        m.io.ops->on_end(&m.io);
    memory_close(&m);
    if (r.open != 0)
        abort();
    *seen = (struct seen){ r.log, r.body_bytes };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct seen whole, cut;
    size_t at;

    if (len < 2)
        return 0;
    at = len > 2 ? data[1] * 7u % (len - 2) : 0;
    play(&whole, data[0], bytes_of(data + 2, len - 2), bytes_of(NULL, 0));
    play(&cut, data[0], bytes_of(data + 2, at), bytes_of(data + 2 + at, len - 2 - at));
    if (!bytes_equal(buf_bytes(&whole.requests), buf_bytes(&cut.requests)) || whole.bodies != cut.bodies)
        abort();
    buf_free(&whole.requests);
    buf_free(&cut.requests);
    return 0;
}
