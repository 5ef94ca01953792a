/* SPDX-License-Identifier: Apache-2.0 */
/* A call takes a connection that has room, or has a new one dialled, or waits in line where there may be no more of
 * them. With the last byte of its answer it hears of it, and the next in line has its turn.
 *
 * What can go wrong: nobody can be dialled; the time is over, whatever was waited for; the connection breaks under the
 * call. Then the call fails, at the end of the turn and never from inside http_call_start(). One case is mended here:
 * a kept connection that turns out to be dead before a byte of the answer, under a call that may be sent twice, costs
 * nothing but a new connection. */
#include "net/http/http_client_inside.h"

#include "net/http1/response_reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE (64 * 1024ul)
#define CONNECT_TIMEOUT (10 * NS_PER_S)

/* ---- ends of calls ---- */

const struct bytes *http_response_header(const struct http_response *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++)
        if (bytes_is(a->headers[i].name, name))
            return &a->headers[i].value;
    return NULL;
}

static void end_call(struct http_call *call)
{
    clock_stop(&call->client->shared.loop->clock, &call->timer);
}

void http_client_answered(struct http_call *call, struct http_response *a)
{
    const struct bytes *after = http_response_header(a, "retry-after");

    if (after != NULL)
        a->retry_after_ms = http_retry_after(*after, clock_wall(&call->client->shared.loop->clock));
    end_call(call);
    call->on_done(call, a); /* may start another call, on this connection even */
}

static void tell_failure(struct turn_task *task)
{
    struct http_call *call = container_of(task, struct http_call, task);
    struct http_response a = {
        .failure = call->failure,
        .why = call->why,
        .ambiguous =
            call->failure == HTTP_TIMED_OUT || call->failure == HTTP_CLOSED || call->failure == HTTP_BROKEN_RESPONSE,
    };

    call->on_done(call, &a);
}

void http_client_not_connected(struct http_call *call, enum http_failure failure, const char *why)
{
    end_call(call);
    call->failure = failure;
    snprintf(call->why, sizeof(call->why), "%s", why);
    call->task.run = tell_failure;
    turn_defer(&call->client->shared.loop->turn, &call->task);
}

/* `why` is what happened to the request; the rest of the sentence is added. */
static void fail_request(struct http_call *call, enum http_failure failure, const char *why)
{
    char text[sizeof(call->why)];

    snprintf(text, sizeof(text), "%s to %s: %s", call->method, call->client->origin.name, why);
    http_client_not_connected(call, failure, text);
}

static void wait_first(struct http_call *call)
{
    call->waiting = true;
    list_push_front(&call->client->waiting, &call->link);
}

void http_client_failed(struct http_call *call, const struct call_failure *f)
{
    if (f->unheard && call->repeatable && !call->repeated) {
        call->repeated = true;
        wait_first(call);
    } else {
        fail_request(call, f->failure, f->why);
    }
}

/* ---- who goes where ---- */

static struct http_connection *connection_with_room(struct http_client *client)
{
    list_each (struct http_connection, c, &client->connections, link)
        if (http_connection_has_room(c))
            return c;
    return NULL;
}

/* False: it has to wait. */
static bool place(struct http_client *client, struct http_call *call)
{
    struct http_connection *c = connection_with_room(client);

    if (c != NULL) {
        http_connection_start(c, call);
        return true;
    }
    if (client->options.max_connections > 0 && client->stats.connections >= client->options.max_connections)
        return false;
    http_connection_open(client, call);
    return true;
}

static void leave_line(struct http_call *call)
{
    list_remove(&call->link);
    call->waiting = false;
}

void http_client_serve(struct http_client *client)
{
    struct http_call *call;

    while ((call = list_first(&client->waiting, struct http_call, link)) != NULL) {
        leave_line(call);
        if (!place(client, call)) {
            wait_first(call);
            return;
        }
    }
}

/* ---- calls ---- */

static void on_call_timeout(struct clock_timer *t)
{
    struct http_call *call = container_of(t, struct http_call, timer);
    struct http_connection *c = http_connection_of(call);
    bool connected = c != NULL && c->state != CONN_DIALING;
    char why[200];

    snprintf(why, sizeof(why), "%s within %.3g s",
             c == NULL                               ? "no connection was free"
             : !connected                            ? "no connection came about"
             : !call->io->ops->heard(call->io, call) ? "no answer came"
                                                     : "the answer did not end",
             (double)call->timeout / (double)NS_PER_S);
    http_call_cancel(call);
    fail_request(call, connected ? HTTP_TIMED_OUT : HTTP_NOT_CONNECTED, why);
}

void http_call_start(struct http_client *c, struct http_call *call)
{
    call->client = c;
    call->io = NULL;
    call->repeated = call->waiting = false;
    call->link = (struct list){ 0 };
    call->timer = (struct clock_timer){ 0 };
    call->task = (struct turn_task){ .run = tell_failure };
    if (call->timeout > 0)
        clock_start(&c->shared.loop->clock, &call->timer, call->timeout, on_call_timeout);
    if (list_empty(&c->waiting) && place(c, call))
        return;
    call->waiting = true;
    list_push(&c->waiting, &call->link);
}

void http_call_pause(struct http_call *call)
{
    if (call->io != NULL)
        http_connection_pause(http_connection_of(call), call, true);
}

void http_call_resume(struct http_call *call)
{
    if (call->io != NULL)
        http_connection_pause(http_connection_of(call), call, false);
}

void http_call_cancel(struct http_call *call)
{
    turn_cancel(&call->client->shared.loop->turn, &call->task);
    end_call(call);
    if (call->waiting)
        leave_line(call);
    else if (call->io != NULL)
        http_connection_leave(http_connection_of(call), call);
}

/* ---- the client ---- */

static void free_client(struct http_client *c)
{
    socket_shared_free(&c->sockets);
    http_origin_free(&c->origin);
    free(c);
}

void http_client_forget(struct http_client *c)
{
    c->stats.connections--;
    if (!c->closing)
        http_client_serve(c);
    else if (list_empty(&c->connections))
        free_client(c);
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_options *o, struct error *err)
{
    struct http_client *c = mem_zalloc(sizeof(*c));

    c->options = *o;
    if (c->options.connect_timeout == 0)
        c->options.connect_timeout = CONNECT_TIMEOUT;
    list_init(&c->connections);
    list_init(&c->waiting);
    socket_shared_init(&c->sockets, READ_SIZE);
    if (http_origin_init(&c->origin, o, err) != 0) {
        free_client(c);
        return NULL;
    }
    c->shared = (struct client_shared){
        .loop = loop,
        .budget = o->budget,
        .head = { buf_bytes(&c->origin.prefix), buf_bytes(&c->origin.path), buf_bytes(&c->origin.fixed) },
    };
    return c;
}

void http_client_close(struct http_client *c)
{
    assert(list_empty(&c->waiting));
    list_each (struct http_connection, x, &c->connections, link)
        http_connection_close(x);
    c->closing = true;
    if (list_empty(&c->connections))
        free_client(c);
}

const struct http_client_stats *http_client_stats(struct http_client *c)
{
    c->stats.bytes_in = c->sockets.bytes_in;
    c->stats.bytes_out = c->sockets.bytes_out;
    return &c->stats;
}

const char *http_client_name(const struct http_client *c)
{
    return c->origin.name;
}
