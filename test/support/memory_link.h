/* SPDX-License-Identifier: Apache-2.0 */
/* A connection without a socket: bytes are given to a protocol, and what it says is read from a buffer. Shared by
 * the tests and the fuzzers of HTTP/1 and HTTP/2. Static functions in a header: fuzzers link no test library. */
#ifndef SUPPORT_MEMORY_LINK_H
#define SUPPORT_MEMORY_LINK_H

#include "base/mem.h"
#include "net/http1/http1_conn.h"
#include "net/http2/http2.h"

#include <assert.h>

struct memory_link {
    struct http_core core;
    struct http_link link;
    struct clock clock;
    struct turn turn;
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

static void memory_settle(struct memory_link *m)
{
    const struct http_proto *p = m->link.proto;
    struct buf once = { 0 };

    if (m->closed || m->fate != HTTP_GOES_ON)
        return;
    if (m->held.len > 0) {
        size_t n = p->input(&m->link, buf_bytes(&m->held));

        m->held.len -= n;
        memmove(m->held.data, m->held.data + n, m->held.len);
    }
    if (!m->stuck) {
        p->output(&m->link, &once);
        buf_put(&m->out, buf_bytes(&once));
        buf_free(&once);
        p->flushed(&m->link);
    }
    m->fate = p->fate(&m->link);
}

static void memory_flush(struct turn_task *task)
{
    memory_settle(container_of(task, struct memory_link, flush));
}

static void memory_kick(struct http_link *l)
{
    struct memory_link *m = container_of(l, struct memory_link, link);

    turn_defer(&m->turn, &m->flush);
}

static const char *memory_peer(struct http_link *l)
{
    (void)l;
    return "memory";
}

static void memory_deadline(struct http_link *l, enum http_deadline which)
{
    l->proto->on_deadline(l, which);
}

static void memory_open(struct memory_link *m, const struct http_server_options *options, struct http_service *service,
                        void (*open)(struct http_link *))
{
    *m = (struct memory_link){ .flush = { .run = memory_flush } };
    clock_init(&m->clock, true);
    turn_init(&m->turn);
    budget_init(&m->budget, UINT64_MAX, &m->turn);
    log_sink_init(&m->sink);
    m->sink.level = LOG_OFF;
    m->log.sink = &m->sink;
    m->core = (struct http_core){ .options = *options,
                                  .service = service,
                                  .clock = &m->clock,
                                  .turn = &m->turn,
                                  .budget = &m->budget,
                                  .log = &m->log };
    http_core_init(&m->core);
    http2_core_init(&m->core);
    m->link = (struct http_link){
        .core = &m->core, .kick = memory_kick, .peer = memory_peer, .on_deadline = memory_deadline
    };
    m->link.last_read = clock_mono(&m->clock);
    open(&m->link);
}

/* The peer sends; then the turn ends. */
static void memory_send(struct memory_link *m, struct bytes data)
{
    size_t n = 0;

    m->link.last_read = clock_mono(&m->clock);
    if (m->fate == HTTP_GOES_ON && m->held.len == 0)
        n = m->link.proto->input(&m->link, data);
    if (m->fate == HTTP_GOES_ON && n < data.len)
        buf_append(&m->held, data.data + n, data.len - n);
    turn_run(&m->turn);
}

/* The connection goes, with whatever is in flight; everything must have been given back. */
static void memory_close(struct memory_link *m)
{
    m->closed = true;
    m->link.proto->close(&m->link);
    http_link_close(&m->link);
    turn_run(&m->turn);
    http_core_close(&m->core);
    assert(m->budget.used == 0);
    buf_free(&m->out);
    buf_free(&m->held);
    log_sink_close(&m->sink);
    clock_free(&m->clock);
}

#endif
