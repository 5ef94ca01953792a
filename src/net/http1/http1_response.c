/* SPDX-License-Identifier: Apache-2.0 */
/* A request's answer into the connection's buffer: a head with a length, or with chunks where it is not known. Whether
 * the connection goes on after it is decided when its head is written. */
#include "net/http1/http1_conn_inside.h"

#include <stdio.h>

struct buf *http1_out(struct http1 *h)
{
    struct server_shared *shared = h->io->shared;

    if (h->out.data == NULL) {
        h->out = shared->spare_out;
        shared->spare_out = (struct buf){ 0 };
    }
    return &h->out;
}

static void grant(struct request *r, size_t n)
{
    (void)n;
    r->io->kick(r->io);
}

/* May the connection go on although the answer comes before the end of the body? */
static bool survives_answer(const struct http1 *h)
{
    return h->body.done || (h->body.framing == HTTP1_LENGTH && h->body.left <= DISCARD_MAX && !h->expects);
}

static void put_length(struct buf *out, size_t n)
{
    char text[24];

    http1_put_header(out, bytes_str("Content-Length"), bytes_of(text, (size_t)snprintf(text, sizeof(text), "%zu", n)));
}

static void begin(struct request *r, int status, const struct http_header *headers, size_t n, bool whole)
{
    struct http1 *h = r->conn;
    const struct server_shared *shared = h->io->shared;
    struct buf *out = http1_out(h);

    h->chunked = !whole && !r->head_only && h->minor > 0;
    h->keep = h->keep && status != 408 && (!shared->stopping || shared->hands_over) &&
              (whole ? survives_answer(h) : h->chunked || r->head_only);
    http1_put_status(out, 1, status);
    for (size_t i = 0; i < n; i++)
        if (!request_is_framing(headers[i].name))
            http1_put_header(out, headers[i].name, headers[i].value);
    http1_put_header(out, bytes_str("Date"), server_shared_date(h->io->shared));
    if (whole && status >= 200 && status != 204 && status != 304)
        put_length(out, r->body.len);
    if (h->chunked)
        http1_put_header(out, bytes_str("Transfer-Encoding"), bytes_str("chunked"));
    if (!h->keep || h->minor == 0)
        http1_put_header(out, bytes_str("Connection"), bytes_str(h->keep ? "keep-alive" : "close"));
    http1_put_end(out);
    if (whole && !r->head_only)
        buf_put(out, buf_bytes(&r->body));
    r->body.len = 0;
}

static void more(struct request *r, struct bytes data)
{
    struct http1 *h = r->conn;

    if (h->chunked)
        http1_put_chunk(http1_out(h), data);
    else
        buf_put(http1_out(h), data);
}

static void end(struct request *r)
{
    struct http1 *h = r->conn;

    if (h->chunked)
        http1_put_last_chunk(http1_out(h));
    h->keep = h->keep && survives_answer(h);
}

static size_t waiting(struct request *r)
{
    struct http1 *h = r->conn;

    return h->out.len;
}

static void reset(struct request *r, uint32_t error_code)
{
    struct http1 *h = r->conn;

    (void)error_code;
    h->broken = true;
}

const struct stream_ops http1_stream_ops = { grant, begin, more, end, waiting, reset };
