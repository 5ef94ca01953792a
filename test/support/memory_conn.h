/* SPDX-License-Identifier: Apache-2.0 */
/* A connection without a socket: bytes are given to a protocol, and what it says is read from a buffer. Shared by
 * the tests and the fuzzers of HTTP/1 and HTTP/2. Static functions in a header: fuzzers link no test library. */
#ifndef SUPPORT_MEMORY_CONN_H
#define SUPPORT_MEMORY_CONN_H

#include "base/mem.h"
#include "net/http1/http1_conn.h"
#include "net/http2/http2_server.h"

#include <assert.h>

struct memory_conn {
    struct server_shared shared;
    struct conn_io io;
    struct loop loop;
    struct budget budget;
    struct log_sink sink;
    struct logger log;
    struct turn_task flush;
    struct buf out;  /* all that has been written */
    struct buf held; /* input not taken yet */
    bool stuck;      /* the peer reads nothing */
    bool closed;
    enum http_fate fate;
};

static void memory_settle(struct memory_conn *m)
{
    const struct conn_ops *p = m->io.ops;
    struct buf once = { 0 };

    if (m->closed || m->fate != HTTP_GOES_ON)
        return;
    if (m->held.len > 0) {
        size_t n = p->input(&m->io, buf_bytes(&m->held));

        m->held.len -= n;
        memmove(m->held.data, m->held.data + n, m->held.len);
    }
    if (!m->stuck) {
        p->output(&m->io, &once);
        buf_put(&m->out, buf_bytes(&once));
        buf_free(&once);
        p->flushed(&m->io);
    }
    m->fate = p->fate(&m->io);
}

static void memory_flush(struct turn_task *task)
{
    memory_settle(container_of(task, struct memory_conn, flush));
}

static void memory_kick(struct conn_io *io)
{
    struct memory_conn *m = container_of(io, struct memory_conn, io);

    turn_defer(&m->loop.turn, &m->flush);
}

static const char *memory_peer(struct conn_io *io)
{
    (void)io;
    return "memory";
}

static void memory_deadline(struct conn_io *io, enum http_deadline which)
{
    io->ops->on_deadline(io, which);
}

static void memory_open(struct memory_conn *m, const struct http_server_options *options, struct http_service *service,
                        void (*open)(struct conn_io *))
{
    *m = (struct memory_conn){ .flush = { .run = memory_flush } };
    loop_init(&m->loop, true);
    budget_init(&m->budget, UINT64_MAX, &m->loop.turn);
    log_sink_init(&m->sink);
    m->sink.level = LOG_OFF;
    m->log.sink = &m->sink;
    m->shared = (struct server_shared){
        .options = *options, .service = service, .loop = &m->loop, .budget = &m->budget, .log = &m->log
    };
    server_shared_init(&m->shared);
    http2_shared_init(&m->shared);
    m->io = (struct conn_io){
        .shared = &m->shared, .kick = memory_kick, .peer = memory_peer, .on_deadline = memory_deadline
    };
    m->io.last_read = clock_mono(&m->loop.clock);
    open(&m->io);
}

/* The peer sends; then the turn ends. */
static void memory_send(struct memory_conn *m, struct bytes data)
{
    size_t n = 0;

    m->io.last_read = clock_mono(&m->loop.clock);
    if (m->fate == HTTP_GOES_ON && m->held.len == 0)
        n = m->io.ops->input(&m->io, data);
    if (m->fate == HTTP_GOES_ON && n < data.len)
        buf_append(&m->held, data.data + n, data.len - n);
    turn_run(&m->loop.turn);
}

/* The connection goes, with whatever is in flight; everything must have been given back. */
static void memory_close(struct memory_conn *m)
{
    m->closed = true;
    m->io.ops->close(&m->io);
    conn_io_close(&m->io);
    turn_run(&m->loop.turn);
    server_shared_close(&m->shared);
    assert(m->budget.used == 0);
    buf_free(&m->out);
    buf_free(&m->held);
    log_sink_close(&m->sink);
    loop_close(&m->loop, NULL, NULL);
}

#endif
