/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection without a socket: what a protocol says is read from a buffer, and what a peer says is given to
 * it. Shared by the tests and the fuzzers. Static functions in a header: fuzzers link no test library. */
#ifndef SUPPORT_MEMORY_CLIENT_H
#define SUPPORT_MEMORY_CLIENT_H

#include "base/mem.h"
#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"

#include <assert.h>
#include <stdio.h>

/* A call, and how it ended. */
struct memory_call {
    struct http_call call;
    struct list link;
    unsigned told;
    bool failed;
    struct call_failure end;
    char why[260];
    int status;
    bool cut;
    size_t n_headers, n_trailers;
    char body[64], field[64]; /* the first bytes; of the last trailer, or else header */
    size_t body_len;
};

struct memory_client {
    struct client_shared shared;
    struct client_io io;
    struct loop loop;
    struct budget budget;
    struct turn_task flush;
    struct buf out; /* all that has been written */
    bool stuck;     /* the peer reads nothing */
    bool dead;      /* the protocol has said that it is at its end */
    struct list calls;
};

static void memory_client_take(struct memory_client *m)
{
    struct outbox *o = &m->io.out;

    outbox_waiting(o); /* what has been put last is a run then */
    for (size_t i = o->first; i < o->runs.n; i++) {
        const struct outbox_run *run = &o->runs.v[i];

        buf_append(&m->out, run->owner != NULL ? run->data : o->own.data + run->at, run->len);
    }
    outbox_free(o);
}

static void memory_client_write(struct memory_client *m)
{
    bool more = true;

    while (more) {
        more = m->io.ops->output != NULL && m->io.ops->output(&m->io);
        if (m->stuck)
            return;
        memory_client_take(m);
    }
}

static void memory_client_flush(struct turn_task *task)
{
    struct memory_client *m = container_of(task, struct memory_client, flush);

    if (!m->dead)
        memory_client_write(m);
    m->dead |= m->io.ops->fate(&m->io) == CLIENT_ENDED;
}

static void memory_client_kick(struct client_io *io)
{
    struct memory_client *m = container_of(io, struct memory_client, io);

    turn_defer(&m->loop.turn, &m->flush);
}

static bool memory_client_read(struct client_io *io, bool on)
{
    (void)io;
    (void)on;
    return true;
}

static void memory_client_keep_field(struct memory_call *c, const struct http_response *a)
{
    const struct http_header *f = a->n_trailers > 0  ? &a->trailers[a->n_trailers - 1]
                                  : a->n_headers > 0 ? &a->headers[a->n_headers - 1]
                                                     : NULL;

    if (f != NULL)
        snprintf(c->field, sizeof(c->field), "%.*s: %.*s", (int)f->name.len, (const char *)f->name.data,
                 f->value.len < 40 ? (int)f->value.len : 40, (const char *)f->value.data);
}

static void memory_client_answered(struct client_io *io, struct http_call *call, struct http_response *a)
{
    struct memory_call *c = container_of(call, struct memory_call, call);

    (void)io;
    list_remove(&c->link);
    c->told++;
    c->status = a->status;
    c->cut = a->cut;
    c->n_headers = a->n_headers;
    c->n_trailers = a->n_trailers;
    c->body_len = a->body.len;
    snprintf(c->body, sizeof(c->body), "%.*s", a->body.len < 60 ? (int)a->body.len : 60, (const char *)a->body.data);
    memory_client_keep_field(c, a);
}

static void memory_client_failed(struct client_io *io, struct http_call *call, const struct call_failure *f)
{
    struct memory_call *c = container_of(call, struct memory_call, call);

    (void)io;
    list_remove(&c->link);
    c->told++;
    c->failed = true;
    c->end = *f;
    snprintf(c->why, sizeof(c->why), "%s", f->why);
}

static void memory_client_open(struct memory_client *m, void (*open)(struct client_io *))
{
    *m = (struct memory_client){ .flush = { .run = memory_client_flush } };
    loop_init(&m->loop, true);
    budget_init(&m->budget, UINT64_MAX, &m->loop.turn);
    list_init(&m->calls);
    m->shared = (struct client_shared){ .loop = &m->loop,
                                        .budget = &m->budget,
                                        .head = { .path = BYTES_LIT("/path"), .authority = BYTES_LIT("host:1") } };
    m->io = (struct client_io){ .shared = &m->shared,
                                .kick = memory_client_kick,
                                .read = memory_client_read,
                                .answered = memory_client_answered,
                                .failed = memory_client_failed };
    open(&m->io);
    turn_run(&m->loop.turn);
}

/* False: there is no room. Then the turn ends. */
static bool memory_client_start(struct memory_client *m, struct memory_call *c)
{
    if (m->dead || m->io.ops->room(&m->io) == 0)
        return false;
    if (c->call.method == NULL)
        c->call.method = "POST";
    if (c->call.max_response == 0)
        c->call.max_response = 1024;
    list_push(&m->calls, &c->link);
    m->io.ops->start(&m->io, &c->call);
    turn_run(&m->loop.turn);
    return true;
}

static void memory_client_leave(struct memory_client *m, struct memory_call *c)
{
    list_remove(&c->link);
    m->io.ops->leave(&m->io, &c->call);
    turn_run(&m->loop.turn);
}

/* The peer sends; then the turn ends. */
static void memory_client_hear(struct memory_client *m, struct bytes data)
{
    if (!m->dead)
        m->io.ops->input(&m->io, data);
    turn_run(&m->loop.turn);
}

/* The connection goes; everything must have been given back. */
static void memory_client_close(struct memory_client *m)
{
    if (!m->dead)
        m->io.ops->end(&m->io, "the peer closed the connection", 0);
    assert(list_empty(&m->calls));
    turn_run(&m->loop.turn);
    outbox_free(&m->io.out);
    m->io.ops->close(&m->io);
    turn_cancel(&m->loop.turn, &m->flush);
    if (m->shared.callbacks != NULL)
        http2_client_close_shared(&m->shared);
    assert(m->budget.used == 0);
    assert(m->loop.clock.heap.n == 0);
    buf_free(&m->out);
    loop_close(&m->loop, NULL, NULL);
}

#endif
